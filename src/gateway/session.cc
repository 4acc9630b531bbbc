#include "gateway/session.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "codec/base64.h"
#include "delivery/receiver_view.h"
#include "gateway/json_dialect.h"
#include "gateway/send_request.h"
#include "gateway/visitors.h"
#include "gateway/wkproto_dialect.h"
#include "model/id_rules.h"
#include "observe/log.h"
#include "partition/addressing.h"

namespace jindou::gateway {

namespace {

// Logins that fail for one lasting trouble are logged once per so many.
constexpr std::uint64_t kSessionFailuresPerLog = 100;

// Beyond this a run's frames leave at once, while they are still in the processor's cache; a write
// of this size costs little more than one of a single frame.
constexpr std::size_t kFlushBytes = 16 << 10;

// What encryption adds to a payload at most (PKCS#7 with blocks of 16 bytes).
constexpr std::size_t kCipherPaddingMax = 16;

// Channels whose commands are acknowledged in one read; more go to the core in several rounds.
constexpr std::size_t kPositionsMax = 64;

// Frames that are answered at once (PING, SUB, what is refused) in one turn of input; some 100
// microseconds. A read may hold 64 times as many, and what they are answered is written in between.
constexpr std::size_t kTurnAnswers = 1024;

std::string result_label(Reason reason) {
  return reason == Reason::success ? "ok" : std::to_string(raw(reason));
}

}  // namespace

Session::Session(SessionId id, SessionEnv& env, SessionHost& host, std::string_view transport,
                 Medium medium)
    : env_(env), host_(host), id_(id), transport_(transport), medium_(medium) {}

Session::~Session() { leave(); }

template <class Change>
auto Session::change_unacked(Change&& change) {
  struct Counted {
    Session& session;
    std::size_t before = session.unacked_.waiting();
    ~Counted() {
      ShardTraffic::add(session.env_.traffic->unacked, session.unacked_.waiting() - before);
    }
  };
  const Counted counted{*this};
  return change();
}

void Session::describe(presence::ConnectionInfo& out) const {
  JD_ASSERT(on_shard());
  out.id = id_;
  out.uid = uid_;
  out.device_flag = device_flag_;
  out.protocol_version = dialect_ == nullptr ? std::uint8_t{0} : dialect_->version();
  out.protocol = dialect_ == nullptr ? std::string_view() : dialect_->name();
  out.transport = transport_;
  out.subscriptions = subscriptions_.size();
  out.traffic = traffic_;
  if (const auto info = env_.directory.find_session(uid_, id_)) {
    out.device_id = info->device_id;
    out.device_level = info->level;
    out.connected_at_ms = info->connected_at_ms;
  }
}

// ---- input ----------------------------------------------------------------------------------

std::size_t Session::choose_dialect(std::string_view bytes) {
  std::size_t blanks = 0;
  if (medium_ == Medium::messages) {
    while (blanks < bytes.size() && is_blank(bytes.substr(blanks, 1))) ++blanks;
  }
  if (blanks == bytes.size()) return blanks;
  if (bytes[blanks] != '{') {
    dialect_ = std::make_unique<WkprotoDialect>();
  } else if (env_.options->disable_json_rpc) {
    protocol_error("JSON-RPC is switched off", kNoJsonCause);
  } else {
    dialect_ = std::make_unique<JsonDialect>(
        medium_ == Medium::stream ? JsonDialect::Borders::objects : JsonDialect::Borders::messages);
    host_.outbound().use_text();
  }
  return blanks;
}

Phase Session::phase() const {
  switch (state_) {
    case State::before_connect: return Phase::before_connect;
    case State::logging_in: return Phase::logging_in;
    default: return Phase::live;
  }
}

std::size_t Session::on_bytes(std::string_view bytes, std::size_t whole) {
  JD_ASSERT(on_shard());
  std::size_t used = 0;
  if (dialect_ == nullptr && wants_input()) used = choose_dialect(bytes);
  Request request;
  input_at_ = {};
  const std::uint64_t answered_before = traffic_.out_packets;
  while (dialect_ != nullptr && used < bytes.size() && wants_input()) {
    const std::size_t whole_left = whole > used ? whole - used : 0;
    Taken taken =
        dialect_->take({bytes.substr(used), whole_left, phase(), env_.options->limits}, request);
    used += taken.consumed;
    if (taken.state == Taken::State::need_more) break;
    ++traffic_.in_packets;
    traffic_.in_packet_bytes += taken.consumed;
    const bool is_request = taken.state == Taken::State::request;
    const FrameMeter::Verdict verdict = charge_frame(is_request ? &request : nullptr);
    if (verdict == FrameMeter::Verdict::flood) {
      protocol_error("a flood of frames", kFloodCause);
      return bytes.size();
    }
    if (taken.state != Taken::State::request) {
      const bool broken = taken.state == Taken::State::broken || is_before_connect();
      if (!taken.answer.empty()) {
        send_frame([&](std::string& out) { out += taken.answer; });
      }
      if (!broken) {
        observe::log_debug("gateway", "session {}: {}", raw(id_), taken.problem);
        end_turn_after(answered_before);
        continue;
      }
      protocol_error(taken.problem, taken.too_long ? kTooLongCause : kProtocolCause);
      return bytes.size();
    }
    on_request(request, verdict);
    end_turn_after(answered_before);
  }
  ShardTraffic::add(env_.traffic->in_bytes, used);
  return state_ == State::ended ? bytes.size() : used;
}

void Session::end_turn_after(std::uint64_t answered_before) {
  if (state_ != State::live || had_turn_) return;
  if (traffic_.out_packets - answered_before < turn_answers()) return;
  had_turn_ = true;
  host_.resume_input();
}

void Session::end_of_input() {
  JD_ASSERT(on_shard());
  submit_gathered();
  post_positions();
}

bool Session::wants_input() const { return state_ != State::ended && !paused_ && !had_turn_; }

std::size_t Session::turn_answers() const {
  return std::min<std::size_t>(kTurnAnswers, env_.options->limits.outbound_frames_max / 2 + 1);
}

std::size_t Session::frame_rate() const {
  const std::size_t of_all = env_.options->frames_per_second;
  if (!visitor_) return of_all;
  const std::size_t of_visitors = env_.options->visitors.frames_per_second;
  if (of_all == 0 || of_visitors == 0) return std::max(of_all, of_visitors);
  return std::min(of_all, of_visitors);
}

FrameMeter::Verdict Session::charge_frame(const Request* request) {
  // Who is sent much acknowledges much.
  receipt_was_due_ = receipts_due_ > 0 && request != nullptr &&
                     std::holds_alternative<codec::RecvAck>(request->what);
  if (receipt_was_due_) {
    --receipts_due_;
    return FrameMeter::Verdict::fine;
  }
  const std::size_t per_second = frame_rate();
  if (per_second == 0 || state_ != State::live) return FrameMeter::Verdict::fine;
  return meter_.charge(env_.clock.steady(), per_second);
}

void Session::on_request(Request& request, FrameMeter::Verdict verdict) {
  if (state_ == State::before_connect) {
    if (const auto* connect = std::get_if<codec::Connect>(&request.what)) {
      on_connect(*connect);
    } else {
      protocol_error("the first frame is not a CONNECT");
    }
    return;
  }
  if (state_ == State::logging_in) {
    if (std::holds_alternative<codec::Ping>(request.what)) on_ping(request);
    return;
  }
  if (const auto* send = std::get_if<codec::Send>(&request.what)) {
    on_send(*send, request, verdict);
  } else if (const auto* ack = std::get_if<codec::RecvAck>(&request.what)) {
    on_recvack(*ack, request);
  } else if (std::holds_alternative<codec::Ping>(request.what)) {
    on_ping(request);
  } else if (const auto* sub = std::get_if<codec::Sub>(&request.what)) {
    on_sub(*sub, request);
  } else if (std::holds_alternative<codec::Disconnect>(request.what)) {
    on_disconnect(request);
  }
}

void Session::on_connect(const codec::Connect& connect) {
  LoginRequest request = LoginRequest::from(connect);
  const bool plain = env_.options->plain_clients && request.client_key.empty();
  request.encrypted = dialect_->encrypts() && !plain;
  state_ = State::logging_in;
  device_flag_ = request.device_flag;
  client_timestamp_ = request.client_timestamp;
  if (turned_away_) {
    give_up_login(Reason::rate_limit, kLimitCause);
    return;
  }
  const Reason reason = check_login(request, *env_.options);
  if (reason != Reason::success) {
    refuse_login(reason);
    return;
  }
  uid_ = request.uid;
  device_id_ = request.device_id;
  host_.begin_login(std::move(request));
}

void Session::refuse_login(Reason reason) {
  env_.metrics.connects.with(result_label(reason)).Increment();
  send_connack(reason, {});
  end(EndHow::after_flush, "refused", reason_text(reason));
}

void Session::give_up_login(Reason reason, std::string_view cause, std::string_view detail) {
  JD_ASSERT(on_shard());
  if (state_ != State::logging_in) return;
  const bool takes_it_as_final = !dialect_->encrypts() || device_flag_ == DeviceFlag::web;
  if (!takes_it_as_final) send_connack(reason, {});
  end(EndHow::after_flush, cause, detail);
}

void Session::finish_login(Result<Login> login, bool unparsed) {
  JD_ASSERT(on_shard());
  if (state_ != State::logging_in) return;
  if (!login) {
    env_.metrics.connects.with("error").Increment();
    // One by one only for who looks closely: strangers decide how many there are.
    if (env_.failed_logins++ % kSessionFailuresPerLog == 0) {
      observe::log_warn("gateway", "logins cannot be looked up: {}", login.error().text());
    } else {
      observe::log_debug("gateway", "a login could not be looked up: {}", login.error().text());
    }
    give_up_login(Reason::system_error, kLoginErrorCause);
    return;
  }
  if (login->reason != Reason::success) {
    refuse_login(login->reason);
    return;
  }
  presence::SessionInfo info;
  info.id = id_;
  info.uid = uid_;
  info.device_id = std::exchange(device_id_, {});
  info.flag = device_flag_;
  info.level = login->level;
  info.token = login->token;
  info.shard = env_.shard;
  info.connected_at_ms = env_.clock.wall_ms();
  const auto registered =
      env_.directory.register_session(std::move(info), env_.options->limits.kick_grace,
                                      login->kicks_seen, env_.options->sessions_per_user_max);
  if (!registered && registered.error() == presence::LoginRefusal::too_many) {
    refuse_login(Reason::rate_limit);
    return;
  }
  if (!registered) {
    // Its token may have been replaced since it was looked up: it comes back and is judged anew.
    env_.metrics.connects.with("error").Increment();
    give_up_login(Reason::system_error, kKickedCause,
                  "the login changed while it was judged; come back");
    return;
  }
  env_.metrics.connects.with(result_label(Reason::success)).Increment();
  state_ = State::live;
  command_acks_ = login->command_acks;
  visitor_ = login->visitor;
  dialect_->begin_live(login->handshake.cipher, unparsed);
  sink_ = env_.fan_out.add(*this);
  env_.metrics.sessions.with(transport_).Increment();

  // Nothing can have come in between: fan-out runs on this thread.
  send_connack(Reason::success, login->handshake);
}

void Session::on_send(const codec::Send& send, Request& request, FrameMeter::Verdict verdict) {
  AckQueue::Entry entry;
  entry.ack.flags = send.flags;
  entry.ack.client_seq = send.client_seq;
  entry.wanted = request.wants_answer;

  SendCommand command;
  if (verdict != FrameMeter::Verdict::fine) {
    entry.ack.reason = Reason::rate_limit;
  } else if (send.payload.size() >
             codec::base64_encoded_size(env_.options->payload_bytes_max + kCipherPaddingMax)) {
    // Told by its length alone, before anything is decrypted and verified.
    entry.ack.reason = Reason::payload_decode_error;
  } else if (!dialect_->open(send, request, command.payload.own())) {
    entry.ack.reason = Reason::payload_decode_error;
  } else {
    entry.ack.reason = make_command(send, {uid_, id_, caller()}, env_.options->payload_bytes_max,
                                    env_.random, command);
    if (visitor_ && entry.ack.reason == Reason::success && !is_own_channel(command.channel, uid_)) {
      entry.ack.reason = Reason::not_allow_send;
    }
  }
  entry.id = std::move(request.id);
  ++traffic_.in_msgs;
  traffic_.in_msg_bytes += command.payload.size();
  ShardTraffic::add(env_.traffic->in_msgs, 1);
  if (entry.ack.reason != Reason::success) {
    env_.metrics.send_refused.with(std::to_string(raw(entry.ack.reason))).Increment();
    entry.state = AckQueue::State::ready;
    acks_.push(std::move(entry));
    if (acks_.size() == 1) drain_acks();
  } else {
    const std::uint64_t number = acks_.push(std::move(entry));
    if (gathered_.empty()) gathered_first_ = number;
    gathered_.push_back(std::move(command));
  }
  if (acks_.size() >= env_.options->limits.inbound_items_in_flight) paused_ = true;
}

const CallerPtr& Session::caller() {
  if (!caller_) {
    auto made = std::make_shared<CallerIdentity>();
    made->kind = CallerIdentity::Kind::session;
    made->name = uid_;
    made->device_flag = device_flag_;
    caller_ = std::move(made);
  }
  return caller_;
}

void Session::submit_gathered() {
  if (gathered_.empty()) return;
  std::vector<SendCommand> commands = std::exchange(gathered_, {});
  if (state_ != State::live) return;
  const std::uint64_t first = gathered_first_;
  const std::uint64_t end_number = acks_.next_number();
  const auto taken = host_.submit(std::move(commands), first, end_number);
  if (taken) return;
  if (taken.error().code() != Errc::overloaded) {
    // Stopping: an answer of any kind would make the client forget the message.
    end(EndHow::after_flush, "unavailable");
    return;
  }
  unsigned refused = 0;
  for (std::uint64_t number = first; number < end_number; ++number) {
    if (acks_.state(number) != AckQueue::State::waiting) continue;
    acks_.ack(number).reason = Reason::rate_limit;
    acks_.set_state(number, AckQueue::State::ready);
    ++refused;
  }
  env_.metrics.send_refused.with(std::to_string(raw(Reason::rate_limit))).Increment(refused);
  env_.metrics.overload_refusals.with("clients").Increment(refused);
  drain_acks();
}

void Session::finish_sends(std::uint64_t first, std::uint64_t end_number,
                           const std::vector<SendResult>& results) {
  JD_ASSERT(on_shard());
  if (state_ != State::live) return;
  auto result = results.begin();
  unsigned overloaded = 0;
  for (std::uint64_t number = first; number < end_number; ++number) {
    // SENDs refused at the door are in the same range, but were never in the batch.
    if (acks_.state(number) != AckQueue::State::waiting) continue;
    JD_ASSERT(result != results.end());
    codec::SendAck& ack = acks_.ack(number);
    ack.message_id = result->message_id;
    ack.reason = result->reason;
    if (result->ok()) {
      ack.message_seq = raw(result->message_seq);
      ack.reason = Reason::success;
    }
    if (result->state == SendResult::State::refused && result->code == Errc::overloaded) {
      ++overloaded;
    }
    acks_.set_state(number, result->state == SendResult::State::unknown ? AckQueue::State::unknown
                                                                        : AckQueue::State::ready);
    ++result;
  }
  // Each result is of one SEND.
  JD_ASSERT(result == results.end());
  if (overloaded > 0) env_.metrics.overload_refusals.with("clients").Increment(overloaded);
  drain_acks();
}

void Session::drain_acks() {
  bool appended = false;
  while (!acks_.empty() && acks_.front().state != AckQueue::State::waiting) {
    const AckQueue::Entry& front = acks_.front();
    if (front.state == AckQueue::State::unknown) {
      // No reason code says "perhaps", and any code makes the client forget the message. It repeats
      // what has no answer after it has come back, and then gets the right one.
      end(EndHow::after_flush, "unknown_outcome");
      return;
    }
    if (front.wanted) {
      dialect_->append_sendack(host_.outbound().begin_frame(), front.id, front.ack);
      end_frame();
      appended = true;
    }
    acks_.pop();
  }
  if (appended) after_append();
  if (paused_ && state_ == State::live &&
      acks_.size() <= env_.options->limits.inbound_items_in_flight / 2) {
    paused_ = false;
    host_.resume_input();
  }
}

void Session::on_recvack(const codec::RecvAck& ack, const Request& request) {
  if (request.wants_answer) {
    send_frame([&](std::string& out) { dialect_->append_done(out, request.id); });
  }
  note_receipt(ack.message_id);
  const std::shared_ptr<const Message> message =
      change_unacked([&] { return unacked_.acknowledge(ack.message_id); });
  if (message == nullptr || !message->flags.sync_once) return;
  const bool counts =
      command_acks_ == CommandAcks::count || (command_acks_ == CommandAcks::count_when_alone &&
                                              env_.directory.device_count(uid_, device_flag_) == 1);
  if (counts) note_command(*message);
}

void Session::note_receipt(MessageId message) {
  // A client that invents receipts pushes out nobody's notes but those of what it was sent.
  if (env_.pushes == nullptr || !receipt_was_due_) return;
  if (input_at_ == std::chrono::steady_clock::time_point{}) input_at_ = env_.clock.steady();
  env_.pushes->note_receipt(message, id_, input_at_);
}

void Session::note_command(const Message& command) {
  partition::CommandPosition position;
  position.channel = partition::position_channel_of(command);
  position.seq = raw(command.seq);
  if (position.channel.id.empty()) return;
  for (partition::CommandPosition& known : positions_) {
    if (known.channel != position.channel) continue;
    known.seq = std::max(known.seq, position.seq);
    return;
  }
  if (positions_.size() >= kPositionsMax) post_positions();
  positions_.push_back(std::move(position));
}

void Session::post_positions() {
  if (positions_.empty()) return;
  for (partition::CommandPosition& position : std::exchange(positions_, {})) {
    partition::AdvanceCommandPosition advance;
    advance.channel = std::move(position.channel);
    advance.uid = uid_;
    advance.seq = position.seq;
    host_.advance_commands(std::move(advance));
  }
}

void Session::on_ping(const Request& request) {
  if (!request.wants_answer) return;
  send_frame([&](std::string& out) { dialect_->append_pong(out, request.id); });
}

void Session::on_disconnect(const Request& request) {
  if (request.wants_answer) {
    send_frame([&](std::string& out) { dialect_->append_done(out, request.id); });
  }
  end(EndHow::after_flush, "client");
}

void Session::on_sub(const codec::Sub& sub, const Request& request) {
  codec::SubAck ack;
  ack.sub_no = sub.sub_no;
  ack.channel_id = sub.channel_id;
  ack.channel_type = sub.channel_type;
  ack.action = sub.action;
  const ChannelKey channel(std::string(sub.channel_id), sub.channel_type);
  if (visitor_) {
    ack.reason = Reason::not_allow_send;
  } else if (!partition::allows_session_subscriptions(channel.type)) {
    ack.reason = Reason::not_support_channel_type;
  } else if (!id_problem(channel.id).empty()) {
    ack.reason = Reason::channel_id_error;
  } else if (sub.action == codec::SubAction::subscribe) {
    ack.reason = subscribe(channel);
  } else if (sub.action == codec::SubAction::unsubscribe) {
    unsubscribe(channel);
  } else {
    ack.reason = Reason::unknown;
  }
  if (!request.wants_answer) return;
  send_frame([&](std::string& out) { dialect_->append_suback(out, request.id, ack); });
}

Reason Session::subscribe(const ChannelKey& channel) {
  const auto known = std::find(subscriptions_.begin(), subscriptions_.end(), channel);
  if (known != subscriptions_.end()) return Reason::success;
  if (subscriptions_.size() >= env_.options->limits.subscriptions_max) return Reason::rate_limit;
  subscriptions_.push_back(channel);
  env_.fan_out.subscribe(sink_, channel);
  return Reason::success;
}

void Session::unsubscribe(const ChannelKey& channel) {
  const auto known = std::find(subscriptions_.begin(), subscriptions_.end(), channel);
  if (known == subscriptions_.end()) return;
  subscriptions_.erase(known);
  env_.fan_out.unsubscribe(sink_, channel);
}

// ---- output ---------------------------------------------------------------------------------

bool Session::end_frame() {
  const std::size_t bytes = host_.outbound().end_frame();
  if (bytes == 0) return false;
  ++traffic_.out_packets;
  traffic_.out_packet_bytes += bytes;
  ShardTraffic::add(env_.traffic->out_bytes, bytes);
  return true;
}

template <class Append>
void Session::send_frame(Append&& append) {
  append(host_.outbound().begin_frame());
  end_frame();
  after_append();
}

void Session::count_message(const Message& message) {
  ++receipts_due_;
  ++traffic_.out_msgs;
  traffic_.out_msg_bytes += message.payload.size();
  ShardTraffic::add(env_.traffic->out_msgs, 1);
}

void Session::send_connack(Reason reason, const codec::ServerHandshake& handshake) {
  codec::ConnAck ack;
  // The client's time is any number; the difference must not overflow.
  ack.time_diff = static_cast<std::int64_t>(static_cast<std::uint64_t>(env_.clock.wall_ms()) -
                                            static_cast<std::uint64_t>(client_timestamp_));
  ack.reason = reason;
  ack.server_key = handshake.server_key;
  ack.salt = handshake.salt;
  ack.node_id = env_.options->node_id;
  dialect_->append_connack(host_.outbound().begin_frame(), ack);
  end_frame();
  host_.outbound_changed();
}

void Session::send_disconnect(Reason reason, std::string_view text) {
  JD_ASSERT(on_shard());
  if (state_ != State::live) return;
  codec::Disconnect disconnect;
  disconnect.reason = reason;
  disconnect.text = text.substr(0, codec::kStringBytesMax);
  send_frame([&](std::string& out) { dialect_->append_disconnect(out, disconnect); });
}

bool Session::deliver(const delivery::Delivery& delivery) {
  JD_ASSERT(on_shard());
  dialect_->append_recv(host_.outbound().begin_frame(), delivery.forms, delivery.receiver);
  if (!end_frame()) return false;
  count_message(*delivery.message);
  const auto now = env_.clock.steady();
  if (env_.pushes != nullptr) env_.pushes->note_push(delivery.message->id, id_, now);
  // A command is kept even if it is never sent again: its receipt moves the user's position.
  const bool is_kept = env_.options->retry.max_count > 0 || delivery.message->flags.sync_once;
  if (!delivery.message->flags.no_persist && is_kept) {
    change_unacked([&] {
      unacked_.push(delivery.message, now + env_.options->retry.interval.get(),
                    {env_.options->limits.unacked_max, env_.options->unacked_bytes_max});
    });
  }
  after_append();
  return true;
}

bool Session::deliver_event(delivery::EventForms& forms) {
  JD_ASSERT(on_shard());
  dialect_->append_event(host_.outbound().begin_frame(), forms);
  if (!end_frame()) return false;
  after_append();
  return true;
}

void Session::end_deliveries() {
  JD_ASSERT(on_shard());
  if (host_.outbound().bytes() >= kFlushBytes) host_.flush_outbound();
}

std::size_t Session::collect_due(std::chrono::steady_clock::time_point now,
                                 std::vector<std::shared_ptr<const Message>>& out) const {
  JD_ASSERT(on_shard());
  if (state_ != State::live || !host_.outbound().empty()) return 0;
  const std::size_t before = out.size();
  unacked_.for_each_due(
      now, env_.clock.wall_seconds(), env_.options->retry.max_count,
      [&out](const std::shared_ptr<const Message>& message) { out.push_back(message); });
  return out.size() - before;
}

void Session::forget_messages(std::span<const MessageId> gone) {
  JD_ASSERT(on_shard());
  change_unacked([&] {
    for (const MessageId id : gone) unacked_.acknowledge(id);
  });
}

void Session::resend_due(std::chrono::steady_clock::time_point now) {
  JD_ASSERT(on_shard());
  if (state_ != State::live) return;
  // The client takes no more at the moment, and the first copies may be among what waits: more of
  // them would only bring it nearer its bound.
  if (!host_.outbound().empty()) return;
  const auto resend = [this, now](const std::shared_ptr<const Message>& message) {
    const codec::Receiver receiver = delivery::receiver_kind(*message, uid_);
    delivery::MessageForms forms(*message);
    dialect_->append_recv(host_.outbound().begin_frame(), forms, receiver);
    if (!end_frame()) return;
    count_message(*message);
    if (env_.pushes != nullptr) env_.pushes->note_repeat(message->id, id_, now);
  };
  const std::size_t sent = change_unacked([&] {
    return unacked_.resend_due(now, env_.clock.wall_seconds(), env_.options->retry.interval,
                               env_.options->retry.max_count, resend);
  });
  if (sent == 0) return;
  env_.metrics.delivery_retries.Increment(static_cast<double>(sent));
  after_append();
}

void Session::after_append() {
  const OutboundBuffer& outbound = host_.outbound();
  if (outbound.bytes() > env_.options->limits.outbound_bytes_max ||
      outbound.frames() > env_.options->limits.outbound_frames_max) {
    end(EndHow::now, kSlowCause);
    return;
  }
  host_.outbound_changed();
}

// ---- end ------------------------------------------------------------------------------------

void Session::protocol_error(std::string_view problem, std::string_view cause) {
  end(EndHow::after_flush, cause, problem);
}

void Session::end(EndHow how, std::string_view cause, std::string_view detail) {
  JD_ASSERT(on_shard());
  if (state_ == State::ended) return;
  if (how == EndHow::after_flush && state_ == State::live) {
    // What the client sent before the end counts, though it came in the same read.
    submit_gathered();
    if (state_ == State::ended) return;  // the core is stopping
  }
  leave();
  host_.end_connection(how, cause, detail);
}

void Session::on_connection_lost() {
  JD_ASSERT(on_shard());
  leave();
}

// Also at the end of an object whose session has ended, where the thread may be any: the loop of a
// stopped shard is taken down by whoever owns it.
void Session::leave() {
  if (state_ == State::live) {
    JD_ASSERT(on_shard());
    for (const ChannelKey& channel : subscriptions_) env_.fan_out.unsubscribe(sink_, channel);
    subscriptions_ = {};
    env_.fan_out.remove(sink_);
    sink_ = {};
    if (env_.pushes != nullptr && traffic_.out_msgs > 0) {
      auto info = env_.directory.find_session(uid_, id_);
      env_.pushes->note_end(
          id_, {uid_, info ? std::move(info->device_id) : std::string(), device_flag_});
    }
    env_.directory.unregister_session(uid_, id_);
    env_.metrics.sessions.with(transport_).Decrement();
  }
  state_ = State::ended;
  change_unacked([&] { unacked_.clear(); });
  gathered_ = {};
}

}  // namespace jindou::gateway
