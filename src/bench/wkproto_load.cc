#include "bench/wkproto_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/interrupt.h"
#include "bench/stats.h"
#include "codec/wkproto.h"

namespace jindou::bench {

namespace {}  // namespace

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
    JD_RETURN_IF_ERROR(poller_.add(senders_[i].session.fd.get(), static_cast<std::uint32_t>(i)));
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
    JD_RETURN_IF_ERROR(codec::encode(scratch_, send, codec::kVersionUsual));
    ++sender.next_seq;
    ++sent_total_;
  }
  return write_some(poller_, sender.session, static_cast<std::uint32_t>(index), scratch_);
}

Result<std::size_t> SendLoad::receive(std::size_t index, TimePoint now, Round* round) {
  Sender& sender = senders_[index];
  std::size_t answered = 0;
  JD_RETURN_IF_ERROR(
      read_frames(sender.session, chunk_, [&](const codec::RawFrame& frame) -> Result<void> {
        if (frame.type != codec::FrameType::sendack) return {};
        JD_TRY(const codec::SendAck ack, codec::decode_sendack(frame));
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
        return {};
      }));
  return answered;
}

Result<SendLoad::Round> SendLoad::run(double seconds) {
  Round round;
  const TimePoint start = std::chrono::steady_clock::now();
  const TimePoint end = start + std::chrono::duration_cast<TimePoint::duration>(
                                    std::chrono::duration<double>(seconds));
  for (std::size_t i = 0; i < senders_.size(); ++i) JD_RETURN_IF_ERROR(send_some(i, window_));
  std::size_t outstanding = senders_.size() * window_;
  bool running = true;
  TimePoint last_progress = start;
  while (outstanding > 0) {
    JD_RETURN_IF_ERROR(check_interrupted());
    for (const Poller::Event& event : poller_.wait(running ? end : last_progress + kStallLimit)) {
      Sender& sender = senders_[event.key];
      if (event.writable && sender.session.watching_writable) {
        JD_RETURN_IF_ERROR(write_rest(poller_, sender.session, event.key));
      }
      if (!event.readable) continue;
      const TimePoint now = std::chrono::steady_clock::now();
      running = running && now < end;
      JD_TRY(const std::size_t answered, receive(event.key, now, running ? &round : nullptr));
      if (answered == 0) continue;
      last_progress = now;
      outstanding -= answered;
      if (running) {
        JD_RETURN_IF_ERROR(send_some(event.key, answered));
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

}  // namespace jindou::bench
