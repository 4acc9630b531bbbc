#include "partition/addressing.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

bool World::bring_to_rest(PartitionId partition) {
  finish_transactions();
  // The first that holds may be built on a commit whose outcome was in doubt. Then the partition
  // has read its store again behind it, and the rest of a change of lists that was never decided
  // goes with the next commit.
  int held = 0;
  for (int i = 0; i < 20; ++i) {
    open_partitions(true);
    known_[raw(partition)] = wanted_[raw(partition)];
    PartitionHost& host = known_owner(partition).host(partition);
    // Writes nothing by itself: whatever waits for the next commit gets one.
    AdvanceWebhook nothing;
    nothing.partition = partition;
    const auto barrier = std::make_shared<Outcome>();
    host.execute(Change(nothing), [barrier](const Result<void>& done) { barrier->answer(done); });
    for (int n = 0; n < 20 && !barrier->is_told(); ++n) {
      host.pump();
      while (disk_.pending_commits() > 0) disk_.commit_one();
      while (disk_.pending_loads() > 0) disk_.finish_load(true);
    }
    host.pump();
    // Refused: the partition is somewhere else, or has yet to read the store again.
    if (!barrier->must_hold() || host.has_gathered() || disk_.pending_commits() > 0) {
      held = 0;
    } else if (++held == 2) {
      return !host.has_list_jobs();
    }
  }
  return false;
}

bool World::bring_all_to_rest() {
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    if (!bring_to_rest(static_cast<PartitionId>(i))) return false;
  }
  for (int n = 0; n < 3; ++n) {
    for (std::size_t server = 0; server < servers_.size(); ++server) let_hear_of_loss(server);
    pump_all();
    while (disk_.pending_commits() > 0) disk_.commit_one();
  }
  for (std::size_t n = 0; n < servers_.size(); ++n) {
    if (is_out_of_date(n)) return false;
    for (std::uint16_t i = 0; i < kPartitions; ++i) {
      const PartitionHost& host = servers_[n]->host(static_cast<PartitionId>(i));
      if (host.has_gathered() || host.has_list_jobs()) return false;
    }
  }
  return true;
}

void World::fail_each_read(PartitionId id, const std::function<SharedOutcome()>& begin) {
  constexpr int kReadsMax = 60;
  execute_waiting();  // what is read for others does not count
  for (int nth = 1; nth < kReadsMax; ++nth) {
    if (!bring_to_rest(id)) return;
    PartitionHost& host = known_owner(id).host(id);
    arm_readers(nth);
    const SharedOutcome outcome = begin();
    const bool failed = disarm_readers();
    if (!failed) return;
    ++summary_.failed_reads;
    host.pump();
    const std::size_t rows = disk_.pending_rows();
    while (disk_.pending_commits() > 0) disk_.commit_one();
    if (!outcome->is_told()) continue;  // it goes in slices, and goes on
    if (outcome->must_hold()) return;   // it could do without
    if (rows > 0) return fail("what was refused left rows");
  }
}

void World::fail_each_read_of_something() {
  if (chance(70)) {
    failing_reads_ = true;
    if (chance(80)) {
      change();
    } else {
      append_event();
    }
    failing_reads_ = false;
    return;
  }
  const SendCommand command = random_command();
  fail_each_read(partition_of(command, PartitionMap(kPartitions)), [&] {
    auto outcome = std::make_shared<Outcome>();
    send({command}, outcome);
    return outcome;
  });
}

}  // namespace jindou::partition::simulation
