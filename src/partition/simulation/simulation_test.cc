// Proves the core's promises under many seeds: nothing acknowledged is lost, nothing refused left a
// trace, seqs are dense, a key has one message, repeats answer the first result. See simulation.h
// for what is checked.
#include "partition/simulation/simulation.h"

#include <gtest/gtest.h>

namespace jindou::partition::simulation {
namespace {

using store::KeyKind;

constexpr KeyKind kKinds[] = {KeyKind::channel,
                              KeyKind::subscriber,
                              KeyKind::denylist,
                              KeyKind::allowlist,
                              KeyKind::conversation,
                              KeyKind::tombstone,
                              KeyKind::message,
                              KeyKind::expiry,
                              KeyKind::gap,
                              KeyKind::event_lane,
                              KeyKind::event_text,
                              KeyKind::running_stream,
                              KeyKind::log_change,
                              KeyKind::commit_record,
                              KeyKind::device_token,
                              KeyKind::system_account,
                              KeyKind::command_sync,
                              KeyKind::online_session,
                              KeyKind::presence_event,
                              KeyKind::webhook_cursor,
                              KeyKind::request,
                              KeyKind::request_expiry,
                              KeyKind::bulk_count,
                              KeyKind::template_head,
                              KeyKind::template_version,
                              KeyKind::template_floor,
                              KeyKind::job,
                              KeyKind::job_input,
                              KeyKind::job_results,
                              KeyKind::webhook_letter,
                              KeyKind::webhook_redrive,
                              KeyKind::webhook_letters_dropped};

TEST(Simulation, WhatWasAcknowledgedHoldsUnderManySeeds) {
  Summary total;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Summary summary = run_simulation(seed, 400);
    ASSERT_EQ(summary.violation, "") << "replay with: simulate --seed " << seed;
    total.add(summary);
  }
  // The dice must really have thrown everything.
  EXPECT_GT(total.acknowledged, 10'000U);
  EXPECT_GT(total.duplicates, 1'000U);
  EXPECT_GT(total.last_seqs_refused, 1'000U);
  EXPECT_GT(total.events, 300U);
  EXPECT_GT(total.power_cuts, 300U);
  EXPECT_GT(total.takeovers, 100U);
  EXPECT_GT(total.clock_jumps, 300U);
  EXPECT_GT(total.syncs, 1'000U);
  EXPECT_GT(total.failures, 100U);
  EXPECT_GT(total.loads, 300U);
  EXPECT_GT(total.failed_reads, 1'000U);
  EXPECT_GT(total.resumed, 50U);
  EXPECT_GT(total.log_changes, 500U);
  EXPECT_GT(total.job_items, 200U);
  EXPECT_GT(total.transactions - total.transactions_refused, 2'000U);
  EXPECT_GT(total.transactions_refused, 300U);
  EXPECT_GT(total.transactions_cut, 100U);
  EXPECT_GT(total.handovers, 100U);
  for (std::size_t kind = 0; kind < total.changes.size(); ++kind) {
    EXPECT_GT(total.changes[kind], 50U) << "change " << kind << " of the variant";
  }
}

TEST(Simulation, TheServersOwnStoreHoldsItToo) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Surroundings surroundings;
    surroundings.node = NodeKind::rocksdb;
    const Summary summary = run_simulation(seed, 200, surroundings);
    ASSERT_EQ(summary.violation, "")
        << "replay with: simulate --store rocksdb --steps 200 --seed " << seed;
  }
}

// Servers share the logs of the partitions there: these are handed over, taken over by one that
// does not ask, left behind by one that ends. A commit of several is a record in each of their
// logs, between which all of that happens.
TEST(Simulation, PartitionsThatMoveHoldItToo) {
  Summary total;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Surroundings surroundings;
    surroundings.node = NodeKind::replicated;
    const Summary summary = run_simulation(seed, 400, surroundings);
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
TEST(Simulation, WhatServersDoWrongIsFoundOut) {
  for (const Fault fault :
       {Fault::writes_after_loss, Fault::progress_travels, Fault::caches_stay}) {
    Surroundings surroundings;
    surroundings.node = NodeKind::replicated;
    surroundings.fault = fault;
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 200 && !found; ++seed) {
      found = !run_simulation(seed, 400, surroundings).violation.empty();
    }
    EXPECT_TRUE(found) << "fault " << static_cast<int>(fault);
  }
}

TEST(Simulation, AStoreThatLosesRowsOfAnyKindIsFoundOut) {
  for (const KeyKind lost : kKinds) {
    Surroundings surroundings;
    surroundings.lost = lost;
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 200 && !found; ++seed) {
      found = !run_simulation(seed, 400, surroundings).violation.empty();
    }
    EXPECT_TRUE(found) << "rows of kind " << static_cast<int>(lost);
  }
}

}  // namespace
}  // namespace jindou::partition::simulation
