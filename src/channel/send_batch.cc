#include "channel/send_batch.h"

#include <utility>

namespace jindou::channel {

SendBatch::SendBatch(std::vector<SendCommand> commands, std::vector<Part> parts,
                     std::shared_ptr<void> admission, CommandRouter::SendDone done)
    : commands_(std::move(commands)),
      parts_(std::move(parts)),
      admission_(std::move(admission)),
      done_(std::move(done)),
      results_(commands_.size()),
      parts_left_(parts_.size()) {}

void SendBatch::finish_part(std::size_t part, std::vector<SendResult> results) {
  CommandRouter::SendDone done;
  std::vector<SendResult> all;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return;
    const auto& items = parts_[part].items;
    for (std::size_t i = 0; i < items.size(); ++i) results_[items[i]] = results[i];
    if (--parts_left_ > 0) return;
    done = std::exchange(done_, nullptr);
    all = std::move(results_);
  }
  done(std::move(all));
}

void SendBatch::refuse(Errc code) {
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    finish_part(part, std::vector<SendResult>(parts_[part].items.size(),
                                              SendResult::refuse(Reason::system_error, code)));
  }
}

void SendBatch::expire() {
  CommandRouter::SendDone done;
  std::vector<SendResult> all;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return;
    done = std::exchange(done_, nullptr);
    all = std::move(results_);
  }
  // What no part has decided still has its initial state, unknown.
  for (auto& result : all) {
    if (result.state == SendResult::State::unknown) result.code = Errc::deadline;
  }
  done(std::move(all));
}

}  // namespace jindou::channel
