#include "bench/person_chat.h"

#include <fmt/format.h>

#include <utility>

#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/stats.h"
#include "codec/wkproto.h"

namespace jindou::bench {

namespace {
constexpr const char* kSender = "bench_person_a";
constexpr const char* kReceiver = "bench_person_b";
}  // namespace

Result<std::unique_ptr<PersonChat>> PersonChat::connect(const Endpoint& tcp) {
  const std::vector<std::string> uids = {kSender, kReceiver};
  JD_TRY(auto sessions, connect_sessions(tcp, SessionKind(), uids));
  std::unique_ptr<PersonChat> chat(new PersonChat(std::move(sessions)));
  chat->run_id_ = new_run_id();
  for (std::uint32_t i = 0; i < chat->sessions_.size(); ++i) {
    JD_RETURN_IF_ERROR(chat->poller_.add(chat->sessions_[i].fd.get(), i));
  }
  return chat;
}

std::string PersonChat::text_of(std::uint32_t number) const {
  return fmt::format(R"({{"type":1,"content":"{} of run {}"}})", number, run_id_);
}

Result<void> PersonChat::send() {
  if (next_ - awaited_ >= kOnTheWayMax) {
    return Error(Errc::deadline,
                 fmt::format("{} messages of a person chat are on the way", next_ - awaited_));
  }
  ClientSession& session = sessions_.front();
  const std::string number = fmt::format("{}-{}", run_id_, next_);
  std::string ciphertext;
  session.cipher.encrypt_payload(text_of(next_), ciphertext);
  codec::Send send;
  send.flags = codec::kFlagRedDot;
  send.client_seq = next_;
  send.client_msg_no = number;
  send.channel_id = kReceiver;
  send.channel_type = ChannelType::person;
  send.payload = ciphertext;
  const codec::MsgKey key = session.cipher.msg_key_for_send(send);
  send.msg_key = codec::view_of(key);
  std::string frame;
  JD_RETURN_IF_ERROR(codec::encode(frame, send, codec::kVersionUsual));
  sent_at_[next_++ % sent_at_.size()] = std::chrono::steady_clock::now();
  return write_some(poller_, session, 0, frame);
}

Result<void> PersonChat::read_answers() {
  return read_frames(sessions_.front(), chunk_, [](const codec::RawFrame& frame) -> Result<void> {
    if (frame.type != codec::FrameType::sendack) return {};
    JD_TRY(const codec::SendAck ack, codec::decode_sendack(frame));
    if (ack.reason == Reason::success) return {};
    return Error(Errc::invalid, "SENDACK: " + std::string(reason_text(ack.reason)));
  });
}

Result<void> PersonChat::receive(std::vector<std::uint64_t>& latencies) {
  ClientSession& session = sessions_.back();
  std::string acks;
  JD_RETURN_IF_ERROR(
      read_frames(session, chunk_, [&](const codec::RawFrame& frame) -> Result<void> {
        const TimePoint now = std::chrono::steady_clock::now();
        if (frame.type != codec::FrameType::recv) return {};
        JD_TRY(const codec::Recv recv, codec::decode_recv(frame, codec::kVersionUsual));
        codec::RecvAck ack;
        ack.flags = recv.flags;
        ack.message_id = recv.message_id;
        ack.message_seq = recv.message_seq;
        codec::encode(acks, ack);
        std::string plain;
        if (!session.cipher.open(recv, plain) || plain != text_of(awaited_)) {
          return Error(
              Errc::invalid,
              fmt::format("message {} of a person chat did not come in its turn", awaited_));
        }
        const TimePoint sent = sent_at_[awaited_++ % sent_at_.size()];
        latencies.push_back(static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(now - sent).count()));
        return {};
      }));
  return acks.empty() ? Result<void>() : write_some(poller_, session, 1, acks);
}

Result<std::vector<std::uint64_t>> PersonChat::run(double seconds,
                                                   std::chrono::milliseconds interval) {
  std::vector<std::uint64_t> latencies;
  const TimePoint end =
      std::chrono::steady_clock::now() +
      std::chrono::duration_cast<TimePoint::duration>(std::chrono::duration<double>(seconds));
  TimePoint due = std::chrono::steady_clock::now();
  TimePoint last_progress = due;
  while (due < end || awaited_ != next_) {
    JD_RETURN_IF_ERROR(check_interrupted());
    TimePoint now = std::chrono::steady_clock::now();
    while (due < end && due <= now) {
      JD_RETURN_IF_ERROR(send());
      due += interval;
    }
    const std::size_t before = latencies.size();
    for (const Poller::Event& event : poller_.wait(due < end ? due : last_progress + kStallLimit)) {
      ClientSession& session = sessions_[event.key];
      if (event.writable && session.watching_writable) {
        JD_RETURN_IF_ERROR(write_rest(poller_, session, event.key));
      }
      if (!event.readable) continue;
      JD_RETURN_IF_ERROR(event.key == 0 ? read_answers() : receive(latencies));
    }
    now = std::chrono::steady_clock::now();
    if (latencies.size() != before) last_progress = now;
    if (now - last_progress > kStallLimit) {
      return Error(Errc::deadline, "no message of a person chat arrived for 30 seconds");
    }
  }
  return latencies;
}

}  // namespace jindou::bench
