// A store for simulations: an ordered map in memory with a commit log whose syncs, losses and
// failures a simulation decides. Single-threaded.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/bulk_loader.h"
#include "store/commit_log.h"
#include "store/reader.h"

namespace jindou::channel::simulation {

class MemoryStore final : public store::Reader, public store::CommitLog, public store::BulkLoader {
 public:
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override;
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override;
  void append(store::Commit commit) override;
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override;

  std::size_t pending_commits() const { return commits_.size(); }
  std::size_t pending_loads() const { return loads_.size(); }

  // Makes the oldest commit durable and says so.
  void commit_one();
  // The oldest commit fails with an unknown outcome; `applied` decides whether it was written all
  // the same. Those behind it are refused, then the log works again.
  void fail_one(bool applied);
  // Finishes the oldest load, well or badly.
  void finish_load(bool well);
  // The power goes: the first `survivors` pending commits had reached the disk, nobody hears of it;
  // everything else pending is gone.
  void power_cut(std::size_t survivors);

 private:
  struct Load {
    store::Table table;
    Entries entries;
    std::function<void(Result<void>)> done;
  };
  using Map = std::map<std::string, std::string, std::less<>>;

  bool expectation_holds(const store::Commit& commit) const;
  void apply(store::Commit& commit);
  const Map& map(store::Table table) const { return maps_[static_cast<std::size_t>(table)]; }

  Map maps_[2];
  std::map<PartitionId, std::uint64_t> positions_;
  std::deque<store::Commit> commits_;
  std::deque<Load> loads_;
};

}  // namespace jindou::channel::simulation
