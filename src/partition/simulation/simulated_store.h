// The stores of the simulated nodes: commits and loads wait until the simulation decides what
// becomes of them. Single-threaded for whoever uses it. Read as such they are what has been made
// durable, as whoever asks the owners of the partitions first finds it at any node.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "partition/simulation/memory_store.h"
#include "partition/simulation/summary.h"
#include "store/bulk_loader.h"
#include "store/commit_log.h"
#include "store/memory_reader.h"
#include "store/reader.h"

namespace jindou::partition::simulation {

// What one node works with.
struct NodeParts {
  const store::Reader& reader;
  store::CommitLog& log;
  store::BulkLoader& loader;
};

// As MemoryStore says of each operation; with several nodes it is that of one of them.
class SimulatedStore : public store::Reader {
 public:
  // Servers that partitions move between.
  virtual std::size_t nodes() const { return 1; }
  virtual NodeParts node(std::size_t number) = 0;
  // Whose commits the log takes; none: nobody's.
  virtual std::optional<std::size_t> owner_of(PartitionId /*partition*/) const { return 0; }
  // Called when a node that may not be the owner has applied a commit to its rows.
  using Applied = std::function<void(std::size_t node, const rocksdb::WriteBatch& batch)>;
  virtual void on_applied(Applied /*applied*/) {}
  // Has a node apply all of the partition that is decided.
  virtual void catch_up(std::size_t /*node*/, PartitionId /*partition*/) {}
  // The same of all nodes and partitions.
  virtual void catch_up() {}
  // What else has the rows, or will have them.
  virtual std::vector<const store::Reader*> replicas() const = 0;

  virtual std::size_t pending_commits() const = 0;
  virtual std::size_t pending_rows() const = 0;
  virtual std::size_t pending_loads() const = 0;
  virtual void commit_one() = 0;
  virtual void fail_one(bool applied) = 0;
  virtual void finish_load(bool well) = 0;
  virtual void power_cut(std::size_t survivors) = 0;
  // Of one node alone, the others go on.
  virtual void stop_node(std::size_t /*number*/, std::size_t /*survivors*/) {}
  // Of a single node: it is gone, and what followed it is in its place.
  virtual void take_over() = 0;
};

// In memory; loses every third write of such rows.
std::unique_ptr<SimulatedStore> make_memory_node(std::optional<store::KeyKind> lost);
// A RocksDB in a directory of its own with the commit log of the server: writes and syncs of its
// log fail, and a power cut takes what was not synced.
std::unique_ptr<SimulatedStore> make_rocks_node();
// Several in memory, which share the logs of the partitions, one for each. Each applies to its own
// rows what the logs have, when it likes. pending_commits() and the like count records of the logs.
std::unique_ptr<SimulatedStore> make_replicated_nodes(std::uint64_t seed,
                                                      std::optional<Fault> fault);

}  // namespace jindou::partition::simulation
