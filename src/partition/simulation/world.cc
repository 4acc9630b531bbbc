#include "partition/simulation/world.h"

#include "partition/addressing.h"

namespace jindou::partition::simulation {

namespace {

std::unique_ptr<SimulatedStore> make_node(NodeKind kind, store::MemoryReader& follower) {
  switch (kind) {
    case NodeKind::rocksdb: return make_rocks_node(follower);
    case NodeKind::replicated: return make_replicated_node(follower);
    case NodeKind::memory: break;
  }
  return make_memory_node(follower);
}

}  // namespace

World::World(std::uint64_t seed, const Surroundings& surroundings)
    : dice_(seed), store_(make_node(surroundings.node, follower_)), inboxes_(make_inboxes()) {
  make_marks();
  for (int i = 0; i < 4; ++i) devices_.emplace_back("u" + std::to_string(i));
  if (surroundings.lost) disk_.lose_writes_of(*surroundings.lost);
  restart();
}

World::~World() { let_go_of_transactions(); }

Summary World::run(int steps) {
  for (int i = 0; i < steps && summary_.violation.empty(); ++i) step();
  settle();
  check_store();
  check_nothing_left();
  for (std::size_t i = 0; i < devices_.size(); ++i) sync_one();
  return summary_;
}

void World::post_committed(std::shared_ptr<const CommittedBatch> batch) {
  for (const CommitEffect& effect : batch->effects) {
    std::visit(Overloaded{[this](const CommittedMessage& told) { note_told(*told.message); },
                          [](const CommittedEvent&) {}},  // lanes are compared with the store
               effect.what);
  }
}

void World::note_told(const Message& message) {
  if (raw(message.seq) == 0) return;
  SendCommand shape;
  shape.channel = message.channel;
  shape.flags = message.flags;
  shape.subscribers = message.subscribers;
  auto& last = delivered_[log_of(shape)];
  if (raw(message.seq) <= last) return fail("effects out of seq order");
  last = raw(message.seq);
  if (message.payload.empty()) return fail("effect without payload");
}

void World::restart() {
  forget_transactions();
  partitions_.clear();
  waiting_.clear();
  inboxes_ = make_inboxes();
  forget_what_was_read();
  horizon_ = std::make_unique<store::CommitHorizon>(clock_, kPartitions);
  PartitionOptions options;
  options.channels_max = 3;
  options.index_generation_entries = 7;
  options.commit_messages_max = 20;
  options.log_changes_max = 6;
  options.commit_bytes_max = 3000;  // parts of several items span commits
  options.lists.slice = 2;
  options.lists.part_bytes = 4;
  options.idempotency_window_seconds = std::int64_t{1} << 40;
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const PartitionDeps deps{
        .reader = reader_,
        .log = disk_,
        .loader = disk_,
        .inboxes = *inboxes_,
        .accounts = accounts_,
        .horizon = *horizon_,
        .effects = *this,
        .clock = clock_,
        .fingerprint_seed = kFingerprintSeed,
        .metrics = nullptr,
    };
    partitions_.push_back(
        std::make_unique<Partition>(static_cast<PartitionId>(i), deps, options, [] {}));
    const auto opening = store::open_and_wait(disk_, static_cast<PartitionId>(i));
    if (!opening || !partitions_.back()->open(*opening)) fail("a partition does not open");
  }
  horizon_->set_reserve([this](std::int64_t until_ns) { return reserve_time(until_ns); });
}

// As the server does whenever the store was opened.
void World::forget_what_was_read() {
  inboxes_->clear();
  if (!accounts_.load(readers().of_system_accounts())) fail("system accounts cannot be read");
}

void World::step() {
  now_ms_ += static_cast<std::int64_t>(roll(3000));
  if (chance(2)) set_clock();
  if (chance(30)) run_transaction_step();
  if (chance(15)) transact();
  switch (roll(15)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (chance(10)) reader_.arm(static_cast<int>(1 + roll(8)));
      send();
      if (reader_.disarm()) ++summary_.failed_reads;
      break;
    case 4:
    case 11:
    case 12:
      if (chance(10)) return fail_each_read_of_something();
      if (chance(20)) reader_.arm(static_cast<int>(1 + roll(8)));
      if (chance(75)) {
        change();
      } else {
        append_event();
      }
      if (reader_.disarm()) ++summary_.failed_reads;
      break;
    case 5:
    case 6:
    case 7:
      execute_waiting();
      pump_some();
      if (chance(20)) {
        check_lists(ChannelKey("g" + std::to_string(roll(7)), ChannelType::group));
      }
      if (chance(4)) check_facts(false);
      if (chance(4)) check_views();
      if (chance(10)) sync_one();
      break;
    case 8:
    case 9:
      for (auto n = roll(4); n > 0; --n) disk_.commit_one();
      break;
    case 10:
      if (disk_.pending_loads() > 0) ++summary_.loads;
      disk_.finish_load(!chance(10));
      break;
    default:
      if (chance(12)) {
        power_cut();
      } else if (chance(10)) {
        ++summary_.failures;
        disk_.fail_one(chance(50));
        forget_what_was_read();
      }
  }
}

void World::pump_some() {
  for (auto& partition : partitions_) {
    if (chance(60)) partition->pump();
  }
}

void World::power_cut() {
  ++summary_.power_cuts;
  if (!asked_.empty()) ++summary_.transactions_cut;
  disk_.power_cut(roll(disk_.pending_commits() + 1));
  if (chance(30)) take_over();
  if (chance(30)) set_clock();
  restart();
  check_store();
}

void World::take_over() {
  ++summary_.takeovers;
  check_follower();
  disk_.take_over(follower_);
}

// Up to an hour wrong.
void World::set_clock() {
  ++summary_.clock_jumps;
  clock_.ahead_ms = static_cast<std::int64_t>(roll(7'200'000)) - 3'600'000;
}

bool World::reserve_time(std::int64_t until_ns) {
  auto outcome = ask(ReserveTime{PartitionId{0}, until_ns});
  for (int i = 0; i < 10 && !outcome->is_told(); ++i) {
    partitions_[0]->pump();
    while (disk_.pending_commits() > 0) disk_.commit_one();
  }
  return outcome->must_hold();
}

void World::sync_one() {
  ++summary_.syncs;
  const auto missing = devices_[roll(devices_.size())].sync(disk_, *horizon_, kPartitions);
  if (!missing) return fail("a device cannot synchronise");
  if (!missing->empty()) fail("a device misses something of " + *missing);
}

void World::settle() {
  execute_waiting();
  for (int i = 0; i < 200; ++i) {
    finish_transactions();
    now_ms_ += 100;  // what waits for a store that could not be read tries again
    for (auto& partition : partitions_) partition->pump();
    while (disk_.pending_commits() > 0) disk_.commit_one();
    while (disk_.pending_loads() > 0) disk_.finish_load(true);
  }
}

}  // namespace jindou::partition::simulation
