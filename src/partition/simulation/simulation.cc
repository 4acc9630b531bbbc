#include "partition/simulation/simulation.h"

#include "base/assert.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {
namespace {

using store::KeyKind;

constexpr KeyKind kWrittenKinds[] = {KeyKind::channel,
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

}  // namespace

void Summary::add(const Summary& other) {
  sends += other.sends;
  events += other.events;
  acknowledged += other.acknowledged;
  duplicates += other.duplicates;
  unknown += other.unknown;
  last_seqs_refused += other.last_seqs_refused;
  power_cuts += other.power_cuts;
  failures += other.failures;
  takeovers += other.takeovers;
  handovers += other.handovers;
  openings += other.openings;
  stops += other.stops;
  elsewhere += other.elsewhere;
  clock_jumps += other.clock_jumps;
  syncs += other.syncs;
  loads += other.loads;
  failed_reads += other.failed_reads;
  transactions += other.transactions;
  transactions_refused += other.transactions_refused;
  transactions_cut += other.transactions_cut;
  resumed += other.resumed;
  log_changes += other.log_changes;
  job_items += other.job_items;
  revised_items += other.revised_items;
  jobs_ended += other.jobs_ended;
  replayed += other.replayed;
  for (std::size_t kind = 0; kind < changes.size(); ++kind) changes[kind] += other.changes[kind];
}

Summary run_simulation(std::uint64_t seed, int steps, const Surroundings& surroundings) {
  // What a store loses or a node does wrong is for the models to find.
  const SlowAssertions slow(!surroundings.lost && !surroundings.fault);
  World world(seed, surroundings);
  return world.run(steps);
}

std::span<const KeyKind> written_kinds() { return kWrittenKinds; }

bool finds_lost_rows(KeyKind lost, Surroundings surroundings) {
  surroundings.lost = lost;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    if (!run_simulation(seed, 400, surroundings).violation.empty()) return true;
  }
  return false;
}

}  // namespace jindou::partition::simulation
