// What a simulation is told, and what it has seen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "partition/change.h"
#include "partition/simulation/job_work.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

enum class NodeKind : std::uint8_t {
  memory,      // a store and a log in memory
  rocksdb,     // the server's own store and log
  replicated,  // several in memory; each partition has a log of its own, which they share
};

// What replicated nodes do wrong, to see that it is found.
enum class Fault : std::uint8_t {
  writes_after_loss,  // the log takes commits of a node that has lost the partition
  progress_travels,   // nodes take over how far the table of client_msg_no of another one has got
  caches_stay,        // what is remembered does not follow the commits of others
};

struct Surroundings {
  NodeKind node = NodeKind::memory;
  std::optional<Fault> fault;
  // A fault of the store in memory, to see that it is found: every third write of such rows is
  // lost.
  std::optional<store::KeyKind> lost;
  // Who works through jobs.
  MakeJobWork make_job_work;
};

struct Summary {
  // Empty when every check held; else what broke.
  std::string violation;
  std::uint64_t sends = 0;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t unknown = 0;
  std::uint64_t last_seqs_refused = 0;  // if_last_seq was another one
  std::uint64_t power_cuts = 0;
  std::uint64_t failures = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t handovers = 0;  // a partition is closed, then opened elsewhere
  std::uint64_t openings = 0;   // while commands are under way
  std::uint64_t stops = 0;      // of one server, while the others go on
  std::uint64_t elsewhere = 0;  // commands that were repeated at the new owner
  std::uint64_t clock_jumps = 0;
  std::uint64_t syncs = 0;
  std::uint64_t loads = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t resumed = 0;        // changes of lists that a power cut interrupted
  std::uint64_t log_changes = 0;    // numbered changes that were read
  std::uint64_t job_items = 0;      // sent, and looked for after it was told
  std::uint64_t revised_items = 0;  // recalled or edited by jobs, and looked for
  std::uint64_t jobs_ended = 0;     // when everything was over
  std::uint64_t replayed = 0;       // requests with a key, answered from what is stored
  std::uint64_t transactions = 0;
  std::uint64_t transactions_refused = 0;  // or not known to be made
  std::uint64_t transactions_cut = 0;      // power cuts with some under way
  std::array<std::uint64_t, std::variant_size_v<Change>> changes{};  // by kind

  void add(const Summary& other);
};

}  // namespace jindou::partition::simulation
