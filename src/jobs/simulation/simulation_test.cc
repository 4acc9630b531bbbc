// Proves the core's promises under many seeds: nothing acknowledged is lost, nothing refused left a
// trace, seqs are dense, a key has one message, repeats answer the first result. See simulation.h
// for what is checked.
#include "partition/simulation/simulation.h"

#include <gtest/gtest.h>

#include "jobs/simulation/runner_work.h"
#include "observe/log.h"

namespace jindou::jobs::simulation {
namespace {

using partition::simulation::Fault;
using partition::simulation::finds_lost_rows;
using partition::simulation::NodeKind;
using partition::simulation::run_simulation;
using partition::simulation::Summary;
using partition::simulation::Surroundings;

// With a sanitizer a third: each seed takes ten times as long, and CI runs thousands of them
// without.
#ifdef JINDOU_SANITIZED
constexpr std::uint64_t kSeeds = 100;
#else
constexpr std::uint64_t kSeeds = 300;
#endif

class Simulation : public testing::Test {
 protected:
  // Errors of the store are what is played here.
  void SetUp() override { observe::set_log_level(observe::LogLevel::error); }
};

// What comes `count` times at least in 300 seeds.
constexpr std::uint64_t often(std::uint64_t count) { return count * kSeeds / 300; }

TEST_F(Simulation, WhatWasAcknowledgedHoldsUnderManySeeds) {
  Summary total;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Summary summary = run_simulation(seed, 400, surroundings());
    ASSERT_EQ(summary.violation, "") << "replay with: simulate --seed " << seed;
    total.add(summary);
  }
  // The dice must really have thrown everything.
  EXPECT_GT(total.acknowledged, often(10'000));
  EXPECT_GT(total.duplicates, often(1'000));
  EXPECT_GT(total.last_seqs_refused, often(1'000));
  EXPECT_GT(total.events, often(300));
  EXPECT_GT(total.power_cuts, often(300));
  EXPECT_GT(total.takeovers, often(100));
  EXPECT_GT(total.clock_jumps, often(300));
  EXPECT_GT(total.syncs, often(1'000));
  EXPECT_GT(total.failures, often(100));
  EXPECT_GT(total.loads, often(300));
  EXPECT_GT(total.failed_reads, often(1'000));
  EXPECT_GT(total.resumed, often(30));
  EXPECT_GT(total.log_changes, often(500));
  EXPECT_GT(total.job_items, often(1'000));
  EXPECT_GT(total.revised_items, often(100));
  EXPECT_GT(total.jobs_ended, often(300));
  EXPECT_GT(total.replayed, often(300));
  EXPECT_GT(total.transactions - total.transactions_refused, often(2'000));
  EXPECT_GT(total.transactions_refused, often(300));
  EXPECT_GT(total.transactions_cut, often(100));
  EXPECT_GT(total.handovers, often(100));
  for (std::size_t kind = 0; kind < total.changes.size(); ++kind) {
    EXPECT_GT(total.changes[kind], often(50)) << "change " << kind << " of the variant";
  }
}

TEST_F(Simulation, TheServersOwnStoreHoldsItToo) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Surroundings own_store = surroundings();
    own_store.node = NodeKind::rocksdb;
    const Summary summary = run_simulation(seed, 200, own_store);
    ASSERT_EQ(summary.violation, "")
        << "replay with: simulate --store rocksdb --steps 200 --seed " << seed;
  }
}

// Servers share the logs of the partitions there: these are handed over, taken over by one that
// does not ask, left behind by one that ends. A commit of several is a record in each of their
// logs, between which all of that happens.
TEST_F(Simulation, PartitionsThatMoveHoldItToo) {
  Summary total;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Surroundings several = surroundings();
    several.node = NodeKind::replicated;
    const Summary summary = run_simulation(seed, 400, several);
    ASSERT_EQ(summary.violation, "") << "replay with: simulate --store replicated --seed " << seed;
    total.add(summary);
  }
  EXPECT_GT(total.transactions - total.transactions_refused, 500U);
  EXPECT_GT(total.transactions_cut, 30U);
  EXPECT_GT(total.takeovers, 300U);
  EXPECT_GT(total.handovers, 200U);
  EXPECT_GT(total.openings, 500U);
  EXPECT_GT(total.stops, 100U);
  EXPECT_GT(total.elsewhere, 500U);
  EXPECT_GT(total.duplicates, 200U);
  EXPECT_GT(total.syncs, 200U);
}

// A simulation that finds nothing may be one that looks at nothing.
TEST_F(Simulation, WhatServersDoWrongIsFoundOut) {
  for (const Fault fault :
       {Fault::writes_after_loss, Fault::progress_travels, Fault::caches_stay}) {
    Surroundings faulty = surroundings();
    faulty.node = NodeKind::replicated;
    faulty.fault = fault;
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 200 && !found; ++seed) {
      found = !run_simulation(seed, 400, faulty).violation.empty();
    }
    EXPECT_TRUE(found) << "fault " << static_cast<int>(fault);
  }
}

// All kinds are tried with `simulate --lose all`.
TEST_F(Simulation, AStoreThatLosesRowsIsFoundOut) {
  for (const store::KeyKind lost : {store::KeyKind::message, store::KeyKind::subscriber}) {
    EXPECT_TRUE(finds_lost_rows(lost, surroundings())) << "rows of kind " << static_cast<int>(lost);
  }
}

}  // namespace
}  // namespace jindou::jobs::simulation
