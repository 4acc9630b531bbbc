// Several commands that one partition makes all or none, and what is told of them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/stream_commands.h"

namespace jindou::partition {

// Everything that a partition evaluates, and what is told of it; nothing of a change.
using Command = std::variant<Change, AppendEvent, SendCommand>;
using CommandOutcome = std::variant<std::monostate, EventOutcome, SendResult>;

// All of one partition.
struct CommandGroup {
  std::vector<Command> commands;
  // Called for each of them when the commit is decided, on a thread of the log. Not when one of
  // them is refused.
  std::function<void(const Result<void>&)> decided;
  // Called once when one of them is refused and that is certain: it may have been because of a
  // commit that was still on its way, and has failed then. On a thread of the log.
  std::function<void(const Result<void>&)> refused;
  // Kept until what was sent is handed to its receivers; may be null.
  std::shared_ptr<void> admission;
};

// None was made.
struct CommandRefusal {
  std::optional<std::size_t> command;  // that failed; none: the partition evaluates nothing now
  Error error;
  // Of a message that was refused: its result, which says more than the error.
  std::optional<SendResult> result = {};
};

using GroupOutcome = std::variant<std::vector<CommandOutcome>, CommandRefusal>;

}  // namespace jindou::partition
