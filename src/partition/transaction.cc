#include "partition/transaction.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "partition/partition.h"

namespace jindou::partition {

Transaction::Transaction(std::vector<Command> commands, std::vector<Share> shares,
                         std::shared_ptr<void> admission, Done done)
    : commands_(std::move(commands)),
      shares_(std::move(shares)),
      admission_(std::move(admission)),
      done_(std::move(done)),
      outcomes_(commands_.size()),
      votes_left_(shares_.size()),
      held_(shares_.size()),
      commits_(shares_.size()),
      commits_left_(shares_.size()),
      undecided_(commands_.size()) {
  JD_ASSERT(!shares_.empty());
}

std::vector<SendCommand> Transaction::take_messages() {
  std::vector<SendCommand> messages;
  for (Command& command : commands_) {
    if (auto* message = std::get_if<SendCommand>(&command)) messages.push_back(std::move(*message));
  }
  return messages;
}

void Transaction::put_back(std::vector<SendCommand> messages) {
  auto next = messages.begin();
  for (Command& command : commands_) {
    if (std::holds_alternative<SendCommand>(command)) command = std::move(*next++);
  }
  JD_ASSERT(next == messages.end());
}

void Transaction::begin(Surroundings surroundings, std::chrono::milliseconds hold_max) {
  surroundings_.emplace(std::move(surroundings));
  hold_until_ = surroundings_->clock.steady() + hold_max;
  for (std::size_t share = 0; share < shares_.size(); ++share) {
    if (surroundings_->post(shared_from_this(), share, Step::check)) continue;
    refuse_share(share, Error(Errc::unavailable, "a partition is not on this node, or stops"));
  }
}

void Transaction::refuse_share(std::size_t share, Error error) {
  bool over = false;
  std::optional<TransactionResult> answer;
  {
    const MutexLock lock(mutex_);
    --votes_left_;
    note_refusal(share, {{}, std::move(error)});
    over = votes_left_ == 0;
    answer = take_refused_answer();
  }
  finish(std::move(answer), over);
}

void Transaction::refuse(const Error& error) {
  JD_ASSERT(!surroundings_);
  TransactionResult result;
  result.commands.assign(commands_.size(), Error(error));
  finish(std::move(result), false);
}

void Transaction::forget() {
  const MutexLock lock(mutex_);
  commits_.clear();
  done_ = nullptr;
  surroundings_.reset();
}

void Transaction::finish(std::optional<TransactionResult> answer, bool over) {
  if (answer) std::exchange(done_, nullptr)(std::move(*answer));
  if (over) surroundings_->over();
}

void Transaction::run(std::size_t share, Step step, Partition& partition) {
  switch (step) {
    case Step::check:
      if (shares_.size() == 1) {
        check_alone(partition);
      } else {
        check(share, partition);
      }
      break;
    case Step::keep: keep(share, partition); break;
    case Step::release: partition.release(); break;
    case Step::take_back: partition.take_back(); break;
  }
}

CommandGroup Transaction::group_of(std::size_t share) {
  CommandGroup group;
  for (const std::uint32_t command : shares_[share].commands) {
    group.commands.push_back(std::move(commands_[command]));
  }
  group.decided = [self = shared_from_this()](const Result<void>& committed) {
    self->decided(committed);
  };
  group.refused = [self = shared_from_this()](const Result<void>& committed) {
    self->refusal_is_certain(committed);
  };
  group.admission = admission_;
  return group;
}

template <class Evaluate>
std::optional<CommandRefusal> Transaction::evaluate(std::size_t share, const Evaluate& how) {
  GroupOutcome outcome = how(group_of(share));
  if (auto* refusal = std::get_if<CommandRefusal>(&outcome)) return std::move(*refusal);
  auto& outcomes = std::get<std::vector<CommandOutcome>>(outcome);
  const auto& commands = shares_[share].commands;
  for (std::size_t i = 0; i < commands.size(); ++i) outcomes_[commands[i]] = std::move(outcomes[i]);
  return std::nullopt;
}

// Nobody else has to agree, so nothing is held, and it is gathered with what others send.
void Transaction::check_alone(Partition& partition) {
  auto refusal =
      evaluate(0, [&](CommandGroup group) { return partition.execute_all(std::move(group)); });
  if (refusal) {
    const MutexLock lock(mutex_);
    votes_left_ = 0;
    ++uncertain_;
    note_refusal(0, std::move(*refusal));
  }
  finish({}, true);
}

void Transaction::check(std::size_t share, Partition& partition) {
  bool wanted = false;
  {
    const MutexLock lock(mutex_);
    wanted = state_ == State::checking;
  }
  std::optional<CommandRefusal> refusal;
  if (wanted) {
    refusal = evaluate(share, [&](CommandGroup group) { return partition.hold(std::move(group)); });
  }
  bool take_back = false;
  bool over = false;
  std::optional<TransactionResult> answer;
  {
    const MutexLock lock(mutex_);
    --votes_left_;
    if (refusal) {
      // The partition says when; not before this round of its thread is over.
      ++uncertain_;
      note_refusal(share, std::move(*refusal));
    } else if (wanted) {
      take_back = state_ == State::refused;
      held_[share] = !take_back;
    }
    if (votes_left_ == 0 && state_ == State::checking) {
      state_ = State::keeping;
      post_to_all(Step::keep);
    }
    over = votes_left_ == 0 && state_ == State::refused;
    answer = take_refused_answer();
  }
  if (take_back) partition.take_back();
  finish(std::move(answer), over);
}

void Transaction::keep(std::size_t share, Partition& partition) {
  store::Commit commit = partition.keep();
  std::vector<store::Commit> all;
  {
    const MutexLock lock(mutex_);
    commits_[share] = std::move(commit);
    if (--commits_left_ > 0) return;
    all.swap(commits_);
  }
  partition.append_all(std::move(all));
  {
    const MutexLock lock(mutex_);
    post_to_all(Step::release);
  }
  finish({}, true);
}

void Transaction::check_time() {
  const MutexLock lock(mutex_);
  if (state_ != State::checking || surroundings_->clock.steady() < hold_until_) return;
  state_ = State::refused;
  failures_.push_back(
      {{}, Error(Errc::overloaded, "a partition did not answer in time; nothing has been done")});
  take_back_held();
}

void Transaction::note_refusal(std::size_t share, CommandRefusal refusal) {
  std::optional<std::size_t> command;
  if (refusal.command) command = shares_[share].commands[*refusal.command];
  failures_.push_back({command, std::move(refusal.error), std::move(refusal.result)});
  state_ = State::refused;
  take_back_held();
}

void Transaction::take_back_held() {
  for (std::size_t share = 0; share < held_.size(); ++share) {
    if (!held_[share]) continue;
    held_[share] = false;
    // The thread of a partition that is held goes on until it is not.
    JD_ASSERT(surroundings_->post(shared_from_this(), share, Step::take_back));
  }
}

void Transaction::post_to_all(Step step) {
  for (std::size_t share = 0; share < shares_.size(); ++share) {
    JD_ASSERT(surroundings_->post(shared_from_this(), share, step));
  }
}

void Transaction::decided(const Result<void>& committed) {
  TransactionResult result;
  {
    const MutexLock lock(mutex_);
    if (!committed_) committed_ = committed;
    // All or none.
    JD_ASSERT(committed_->has_value() == committed.has_value());
    if (--undecided_ > 0) return;
    if (committed_->has_value()) {
      for (CommandOutcome& outcome : outcomes_) result.commands.emplace_back(std::move(outcome));
    } else {
      result.commands.assign(outcomes_.size(), Error(committed_->error()));
    }
  }
  finish(std::move(result), false);
}

void Transaction::refusal_is_certain(const Result<void>& committed) {
  std::optional<TransactionResult> answer;
  {
    const MutexLock lock(mutex_);
    if (!committed) {
      const Errc code = committed.error().code();
      for (Failure& failure : failures_) {
        const bool holds = failure.result ? holds_after_failure(*failure.result)
                                          : holds_after_failure(failure.error.code());
        if (holds) continue;
        failure.error = Error(told_instead(code));
        failure.result.reset();
      }
    }
    --uncertain_;
    answer = take_refused_answer();
  }
  finish(std::move(answer), false);
}

std::optional<TransactionResult> Transaction::take_refused_answer() {
  if (state_ != State::refused || votes_left_ > 0 || uncertain_ > 0 || answered_) {
    return std::nullopt;
  }
  answered_ = true;
  const auto first =
      std::min_element(failures_.begin(), failures_.end(), [](const Failure& a, const Failure& b) {
        // Those of no command are last.
        return a.command.has_value() != b.command.has_value() ? a.command.has_value()
                                                              : a.command < b.command;
      });
  std::string because = first->error.detail();
  if (first->command) {
    because = "not done because of item " + std::to_string(*first->command) + ": " + because;
  }
  TransactionResult result;
  result.failed = first->command;
  result.commands.assign(outcomes_.size(), Error(first->error.code(), std::move(because)));
  for (const Failure& failure : failures_) {
    if (!failure.command) continue;
    result.commands[*failure.command] = Error(failure.error);
    if (failure.result) result.refusals.emplace_back(*failure.command, *failure.result);
  }
  return result;
}

}  // namespace jindou::partition
