// Partitions come and go while commands are under way: they are handed over, taken over by a server
// that does not ask, and left behind by one that ends.
#include <algorithm>
#include <limits>
#include <utility>

#include "partition/addressing.h"
#include "partition/inbox_stage.h"
#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

void World::start_servers() {
  for (std::size_t n = 0; n < servers_.size(); ++n) forget_transactions(n);
  forget_tries(std::nullopt);
  turns_.clear();
  servers_.clear();
  sites_.clear();
  waiting_.clear();
  handing_over_.fill(std::nullopt);
  for (std::size_t n = 0; n < disk_.nodes(); ++n) {
    turns_.push_back(make_turns(n));
    servers_.push_back(start_server(n));
    sites_.push_back(make_site(n));
  }
  // Often together: a transaction needs all of its partitions at one server.
  const std::size_t home = roll(servers_.size());
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const std::size_t owner = chance(60) ? home : roll(servers_.size());
    if (owner != wanted_[i]) ++summary_.takeovers;
    known_[i] = wanted_[i] = owner;
  }
  open_partitions(true);
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    if (wanted_owner(partition).host(partition).state() != Ownership::owned) {
      fail("a partition does not open");
    }
  }
}

std::unique_ptr<Server> World::start_server(std::size_t number) {
  auto server = std::make_unique<Server>(disk_.node(number), *clocks_[number], *this);
  if (!server->forget_what_was_read()) fail("system accounts cannot be read");
  server->horizon().set_reserve(
      [this, number](std::int64_t until_ns) { return reserve_time(number, until_ns); });
  return server;
}

std::unique_ptr<JobSite> World::make_site(std::size_t number) {
  auto site = std::make_unique<JobSite>(*servers_[number], disk_, told_partition_, dice_());
  site->begin(
      make_job_work_,
      [this](std::vector<SendCommand>&& commands, SendDone done) {
        return send_for_job(std::move(commands), std::move(done));
      },
      [this, number](Change what, std::function<void(Result<void>)> done) {
        return change_for_job(number, std::move(what), std::move(done));
      },
      [this, number](std::vector<Command> commands, Transaction::Done done) {
        return revise_for_job(number, std::move(commands), std::move(done));
      });
  return site;
}

void World::forget_what_was_read() {
  for (const auto& server : servers_) {
    if (!server->forget_what_was_read()) fail("system accounts cannot be read");
  }
}

void World::want(PartitionId partition, std::size_t server) {
  wanted_[raw(partition)] = server;
  // Not everybody hears of it at once.
  if (chance(50)) known_[raw(partition)] = server;
}

void World::move_something() {
  const auto partition = static_cast<PartitionId>(roll(kPartitions));
  const std::size_t to = chance(50) ? wanted_[roll(kPartitions)] : roll(servers_.size());
  switch (roll(5)) {
    case 0:
    case 1: return hand_over(partition, to);
    case 2:
    case 3:
      // Without a word to the one that has it.
      if (to == wanted_[raw(partition)]) return;
      ++summary_.takeovers;
      return want(partition, to);
    default:
      if (servers_.size() > 1 && chance(40)) stop_a_server(to);
  }
}

void World::hand_over(PartitionId partition, std::size_t to) {
  const std::size_t from = wanted_[raw(partition)];
  PartitionHost& host = servers_[from]->host(partition);
  if (handing_over_[raw(partition)] || host.state() != Ownership::owned) return;
  ++summary_.handovers;
  handing_over_[raw(partition)] = from;
  host.close([this, partition, to](const Result<void>& done) {
    if (!done) fail("a partition does not close");
    handing_over_[raw(partition)].reset();
    want(partition, to);
  });
}

void World::stop_a_server(std::size_t number) {
  ++summary_.stops;
  forget_transactions(number);
  forget_tries(number);
  disk_.stop_node(number, roll(disk_.pending_commits() + 1));
  turns_[number] = make_turns(number);
  servers_[number] = start_server(number);
  sites_[number] = make_site(number);
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    if (handing_over_[i] == number) handing_over_[i].reset();
    if (wanted_[i] == number) want(static_cast<PartitionId>(i), roll(servers_.size()));
  }
}

void World::let_hear_of_loss(std::size_t number) {
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    PartitionHost& host = servers_[number]->host(partition);
    if (host.state() != Ownership::owned || disk_.owner_of(partition) == number) continue;
    AdvanceWebhook nothing;
    nothing.partition = partition;
    host.execute(Change(nothing), [](const Result<void>&) {});
  }
}

void World::open_partitions(bool at_once) {
  // Had one before, and has not written since.
  for (std::size_t n = 0; n < servers_.size(); ++n) {
    if (at_once || chance(10)) let_hear_of_loss(n);
  }
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    if (handing_over_[i] || (!at_once && !chance(70))) continue;
    Server& server = wanted_owner(partition);
    PartitionHost& host = server.host(partition);
    if (host.state() != Ownership::following) continue;
    ++summary_.openings;
    if (!at_once && chance(10)) server.reader().arm(static_cast<int>(1 + roll(8)));
    // One that cannot be opened is tried again.
    host.open([](const Result<void>&) {});
    host.pump();
    if (server.reader().disarm()) ++summary_.failed_reads;
  }
}

void World::repeat(PartitionId partition, std::function<void()> again) {
  ++summary_.elsewhere;
  known_[raw(partition)] = wanted_[raw(partition)];
  repeats_.push_back(std::move(again));
}

void World::run_repeats() {
  for (const auto& again : std::exchange(repeats_, {})) again();
}

// As partition/time_reservation.h does.
bool World::reserve_time(std::size_t number, std::int64_t until_ns) {
  Server& server = *servers_[number];
  std::vector<SharedOutcome> outcomes;
  for (const PartitionId partition : server.owned().list()) {
    outcomes.push_back(ask(server, ReserveTime{partition, until_ns}));
  }
  const auto told = [](const SharedOutcome& outcome) { return outcome->is_told(); };
  for (int i = 0; i < 10 && !std::all_of(outcomes.begin(), outcomes.end(), told); ++i) {
    pump_all();
    while (disk_.pending_commits() > 0) disk_.commit_one();
  }
  bool reserved = false;
  for (const SharedOutcome& outcome : outcomes) {
    if (!outcome->must_hold() && !outcome->is_elsewhere()) return false;
    reserved = reserved || outcome->must_hold();
  }
  return reserved;
}

std::optional<std::int64_t> World::stable_ns() {
  std::int64_t stable = std::numeric_limits<std::int64_t>::max();
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    // Where nobody owns it, nobody can say.
    const auto owner = disk_.owner_of(partition);
    if (!owner || servers_[*owner]->host(partition).state() != Ownership::owned) {
      return std::nullopt;
    }
    stable = std::min(stable, servers_[*owner]->horizon().stable_ns());
  }
  return stable;
}

bool World::is_out_of_date(std::size_t server) {
  for (std::uint16_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<PartitionId>(i);
    if (servers_[server]->host(partition).state() == Ownership::following) continue;
    if (disk_.owner_of(partition) != server) return true;
  }
  return false;
}

void World::look_at_inboxes(std::span<SendCommand> commands) {
  std::size_t edge = roll(servers_.size());
  // One that has lost a partition and does not know is none that answers for long.
  for (std::size_t n = 0; n < servers_.size() && is_out_of_date(edge); ++n) {
    edge = (edge + 1) % servers_.size();
  }
  const PartitionMap map(kPartitions);
  for (const SendCommand& command : commands) {
    disk_.catch_up(edge, map.of_user(command.from_uid));
    const auto receiver = receiver_of(command);
    if (!receiver.empty()) disk_.catch_up(edge, map.of_user(receiver));
  }
  load_inboxes(commands, servers_[edge]->inboxes());
}

void World::check_caches() {
  for (const auto& server : servers_) {
    const auto same = server->remembers_its_rows({"u0", "u1", "u2", "u3"});
    if (!same) return fail("what a server remembers cannot be read");
    if (!*same) return fail("a server remembers something else than its rows say");
  }
}

}  // namespace jindou::partition::simulation
