// The gateway's part on one io shard: its connections, their deadlines, and what they share.
//
// Everything runs on the shard's thread, which is asserted, unless said otherwise. Held by shared
// pointers, because answers of the core may arrive after the gateway is gone.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gateway/admission.h"
#include "gateway/connection.h"
#include "gateway/connection_host.h"
#include "gateway/connection_survey.h"
#include "gateway/core_port.h"
#include "gateway/options.h"
#include "gateway/outbound_buffer.h"
#include "gateway/push_record.h"
#include "gateway/push_survey.h"
#include "gateway/session.h"
#include "gateway/ws_deflate.h"
#include "runtime/blocking_pool.h"
#include "runtime/told_refusals.h"

namespace jindou::gateway {

class Shard final : public ConnectionHost, public std::enable_shared_from_this<Shard> {
 public:
  // `push_record_bytes` is this shard's share of the memory for pushes.
  // `connections` counts the node's open connections, without those over the limit; it and
  // `admission` are shared by all shards. The rest is borrowed and outlives the io threads.
  Shard(boost::asio::io_context& context, runtime::BlockingPool& pool, CorePort& core,
        SessionEnv env, std::size_t push_record_bytes,
        std::shared_ptr<std::atomic<std::size_t>> connections,
        std::shared_ptr<Admission> admission);
  ~Shard() override;

  // Starts the timer. Any thread, once.
  void start();
  // Takes an accepted socket of this shard's context. Any thread.
  void post_accepted(Accepted accepted);
  // Any thread.
  void post_kick(SessionId id, Reason reason, std::string text, std::chrono::milliseconds grace);
  void post_close(SessionId id, std::chrono::milliseconds grace);
  // Ends one connection, if it is live and of `uid` (empty: of anybody): told to go, or at once.
  void post_kick_of(SessionId id, std::string uid, bool tell);
  // Describes the live connections that match, in turns short enough for the sockets.
  void post_survey(std::shared_ptr<ConnectionSurvey> survey);
  // Tells what is remembered of a message, in turns as short. Not with a record that is off.
  void post_push_survey(std::shared_ptr<PushSurvey> survey);
  bool remembers_pushes() const { return pushes_.on(); }
  const ShardTraffic& traffic() const { return *env_.traffic; }
  // Lets every connection finish what is in flight, then closes it. Any thread.
  void post_stop();
  // Closes every connection now and stops the timer; calls `done` after that. Any thread.
  void post_close_all(std::function<void()> done);

  // ConnectionHost
  boost::asio::io_context& context() override { return context_; }
  SessionEnv& env() override { return env_; }
  BufferPool& buffers() override { return buffers_; }
  Admission& admission() override { return *admission_; }
  std::span<char> read_buffer() override { return {read_buffer_.get(), kReadBytes}; }
  std::span<char> plain_buffer() override;
  WsDeflater& deflater() override;
  WsInflater& inflater() override;
  void add_dirty(std::shared_ptr<Connection> connection) override;
  void log_end(const Connection& connection, std::string_view cause,
               std::string_view detail) override;
  void keep_refused(Connection& connection) override;
  void add_deadline(DeadlineKind kind, SessionId id, std::chrono::milliseconds after) override;
  void begin_login(SessionId id, LoginRequest request) override;
  Result<void> submit(SessionId id, std::vector<SendCommand> commands, std::uint64_t first,
                      std::uint64_t end) override;
  void advance_commands(partition::AdvanceCommandPosition position) override;
  void retire(std::shared_ptr<Connection> connection) override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  // One read takes at most this much: a batch of some hundred SENDs. One buffer per shard.
  static constexpr std::size_t kReadBytes = 64 << 10;

  // Lines about ends of connections each second, and as many at once: strangers decide how many
  // ends there are. The metric has them all.
  static constexpr std::size_t kEndLinesPerSecond = 20;

  // One turn of a survey looks at this many connections (about 1 ms).
  static constexpr std::size_t kSurveyTurn = 512;

  // One turn of a search for pushes looks at this many notes (some 100 microseconds).
  static constexpr std::size_t kNotesTurn = 16'384;

  // So many messages are looked up in one call to the blocking pool before they are sent again
  // (some ms); more than that only when one session has them.
  static constexpr std::size_t kResendTurn = 256;

  struct SurveyState;
  struct PushState;
  struct Deadline {
    TimePoint at;
    SessionId id{};
    DeadlineKind kind{};
  };
  bool on_shard() const { return env_.fan_out.owner().is_this_thread(); }
  runtime::ToldRefusals<SessionId>& kept_with(Refusal why) {
    return why == Refusal::max_connections ? over_limit_ : kept_out_;
  }
  void kick(Connection& connection, Reason reason, std::string_view text,
            std::chrono::milliseconds grace);
  void close(Connection& connection, std::chrono::milliseconds grace, std::string_view why = {});
  void continue_survey(std::shared_ptr<SurveyState> state);
  void search_pushes(std::shared_ptr<PushState> state);
  void name_pushed(std::shared_ptr<PushState> state);
  // Fills in whose session it is, or was. False: nobody knows.
  bool name(presence::PushedDevice& device) const;
  std::shared_ptr<Connection> find(SessionId id) const;
  boost::asio::awaitable<void> run_login(std::shared_ptr<Shard> self, SessionId id,
                                         LoginRequest request);
  void finish_login(SessionId id, Result<Login> login);
  void flush_dirty();
  void schedule_tick();
  void on_tick();
  void on_deadline(const Deadline& deadline);
  void scan(TimePoint now);
  // Sends again what is due in these sessions and still there, which the disk tells.
  void begin_resends(std::vector<SessionId> sessions, TimePoint now);
  boost::asio::awaitable<void> run_resends(std::shared_ptr<Shard> self,
                                           std::vector<SessionId> sessions, TimePoint now);

  boost::asio::io_context& context_;
  runtime::BlockingPool& pool_;
  CorePort& core_;
  PushRecord pushes_;
  SessionEnv env_;
  std::shared_ptr<std::atomic<std::size_t>> connection_count_;
  std::shared_ptr<Admission> admission_;
  BufferPool buffers_;
  std::unique_ptr<char[]> read_buffer_;
  std::unique_ptr<char[]> plain_buffer_;
  std::unique_ptr<WsDeflater> deflater_;
  std::unique_ptr<WsInflater> inflater_;
  boost::unordered_flat_map<SessionId, std::shared_ptr<Connection>, SessionIdHash> connections_;
  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<std::shared_ptr<Connection>> flushing_;
  std::vector<Deadline> deadlines_;
  // Over the node's limit, on the first shard; and those that an address is refused, which count
  // as open.
  runtime::ToldRefusals<SessionId> over_limit_;
  runtime::ToldRefusals<SessionId> kept_out_;
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds tick_{};
  std::chrono::milliseconds scan_every_{};
  TimePoint next_scan_;
  std::int64_t end_lines_paid_until_ = 0;
  std::uint64_t ends_unlogged_ = 0;
  bool resending_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
};

}  // namespace jindou::gateway
