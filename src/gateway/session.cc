#include "gateway/session.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "channel/addressing.h"
#include "delivery/receiver_view.h"
#include "gateway/send_request.h"
#include "observe/log.h"

namespace jindou::gateway {

namespace {

// Beyond this a run's frames leave at once, while they are still in the processor's cache; a write
// of this size costs little more than one of a single frame.
constexpr std::size_t kFlushBytes = 16 << 10;

// The first byte and the remaining length of a frame.
constexpr std::size_t kHeaderBytesMax = 5;

// Channels whose commands are acknowledged in one read; more go to the core in several rounds.
constexpr std::size_t kPositionsMax = 64;

std::string result_label(Reason reason) {
  return reason == Reason::success ? "ok" : std::to_string(raw(reason));
}

}  // namespace

Session::Session(SessionId id, SessionEnv& env, SessionHost& host, std::string_view transport)
    : env_(env), host_(host), id_(id), transport_(transport) {}

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
  out.id = id_;
  out.uid = uid_;
  out.device_flag = device_flag_;
  out.protocol_version = version_;
  out.transport = transport_;
  out.traffic = traffic_;
  if (const auto info = env_.directory.find_session(uid_, id_)) {
    out.device_id = info->device_id;
    out.device_level = info->level;
    out.connected_at_ms = info->connected_at_ms;
  }
}

// ---- input ----------------------------------------------------------------------------------

std::size_t Session::on_bytes(std::string_view bytes) {
  std::size_t used = 0;
  if (state_ == State::before_connect && !bytes.empty() && bytes.front() == '{') {
    // The first byte tells the protocols apart: '{' begins JSON-RPC, which this server does not
    // speak on this connection.
    protocol_error("JSON-RPC is not served here");
    return bytes.size();
  }
  while (used < bytes.size() && wants_input()) {
    if (skip_bytes_ > 0) {
      const std::size_t skipped = std::min(skip_bytes_, bytes.size() - used);
      skip_bytes_ -= skipped;
      used += skipped;
      continue;
    }
    const std::size_t limit = state_ == State::before_connect
                                  ? env_.options->limits.pre_auth_frame_bytes_max
                                  : env_.options->limits.frame_bytes_max;
    const codec::ParseOutcome outcome = codec::parse_frame(bytes.substr(used), limit);
    if (outcome.state == codec::ParseOutcome::State::need_more) {
      // No frame with a body is read while logging in, so none is kept: whoever has not logged in
      // yet makes us hold no more than the header of one.
      if (state_ != State::logging_in || outcome.need_bytes <= kHeaderBytesMax) break;
      skip_bytes_ = outcome.need_bytes;
      continue;
    }
    if (outcome.state == codec::ParseOutcome::State::error) {
      protocol_error(outcome.problem);
      return bytes.size();
    }
    used += outcome.frame.consumed;
    ++traffic_.in_packets;
    traffic_.in_packet_bytes += outcome.frame.consumed;
    on_frame(outcome.frame);
  }
  ShardTraffic::add(env_.traffic->in_bytes, used);
  return state_ == State::ended ? bytes.size() : used;
}

void Session::end_of_input() {
  submit_gathered();
  post_positions();
}

bool Session::wants_input() const { return state_ != State::ended && !paused_; }

void Session::on_frame(const codec::RawFrame& frame) {
  using codec::FrameType;
  if (state_ == State::before_connect) {
    if (frame.type == FrameType::connect) {
      on_connect(frame);
    } else {
      protocol_error("the first frame is not a CONNECT");
    }
    return;
  }
  if (state_ == State::logging_in) {
    // Real clients send messages, encrypted with the keys of their last connection, before they see
    // the CONNACK, and send them again after it. An answer would make them forget the message.
    if (frame.type == FrameType::ping) send_pong();
    return;
  }
  if (drop_next_frame_) {
    drop_next_frame_ = false;
    return;
  }
  switch (frame.type) {
    case FrameType::send: on_send(frame); break;
    case FrameType::recvack: on_recvack(frame); break;
    case FrameType::ping: send_pong(); break;
    case FrameType::sub: on_sub(frame); break;
    case FrameType::disconnect: end(EndHow::after_flush, "client"); break;
    default: break;  // a second CONNECT, and what only servers send: ignored
  }
}

void Session::on_connect(const codec::RawFrame& frame) {
  const auto connect = codec::decode_connect(frame);
  if (!connect) {
    protocol_error(connect.error().detail());
    return;
  }
  LoginRequest request = LoginRequest::from(*connect);
  state_ = State::logging_in;
  version_ = request.version;
  device_flag_ = request.device_flag;
  client_timestamp_ = request.client_timestamp;
  const Reason reason = check_login(request, *env_.options);
  if (reason != Reason::success) {
    env_.metrics.connects.with(result_label(reason)).Increment();
    send_connack(reason, {});
    end(EndHow::after_flush, "refused");
    return;
  }
  uid_ = request.uid;
  device_id_ = request.device_id;
  host_.begin_login(std::move(request));
}

void Session::finish_login(Result<Login> login, bool unparsed) {
  if (state_ != State::logging_in) return;
  if (!login) {
    env_.metrics.connects.with("error").Increment();
    observe::log_warn("gateway", "a login could not be looked up: {}", login.error().text());
    end(EndHow::now, "login_error");
    return;
  }
  if (login->reason != Reason::success) {
    env_.metrics.connects.with(result_label(login->reason)).Increment();
    send_connack(login->reason, {});
    end(EndHow::after_flush, "refused");
    return;
  }
  presence::SessionInfo info;
  info.id = id_;
  info.uid = uid_;
  info.device_id = std::exchange(device_id_, {});
  info.flag = device_flag_;
  info.level = login->level;
  info.shard = env_.shard;
  info.connected_at_ms = env_.clock.wall_ms();
  if (!env_.directory.register_session(std::move(info), env_.options->limits.kick_grace,
                                       login->kicks_seen)) {
    // Its token may have been replaced since it was looked up. A refusal would be final for a
    // client whose token is good; one that is closed comes back and is judged anew.
    env_.metrics.connects.with("error").Increment();
    end(EndHow::now, "kicked");
    return;
  }
  env_.metrics.connects.with(result_label(Reason::success)).Increment();
  state_ = State::live;
  cipher_ = login->handshake.cipher;
  command_acks_ = login->command_acks;
  drop_next_frame_ = unparsed;
  sink_ = env_.fan_out.add(*this);
  env_.metrics.sessions.with(transport_).Increment();

  // Nothing can have come in between: fan-out runs on this thread.
  send_connack(Reason::success, login->handshake);
}

void Session::on_send(const codec::RawFrame& frame) {
  const auto send = codec::decode_send(frame, version_);
  if (!send) {
    protocol_error(send.error().detail());
    return;
  }
  codec::SendAck ack;
  ack.flags = send->flags;
  ack.client_seq = send->client_seq;

  SendCommand command;
  const Sender sender{uid_, id_, cipher_};
  ack.reason = make_command(*send, sender, env_.options->payload_bytes_max, env_.random, command);
  ++traffic_.in_msgs;
  traffic_.in_msg_bytes += command.payload.size();
  ShardTraffic::add(env_.traffic->in_msgs, 1);
  if (ack.reason != Reason::success) {
    env_.metrics.send_refused.with(std::to_string(raw(ack.reason))).Increment();
    acks_.push(ack, AckQueue::State::ready);
    if (acks_.size() == 1) drain_acks();
  } else {
    const std::uint64_t number = acks_.push(ack, AckQueue::State::waiting);
    if (gathered_.empty()) gathered_first_ = number;
    gathered_.push_back(std::move(command));
  }
  if (acks_.size() >= env_.options->limits.inbound_items_in_flight) paused_ = true;
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
  for (std::uint64_t number = first; number < end_number; ++number) {
    if (acks_.state(number) != AckQueue::State::waiting) continue;
    acks_.ack(number).reason = Reason::rate_limit;
    acks_.set_state(number, AckQueue::State::ready);
  }
  drain_acks();
}

void Session::finish_sends(std::uint64_t first, std::uint64_t end_number,
                           const std::vector<SendResult>& results) {
  if (state_ != State::live) return;
  auto result = results.begin();
  for (std::uint64_t number = first; number < end_number; ++number) {
    // SENDs refused at the door are in the same range, but were never in the batch.
    if (acks_.state(number) != AckQueue::State::waiting) continue;
    JD_ASSERT(result != results.end());
    codec::SendAck& ack = acks_.ack(number);
    ack.message_id = result->message_id;
    ack.reason = result->reason;
    if (result->ok()) {
      ack.message_seq = static_cast<std::uint32_t>(raw(result->message_seq));
      ack.reason = Reason::success;
    }
    acks_.set_state(number, result->state == SendResult::State::unknown ? AckQueue::State::unknown
                                                                        : AckQueue::State::ready);
    ++result;
  }
  drain_acks();
}

void Session::drain_acks() {
  bool appended = false;
  while (!acks_.empty() && acks_.front_state() != AckQueue::State::waiting) {
    if (acks_.front_state() == AckQueue::State::unknown) {
      // No reason code says "perhaps", and any code makes the client forget the message. It repeats
      // what has no answer after it has come back, and then gets the right one.
      end(EndHow::after_flush, "unknown_outcome");
      return;
    }
    codec::encode(host_.outbound().begin_frame(), acks_.front());
    end_frame();
    acks_.pop();
    appended = true;
  }
  if (appended) after_append();
  if (paused_ && state_ == State::live &&
      acks_.size() <= env_.options->limits.inbound_items_in_flight / 2) {
    paused_ = false;
    host_.resume_input();
  }
}

void Session::on_recvack(const codec::RawFrame& frame) {
  const auto ack = codec::decode_recvack(frame);
  if (!ack) {
    protocol_error(ack.error().detail());
    return;
  }
  const std::shared_ptr<const Message> message =
      change_unacked([&] { return unacked_.acknowledge(ack->message_id); });
  if (message == nullptr || !message->flags.sync_once) return;
  const bool counts =
      command_acks_ == CommandAcks::count || (command_acks_ == CommandAcks::count_when_alone &&
                                              env_.directory.device_count(uid_, device_flag_) == 1);
  if (counts) note_command(*message);
}

void Session::note_command(const Message& command) {
  channel::CommandPosition position;
  position.channel = channel::position_channel_of(command);
  position.seq = raw(command.seq);
  if (position.channel.id.empty()) return;
  for (channel::CommandPosition& known : positions_) {
    if (known.channel != position.channel) continue;
    known.seq = std::max(known.seq, position.seq);
    return;
  }
  if (positions_.size() >= kPositionsMax) post_positions();
  positions_.push_back(std::move(position));
}

void Session::post_positions() {
  if (positions_.empty()) return;
  for (channel::CommandPosition& position : std::exchange(positions_, {})) {
    channel::AdvanceCommandPosition advance;
    advance.channel = std::move(position.channel);
    advance.uid = uid_;
    advance.seq = position.seq;
    host_.advance_commands(std::move(advance));
  }
}

void Session::on_sub(const codec::RawFrame& frame) {
  const auto sub = codec::decode_sub(frame);
  if (!sub) {
    protocol_error(sub.error().detail());
    return;
  }
  codec::SubAck ack;
  ack.sub_no = sub->sub_no;
  ack.channel_id = sub->channel_id;
  ack.channel_type = sub->channel_type;
  ack.action = sub->action;
  const bool supported = sub->channel_type == ChannelType::info ||
                         sub->channel_type == ChannelType::data ||
                         sub->channel_type == ChannelType::live;
  ack.reason = supported ? Reason::success : Reason::not_support_channel_type;
  codec::encode(host_.outbound().begin_frame(), ack).ignore("it echoes strings that were decoded");
  end_frame();
  after_append();
}

// ---- output ---------------------------------------------------------------------------------

void Session::end_frame() {
  const std::size_t bytes = host_.outbound().end_frame();
  ++traffic_.out_packets;
  traffic_.out_packet_bytes += bytes;
  ShardTraffic::add(env_.traffic->out_bytes, bytes);
}

void Session::count_message(const Message& message) {
  ++traffic_.out_msgs;
  traffic_.out_msg_bytes += message.payload.size();
  ShardTraffic::add(env_.traffic->out_msgs, 1);
}

void Session::send_pong() {
  codec::encode(host_.outbound().begin_frame(), codec::Pong());
  end_frame();
  after_append();
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
  codec::encode(host_.outbound().begin_frame(), ack, version_).ignore("its strings are short");
  end_frame();
  host_.outbound_changed();
}

void Session::send_disconnect(Reason reason, std::string_view text) {
  if (state_ != State::live) return;
  codec::Disconnect disconnect;
  disconnect.reason = reason;
  disconnect.text = text.substr(0, codec::kStringBytesMax);
  codec::encode(host_.outbound().begin_frame(), disconnect).ignore("its text was cut to fit");
  end_frame();
  after_append();
}

void Session::deliver(const delivery::Delivery& delivery) {
  delivery.frame.append_to(host_.outbound().begin_frame(), cipher_, version_, delivery.receiver);
  end_frame();
  count_message(*delivery.message);
  if (!delivery.message->flags.no_persist && env_.options->retry.max_count > 0) {
    change_unacked([&] {
      unacked_.push(delivery.message, env_.clock.steady() + env_.options->retry.interval.get(),
                    {env_.options->limits.unacked_max, env_.options->unacked_bytes_max});
    });
  }
  after_append();
}

void Session::deliver_event(std::string_view frame) {
  host_.outbound().begin_frame() += frame;
  end_frame();
  after_append();
}

void Session::end_deliveries() {
  if (host_.outbound().bytes() >= kFlushBytes) host_.flush_outbound();
}

void Session::resend_due(std::chrono::steady_clock::time_point now) {
  if (state_ != State::live) return;
  const auto resend = [this](const std::shared_ptr<const Message>& message) {
    const codec::Receiver receiver = delivery::receiver_kind(*message, uid_);
    const auto frame = delivery::make_frame(*message, receiver);
    if (!frame) return;  // it could be made the first time, so it can now
    frame->append_to(host_.outbound().begin_frame(), cipher_, version_, receiver);
    end_frame();
    count_message(*message);
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

void Session::protocol_error(std::string_view problem) {
  observe::log_debug("gateway", "session {}: {}", raw(id_), problem);
  end(EndHow::after_flush, "protocol");
}

void Session::end(EndHow how, std::string_view cause) {
  if (state_ == State::ended) return;
  if (how == EndHow::after_flush && state_ == State::live) {
    // What the client sent before the end counts, though it came in the same read.
    submit_gathered();
    if (state_ == State::ended) return;  // the core is stopping
  }
  leave();
  host_.end_connection(how, cause);
}

void Session::on_connection_lost() { leave(); }

void Session::leave() {
  if (state_ == State::live) {
    env_.fan_out.remove(sink_);
    sink_ = {};
    env_.directory.unregister_session(uid_, id_);
    env_.metrics.sessions.with(transport_).Decrement();
  }
  state_ = State::ended;
  change_unacked([&] { unacked_.clear(); });
  gathered_ = {};
}

}  // namespace jindou::gateway
