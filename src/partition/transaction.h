// Commands to several partitions that are made all or none (docs/decisions/0023).
//
// First each partition evaluates its share and holds it. When all of them do, each closes its
// commit, and the log takes the commits of all at once; when one refuses, the others take back.
// Held is a partition from the evaluation until its commit is appended, not until it is durable:
// what comes meanwhile waits, in order.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "partition/command_group.h"
#include "store/commit_log.h"

namespace jindou::partition {

class Partition;
class PartitionOwner;

struct TransactionResult {
  // Aligned with the commands: all of them have outcomes, or all have errors. Those that failed by
  // themselves have their own, the others that of the first one which did, and which that was.
  std::vector<Result<CommandOutcome>> commands;
  // That first one; none: all were made, or none for a reason of none of them.
  std::optional<std::size_t> failed;
  // Of messages that were refused by themselves, by their place: results, which say more than the
  // errors do.
  std::vector<std::pair<std::size_t, SendResult>> refusals;

  bool made() const { return commands.empty() || commands[0].has_value(); }
  // Why they were not made.
  const Error& error() const { return commands[failed.value_or(0)].error(); }
  // Of the command in that place; null: it has none.
  const SendResult* find_refusal(std::size_t place) const {
    const auto found = std::find_if(refusals.begin(), refusals.end(), [place](const auto& refusal) {
      return refusal.first == place;
    });
    return found != refusals.end() ? &found->second : nullptr;
  }
};

// Thread-safe.
class Transaction final : public std::enable_shared_from_this<Transaction> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Share {
    PartitionId partition{};
    std::vector<std::uint32_t> commands;  // indices, in the caller's order
    PartitionOwner* owner = nullptr;      // for who posts to it; outlives it
  };
  // What the thread of a partition does with its share.
  enum class Step : std::uint8_t {
    check,      // evaluates and holds it
    keep,       // closes its commit; the last one appends those of all
    release,    // goes on
    take_back,  // forgets it and goes on
  };
  // Has run(share, step, …) called on the thread of the share's partition, after what was posted
  // before, never from within the call. False: that thread has ended, and nothing is held there.
  using Post = std::function<bool(std::shared_ptr<Transaction>, std::size_t share, Step step)>;
  // Called exactly once, on a thread of the core; must not block.
  using Done = std::function<void(TransactionResult)>;

  struct Surroundings {
    const Clock& clock;  // outlives it
    Post post;
    // Nothing is held for it any more, nor will be.
    std::function<void()> over;
  };
  // Shares: each of another partition; each command is in one. `admission` may be null.
  Transaction(std::vector<Command> commands, std::vector<Share> shares,
              std::shared_ptr<void> admission, Done done);

  const std::vector<Share>& shares() const { return shares_; }
  // Of the commands; to be put back, in this order, before begin().
  std::vector<SendCommand> take_messages();
  void put_back(std::vector<SendCommand> messages);

  // None of the partitions may be in another transaction until `over`. Errors of the commands: as
  // they say; also those of Partition::execute_all, and overloaded: a partition has not answered
  // within `hold_max`.
  void begin(Surroundings surroundings, std::chrono::milliseconds hold_max);
  // Instead of begin(): nothing is done.
  void refuse(const Error& error);

  // Its partitions are gone before it was over, as when the power goes in a simulation: it lets go
  // of what it has of them, which holds it in turn. Nobody is told.
  void forget();

  // Instead of a check: the partition is not here.
  void refuse_share(std::size_t share, Error error);
  // On the thread of the partition.
  void run(std::size_t share, Step step, Partition& partition);
  // Whoever is held calls this now and then: after `hold_max` all is taken back.
  void check_time();

 private:
  enum class State : std::uint8_t { checking, keeping, refused };
  struct Failure {
    std::optional<std::size_t> command;
    Error error;
    std::optional<SendResult> result = {};
  };

  void check(std::size_t share, Partition& partition);
  void check_alone(Partition& partition);
  void keep(std::size_t share, Partition& partition);
  CommandGroup group_of(std::size_t share);
  // Evaluates the share; a refusal is what comes back.
  template <class Evaluate>
  std::optional<CommandRefusal> evaluate(std::size_t share, const Evaluate& how);
  void note_refusal(std::size_t share, CommandRefusal refusal) JD_REQUIRES(mutex_);
  void take_back_held() JD_REQUIRES(mutex_);
  void post_to_all(Step step) JD_REQUIRES(mutex_);
  // Of a command whose commit is decided.
  void decided(const Result<void>& committed);
  // Of a share that was refused.
  void refusal_is_certain(const Result<void>& committed);
  // Once, when all shares have answered and every refusal is certain.
  std::optional<TransactionResult> take_refused_answer() JD_REQUIRES(mutex_);
  // Tells the caller, if there is something to tell, and that all is over.
  void finish(std::optional<TransactionResult> answer, bool over);

  std::vector<Command> commands_;
  const std::vector<Share> shares_;
  std::shared_ptr<void> admission_;
  Done done_;
  std::optional<Surroundings> surroundings_;  // from begin() on
  TimePoint hold_until_{};
  std::vector<CommandOutcome> outcomes_;  // each written by the thread of its partition

  Mutex mutex_;
  State state_ JD_GUARDED_BY(mutex_) = State::checking;
  std::size_t votes_left_ JD_GUARDED_BY(mutex_);
  std::vector<bool> held_ JD_GUARDED_BY(mutex_);              // by share
  std::vector<store::Commit> commits_ JD_GUARDED_BY(mutex_);  // by share
  std::size_t commits_left_ JD_GUARDED_BY(mutex_);
  std::size_t undecided_ JD_GUARDED_BY(mutex_);  // commands
  std::optional<Result<void>> committed_ JD_GUARDED_BY(mutex_);
  std::vector<Failure> failures_ JD_GUARDED_BY(mutex_);
  std::size_t uncertain_ JD_GUARDED_BY(mutex_) = 0;  // refusals
  bool answered_ JD_GUARDED_BY(mutex_) = false;
};

}  // namespace jindou::partition
