#include "partition/partition.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "partition/applied_rows.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

// Of what may be large in a command; the rest is small beside a commit.
template <class What>
std::size_t bytes_of_large(const What& what) {
  std::size_t bytes = 0;
  if constexpr (requires { what.payload.size(); }) bytes += what.payload.size();
  if constexpr (requires { what.snapshot.size(); }) bytes += what.snapshot.size();
  if constexpr (requires { what.text.size(); }) bytes += what.text.size();
  if constexpr (requires { what.headers.size(); }) bytes += what.headers.size();
  if constexpr (requires { what.answer.size(); }) bytes += what.answer.size();
  if constexpr (requires { what.input.bytes.size(); }) bytes += what.input.bytes.size();
  return bytes;
}

std::size_t bytes_at_most(const CommandGroup& group) {
  std::size_t bytes = 0;
  for (const Command& command : group.commands) {
    if (const auto* send = std::get_if<SendCommand>(&command)) {
      bytes += partition::bytes_at_most(*send);
    } else if (const auto* event = std::get_if<AppendEvent>(&command)) {
      bytes += bytes_of_large(*event);
    } else {
      bytes += std::visit([](const auto& what) { return bytes_of_large(what); },
                          std::get<Change>(command));
    }
  }
  return bytes;
}

std::size_t messages_in(const CommandGroup& group) {
  return static_cast<std::size_t>(std::ranges::count_if(
      group.commands, [](const auto& one) { return std::holds_alternative<SendCommand>(one); }));
}

// The result of a message of a group that was refused; null: it was not, or is no message.
const SendResult* refusal_in(const CommandOutcome& outcome) {
  const auto* const result = std::get_if<SendResult>(&outcome);
  return result != nullptr && !result->ok() ? result : nullptr;
}

CommandRefusal refusal_of_group(std::size_t command, const SendResult& result) {
  std::string told;
  if (result.moderation) told = result.moderation->reason;
  if (told.empty() && result.code == Errc::denied) told = reason_text(result.reason);
  Error error =
      Error(result.code, std::move(told)).with_reason(raw(result.reason)).with_seq(result.last_seq);
  return {command, std::move(error), result};
}

}  // namespace

Partition::Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
                     std::function<void()> wake)
    : id_(id),
      deps_(deps),
      options_(options),
      wake_(std::move(wake)),
      reader_(deps.reader, id),
      modules_(reader_, deps_, options_) {}

Partition::~Partition() = default;

Result<void> Partition::open(const store::LogOpening& opening) {
  JD_ASSERT(owner_.is_this_thread());
  JD_RETURN_IF_ERROR(load());
  // The log and the store agree where the partition goes on.
  JD_ASSERT(position_ == opening.position);
  opening_ = opening.number;
  return {};
}

Result<void> Partition::load() {
  // Before anything is read: what is found behind it is what has become of the commits before.
  const bool is_certain = deps_.log.is_certain();
  store::PartitionState state;
  std::string value;
  JD_TRY(const bool found, reader_.get(store::Table::main, store::partition_state_key(id_), value));
  if (found) {
    JD_TRY(state, store::decode_partition_state(value));
  }
  auto txn = std::make_unique<Txn>(state.position + 1);
  JD_RETURN_IF_ERROR(modules_.open(state, *txn));
  deps_.horizon.reset(id_, state.stamped_to_ns);
  if (is_certain) deps_.horizon.clear_doubt(id_);
  position_ = state.position;
  commits_built_ = 0;
  ids_built_ = state.id_bound;
  txn_ = std::move(txn);
  flight_ = std::make_shared<Flight>(position_, ids_built_);
  return {};
}

bool Partition::ensure_usable() {
  if (!flight_->failed.load(std::memory_order_acquire)) return true;
  // Nothing here tells how the partition went on elsewhere.
  if (is_lost()) return false;
  // Every commit built on the failed one is refused by the log; then the store tells what holds.
  if (flight_->commits.load(std::memory_order_acquire) > 0 || !txn_->empty()) return false;
  if (!load()) return false;
  // What was read back may not be synced yet; the next successful commit says so.
  flight_->durable = 0;
  return true;
}

Error Partition::obstacle() const {
  if (is_lost()) return store::not_owner();
  return Error(Errc::unavailable, "the store is recovering from a failure");
}

bool Partition::is_lost() const { return flight_->lost.load(std::memory_order_acquire); }

void Partition::drain() {
  JD_ASSERT(owner_.is_this_thread());
  draining_ = true;
}

bool Partition::is_drained() const {
  JD_ASSERT(owner_.is_this_thread());
  return !has_gathered() && flight_->commits.load(std::memory_order_acquire) == 0;
}

void Partition::close() {
  JD_ASSERT(is_drained());
  modules_.list_jobs.abandon(Errc::not_owner);
  deps_.log.close(id_, opening_);
}

void Partition::leave_thread() { JD_ASSERT(owner_.let_go()); }

bool Partition::has_gathered() const {
  JD_ASSERT(owner_.is_this_thread());
  return !txn_->empty() || is_held();
}

void Partition::execute(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  JD_ASSERT(owner_.is_this_thread());
  if (is_held()) [[unlikely]] {
    return wait([this, batch, part] { execute(batch, part); });
  }
  if (!batch->begin_part(part, deps_.clock.steady())) return;
  const auto& items = batch->parts()[part].items;
  const bool usable = ensure_usable() && !modules_.index.full();
  begin_gathering();
  if (usable && batch->is_rehearsal()) return rehearse(batch, part);
  Txn::Part decided{batch, part, 0, {}};
  decided.results.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    SendCommand& command = batch->commands()[items[i]];
    if (usable && !has_room(1, bytes_at_most(command))) {
      if (!decided.results.empty()) txn_->add_part(std::move(decided));
      decided = Txn::Part{batch, part, i, {}};
      close_commit();
    }
    decided.results.push_back(usable ? evaluate(command)
                                     : SendResult::refuse(Reason::system_error, obstacle().code()));
  }
  txn_->add_part(std::move(decided));
  if (is_full()) hand_over();
}

// What becomes of the first items is known to those behind them, as if they had been sent.
void Partition::rehearse(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  Txn::Part decided{batch, part, 0, {}};
  const Mark before = mark();
  const Txn::SavePoint point = txn_->save();
  for (const std::uint32_t item : batch->parts()[part].items) {
    SendResult result = evaluate(batch->commands()[item]);
    // Also of what repeats an item of this very batch: the next message gets that id.
    if (counter_of(result.message_id) > before.counter) {
      result.message_id = MessageId{};
      result.message_seq = MessageSeq{};
    }
    decided.results.push_back(result);
  }
  txn_->roll_back(point);
  JD_ASSERT(mark() == before);
  txn_->add_part(std::move(decided));
}

SendResult Partition::evaluate(SendCommand& command) {
  const Mark before = mark();
  const auto evaluated = modules_.sending.evaluate(command, *txn_);
  JD_ASSERT((evaluated && evaluated->state != SendResult::State::refused) || mark() == before);
  return evaluated ? *evaluated
                   : SendResult::refuse(Reason::system_error, evaluated.error().code());
}

bool Partition::is_full() const {
  return txn_->messages() >= options_.commit_messages_max ||
         txn_->bytes() >= options_.commit_bytes_max;
}

bool Partition::has_room(std::size_t messages, std::size_t bytes) const {
  return txn_->messages() + messages <= options_.commit_messages_max &&
         txn_->bytes() + bytes <= options_.commit_bytes_max;
}

void Partition::close_commit() {
  // Alone a message may be larger than a commit should be.
  if (txn_->empty()) return;
  hand_over();
  begin_gathering();
}

template <class Evaluate>
auto Partition::evaluate_change(Txn::Done done, const Evaluate& evaluate) {
  const bool is_first = txn_->empty();
  txn_->add_change(std::move(done));
  const Mark before = mark();
  const Txn::SavePoint point = txn_->save();
  auto outcome = evaluate();
  if (outcome && (is_first || has_room(0, 0))) {
    txn_->keep(point);
    return outcome;
  }
  txn_->roll_back(point);
  JD_ASSERT(mark() == before);
  if (!outcome) return outcome;
  // How large it is, is known now: it is the first one of the next commit.
  done = txn_->take_last_change();
  close_commit();
  return evaluate_change(std::move(done), evaluate);
}

void Partition::execute(Change change, std::function<void(Result<void>)> done) {
  JD_ASSERT(owner_.is_this_thread());
  if (is_held()) [[unlikely]] {
    return wait([this, change = std::move(change), done = std::move(done)]() mutable {
      execute(std::move(change), std::move(done));
    });
  }
  const bool usable = ensure_usable();
  if (usable && waits_for_list_job(change, done)) return;
  begin_gathering();
  Result<void> outcome = evaluate_change(std::move(done), [&]() -> Result<void> {
    if (!usable) return obstacle();
    return modules_.evaluate(change, *txn_);
  });
  txn_->last_change().outcome = std::move(outcome);
  if (is_full()) hand_over();
}

void Partition::execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done) {
  JD_ASSERT(owner_.is_this_thread());
  if (is_held()) [[unlikely]] {
    return wait([this, event = std::move(event), done = std::move(done)]() mutable {
      execute(std::move(event), std::move(done));
    });
  }
  const bool usable = ensure_usable();
  begin_gathering();
  Result<EventOutcome> evaluated = evaluate_change({}, [&]() -> Result<EventOutcome> {
    if (!usable) return obstacle();
    return modules_.streams.append(event, *txn_);
  });
  txn_->last_change().done = [done = std::move(done),
                              evaluated = std::move(evaluated)](const Result<void>& committed) {
    if (committed) {
      done(evaluated);
    } else {
      done(told_after_failure(evaluated ? nullptr : &evaluated.error(), committed.error()));
    }
  };
  if (is_full()) hand_over();
}

GroupOutcome Partition::execute_all(CommandGroup group) {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(!group.commands.empty());
  JD_ASSERT(!is_held());
  const bool usable = ensure_usable() && !modules_.index.full();
  begin_gathering();
  if (!usable) return refuse(group, {{}, obstacle()});
  if (!has_room(messages_in(group), bytes_at_most(group))) close_commit();
  const Mark before = mark();
  const Txn::SavePoint point = txn_->save();
  GroupOutcome outcome = evaluate_all(group);
  if (auto* refusal = std::get_if<CommandRefusal>(&outcome)) {
    txn_->roll_back(point);
    JD_ASSERT(mark() == before);
    return refuse(group, std::move(*refusal));
  }
  txn_->keep(point);
  txn_->add_admission(std::move(group.admission));
  return outcome;
}

GroupOutcome Partition::hold(CommandGroup group) {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(!group.commands.empty());
  JD_ASSERT(!is_held());
  const bool usable = ensure_usable() && !modules_.index.full();
  // What others asked for does not hang on the other partitions.
  if (usable && !txn_->empty()) hand_over();
  begin_gathering();
  if (!usable) return refuse(group, {{}, obstacle()});
  // Stays when the rest is taken back: a commit was begun, and the horizon waits for its end.
  txn_->add_change([](const Result<void>&) {});
  before_hold_ = mark();
  hold_point_ = txn_->save();
  GroupOutcome outcome = evaluate_all(group);
  if (auto* refusal = std::get_if<CommandRefusal>(&outcome)) {
    txn_->roll_back(hold_point_);
    JD_ASSERT(mark() == before_hold_);
    return refuse(group, std::move(*refusal));
  }
  txn_->add_admission(std::move(group.admission));
  hold_ = Hold::open;
  return outcome;
}

GroupOutcome Partition::refuse(CommandGroup& group, CommandRefusal refusal) {
  txn_->add_change(std::move(group.refused));
  return refusal;
}

store::Commit Partition::keep() {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(hold_ == Hold::open);
  txn_->keep(hold_point_);
  hold_ = Hold::kept;
  return build_commit();
}

void Partition::append_all(std::vector<store::Commit> commits) {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(hold_ == Hold::kept);
  deps_.log.append_all(std::move(commits));
}

void Partition::release() {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(hold_ == Hold::kept);
  tidy();
  end_hold();
}

void Partition::take_back() {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(hold_ == Hold::open);
  txn_->roll_back(hold_point_);
  JD_ASSERT(mark() == before_hold_);
  end_hold();
}

void Partition::end_hold() {
  hold_ = Hold::none;
  std::deque<std::function<void()>> waiting;
  waiting.swap(waiting_);
  for (const auto& work : waiting) work();
}

GroupOutcome Partition::evaluate_all(CommandGroup& group) {
  std::vector<CommandOutcome> outcomes;
  outcomes.reserve(group.commands.size());
  const std::size_t bytes = txn_->bytes();
  const std::uint32_t messages = txn_->messages();
  for (std::size_t i = 0; i < group.commands.size(); ++i) {
    txn_->add_change(group.decided);
    auto outcome = evaluate_in_group(group.commands[i]);
    const bool fits = txn_->bytes() - bytes <= options_.commit_bytes_max &&
                      txn_->messages() - messages <= options_.commit_messages_max;
    if (outcome && refusal_in(*outcome) == nullptr && i > 0 && !fits) {
      outcome = Error(Errc::too_large, "too much to be made all or none: more than one commit");
    }
    if (!outcome) return CommandRefusal{i, std::move(outcome).error()};
    if (const SendResult* const refused = refusal_in(*outcome)) {
      return refusal_of_group(i, *refused);
    }
    outcomes.push_back(std::move(*outcome));
  }
  return outcomes;
}

Result<CommandOutcome> Partition::evaluate_in_group(Command& command) {
  JD_TRY(CommandOutcome outcome,
         std::visit([this](auto& what) { return evaluate_one(what); }, command));
  // Its decision may be a later commit, which no other command of the group would wait for.
  const auto* change = std::get_if<Change>(&command);
  if (change != nullptr && list_job_runs(*change)) {
    return Error(Errc::too_large, "a change of a list that goes in slices has to be made alone");
  }
  return outcome;
}

bool Partition::list_job_runs(const Change& change) const {
  if (!modules_.list_jobs.any()) return false;
  return std::visit(
      [this](const auto& what) {
        if constexpr (is_command_of<std::decay_t<decltype(what)>, ListCommand>) {
          return modules_.list_jobs.runs_for(what.channel);
        } else {
          return false;
        }
      },
      change);
}

Result<CommandOutcome> Partition::evaluate_one(const Change& change) {
  if (list_job_runs(change)) {
    return Error(Errc::unavailable, "a long change of the channel's lists is under way");
  }
  JD_RETURN_IF_ERROR(modules_.evaluate(change, *txn_));
  return CommandOutcome();
}

Result<CommandOutcome> Partition::evaluate_one(AppendEvent& event) {
  JD_TRY(EventOutcome outcome, modules_.streams.append(event, *txn_));
  return CommandOutcome(std::move(outcome));
}

Result<CommandOutcome> Partition::evaluate_one(SendCommand& command) {
  return CommandOutcome(evaluate(command));
}

void Partition::ask_recipients(const ChannelKey& key,
                               const std::function<void(Result<Recipients>)>& done) {
  JD_ASSERT(owner_.is_this_thread());
  if (is_held()) [[unlikely]] {
    return wait([this, key, done] { done(load_recipients(key)); });
  }
  done(load_recipients(key));
}

Result<Recipients> Partition::load_recipients(const ChannelKey& key) {
  JD_ASSERT(owner_.is_this_thread());
  if (!ensure_usable()) return obstacle();
  ChannelKey wanted = key;
  JD_RETURN_IF_ERROR(modules_.receivers.resolve_agent_channel(wanted));
  JD_TRY(CachedChannel * channel, modules_.channels.load(wanted));
  return modules_.receivers.of(*channel, {});
}

bool Partition::waits_for_list_job(Change& change, std::function<void(Result<void>)>& done) {
  if (!modules_.list_jobs.any()) return false;
  return std::visit(
      [&](auto& what) {
        if constexpr (is_command_of<std::decay_t<decltype(what)>, ListCommand>) {
          return modules_.list_jobs.waits_for(what, done);
        } else {
          return false;
        }
      },
      change);
}

void Partition::advance_list_jobs() {
  if (!modules_.list_jobs.any()) return;
  if (!ensure_usable()) return;
  modules_.channels.set_durable(flight_->durable.load(std::memory_order_acquire));
  for (auto& [waiting, done] : modules_.list_jobs.finish()) {
    execute(widen<Change>(std::move(waiting)), std::move(done));
  }
  if (draining_ || flight_->commits.load(std::memory_order_acquire) >= kCommitsInFlightMax) return;
  if (!modules_.list_jobs.can_advance()) return;
  // One step to a commit, which wakes this thread for the next one.
  begin_gathering();
  txn_->add_change([](const Result<void>&) {});
  modules_.list_jobs.advance(*txn_);
}

bool Partition::has_list_jobs() const {
  JD_ASSERT(owner_.is_this_thread());
  return modules_.list_jobs.any();
}

void Partition::abandon_list_jobs() {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(!is_held());
  modules_.list_jobs.abandon(Errc::unavailable);
}

Partition::Mark Partition::mark() const {
  return {txn_->bytes(), modules_.conversations.changed(), txn_->effects(), modules_.ids.last(),
          modules_.stamps.bound_ns()};
}

void Partition::begin_gathering() {
  if (txn_->empty()) deps_.horizon.begin(id_);
  modules_.channels.set_durable(flight_->durable.load(std::memory_order_acquire));
}

store::PartitionState Partition::state() const {
  store::PartitionState state;
  state.position = position_;
  state.id_bound = modules_.ids.bound();
  state.stamped_to_ns = modules_.stamps.bound_ns();
  return state;
}

void Partition::pump() {
  JD_ASSERT(owner_.is_this_thread());
  if (is_held()) [[unlikely]]
    return;
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
  modules_.tokens.trim(durable);
  modules_.requests.trim(durable);
  modules_.bulk_counts.trim(durable);
  modules_.jobs.trim(durable);
  advance_list_jobs();
  if (txn_->empty()) {
    modules_.index.advance(position_, flight_->durable.load(std::memory_order_acquire));
    return;
  }
  const bool failed = flight_->failed.load(std::memory_order_acquire);
  const auto in_flight = flight_->commits.load(std::memory_order_acquire);
  if (!failed && !is_full() && in_flight >= kCommitsInFlightMax) return;
  hand_over();
}

void Partition::hand_over() {
  deps_.log.append(build_commit());
  tidy();
}

CommitMark Partition::mark_commit() {
  CommitMark mark;
  mark.number = ++commits_built_;
  mark.position = position_;
  mark.ids_from = ids_built_;
  mark.ids_to = ids_built_ = modules_.ids.last();
  mark.id_bound = modules_.ids.bound();
  return mark;
}

store::Commit Partition::build_commit() {
  modules_.conversations.write(*txn_);
  const std::shared_ptr<Txn> txn = std::move(txn_);
  store::Commit commit;
  commit.partition = id_;
  commit.opening = opening_;
  commit.expected_position = position_;
  commit.messages = txn->messages();
  commit.id_bound = modules_.ids.bound();
  JD_ASSERT(txn->entries_are_within(ids_built_, modules_.ids.last()));
  txn->write_record(
      [this](std::uint64_t first_counter) { return store::commit_record_key(id_, first_counter); });
  if (txn->writes()) {
    ++position_;
    // What its rows were told.
    JD_ASSERT(position_ == txn->position());
    txn->put(store::partition_state_key(id_), store::encode(state()));
    modules_.stamps.announce();
  }
  txn_ = std::make_unique<Txn>(position_ + 1, txn->next_likely());
  commit.batch = txn->take_batch();
  flight_->commits.fetch_add(1, std::memory_order_relaxed);
  AppliedRows rows;
  if (txn->has_remembered_rows()) rows = read_applied_rows(commit.batch);
  commit.done = [txn, flight = flight_, mark = mark_commit(), wake = wake_, id = id_,
                 rows = std::move(rows), &inboxes = deps_.inboxes, &accounts = deps_.accounts,
                 jobs = deps_.changed_jobs, &sink = deps_.effects,
                 &horizon = deps_.horizon](const Result<void>& committed) {
    // Behind one that failed without a certain outcome others may hold all the same.
    if (committed && !flight->failed.load(std::memory_order_acquire)) {
      txn->pass(mark, flight->order);
    }
    if (!committed && committed.error().code() == Errc::unknown_outcome) {
      horizon.doubt(id);
    } else {
      horizon.finish(id);
    }
    // Of one that failed nothing can be read, or everything is forgotten when the store is open
    // again.
    if (committed) follow(rows, inboxes, accounts, jobs);
    txn->release(committed, sink);
    if (committed) {
      flight->durable.store(mark.position, std::memory_order_release);
    } else {
      if (committed.error().code() == Errc::not_owner) {
        flight->lost.store(true, std::memory_order_release);
      }
      flight->failed.store(true, std::memory_order_release);
    }
    // It is told once.
    JD_ASSERT(flight->commits.fetch_sub(1, std::memory_order_release) > 0);
    wake();
  };
  return commit;
}

void Partition::tidy() {
  modules_.index.advance(position_, flight_->durable.load(std::memory_order_acquire));
  modules_.channels.set_durable(flight_->durable.load(std::memory_order_acquire));
  modules_.channels.evict();
  modules_.streams.lanes().trim(modules_.channels.durable());
}

}  // namespace jindou::partition
