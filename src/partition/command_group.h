// Several commands that are made all or none, and what is told of them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/stream_commands.h"

namespace jindou::partition {

// Everything that a partition evaluates, and what is told of it; nothing of a change.
using Command = std::variant<Change, AppendEvent, SendCommand>;
using CommandOutcome = std::variant<std::monostate, EventOutcome, SendResult>;

class CommandGroup {
 public:
  // The outcomes of all of them, or the error of the first that fails.
  using Done = std::function<void(Result<std::vector<CommandOutcome>>)>;

  CommandGroup(std::size_t commands, Done done)
      : outcomes_(commands), done_(std::move(done)), left_(commands) {}

  // While they are evaluated.
  void set(std::size_t command, CommandOutcome outcome) { outcomes_[command] = std::move(outcome); }
  // None was made.
  void refuse(const Error& error) { done_(Error(error)); }

  // One more is decided; the last one tells. Thread-safe: most are decided by a commit, on the
  // log's thread, a long change of lists by the partition.
  void finish(const Result<void>& committed) {
    {
      const MutexLock lock(mutex_);
      if (!committed && !failed_) failed_ = committed.error();
      if (--left_ > 0) return;
    }
    // Nobody else comes any more.
    if (failed_) {
      done_(Error(*failed_));
    } else {
      done_(std::move(outcomes_));
    }
  }

 private:
  std::vector<CommandOutcome> outcomes_;
  Done done_;
  Mutex mutex_;
  std::size_t left_ JD_GUARDED_BY(mutex_);
  std::optional<Error> failed_;
};

}  // namespace jindou::partition
