// The store of a simulated node: commits and loads wait until the simulation decides what becomes
// of them. Single-threaded for whoever uses it.
#pragma once

#include <cstddef>
#include <memory>

#include "partition/simulation/memory_store.h"
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

// As MemoryStore says of each operation.
class SimulatedStore : public store::Reader, public store::CommitLog, public store::BulkLoader {
 public:
  virtual std::size_t pending_commits() const = 0;
  virtual std::size_t pending_rows() const = 0;
  virtual std::size_t pending_loads() const = 0;
  virtual void commit_one() = 0;
  virtual void fail_one(bool applied) = 0;
  virtual void finish_load(bool well) = 0;
  virtual void power_cut(std::size_t survivors) = 0;
  virtual void take_over(const store::MemoryReader& follower) = 0;
  virtual void lose_writes_of(store::KeyKind kind) = 0;
};

// Both apply what is committed to `follower`, too.
std::unique_ptr<SimulatedStore> make_memory_node(store::MemoryReader& follower);
// A RocksDB in a directory of its own with the commit log of the server: writes and syncs of its
// log fail, and a power cut takes what was not synced.
std::unique_ptr<SimulatedStore> make_rocks_node(store::MemoryReader& follower);
// One in memory whose partitions have logs of their own, with which the follower catches up when it
// likes. pending_commits() and the like count records of these logs.
std::unique_ptr<SimulatedStore> make_replicated_node(store::MemoryReader& follower);

}  // namespace jindou::partition::simulation
