#include "partition/simulation/world.h"

#include "partition/addressing.h"

namespace jindou::partition::simulation {

namespace {

std::unique_ptr<SimulatedStore> make_store(std::uint64_t seed, const Surroundings& surroundings) {
  switch (surroundings.node) {
    case NodeKind::rocksdb: return make_rocks_node();
    case NodeKind::replicated: return make_replicated_nodes(seed, surroundings.fault);
    case NodeKind::memory: break;
  }
  return make_memory_node(surroundings.lost);
}

}  // namespace

World::World(std::uint64_t seed, const Surroundings& surroundings)
    : dice_(seed),
      store_(make_store(seed, surroundings)),
      make_job_work_(surroundings.make_job_work),
      told_partition_(static_cast<PartitionId>(seed % kPartitions)) {
  make_marks();
  for (int i = 0; i < 4; ++i) devices_.emplace_back("u" + std::to_string(i));
  for (std::size_t n = 0; n < disk_.nodes(); ++n) {
    clocks_.push_back(std::make_unique<VirtualClock>(now_ms_));
  }
  if (surroundings.fault != Fault::caches_stay) {
    disk_.on_applied([this](std::size_t node, const rocksdb::WriteBatch& batch) {
      if (node < servers_.size()) servers_[node]->follow(batch);
    });
  }
  start_servers();
}

World::~World() {
  for (std::size_t n = 0; n < servers_.size(); ++n) forget_transactions(n);
}

Summary World::run(int steps) {
  for (int i = 0; i < steps && summary_.violation.empty(); ++i) step();
  finish_work();
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

void World::step() {
  now_ms_ += static_cast<std::int64_t>(roll(3000));
  if (chance(2)) set_clock();
  if (chance(5)) move_something();
  if (chance(50)) open_partitions(false);
  if (chance(50)) run_repeats();
  if (chance(60)) step_jobs();
  if (chance(30)) tell_of_jobs();
  if (chance(10)) change_jobs();
  if (chance(25)) step_keyed();
  if (chance(30)) run_transaction_step();
  if (chance(15)) transact();
  switch (roll(15)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (chance(10)) arm_readers(static_cast<int>(1 + roll(8)));
      send();
      if (disarm_readers()) ++summary_.failed_reads;
      break;
    case 4:
    case 11:
    case 12:
      if (chance(10)) return fail_each_read_of_something();
      if (chance(20)) arm_readers(static_cast<int>(1 + roll(8)));
      if (chance(75)) {
        change();
      } else {
        append_event();
      }
      if (disarm_readers()) ++summary_.failed_reads;
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
      if (chance(4)) check_caches();
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
        fail_a_commit();
      }
  }
}

void World::fail_a_commit() {
  ++summary_.failures;
  disk_.fail_one(chance(50));
  // Of several nodes none has to open its store again.
  if (servers_.size() == 1) forget_what_was_read();
}

void World::pump_some() {
  for (const auto& server : servers_) {
    for (std::uint16_t i = 0; i < kPartitions; ++i) {
      if (chance(60)) server->host(static_cast<PartitionId>(i)).pump();
    }
  }
}

void World::pump_all() {
  for (const auto& server : servers_) {
    for (std::uint16_t i = 0; i < kPartitions; ++i)
      server->host(static_cast<PartitionId>(i)).pump();
  }
}

void World::arm_readers(int nth) {
  for (const auto& server : servers_) server->reader().arm(nth);
}

bool World::disarm_readers() {
  bool failed = false;
  for (const auto& server : servers_) failed = server->reader().disarm() || failed;
  return failed;
}

void World::power_cut() {
  ++summary_.power_cuts;
  if (!asked_.empty()) ++summary_.transactions_cut;
  disk_.power_cut(roll(disk_.pending_commits() + 1));
  kept_.clear();
  if (servers_.size() == 1 && chance(30)) take_over();
  if (chance(30)) set_clock();
  start_servers();
  check_store();
}

void World::take_over() {
  ++summary_.takeovers;
  check_replicas();
  disk_.take_over();
}

// Up to an hour wrong.
void World::set_clock() {
  ++summary_.clock_jumps;
  const auto ahead = [this] { return static_cast<std::int64_t>(roll(7'200'000)) - 3'600'000; };
  clocks_[roll(clocks_.size())]->ahead_ms = ahead();
  if (chance(50)) clock_.ahead_ms = ahead();
}

void World::sync_one() {
  const auto stable = stable_ns();
  if (!stable) return;
  ++summary_.syncs;
  const auto missing = devices_[roll(devices_.size())].sync(disk_, *stable, kPartitions);
  if (!missing) return fail("a device cannot synchronise");
  if (!missing->empty()) fail("a device misses something of " + *missing);
}

void World::settle() {
  for (int i = 0; i < 200; ++i) {
    now_ms_ += 100;  // what waits for a store that could not be read tries again
    let_everything_come();
  }
}

void World::let_everything_come() {
  open_partitions(true);
  run_repeats();
  tell_of_jobs();
  execute_waiting();
  finish_transactions();
  pump_all();
  while (disk_.pending_commits() > 0) disk_.commit_one();
  while (disk_.pending_loads() > 0) disk_.finish_load(true);
}

}  // namespace jindou::partition::simulation
