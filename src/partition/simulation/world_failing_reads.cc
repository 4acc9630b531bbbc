#include "partition/addressing.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

bool World::bring_to_rest(Partition& partition) {
  finish_transactions();
  for (int i = 0; i < 20; ++i) {
    // Writes nothing by itself: whatever waits for the next commit gets one.
    Outcome barrier;
    partition.execute(Change(AdvanceWebhook()),
                      [&barrier](const Result<void>& done) { barrier.answer(done); });
    for (int n = 0; n < 20 && !barrier.is_told(); ++n) {
      partition.pump();
      while (disk_.pending_commits() > 0) disk_.commit_one();
      while (disk_.pending_loads() > 0) disk_.finish_load(true);
    }
    partition.pump();
    // Refused: the partition has yet to read the store again.
    if (barrier.must_hold() && !partition.has_gathered() && disk_.pending_commits() == 0) {
      return !partition.has_list_jobs();
    }
  }
  return false;
}

void World::fail_each_read(PartitionId id, const std::function<SharedOutcome()>& begin) {
  constexpr int kReadsMax = 60;
  execute_waiting();  // what is read for others does not count
  Partition& partition = *partitions_[raw(id)];
  for (int nth = 1; nth < kReadsMax; ++nth) {
    if (!bring_to_rest(partition)) return;
    reader_.arm(nth);
    const SharedOutcome outcome = begin();
    const bool failed = reader_.disarm();
    if (!failed) return;
    ++summary_.failed_reads;
    partition.pump();
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
