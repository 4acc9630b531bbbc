// What a simulation is told, and what it has seen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "partition/change.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

enum class NodeKind : std::uint8_t {
  memory,      // a store and a log in memory
  rocksdb,     // the server's own store and log
  replicated,  // in memory; each partition has a log of its own
};

struct Surroundings {
  NodeKind node = NodeKind::memory;
  // A fault of the store in memory, to see that it is found: every third write of such rows is
  // lost.
  std::optional<store::KeyKind> lost;
};

struct Summary {
  // Empty when every check held; else what broke.
  std::string violation;
  std::uint64_t sends = 0;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t unknown = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t failures = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t syncs = 0;
  std::uint64_t loads = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t resumed = 0;      // changes of lists that a power cut interrupted
  std::uint64_t log_changes = 0;  // numbered changes that were read
  std::uint64_t transactions = 0;
  std::uint64_t transactions_refused = 0;  // or not known to be made
  std::uint64_t transactions_cut = 0;      // power cuts with some under way
  std::array<std::uint64_t, std::variant_size_v<Change>> changes{};  // by kind

  void add(const Summary& other);
};

}  // namespace jindou::partition::simulation
