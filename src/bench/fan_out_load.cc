#include "bench/fan_out_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "bench/interrupt.h"
#include "bench/response_scan.h"
#include "bench/stats.h"
#include "codec/base64.h"
#include "codec/wkproto.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kFanOutReadBytes = 64 * 1024;

// What follows `key` in a JSON text up to `end`; empty when it is not there. No value that is
// looked for holds an escaped character.
std::string_view json_value(std::string_view json, std::string_view key, std::string_view end) {
  const std::size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = json.substr(at + key.size());
  return rest.substr(0, rest.find_first_of(end));
}

}  // namespace

FanOutLoad::FanOutLoad(std::vector<ClientSession> sessions, Protocol protocol, Endpoint http,
                       const RequestTemplate::Shape& shape, std::vector<std::string> payloads,
                       std::size_t batch_items)
    : receivers_(sessions.size()),
      protocol_(protocol),
      http_(std::move(http)),
      payloads_(std::move(payloads)),
      batch_items_(batch_items) {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    receivers_[i].session = std::move(sessions[i]);
  }
  RequestTemplate::Shape made = shape;
  made.host = http_.text;
  made.form = RequestTemplate::Form::batch;
  made.items = batch_items_;
  batch_ = std::make_unique<RequestTemplate>(made, payloads_);
  made.items = 1;
  single_ = std::make_unique<RequestTemplate>(made, payloads_);
}

Result<void> FanOutLoad::prepare() {
  for (std::size_t i = 0; i < receivers_.size(); ++i) {
    JD_RETURN_IF_ERROR(poller_.add(receivers_[i].session.fd.get(), static_cast<std::uint32_t>(i)));
  }
  JD_TRY(publisher_, connect_within(http_, std::chrono::seconds(5)));
  return poller_.add(publisher_.get(), static_cast<std::uint32_t>(receivers_.size()));
}

Result<void> FanOutLoad::publish(RequestTemplate& request) {
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

Result<void> FanOutLoad::receive_answer() {
  chunk_.resize(kFanOutReadBytes);
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

Result<void> FanOutLoad::note_delivery(std::size_t index, std::uint64_t seq,
                                       std::string_view whole) {
  Receiver& receiver = receivers_[index];
  // A frame sent again counts once.
  if (seq <= receiver.last_seq) return {};
  if (receiver.last_seq != 0 && seq != receiver.last_seq + 1) {
    return Error(Errc::invalid,
                 fmt::format("session {} got message {} after {}", index, seq, receiver.last_seq));
  }
  receiver.last_seq = seq;
  ++delivered_;
  if (receiver.sample.empty()) receiver.sample.assign(whole);
  return {};
}

Result<bool> FanOutLoad::take_frame(std::size_t index, std::string_view& bytes) {
  const codec::ParseOutcome outcome = codec::parse_frame(bytes);
  if (outcome.state == codec::ParseOutcome::State::error) {
    return Error(Errc::invalid, std::string(outcome.problem));
  }
  if (outcome.state == codec::ParseOutcome::State::need_more) return false;
  const std::string_view whole = bytes.substr(0, outcome.frame.consumed);
  bytes.remove_prefix(outcome.frame.consumed);
  if (outcome.frame.type == codec::FrameType::disconnect) return session_closed();
  if (outcome.frame.type != codec::FrameType::recv) return true;
  JD_TRY(const codec::Recv recv, codec::decode_recv(outcome.frame, codec::kVersionUsual));
  codec::RecvAck ack;
  ack.flags = recv.flags;
  ack.message_id = recv.message_id;
  ack.message_seq = recv.message_seq;
  codec::encode(acks_, ack);
  JD_RETURN_IF_ERROR(note_delivery(index, recv.message_seq, whole));
  return true;
}

Result<bool> FanOutLoad::take_json(std::size_t index, std::string_view& bytes) {
  const WsMessage message = parse_ws_message(bytes);
  if (message.state == WsMessage::State::broken) {
    return Error(Errc::invalid, "a broken WebSocket message");
  }
  if (message.state == WsMessage::State::need_more) return false;
  bytes.remove_prefix(message.consumed);
  if (message.opcode != static_cast<unsigned>(WsOpcode::text)) return true;
  const std::string_view text = message.payload;
  if (text.find(R"("method":"recv")") == std::string_view::npos) {
    return Error(Errc::invalid, "instead of a recv: " + std::string(text.substr(0, 200)));
  }
  const std::string_view id = json_value(text, R"("messageId":")", "\"");
  const std::string_view seq_text = json_value(text, R"("messageSeq":)", ",}");
  std::uint32_t seq = 0;
  const auto [end, error] =
      std::from_chars(seq_text.data(), seq_text.data() + seq_text.size(), seq);
  if (id.empty() || error != std::errc() || end != seq_text.data() + seq_text.size()) {
    return Error(Errc::invalid, "a recv without its numbers: " + std::string(text.substr(0, 200)));
  }
  scratch_.clear();
  fmt::format_to(std::back_inserter(scratch_),
                 R"({{"method":"recvack","params":{{"messageId":"{}","messageSeq":{}}}}})", id,
                 seq);
  // A mask of zeros is as good as any other to the server, and costs nothing here.
  append_ws_message(acks_, WsOpcode::text, scratch_, 0);
  JD_RETURN_IF_ERROR(note_delivery(index, seq, text));
  return true;
}

Result<void> FanOutLoad::receive(std::size_t index) {
  Receiver& receiver = receivers_[index];
  JD_TRY(std::string_view bytes, read_some(receiver.session, chunk_));
  acks_.clear();
  const std::uint64_t before = delivered_;
  bool more = !bytes.empty();
  while (more) {
    JD_TRY(more,
           protocol_ == Protocol::json_rpc ? take_json(index, bytes) : take_frame(index, bytes));
    more = more && !bytes.empty();
  }
  receiver.session.in.assign(bytes);
  if (each_ != nullptr && delivered_ != before) {
    each_->insert(each_->end(), delivered_ - before, nanoseconds_since(published_at_));
  }
  if (acks_.empty()) return {};
  return write_some(poller_, receiver.session, static_cast<std::uint32_t>(index), acks_);
}

Result<void> FanOutLoad::handle_events(TimePoint deadline) {
  JD_RETURN_IF_ERROR(check_interrupted());
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
      if (event.readable) JD_RETURN_IF_ERROR(receive_answer());
      continue;
    }
    ClientSession& session = receivers_[event.key].session;
    if (event.writable && session.watching_writable) {
      JD_RETURN_IF_ERROR(write_rest(poller_, session, event.key));
    }
    if (event.readable) JD_RETURN_IF_ERROR(receive(event.key));
  }
  return {};
}

Result<void> FanOutLoad::check_sample(Receiver& receiver) {
  std::string plain;
  if (protocol_ == Protocol::json_rpc) {
    const auto text = json_value(receiver.sample, R"("payload":")", "\"");
    if (!codec::base64_decode(text, plain)) {
      return Error(Errc::invalid, "the payload of a delivery is not base64");
    }
  } else {
    const codec::ParseOutcome outcome = codec::parse_frame(receiver.sample);
    JD_TRY(const codec::Recv recv, codec::decode_recv(outcome.frame, codec::kVersionUsual));
    if (!receiver.session.cipher.open(recv, plain)) {
      return Error(Errc::invalid, "a delivery does not verify or decrypt");
    }
  }
  if (std::find(payloads_.begin(), payloads_.end(), plain) == payloads_.end()) {
    return Error(Errc::invalid, "a delivery is not what was sent");
  }
  return {};
}

Result<std::uint64_t> FanOutLoad::check_samples() {
  std::uint64_t checked = 0;
  for (Receiver& receiver : receivers_) {
    if (receiver.sample.empty()) continue;
    JD_RETURN_IF_ERROR(check_sample(receiver));
    receiver.sample = std::string();
    ++checked;
  }
  return checked;
}

Result<FanOutLoad::Round> FanOutLoad::run(double seconds, std::size_t window) {
  Round round;
  const std::uint64_t per_batch = batch_items_ * receivers_.size();
  std::uint64_t counted_from = 0;
  bool counting = false;
  bool publishing = true;
  TimePoint start;
  TimePoint end;
  TimePoint last_progress = std::chrono::steady_clock::now();
  std::uint64_t last_delivered = delivered_;
  while (publishing || awaiting_answer_ || delivered_ < expected_) {
    if (publishing && !awaiting_answer_ && delivered_ + per_batch * window > expected_) {
      JD_RETURN_IF_ERROR(publish(*batch_));
    }
    const std::uint64_t before = delivered_;
    JD_RETURN_IF_ERROR(handle_events(counting && publishing ? end : last_progress + kStallLimit));
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
  JD_TRY(round.checked, check_samples());
  return round;
}

Result<FanOutLoad::Latencies> FanOutLoad::one_by_one(std::size_t count, std::size_t least,
                                                     double seconds) {
  Latencies samples;
  samples.each.reserve(least * receivers_.size());
  const TimePoint begin = std::chrono::steady_clock::now();
  each_ = &samples.each;
  for (std::size_t i = 0; i < count && (i < least || seconds_since(begin) < seconds); ++i) {
    published_at_ = std::chrono::steady_clock::now();
    JD_RETURN_IF_ERROR(publish(*single_));
    std::uint64_t all_delivered = 0;
    while (awaiting_answer_ || delivered_ < expected_) {
      JD_RETURN_IF_ERROR(handle_events(published_at_ + kStallLimit));
      if (delivered_ >= expected_ && all_delivered == 0) {
        all_delivered = nanoseconds_since(published_at_);
      }
      if (std::chrono::steady_clock::now() - published_at_ > kStallLimit) {
        return Error(Errc::deadline, "a message was not delivered");
      }
    }
    samples.last.push_back(all_delivered);
  }
  each_ = nullptr;
  JD_TRY(const std::uint64_t checked, check_samples());
  if (checked == 0) return Error(Errc::invalid, "nothing was delivered");
  return samples;
}

}  // namespace jindou::bench
