#include "partition/inbox_stage.h"

#include <exception>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "partition/addressing.h"

namespace jindou::partition {

namespace {

using State = SeenInbox::State;

// Calls `look(uid, seen)` for each inbox that the rules may ask about; the sender of several
// commands in a row, as back ends post them, is looked at once.
template <class Look>
void for_each_inbox(std::span<SendCommand> commands, const Look& look) {
  const SendCommand* before = nullptr;
  for (SendCommand& command : commands) {
    if (command.from_uid == kSystemUid) continue;  // of its messages the rules ask nothing
    if (command.from_uid.empty()) continue;        // split off (SendBatch::split)
    if (before != nullptr && before->from_uid == command.from_uid) {
      command.sender_inbox = before->sender_inbox;
    } else {
      look(command.from_uid, command.sender_inbox);
    }
    before = &command;
    const std::string_view receiver = receiver_of(command);
    if (!receiver.empty()) look(receiver, command.receiver_inbox);
  }
}

// True when there is nothing left to be read.
bool find_inboxes(std::span<SendCommand> commands, InboxDirectory& inboxes) {
  bool all = true;
  for_each_inbox(commands, [&](std::string_view uid, SeenInbox& seen) {
    if (auto found = inboxes.find(uid)) {
      seen.inbox = std::move(*found);
      seen.state = State::read;
    } else {
      all = false;
    }
  });
  return all;
}

bool are_seen(std::span<SendCommand> commands) {
  bool all = true;
  for_each_inbox(commands, [&all](std::string_view, const SeenInbox& seen) {
    all = all && seen.state != State::unread;
  });
  return all;
}

Result<void> try_load(std::span<SendCommand> commands, InboxDirectory& inboxes) {
  try {
    load_inboxes(commands, inboxes);
  } catch (const std::exception& error) {
    // Out of memory ends a read, not the process.
    return Error(Errc::internal, error.what());
  }
  return {};
}

}  // namespace

void load_inboxes(std::span<SendCommand> commands, InboxDirectory& inboxes) {
  for_each_inbox(commands, [&](std::string_view uid, SeenInbox& seen) {
    if (seen.state != State::unread) return;
    auto loaded = inboxes.load(uid);
    if (loaded) {
      seen.inbox = std::move(*loaded);
      seen.state = State::read;
    } else {
      seen.error = loaded.error().code();
      seen.state = State::unreadable;
    }
  });
}

InboxStage::InboxStage(InboxDirectory& inboxes, PartitionMap map, RunBlocking run_blocking)
    : inboxes_(inboxes), run_blocking_(std::move(run_blocking)), lines_(map.count()) {}

bool InboxStage::pass(SendBatch& batch) {
  if (!find_inboxes(batch.commands(), inboxes_)) return false;
  if (count_.load(std::memory_order_acquire) == 0) return true;
  const MutexLock lock(mutex_);
  for (const SendBatch::Part& part : batch.parts()) {
    if (!lines_[raw(part.partition)].empty()) return false;
  }
  return true;
}

void InboxStage::wait(std::shared_ptr<SendBatch> batch, Go go) {
  const auto waiting = std::make_shared<Waiting>();
  waiting->batch = std::move(batch);
  waiting->go = std::move(go);
  {
    const MutexLock lock(mutex_);
    for (const SendBatch::Part& part : waiting->batch->parts()) {
      waiting->lines.push_back(part.partition);
      auto& line = lines_[raw(part.partition)];
      if (!line.empty()) ++waiting->ahead;
      line.push_back(waiting);
    }
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  if (are_seen(waiting->batch->commands())) {
    finish(waiting, {});
    return;
  }
  const bool taken = run_blocking_(
      [this, waiting] { finish(waiting, try_load(waiting->batch->commands(), inboxes_)); });
  if (!taken) {
    finish(waiting, Error(Errc::overloaded, "too many reads are waiting; retry later"));
  }
}

void InboxStage::finish(const WaitingPtr& waiting, Result<void> outcome) {
  {
    const MutexLock lock(mutex_);
    waiting->outcome = std::move(outcome);
    waiting->ready = true;
    if (waiting->ahead > 0) return;  // the one before it lets it go
  }
  go(waiting);
}

void InboxStage::go(WaitingPtr first) {
  std::vector<WaitingPtr> next;
  next.push_back(std::move(first));
  while (!next.empty()) {
    const WaitingPtr waiting = std::move(next.back());
    next.pop_back();
    // It stands in its lines until it has gone, so that nobody passes it meanwhile.
    waiting->go(waiting->outcome);
    const MutexLock lock(mutex_);
    for (const PartitionId partition : waiting->lines) {
      auto& line = lines_[raw(partition)];
      JD_ASSERT(line.front() == waiting);
      line.pop_front();
      if (line.empty()) continue;
      Waiting& head = *line.front();
      if (--head.ahead == 0 && head.ready) next.push_back(line.front());
    }
    if (count_.fetch_sub(1, std::memory_order_release) == 1) empty_.notify_all();
  }
}

void InboxStage::drain() {
  MutexLock lock(mutex_);
  empty_.wait(lock, [this] { return count_.load(std::memory_order_relaxed) == 0; });
}

}  // namespace jindou::partition
