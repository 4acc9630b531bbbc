#include "bench/wkproto_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/bytes.h"
#include "base/random.h"
#include "bench/interrupt.h"
#include "bench/response_scan.h"
#include "bench/stats.h"
#include "codec/base64.h"

namespace jindou::bench {

namespace {

constexpr std::chrono::seconds kStallLimit{30};
constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::uint8_t kVersion = codec::kVersionMax;

Error session_closed() { return Error(Errc::closed, "the server closed a session"); }

// Reads once into `chunk` and returns everything unparsed of this session: what was left over
// plus the new bytes, if any. The caller puts what it does not use back into session.in.
Result<std::string_view> read_some(ClientSession& session, std::string& chunk) {
  chunk.resize(kReadBytes);
  const std::size_t kept = session.in.size();
  // Frames that stretch over two reads are rare: the rest goes in front of the next read.
  session.in.copy(chunk.data(), kept);
  const ssize_t n = ::recv(session.fd.get(), chunk.data() + kept, chunk.size() - kept, 0);
  if (n == 0) return session_closed();
  if (n < 0 && errno != EAGAIN && errno != EINTR) return session_closed();
  session.in.clear();
  return std::string_view(chunk.data(), kept + (n > 0 ? static_cast<std::size_t>(n) : 0));
}

Result<void> write_some(Poller& poller, ClientSession& session, std::uint32_t key,
                        std::string_view bytes) {
  const Io io = session.out.send(session.fd.get(), bytes);
  if (io == Io::closed) return session_closed();
  if (io == Io::would_block && !session.watching_writable) {
    poller.watch_writable(session.fd.get(), key, true);
    session.watching_writable = true;
  }
  return {};
}

Result<void> write_rest(Poller& poller, ClientSession& session, std::uint32_t key) {
  const Io io = session.out.flush(session.fd.get());
  if (io == Io::closed) return session_closed();
  if (io == Io::progress && session.watching_writable) {
    poller.watch_writable(session.fd.get(), key, false);
    session.watching_writable = false;
  }
  return {};
}

std::int64_t wall_ms() { return static_cast<std::int64_t>(std::time(nullptr)) * 1000; }

}  // namespace

// ---- WebSocket -------------------------------------------------------------------------------

void append_ws_binary(std::string& out, std::string_view payload, std::uint32_t mask) {
  constexpr std::size_t kTwoByteLength = 126;
  out.push_back(static_cast<char>(0x82));  // FIN, binary
  if (payload.size() < kTwoByteLength) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xffff) {
    out.push_back(static_cast<char>(0x80 | kTwoByteLength));
    append_be(out, static_cast<std::uint16_t>(payload.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    append_be(out, static_cast<std::uint64_t>(payload.size()));
  }
  append_be(out, mask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    const auto key = static_cast<unsigned char>(mask >> (24 - 8 * (i % 4)));
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key));
  }
}

WsMessage parse_ws_message(std::string_view bytes) {
  WsMessage result;
  if (bytes.size() < 2) return result;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  if ((first & 0x80) == 0 || (first & 0x70) != 0 || (second & 0x80) != 0) {
    result.state = WsMessage::State::broken;
    return result;
  }
  std::size_t head = 2;
  std::uint64_t length = second & 0x7f;
  if (length == 126) {
    head = 4;
    if (bytes.size() < head) return result;
    length = read_be<std::uint16_t>(bytes, 2);
  } else if (length == 127) {
    head = 10;
    if (bytes.size() < head) return result;
    length = read_be<std::uint64_t>(bytes, 2);
  }
  if (length > codec::kRemainingBytesMax) {
    result.state = WsMessage::State::broken;
    return result;
  }
  if (bytes.size() - head < length) return result;
  result.state = WsMessage::State::message;
  result.opcode = first & 0x0f;
  result.payload = bytes.substr(head, static_cast<std::size_t>(length));
  result.consumed = head + static_cast<std::size_t>(length);
  return result;
}

// ---- sessions --------------------------------------------------------------------------------

namespace {

// Connections from one loopback address to one port are limited by the ephemeral ports, 28,232 by
// default; stay well below.
constexpr unsigned kConnectionsPerSource = 20'000;
constexpr std::size_t kHandshakesMax = 200;

class Connector {
 public:
  Connector(const Endpoint& endpoint, Transport transport, const std::vector<std::string>& uids)
      : endpoint_(endpoint), transport_(transport), uids_(uids), states_(uids.size()) {
    sessions_.resize(uids.size());
  }

  Result<std::vector<ClientSession>> run() {
    SystemRandom random;
    JD_TRY(keys_, codec::generate_key_pair(random));
    const auto& public_key = keys_.public_key;
    codec::base64_append(public_key_,
                         {reinterpret_cast<const char*>(public_key.data()), public_key.size()});
    const TimePoint start = std::chrono::steady_clock::now();
    const TimePoint end = start + std::chrono::seconds(60);
    TimePoint last_progress = start;
    std::size_t started = 0;
    while (online_ < uids_.size()) {
      JD_CHECK_OK(check_interrupted());
      while (started < uids_.size() && started - online_ < kHandshakesMax) {
        const auto source = static_cast<unsigned>(started / kConnectionsPerSource);
        JD_TRY(sessions_[started].fd, start_connect(endpoint_, source));
        JD_CHECK_OK(
            poller_.add(sessions_[started].fd.get(), static_cast<std::uint32_t>(started), true));
        ++started;
      }
      const std::size_t before = online_;
      for (const Poller::Event& event : poller_.wait(last_progress + kStallLimit)) {
        JD_CHECK_OK(step(event));
      }
      const TimePoint now = std::chrono::steady_clock::now();
      if (online_ != before) last_progress = now;
      if (now > end || now - last_progress > kStallLimit) {
        return Error(Errc::deadline, "only " + std::to_string(online_) + " of " +
                                         std::to_string(uids_.size()) + " sessions came online");
      }
    }
    return std::move(sessions_);
  }

 private:
  enum class State : std::uint8_t { connecting, upgrading, greeting, online };

  Result<void> step(const Poller::Event& event) {
    ClientSession& session = sessions_[event.key];
    State& state = states_[event.key];
    if (state == State::online) return {};
    if (state == State::connecting) {
      if (!event.writable) return {};
      JD_CHECK_OK(connected(session.fd));
      poller_.watch_writable(session.fd.get(), event.key, false);
      if (transport_ == Transport::tcp) {
        state = State::greeting;
        return greet(event.key);
      }
      state = State::upgrading;
      return send(session, "GET / HTTP/1.1\r\nHost: " + endpoint_.text +
                               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "Sec-WebSocket-Version: 13\r\n\r\n");
    }
    if (!event.readable) return {};
    char chunk[4096];
    const ssize_t n = ::recv(session.fd.get(), chunk, sizeof chunk, 0);
    if (n == 0) return Error(Errc::closed, "the server closed a session during its handshake");
    if (n < 0) return {};
    session.in.append(chunk, static_cast<std::size_t>(n));
    if (state == State::upgrading) {
      const std::size_t end = session.in.find("\r\n\r\n");
      if (end == std::string::npos) return {};
      if (!session.in.starts_with("HTTP/1.1 101")) {
        return Error(Errc::denied, "WebSocket upgrade refused: " + session.in.substr(0, 200));
      }
      session.in.erase(0, end + 4);
      state = State::greeting;
      JD_CHECK_OK(greet(event.key));
    }
    return read_connack(event.key);
  }

  Result<void> send(ClientSession& session, std::string_view bytes) {
    // A few hundred bytes into an empty socket: anything but all of it is an error.
    if (session.out.send(session.fd.get(), bytes) != Io::progress) return session_closed();
    return {};
  }

  Result<void> greet(std::uint32_t index) {
    codec::Connect connect;
    connect.version = kVersion;
    connect.uid = uids_[index];
    connect.device_id = "bench";
    connect.client_timestamp = wall_ms();
    connect.client_key = public_key_;
    std::string frame;
    JD_CHECK_OK(codec::encode(frame, connect));
    if (transport_ == Transport::tcp) return send(sessions_[index], frame);
    std::string message;
    append_ws_binary(message, frame, 0x01020304);
    return send(sessions_[index], message);
  }

  Result<void> read_connack(std::uint32_t index) {
    ClientSession& session = sessions_[index];
    std::string_view bytes = session.in;
    if (transport_ == Transport::websocket) {
      const WsMessage message = parse_ws_message(bytes);
      if (message.state == WsMessage::State::need_more) return {};
      if (message.state == WsMessage::State::broken || message.opcode != 2) {
        return Error(Errc::denied, "the server answered CONNECT with something else");
      }
      bytes = message.payload;
    }
    const codec::ParseOutcome outcome = codec::parse_frame(bytes);
    if (outcome.state == codec::ParseOutcome::State::need_more) return {};
    if (outcome.state == codec::ParseOutcome::State::error) {
      return Error(Errc::invalid, std::string(outcome.problem));
    }
    if (outcome.frame.type != codec::FrameType::connack) {
      return Error(Errc::denied, "the first frame of the server is not a CONNACK");
    }
    JD_TRY(const codec::ConnAck connack, codec::decode_connack(outcome.frame, kVersion));
    if (connack.reason != Reason::success) {
      return Error(Errc::denied, "CONNECT refused: " + std::string(reason_text(connack.reason)));
    }
    JD_TRY(session.cipher,
           codec::client_handshake(keys_.private_key, connack.server_key, connack.salt));
    session.in = std::string();
    states_[index] = State::online;
    poller_.remove(session.fd.get());
    ++online_;
    return {};
  }

  const Endpoint& endpoint_;
  Transport transport_;
  const std::vector<std::string>& uids_;
  Poller poller_;
  codec::KeyPair keys_;
  std::string public_key_;
  std::vector<ClientSession> sessions_;
  std::vector<State> states_;
  std::size_t online_ = 0;
};

}  // namespace

Result<std::vector<ClientSession>> connect_sessions(const Endpoint& endpoint, Transport transport,
                                                    const std::vector<std::string>& uids) {
  Connector connector(endpoint, transport, uids);
  return connector.run();
}

// ---- SEND -> SENDACK -------------------------------------------------------------------------

SendLoad::SendLoad(std::vector<ClientSession> sessions, const GroupNames& groups,
                   const std::vector<std::string>& payloads, std::string run_id, std::size_t window)
    : senders_(sessions.size()), run_id_(std::move(run_id)), window_(window) {
  // A few texts are enough: the server cannot tell, and encrypting them once keeps the generator
  // cheap. The message key covers number and sequence, so it is made anew for each SEND.
  constexpr std::size_t kTexts = 8;
  for (std::size_t i = 0; i < senders_.size(); ++i) {
    Sender& sender = senders_[i];
    sender.session = std::move(sessions[i]);
    for (std::size_t group = i; group < groups.count; group += senders_.size()) {
      sender.groups.push_back(groups.name(static_cast<unsigned>(group)));
    }
    for (std::size_t text = 0; text < std::min(kTexts, payloads.size()); ++text) {
      std::string ciphertext;
      sender.session.cipher.encrypt_payload(payloads[text], ciphertext);
      sender.ciphertexts.push_back(std::move(ciphertext));
    }
  }
}

Result<void> SendLoad::prepare() {
  for (std::size_t i = 0; i < senders_.size(); ++i) {
    JD_CHECK_OK(poller_.add(senders_[i].session.fd.get(), static_cast<std::uint32_t>(i)));
  }
  return {};
}

Result<void> SendLoad::send_some(std::size_t index, std::size_t count) {
  Sender& sender = senders_[index];
  scratch_.clear();
  const TimePoint now = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    TimePoint& slot = sender.sent_at[sender.next_seq % sender.sent_at.size()];
    if (slot != TimePoint()) {
      return Error(Errc::deadline, "a SEND is unanswered while 1,023 later ones were answered");
    }
    slot = now;
    // "<run>-<session>-<sequence>": unique over the run.
    char number[8 + 1 + 4 + 1 + 10];
    run_id_.copy(number, 8);
    number[8] = '-';
    write_digits(number + 9, index, 4);
    number[13] = '-';
    write_digits(number + 14, sender.next_seq, 10);
    codec::Send send;
    send.flags = codec::kFlagRedDot;
    send.client_seq = sender.next_seq;
    send.client_msg_no = std::string_view(number, sizeof number);
    send.channel_id = sender.groups[sender.next_seq % sender.groups.size()];
    send.channel_type = ChannelType::group;
    send.payload = sender.ciphertexts[sender.next_seq % sender.ciphertexts.size()];
    const codec::MsgKey key = sender.session.cipher.msg_key_for_send(send);
    send.msg_key = codec::view_of(key);
    JD_CHECK_OK(codec::encode(scratch_, send, kVersion));
    ++sender.next_seq;
    ++sent_total_;
  }
  return write_some(poller_, sender.session, static_cast<std::uint32_t>(index), scratch_);
}

Result<std::size_t> SendLoad::receive(std::size_t index, TimePoint now, Round* round) {
  Sender& sender = senders_[index];
  JD_TRY(std::string_view bytes, read_some(sender.session, chunk_));
  std::size_t answered = 0;
  while (!bytes.empty()) {
    const codec::ParseOutcome outcome = codec::parse_frame(bytes);
    if (outcome.state == codec::ParseOutcome::State::error) {
      return Error(Errc::invalid, std::string(outcome.problem));
    }
    if (outcome.state == codec::ParseOutcome::State::need_more) break;
    bytes.remove_prefix(outcome.frame.consumed);
    if (outcome.frame.type == codec::FrameType::disconnect) return session_closed();
    if (outcome.frame.type != codec::FrameType::sendack) continue;
    JD_TRY(const codec::SendAck ack, codec::decode_sendack(outcome.frame));
    if (ack.reason != Reason::success || raw(ack.message_id) == 0 || ack.message_seq == 0) {
      return Error(Errc::invalid, "SENDACK: " + std::string(reason_text(ack.reason)));
    }
    TimePoint& slot = sender.sent_at[ack.client_seq % sender.sent_at.size()];
    if (slot == TimePoint() || ack.client_seq >= sender.next_seq) {
      return Error(Errc::invalid, "a SENDACK belongs to no SEND");
    }
    if (round != nullptr) {
      round->latencies.push_back(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(now - slot).count()));
      ++round->messages;
    }
    slot = TimePoint();
    ++answered;
  }
  sender.session.in.assign(bytes);
  return answered;
}

Result<SendLoad::Round> SendLoad::run(double seconds) {
  Round round;
  const TimePoint start = std::chrono::steady_clock::now();
  const TimePoint end = start + std::chrono::duration_cast<TimePoint::duration>(
                                    std::chrono::duration<double>(seconds));
  for (std::size_t i = 0; i < senders_.size(); ++i) JD_CHECK_OK(send_some(i, window_));
  std::size_t outstanding = senders_.size() * window_;
  bool running = true;
  TimePoint last_progress = start;
  while (outstanding > 0) {
    JD_CHECK_OK(check_interrupted());
    for (const Poller::Event& event : poller_.wait(running ? end : last_progress + kStallLimit)) {
      Sender& sender = senders_[event.key];
      if (event.writable && sender.session.watching_writable) {
        JD_CHECK_OK(write_rest(poller_, sender.session, event.key));
      }
      if (!event.readable) continue;
      const TimePoint now = std::chrono::steady_clock::now();
      running = running && now < end;
      JD_TRY(const std::size_t answered, receive(event.key, now, running ? &round : nullptr));
      if (answered == 0) continue;
      last_progress = now;
      outstanding -= answered;
      if (running) {
        JD_CHECK_OK(send_some(event.key, answered));
        outstanding += answered;
      }
    }
    const TimePoint now = std::chrono::steady_clock::now();
    running = running && now < end;
    if (now - last_progress > kStallLimit) {
      return Error(Errc::deadline,
                   fmt::format("no SENDACK for 30 seconds: {} of {} SENDs were answered",
                               sent_total_ - outstanding, sent_total_));
    }
  }
  round.seconds = std::chrono::duration<double>(end - start).count();
  return round;
}

// ---- fan-out ---------------------------------------------------------------------------------

FanoutLoad::FanoutLoad(std::vector<ClientSession> sessions, Endpoint http,
                       const RequestTemplate::Shape& shape, std::vector<std::string> payloads)
    : receivers_(sessions.size()),
      http_(std::move(http)),
      shape_(shape),
      payloads_(std::move(payloads)) {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    receivers_[i].session = std::move(sessions[i]);
  }
  shape_.host = http_.text;
  shape_.form = RequestTemplate::Form::batch;
  shape_.items = kBatchItems;
  batch_ = std::make_unique<RequestTemplate>(shape_, payloads_);
  shape_.items = 1;
  single_ = std::make_unique<RequestTemplate>(shape_, payloads_);
}

Result<void> FanoutLoad::prepare() {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    JD_CHECK_OK(poller_.add(receivers_[i].session.fd.get(), static_cast<std::uint32_t>(i)));
  }
  JD_TRY(publisher_, connect_within(http_, std::chrono::seconds(5)));
  return poller_.add(publisher_.get(), static_cast<std::uint32_t>(receivers_.size()));
}

Result<void> FanoutLoad::publish(RequestTemplate& request) {
  const Io io = publisher_out_.send(publisher_.get(), request.fill(next_number_++, 0));
  if (io == Io::closed) return Error(Errc::closed, "the server closed the publisher");
  if (io == Io::would_block) {
    poller_.watch_writable(publisher_.get(), static_cast<std::uint32_t>(receivers_.size()), true);
    publisher_writable_ = true;
  }
  awaiting_answer_ = true;
  answer_items_ = request.items();
  expected_ += request.items() * receivers_.size();
  return {};
}

Result<void> FanoutLoad::receive_answer() {
  chunk_.resize(kReadBytes);
  const ssize_t n = ::recv(publisher_.get(), chunk_.data(), chunk_.size(), 0);
  if (n == 0) return Error(Errc::closed, "the server closed the publisher");
  if (n < 0) return {};
  publisher_in_.append(chunk_.data(), static_cast<std::size_t>(n));
  const ScannedResponse response = scan_response(publisher_in_);
  if (response.state == ScannedResponse::State::need_more) return {};
  if (response.state == ScannedResponse::State::broken) {
    return Error(Errc::invalid, std::string("unreadable answer: ") + response.problem);
  }
  const IdCount ids = count_message_ids(response.body);
  if (response.status != 200 || ids.zero != 0 || ids.given != answer_items_) {
    return Error(Errc::invalid, "answer " + std::to_string(response.status) + ": " +
                                    std::string(response.body.substr(0, 300)));
  }
  publisher_in_.clear();
  awaiting_answer_ = false;
  return {};
}

Result<void> FanoutLoad::receive(std::size_t index) {
  Receiver& receiver = receivers_[index];
  JD_TRY(std::string_view bytes, read_some(receiver.session, chunk_));
  if (bytes.empty()) return {};
  acks_.clear();
  while (!bytes.empty()) {
    const codec::ParseOutcome outcome = codec::parse_frame(bytes);
    if (outcome.state == codec::ParseOutcome::State::error) {
      return Error(Errc::invalid, std::string(outcome.problem));
    }
    if (outcome.state == codec::ParseOutcome::State::need_more) break;
    const std::string_view whole = bytes.substr(0, outcome.frame.consumed);
    bytes.remove_prefix(outcome.frame.consumed);
    if (outcome.frame.type == codec::FrameType::disconnect) return session_closed();
    if (outcome.frame.type != codec::FrameType::recv) continue;
    JD_TRY(const codec::Recv recv, codec::decode_recv(outcome.frame, kVersion));
    codec::RecvAck ack;
    ack.flags = recv.flags;
    ack.message_id = recv.message_id;
    ack.message_seq = recv.message_seq;
    codec::encode(acks_, ack);
    // A frame sent again counts once.
    if (recv.message_seq <= receiver.last_seq) continue;
    if (receiver.last_seq != 0 && recv.message_seq != receiver.last_seq + 1) {
      return Error(Errc::invalid, "session " + std::to_string(index) + " got message " +
                                      std::to_string(recv.message_seq) + " after " +
                                      std::to_string(receiver.last_seq));
    }
    receiver.last_seq = recv.message_seq;
    ++delivered_;
    if (receiver.sample.empty()) receiver.sample.assign(whole);
  }
  receiver.session.in.assign(bytes);
  if (acks_.empty()) return {};
  return write_some(poller_, receiver.session, static_cast<std::uint32_t>(index), acks_);
}

Result<void> FanoutLoad::handle_events(TimePoint deadline) {
  JD_CHECK_OK(check_interrupted());
  for (const Poller::Event& event : poller_.wait(deadline)) {
    if (event.key == receivers_.size()) {
      if (event.writable && publisher_writable_) {
        const Io io = publisher_out_.flush(publisher_.get());
        if (io == Io::closed) return Error(Errc::closed, "the server closed the publisher");
        if (io == Io::progress) {
          poller_.watch_writable(publisher_.get(), event.key, false);
          publisher_writable_ = false;
        }
      }
      if (event.readable) JD_CHECK_OK(receive_answer());
      continue;
    }
    ClientSession& session = receivers_[event.key].session;
    if (event.writable && session.watching_writable) {
      JD_CHECK_OK(write_rest(poller_, session, event.key));
    }
    if (event.readable) JD_CHECK_OK(receive(event.key));
  }
  return {};
}

Result<std::uint64_t> FanoutLoad::check_samples() {
  std::uint64_t checked = 0;
  std::string plain;
  for (Receiver& receiver : receivers_) {
    if (receiver.sample.empty()) continue;
    const codec::ParseOutcome outcome = codec::parse_frame(receiver.sample);
    JD_TRY(const codec::Recv recv, codec::decode_recv(outcome.frame, kVersion));
    if (!receiver.session.cipher.open(recv, plain)) {
      return Error(Errc::invalid, "a delivery does not verify or decrypt");
    }
    if (std::find(payloads_.begin(), payloads_.end(), plain) == payloads_.end()) {
      return Error(Errc::invalid, "a delivery is not what was sent");
    }
    receiver.sample.clear();
    ++checked;
  }
  return checked;
}

Result<FanoutLoad::Round> FanoutLoad::run(double seconds, std::size_t window) {
  Round round;
  const std::uint64_t per_batch = kBatchItems * receivers_.size();
  std::uint64_t counted_from = 0;
  bool counting = false;
  bool publishing = true;
  TimePoint start;
  TimePoint end;
  TimePoint last_progress = std::chrono::steady_clock::now();
  std::uint64_t last_delivered = delivered_;
  while (publishing || awaiting_answer_ || delivered_ < expected_) {
    if (publishing && !awaiting_answer_ && delivered_ + per_batch * window > expected_) {
      JD_CHECK_OK(publish(*batch_));
    }
    const std::uint64_t before = delivered_;
    JD_CHECK_OK(handle_events(counting && publishing ? end : last_progress + kStallLimit));
    const TimePoint now = std::chrono::steady_clock::now();
    if (!counting && delivered_ != before) {
      counting = true;
      counted_from = delivered_;
      start = now;
      end = now +
            std::chrono::duration_cast<TimePoint::duration>(std::chrono::duration<double>(seconds));
    } else if (counting && publishing && now >= end) {
      publishing = false;
      round.deliveries = delivered_ - counted_from;
      round.seconds = std::chrono::duration<double>(now - start).count();
    }
    if (delivered_ != last_delivered) {
      last_delivered = delivered_;
      last_progress = now;
    }
    if (now - last_progress > kStallLimit) {
      return Error(Errc::deadline, "no delivery for 30 seconds, " +
                                       std::to_string(expected_ - delivered_) + " are missing");
    }
  }
  JD_TRY(round.decrypted, check_samples());
  return round;
}

Result<std::vector<std::uint64_t>> FanoutLoad::single_latencies(std::size_t count) {
  std::vector<std::uint64_t> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const TimePoint start = std::chrono::steady_clock::now();
    JD_CHECK_OK(publish(*single_));
    std::uint64_t all_delivered = 0;
    while (awaiting_answer_ || delivered_ < expected_) {
      JD_CHECK_OK(handle_events(start + kStallLimit));
      if (delivered_ >= expected_ && all_delivered == 0) all_delivered = nanoseconds_since(start);
      if (seconds_since(start) > 30) return Error(Errc::deadline, "a message was not delivered");
    }
    samples.push_back(all_delivered);
  }
  JD_TRY(const std::uint64_t checked, check_samples());
  if (checked == 0) return Error(Errc::invalid, "nothing was delivered");
  return samples;
}

}  // namespace jindou::bench
