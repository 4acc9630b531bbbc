#include "partition/send_batch.h"

#include <utility>

#include "base/assert.h"

namespace jindou::partition {

namespace {

SendResult too_late() { return SendResult::refuse(Reason::system_error, Errc::overloaded); }

}  // namespace

SendBatch::SendBatch(std::vector<SendCommand> commands, std::vector<Part> parts,
                     std::shared_ptr<void> admission,
                     std::chrono::steady_clock::time_point deadline, SendDone done,
                     SendClass send_class)
    : commands_(std::move(commands)),
      parts_(std::move(parts)),
      admission_(std::move(admission)),
      deadline_(deadline),
      send_class_(send_class),
      done_(std::move(done)),
      results_(commands_.size()),
      items_left_(commands_.size()),
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

void SendBatch::finish_items(std::size_t part, std::size_t first,
                             const std::vector<SendResult>& results) {
  SendDone done;
  std::vector<SendResult> all;
  bool last = false;
  {
    const MutexLock lock(mutex_);
    JD_ASSERT(results.size() <= items_left_);
    items_left_ -= results.size();
    last = items_left_ == 0;
    if (done_) {
      const auto& items = parts_[part].items;
      JD_ASSERT(first + results.size() <= items.size());
      for (std::size_t i = 0; i < results.size(); ++i) results_[items[first + i]] = results[i];
      if (last) {
        done = std::exchange(done_, nullptr);
        all = std::move(results_);
      }
    }
  }
  if (last && finished_) finished_();
  if (done) done(std::move(all));
}

void SendBatch::refuse_part(std::size_t part, Errc code) {
  finish_items(part, 0,
               std::vector<SendResult>(parts_[part].items.size(),
                                       SendResult::refuse(Reason::system_error, code)));
}

void SendBatch::refuse(Errc code) {
  for (std::size_t part = 0; part < parts_.size(); ++part) refuse_part(part, code);
}

void SendBatch::expire() {
  SendDone done;
  std::vector<SendResult> all;
  {
    const MutexLock lock(mutex_);
    if (!done_) return;
    done = std::exchange(done_, nullptr);
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      if (begun_[part]) continue;
      for (const std::uint32_t item : parts_[part].items) {
        if (results_[item].state == SendResult::State::unknown) results_[item] = too_late();
      }
    }
    all = std::move(results_);
  }
  // What was begun and is not decided still has its initial state, unknown.
  for (auto& result : all) {
    if (result.state == SendResult::State::unknown) result.code = Errc::deadline;
  }
  done(std::move(all));
}

}  // namespace jindou::partition
