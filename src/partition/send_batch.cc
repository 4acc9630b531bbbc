#include "partition/send_batch.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "base/assert.h"
#include "partition/refusals.h"

namespace jindou::partition {

namespace {

SendResult too_late() { return SendResult::refuse(Reason::system_error, Errc::overloaded); }

}  // namespace

SendBatch::SendBatch(std::vector<SendCommand> commands, std::vector<Part> parts,
                     std::shared_ptr<void> admission,
                     std::chrono::steady_clock::time_point deadline, SendDone done)
    : commands_(std::move(commands)),
      parts_(std::move(parts)),
      admission_(std::move(admission)),
      deadline_(deadline),
      request_items_(commands_.size()),
      caller_(commands_.empty() ? nullptr : commands_.front().caller),
      done_(std::move(done)),
      results_(commands_.size()),
      items_left_(commands_.size()),
      own_items_left_(commands_.size()),
      begun_(parts_.size(), false) {}

bool SendBatch::begin_part(std::size_t part, std::chrono::steady_clock::time_point now) {
  {
    const MutexLock lock(mutex_);
    // Answered without this part, its caller was told that nothing of it is done.
    if (done_ && now < deadline_) {
      begun_[part] = true;
      return true;
    }
  }
  finish_items(part, 0, std::vector<SendResult>(parts_[part].items.size(), too_late()));
  return false;
}

template <class ResultOf>
void SendBatch::decide(std::size_t count, bool split, const ResultOf& result_of) {
  // Of those that were split off the batch that has them knows more.
  if (refusals_ != nullptr && !split) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto [item, result] = result_of(i);
      refusals_->add(commands_[item], *result);
    }
  }
  SendDone done;
  std::vector<SendResult> all;
  bool own_are_decided = false;
  bool tried_again = false;
  {
    const MutexLock lock(mutex_);
    JD_ASSERT(count <= items_left_);
    items_left_ -= count;
    const bool last = items_left_ == 0;
    if (!split) {
      own_items_left_ -= count;
      own_are_decided = own_items_left_ == 0;
    }
    if (done_) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto [item, result] = result_of(i);
        results_[item] = *result;
      }
      if (last) {
        done = std::exchange(done_, nullptr);
        all = std::move(results_);
        tried_again = refused_whole_;
      }
    }
  }
  if (own_are_decided && finished_) finished_();
  if (!done) return;
  if (!tried_again) count_refusals(all);
  done(std::move(all));
}

void SendBatch::count_refusals(const std::vector<SendResult>& results) const {
  if (metrics_ == nullptr) return;
  std::map<Reason, unsigned> refused;  // a counter is looked up once for each reason
  for (const SendResult& result : results) {
    if (result.state == SendResult::State::refused) ++refused[result.reason];
  }
  for (const auto& [reason, count] : refused) {
    metrics_->send_refused.with(std::to_string(raw(reason))).Increment(count);
  }
}

void SendBatch::finish_items(std::size_t part, std::size_t first,
                             const std::vector<SendResult>& results) {
  const auto& items = parts_[part].items;
  JD_ASSERT(first + results.size() <= items.size());
  decide(results.size(), /*split=*/false,
         [&](std::size_t i) { return std::pair(items[first + i], &results[i]); });
}

void SendBatch::give_back(std::size_t part, std::size_t place, const Message& message) {
  if (refusals_ == nullptr || !refusals_->on()) return;
  SendCommand& command = commands_[parts_[part].items[place]];
  command.channel = message.channel;
  command.from_uid = message.from_uid;
  command.client_msg_no = message.client_msg_no;
}

void SendBatch::finish_split(const std::vector<std::uint32_t>& items,
                             const std::vector<SendResult>& results) {
  JD_ASSERT(results.size() == items.size());
  decide(results.size(), /*split=*/true,
         [&](std::size_t i) { return std::pair(items[i], &results[i]); });
}

void SendBatch::refuse_item(std::uint32_t item, const SendResult& why) {
  JD_ASSERT(is_open(item));
  gone_.resize(commands_.size());
  gone_[item] = true;
  decide(1, /*split=*/false, [&](std::size_t) { return std::pair(item, &why); });
}

std::shared_ptr<SendBatch> SendBatch::split(const std::vector<bool>& wanted) {
  gone_.resize(commands_.size());
  std::vector<std::uint32_t> items;
  std::vector<SendCommand> commands;
  std::vector<std::uint32_t> new_number(commands_.size());
  for (std::uint32_t item = 0; item < commands_.size(); ++item) {
    if (!wanted[item] || gone_[item]) continue;
    new_number[item] = static_cast<std::uint32_t>(items.size());
    items.push_back(item);
    commands.push_back(std::move(commands_[item]));
  }
  std::vector<Part> parts;
  for (const Part& part : parts_) {
    Part taken{part.partition, {}};
    for (const std::uint32_t item : part.items) {
      if (wanted[item] && !gone_[item]) taken.items.push_back(new_number[item]);
    }
    if (!taken.items.empty()) parts.push_back(std::move(taken));
  }
  for (const std::uint32_t item : items) gone_[item] = true;
  const std::size_t taken = items.size();
  auto off = std::make_shared<SendBatch>(
      std::move(commands), std::move(parts), admission_, deadline_,
      [self = shared_from_this(), items = std::move(items)](
          const std::vector<SendResult>& results) { self->finish_split(items, results); });
  off->request_items_ = request_items_;
  off->send_class_ = send_class_;
  off->is_rehearsal_ = is_rehearsal_;
  off->piece_items_ = piece_items_;
  off->kept_ = kept_;
  off->refusals_ = refusals_;
  bool is_answered = false;
  {
    const MutexLock lock(mutex_);
    own_items_left_ -= taken;
    // From here on only `off` knows what is begun of them.
    drop_gone_items();
    is_answered = !done_;
    if (!is_answered) split_off_.push_back(off);
  }
  // Its items were told as not begun any more.
  if (is_answered) off->expire();
  return off;
}

void SendBatch::drop_gone_items() {
  for (Part& part : parts_) {
    std::erase_if(part.items, [this](std::uint32_t item) { return gone_[item]; });
  }
}

bool SendBatch::settle() {
  if (gone_.empty()) return true;
  const MutexLock lock(mutex_);  // the deadline looks at parts
  drop_gone_items();
  std::erase_if(parts_, [](const Part& part) { return part.items.empty(); });
  begun_.assign(parts_.size(), false);
  return !parts_.empty();
}

void SendBatch::cut_into_pieces() {
  if (piece_items_ == 0 || is_rehearsal_) return;
  std::vector<Part> pieces;
  for (const Part& part : parts_) {
    for (std::size_t first = 0; first < part.items.size(); first += piece_items_) {
      const auto begin = part.items.begin() + static_cast<std::ptrdiff_t>(first);
      const auto left = static_cast<std::ptrdiff_t>(part.items.size() - first);
      const auto end = begin + std::min(left, static_cast<std::ptrdiff_t>(piece_items_));
      pieces.push_back({part.partition, {begin, end}});
    }
  }
  const MutexLock lock(mutex_);
  parts_ = std::move(pieces);
  begun_.assign(parts_.size(), false);
}

void SendBatch::refuse_part(std::size_t part, Errc code) {
  finish_items(part, 0,
               std::vector<SendResult>(parts_[part].items.size(),
                                       SendResult::refuse(Reason::system_error, code)));
}

void SendBatch::refuse(Errc code) {
  {
    const MutexLock lock(mutex_);
    refused_whole_ = is_offer_ && code == Errc::overloaded && done_ && gone_.empty();
    // Nobody else decides anything of it any more.
    if (refused_whole_) refusals_ = nullptr;
  }
  for (std::size_t part = 0; part < parts_.size(); ++part) refuse_part(part, code);
}

std::vector<SendCommand> SendBatch::take_back() {
  const MutexLock lock(mutex_);
  if (!std::exchange(refused_whole_, false)) return {};
  // As they may be by the next time.
  for (SendCommand& command : commands_) command.sender_inbox = command.receiver_inbox = {};
  return std::move(commands_);
}

std::vector<SendResult> SendBatch::take_late_results() {
  // refuse() may be under way, and look at the commands.
  refused_whole_ = false;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    if (begun_[part]) continue;
    for (const std::uint32_t item : parts_[part].items) {
      if (results_[item].state == SendResult::State::unknown) results_[item] = too_late();
    }
  }
  return std::move(results_);
}

void SendBatch::expire() {
  SendDone done;
  std::vector<SendResult> all;
  while (!done) {
    std::vector<std::weak_ptr<SendBatch>> split_off;
    {
      const MutexLock lock(mutex_);
      if (!done_) return;
      split_off.swap(split_off_);
      // What is split off from here on sees that the caller is answered.
      if (split_off.empty()) {
        done = std::exchange(done_, nullptr);
        all = take_late_results();
      }
    }
    // They know better what became of theirs, and say so at once. More may be split off meanwhile.
    for (const auto& each : split_off) {
      if (const auto off = each.lock()) off->expire();
    }
  }
  // What was begun and is not decided still has its initial state, unknown.
  for (auto& result : all) {
    if (result.state == SendResult::State::unknown) result.code = Errc::deadline;
  }
  count_refusals(all);
  done(std::move(all));
}

}  // namespace jindou::partition
