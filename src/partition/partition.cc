#include "partition/partition.h"

#include <utility>

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

Partition::Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
                     std::function<void()> wake)
    : id_(id),
      deps_(deps),
      options_(options),
      wake_(std::move(wake)),
      stamps_(deps_.horizon),
      cache_(id, deps_.reader, deps_.clock, stamps_, options.channels_max),
      receivers_(cache_, deps_.lists),
      conversations_(id, deps_.reader, deps_.clock, cache_, stamps_),
      list_slices_(id, deps_.reader, options.lists, cache_, conversations_),
      list_jobs_(id, {deps_.reader, deps_.clock}, options.lists, cache_, list_slices_),
      index_(id, deps.reader, deps.loader, options.index_generation_entries,
             options.index_filter_bytes_max),
      streams_(id, {deps_.reader, deps_.clock, deps_.partitions, deps_.fingerprint_seed},
               options.events, cache_, receivers_),
      log_(id, {deps_.reader, deps_.clock, deps_.seq_floor}, cache_, conversations_, receivers_,
           streams_.lanes()),
      lists_(cache_, conversations_, log_, list_jobs_),
      conversation_changes_(
          id, {deps_.reader, cache_, conversations_, receivers_, list_slices_, stamps_}),
      tokens_(id, deps.reader, deps.inboxes),
      outbox_(id),
      account_changes_(id, deps_.accounts),
      sending_(id,
               {deps_.clock, deps_.inboxes, deps_.accounts, stamps_, ids_, receivers_, cache_,
                conversations_, list_slices_, index_, log_},
               {options.permission, options.idempotency_window_seconds, deps_.fingerprint_seed}) {}

Partition::~Partition() = default;

Result<void> Partition::open() {
  JD_ASSERT(owner_.is_this_thread());
  store::PartitionState state;
  std::string value;
  JD_TRY(const bool found,
         deps_.reader.get(store::Table::main, store::partition_state_key(id_), value));
  if (found) {
    JD_TRY(state, store::decode_partition_state(value));
  }
  JD_CHECK_OK(index_.open());
  JD_CHECK_OK(outbox_.open(deps_.reader));
  JD_CHECK_OK(conversation_changes_.open());
  JD_CHECK_OK(streams_.open());
  JD_TRY(auto unfinished, list_jobs_.load_unfinished());
  list_jobs_.abandon();
  cache_.clear();
  conversations_.clear();
  tokens_.clear();
  deps_.horizon.reset(id_);
  position_ = state.position;
  stamps_.open(state.stamped_to_ns);
  ids_.open(state.id_bound);
  txn_ = std::make_unique<Txn>(position_ + 1);
  JD_CHECK_OK(list_jobs_.resume(std::move(unfinished), *txn_));
  flight_ = std::make_shared<Flight>();
  flight_->durable = position_;
  return {};
}

bool Partition::ensure_usable() {
  if (!flight_->failed.load(std::memory_order_acquire)) return true;
  // Every commit built on the failed one is refused by the log; then the store tells what holds.
  if (flight_->commits.load(std::memory_order_acquire) > 0 || !txn_->empty()) return false;
  if (!open()) return false;
  // What was read back may not be synced yet; the next successful commit says so.
  flight_->durable = 0;
  return true;
}

void Partition::leave_thread() { JD_ASSERT(owner_.let_go()); }

bool Partition::has_gathered() const {
  JD_ASSERT(owner_.is_this_thread());
  return !txn_->empty();
}

void Partition::execute(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  JD_ASSERT(owner_.is_this_thread());
  if (!batch->begin_part(part, deps_.clock.steady())) return;
  const auto& items = batch->parts()[part].items;
  const bool usable = ensure_usable() && !index_.full();
  begin_gathering();
  Txn::Part decided{batch, part, 0, {}};
  decided.results.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    SendCommand& command = batch->commands()[items[i]];
    if (usable && txn_->bytes() + bytes_at_most(command) > options_.commit_bytes_max) {
      if (!decided.results.empty()) txn_->add_part(std::move(decided));
      decided = Txn::Part{batch, part, i, {}};
      close_commit();
    }
    decided.results.push_back(usable ? send(command)
                                     : SendResult::refuse(Reason::system_error, Errc::unavailable));
  }
  txn_->add_part(std::move(decided));
  if (is_full()) hand_over();
}

SendResult Partition::send(SendCommand& command) {
  const Mark before = mark();
  const auto evaluated = sending_.evaluate(command, *txn_);
  JD_ASSERT((evaluated && evaluated->state != SendResult::State::refused) || mark() == before);
  const SendResult result =
      evaluated ? *evaluated : SendResult::refuse(Reason::system_error, evaluated.error().code());
  if (deps_.metrics != nullptr && result.state == SendResult::State::refused) {
    deps_.metrics->send_refused.with(std::to_string(raw(result.reason))).Increment();
  }
  return result;
}

bool Partition::is_full() const {
  return txn_->messages() >= options_.commit_messages_max ||
         txn_->bytes() >= options_.commit_bytes_max;
}

void Partition::close_commit() {
  // Alone a message may be larger than a commit should be.
  if (txn_->empty()) return;
  hand_over();
  begin_gathering();
}

template <class Command>
Result<void> Partition::evaluate_command(const Command& command) {
  if constexpr (is_command_of<Command, ListCommand>) {
    return lists_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, ConversationCommand>) {
    return conversation_changes_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, LogCommand>) {
    return log_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, StreamCommand>) {
    return streams_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, TokenCommand>) {
    return tokens_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, OutboxCommand>) {
    return outbox_.evaluate(command, *txn_);
  } else if constexpr (is_command_of<Command, AccountCommand>) {
    return account_changes_.evaluate(command, *txn_);
  } else {
    static_assert(is_command_of<Command, TimeCommand>);
    return stamps_.evaluate(command, *txn_);
  }
}

void Partition::execute(Change change, std::function<void(Result<void>)> done) {
  JD_ASSERT(owner_.is_this_thread());
  const bool usable = ensure_usable();
  if (usable && waits_for_list_job(change, done)) return;
  begin_gathering();
  txn_->add_change(std::move(done));
  Result<void> outcome;
  if (!usable) {
    outcome = Error(Errc::unavailable, "the store is recovering from a failure");
  } else {
    const Mark before = mark();
    outcome = std::visit([this](const auto& what) { return evaluate_command(what); }, change);
    JD_ASSERT(outcome || mark() == before);
  }
  Txn::ChangeDone& entry = txn_->last_change();
  entry.outcome = std::move(outcome);
  std::visit(
      [&entry](const auto& what) {
        if constexpr (requires { what.channel; }) {
          if (what.channel.type == ChannelType::person) entry.inbox = what.channel.id;
        }
      },
      change);
  if (is_full()) hand_over();
}

void Partition::execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done) {
  JD_ASSERT(owner_.is_this_thread());
  const bool usable = ensure_usable();
  begin_gathering();
  const Mark before = mark();
  Result<EventOutcome> evaluated =
      usable ? streams_.append(event, *txn_)
             : Error(Errc::unavailable, "the store is recovering from a failure");
  JD_ASSERT(evaluated || mark() == before);
  txn_->add_change(
      [done = std::move(done), evaluated = std::move(evaluated)](const Result<void>& committed) {
        if (evaluated && !committed) {
          done(Error(committed.error()));
        } else {
          done(evaluated);
        }
      });
  if (is_full()) hand_over();
}

Result<Recipients> Partition::load_recipients(const ChannelKey& key) {
  JD_ASSERT(owner_.is_this_thread());
  if (!ensure_usable()) return Error(Errc::unavailable, "the store is recovering from a failure");
  ChannelKey wanted = key;
  JD_CHECK_OK(receivers_.resolve_agent_channel(wanted));
  JD_TRY(CachedChannel * channel, cache_.load(wanted));
  return receivers_.of(*channel, {});
}

bool Partition::waits_for_list_job(Change& change, std::function<void(Result<void>)>& done) {
  if (!list_jobs_.any()) return false;
  return std::visit(
      [&](auto& what) {
        if constexpr (is_command_of<std::decay_t<decltype(what)>, ListCommand>) {
          return list_jobs_.waits_for(what, done);
        } else {
          return false;
        }
      },
      change);
}

void Partition::advance_list_jobs() {
  if (!list_jobs_.any()) return;
  if (!ensure_usable()) return;
  cache_.set_durable(flight_->durable.load(std::memory_order_acquire));
  for (auto& [waiting, done] : list_jobs_.finish()) {
    execute(widen<Change>(std::move(waiting)), std::move(done));
  }
  if (flight_->commits.load(std::memory_order_acquire) >= kCommitsInFlightMax) return;
  if (!list_jobs_.can_advance()) return;
  // One step to a commit, which wakes this thread for the next one.
  begin_gathering();
  txn_->add_change([](const Result<void>&) {});
  list_jobs_.advance(*txn_);
}

bool Partition::has_list_jobs() const {
  JD_ASSERT(owner_.is_this_thread());
  return list_jobs_.any();
}

void Partition::abandon_list_jobs() {
  JD_ASSERT(owner_.is_this_thread());
  list_jobs_.abandon();
}

Partition::Mark Partition::mark() const {
  return {txn_->bytes(), conversations_.changed(), txn_->effects(), ids_.last()};
}

void Partition::begin_gathering() {
  if (txn_->empty()) deps_.horizon.begin(id_);
  cache_.set_durable(flight_->durable.load(std::memory_order_acquire));
}

store::PartitionState Partition::state() const {
  store::PartitionState state;
  state.position = position_;
  state.id_bound = ids_.bound();
  state.stamped_to_ns = stamps_.bound_ns();
  return state;
}

void Partition::pump() {
  JD_ASSERT(owner_.is_this_thread());
  tokens_.trim(flight_->durable.load(std::memory_order_acquire));
  advance_list_jobs();
  if (txn_->empty()) {
    index_.advance(position_, flight_->durable.load(std::memory_order_acquire));
    return;
  }
  const bool failed = flight_->failed.load(std::memory_order_acquire);
  const auto in_flight = flight_->commits.load(std::memory_order_acquire);
  if (!failed && !is_full() && in_flight >= kCommitsInFlightMax) return;
  hand_over();
}

void Partition::hand_over() {
  conversations_.write(*txn_);
  const std::shared_ptr<Txn> txn = std::move(txn_);
  store::Commit commit;
  commit.partition = id_;
  commit.expected_position = position_;
  commit.messages = txn->messages();
  commit.id_bound = ids_.bound();
  txn->write_record(
      [this](std::uint64_t first_counter) { return store::commit_record_key(id_, first_counter); });
  if (txn->writes()) {
    ++position_;
    txn->put(store::partition_state_key(id_), store::encode(state()));
    stamps_.announce();
  }
  txn_ = std::make_unique<Txn>(position_ + 1);
  commit.batch = txn->take_batch();
  flight_->commits.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t position = position_;
  commit.done = [txn, flight = flight_, position, wake = wake_, id = id_, &inboxes = deps_.inboxes,
                 &sink = deps_.effects, &horizon = deps_.horizon](const Result<void>& committed) {
    horizon.finish(id);
    txn->release(committed, inboxes, sink);
    if (committed) {
      flight->durable.store(position, std::memory_order_release);
    } else {
      flight->failed.store(true, std::memory_order_release);
    }
    flight->commits.fetch_sub(1, std::memory_order_release);
    wake();
  };
  deps_.log.append(std::move(commit));
  index_.advance(position_, flight_->durable.load(std::memory_order_acquire));
  cache_.set_durable(flight_->durable.load(std::memory_order_acquire));
  cache_.evict();
  streams_.lanes().trim(cache_.durable());
}

}  // namespace jindou::partition
