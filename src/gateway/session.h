// One client's protocol state: bytes in, frames and orders out. Knows no socket, so that TCP,
// WebSocket and a test drive it alike, and no wire format, which is its dialect's business.
//
//   before_connect --CONNECT--> logging_in --answer--> live --> ended
//
// Lives on the io shard that accepted the connection, which is asserted; not thread-safe. The host
// outlives it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "codec/wkproto.h"
#include "delivery/fan_out.h"
#include "delivery/session_sink.h"
#include "delivery/unacked_window.h"
#include "gateway/ack_queue.h"
#include "gateway/dialect.h"
#include "gateway/end_cause.h"
#include "gateway/frame_meter.h"
#include "gateway/login.h"
#include "gateway/options.h"
#include "gateway/outbound_buffer.h"
#include "gateway/push_record.h"
#include "gateway/shard_traffic.h"
#include "model/ids.h"
#include "model/message.h"
#include "observe/metrics.h"
#include "partition/change.h"
#include "presence/connection_info.h"
#include "presence/session_directory.h"

namespace jindou::gateway {

// What the sessions of one shard share. Borrows all but the options and the sums.
struct SessionEnv {
  std::shared_ptr<const GatewayOptions> options;
  const Clock& clock;
  Random& random;
  observe::Metrics& metrics;
  delivery::ShardFanOut& fan_out;
  presence::SessionDirectory& directory;
  std::shared_ptr<ShardTraffic> traffic;
  unsigned shard = 0;
  std::uint64_t failed_logins = 0;  // look-ups that failed, not refusals
  PushRecord* pushes = nullptr;     // null: pushes and receipts are not noted
};

enum class EndHow : std::uint8_t {
  after_flush,  // what has been queued is sent first, within GatewayOptions::linger_time
  now,
};

// What a session asks of its connection.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual OutboundBuffer& outbound() = 0;
  // Something was appended: write it when this turn of the loop is over.
  virtual void outbound_changed() = 0;
  // Much was appended: write it now.
  virtual void flush_outbound() = 0;
  // Looks the login up elsewhere, then calls Session::finish_login.
  virtual void begin_login(LoginRequest request) = 0;
  // Hands the commands of SENDs to the core, then calls Session::finish_sends with `first` and
  // `end`. Errors: overloaded, unavailable: nothing was done.
  virtual Result<void> submit(std::vector<SendCommand> commands, std::uint64_t first,
                              std::uint64_t end) = 0;
  // Hands a user's progress in a log of commands to the core. Lost when the core is overloaded: the
  // client is then shown the commands once more.
  virtual void advance_commands(partition::AdvanceCommandPosition position) = 0;
  // The session has ended; close the connection. `cause` is a label of end_cause.h; `detail` says
  // it more exactly, or is empty. The session object stays alive until the current call into it has
  // returned.
  virtual void end_connection(EndHow how, std::string_view cause, std::string_view detail) = 0;
  // The session wants input again, after a pause or for its next turn. Later, not within the call.
  virtual void resume_input() = 0;
};

// What carries the bytes: over WebSocket JSON-RPC keeps to the borders of messages.
enum class Medium : std::uint8_t { stream, messages };

class Session final : public delivery::SessionSink {
 public:
  // `transport` is a constant, the label of metric sessions ("tcp", "ws", "tls", "wss").
  Session(SessionId id, SessionEnv& env, SessionHost& host, std::string_view transport,
          Medium medium);
  // Must have ended or never been live.
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Handles the whole frames at the start of `bytes` and returns how many bytes they took. The
  // caller keeps the rest and shows it again with what follows. Stops early when paused or ended.
  // The first `whole` bytes belong to WebSocket messages that are complete (0 on a stream).
  std::size_t on_bytes(std::string_view bytes, std::size_t whole);
  // Call after each read: hands the SENDs gathered by on_bytes to the core as one batch, and how
  // far the RECVACKs went.
  void end_of_input();
  // False while too many SENDs are in flight (the peer then feels TCP's back-pressure), when the
  // session has had its turn, or after the end.
  bool wants_input() const;
  // Call when the input goes on after SessionHost::resume_input().
  void begin_turn() { had_turn_ = false; }

  // `unparsed` says whether the connection holds the beginning of a frame.
  void finish_login(Result<Login> login, bool unparsed);
  // Results of the SENDs numbered [first, end) that were waiting, in order.
  void finish_sends(std::uint64_t first, std::uint64_t end, const std::vector<SendResult>& results);

  // From now on a CONNECT is turned down, as one that may succeed later.
  void turn_logins_away() { turned_away_ = true; }
  // Ends a login that is under way and may succeed next time. Apps are answered with `reason`
  // first: some wait for ever where a connection ends without a CONNACK. Web pages and JSON-RPC
  // clients are not: they take every refusal as final, and a connection that ends as a reason to
  // come back.
  void give_up_login(Reason reason, std::string_view cause, std::string_view detail = {});

  // Tells the client to go and not to come back. The connection is closed by the caller's timer.
  void send_disconnect(Reason reason, std::string_view text);
  // Appends the messages that are due to be sent again and returns how many those are: before
  // resend_due(), for whoever can look up whether they are still there.
  std::size_t collect_due(std::chrono::steady_clock::time_point now,
                          std::vector<std::shared_ptr<const Message>>& out) const;
  // These were deleted: they are never sent again.
  void forget_messages(std::span<const MessageId> gone);
  // Sends again what is due.
  void resend_due(std::chrono::steady_clock::time_point now);
  // Leaves the directory and the fan-out, and asks the host to close. Idempotent. SENDs gathered
  // before go to the core first, unless the end is `now`. `cause` and `detail` as for
  // SessionHost::end_connection.
  void end(EndHow how, std::string_view cause, std::string_view detail = {});
  // The same when the connection is gone already.
  void on_connection_lost();

  std::string_view transport() const { return transport_; }
  bool is_before_connect() const { return state_ == State::before_connect; }
  bool is_logging_in() const { return state_ == State::logging_in; }
  bool is_live() const { return state_ == State::live; }
  // Frames that come while a login is judged go unheeded; where a message is a request, each of
  // them has to be answered.
  bool may_skip_input() const {
    return state_ == State::logging_in && dialect_ != nullptr && dialect_->encrypts();
  }
  bool has_unacked() const { return !unacked_.empty(); }
  // True when no SEND waits for its answer.
  bool is_idle() const { return acks_.empty(); }

  // Fills in what the session knows: everything but the socket's address, activity and queue.
  void describe(presence::ConnectionInfo& out) const;

  // SessionSink
  SessionId session_id() const override { return id_; }
  std::string_view uid() const override { return uid_; }
  bool deliver(const delivery::Delivery& delivery) override;
  bool takes_events() const override { return dialect_->takes_events(); }
  bool deliver_event(delivery::EventForms& forms) override;
  void end_deliveries() override;
  void cut_for_overflow() override { end(EndHow::now, "fanout_overflow"); }

 private:
  enum class State : std::uint8_t { before_connect, logging_in, live, ended };

  bool on_shard() const { return env_.fan_out.owner().is_this_thread(); }

  // How many frames one turn of input may be answered with at once: less than may wait.
  std::size_t turn_answers() const;
  // Ends the turn when so many have been sent since out_packets was `answered_before`.
  void end_turn_after(std::uint64_t answered_before);
  // Chooses the dialect by the first byte. Returns how many blanks come before it; the dialect is
  // still null when there is nothing else, or the session has ended.
  std::size_t choose_dialect(std::string_view bytes);
  Phase phase() const;
  // Frames a second; 0: no limit.
  std::size_t frame_rate() const;
  // Counts one frame of a live session against its rate.
  FrameMeter::Verdict charge_frame(const Request* request);
  void on_request(Request& request, FrameMeter::Verdict verdict);
  void on_connect(const codec::Connect& connect);
  void refuse_login(Reason reason);
  void on_send(const codec::Send& send, Request& request, FrameMeter::Verdict verdict);
  void on_recvack(const codec::RecvAck& ack, const Request& request);
  void on_ping(const Request& request);
  void on_disconnect(const Request& request);
  void on_sub(const codec::Sub& sub, const Request& request);
  Reason subscribe(const ChannelKey& channel);
  void unsubscribe(const ChannelKey& channel);
  void send_connack(Reason reason, const codec::ServerHandshake& handshake);
  // Has `append` write one frame.
  template <class Append>
  void send_frame(Append&& append);
  void drain_acks();
  void submit_gathered();
  const CallerPtr& caller();
  void note_command(const Message& command);
  void post_positions();
  // end_frame() of the outbound buffer, counted. False when nothing was appended.
  bool end_frame();
  void count_message(const Message& message);
  // That a receipt has come, unless nothing was sent that it could be of.
  void note_receipt(MessageId message);
  void after_append();
  void protocol_error(std::string_view problem, std::string_view cause = kProtocolCause);
  void leave();
  // Runs `change` on the window and counts what it adds or removes.
  template <class Change>
  auto change_unacked(Change&& change);

  SessionEnv& env_;
  SessionHost& host_;
  SessionId id_;
  std::string_view transport_;
  State state_ = State::before_connect;
  Medium medium_;
  DeviceFlag device_flag_ = DeviceFlag::app;
  CommandAcks command_acks_ = CommandAcks::ignored;
  bool paused_ = false;
  bool had_turn_ = false;  // what has come is looked at after what was answered has been written
  bool turned_away_ = false;
  bool visitor_ = false;
  std::unique_ptr<Dialect> dialect_;  // null before the first byte
  std::string uid_;
  CallerPtr caller_;       // once it has sent something
  std::string device_id_;  // until it moves to the directory
  std::int64_t client_timestamp_ = 0;
  FrameMeter meter_;
  // RECVs sent whose RECVACK has not come: so many receipts count against no limit.
  std::uint32_t receipts_due_ = 0;
  bool receipt_was_due_ = false;  // the frame that is being looked at, if it is one
  // When the input that is being looked at came; the epoch: the clock was not read yet.
  std::chrono::steady_clock::time_point input_at_{};
  delivery::SinkHandle sink_;
  delivery::UnackedWindow unacked_;
  AckQueue acks_;
  std::vector<SendCommand> gathered_;
  std::uint64_t gathered_first_ = 0;
  std::vector<ChannelKey> subscriptions_;  // by SUB
  // How far the commands acknowledged in this read go, per channel.
  std::vector<partition::CommandPosition> positions_;
  presence::TrafficCounts traffic_;
};

}  // namespace jindou::gateway
