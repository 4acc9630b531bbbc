#include <utility>
#include <vector>

#include "partition/simulation/simulated_store.h"

namespace jindou::partition::simulation {

namespace {

class MemoryNode final : public SimulatedStore {
 public:
  explicit MemoryNode(store::MemoryReader& follower) { store_.follow_with(&follower); }

  std::unique_ptr<store::Cursor> open_cursor(store::Table table) const override {
    return store_.open_cursor(table);
  }
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override {
    return store_.get(table, key, value);
  }
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    return store_.scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    return store_.scan_backward(table, lower, upper, visit);
  }
  void open(PartitionId partition, Opened done) override {
    store_.open(partition, std::move(done));
  }
  void close(PartitionId partition, std::uint64_t opening) override {
    store_.close(partition, opening);
  }
  void append(store::Commit commit) override { store_.append(std::move(commit)); }
  void append_all(std::vector<store::Commit> commits) override {
    store_.append_all(std::move(commits));
  }
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override {
    store_.load(table, std::move(make), std::move(done));
  }
  Result<void> erase(store::Table table, const std::vector<std::string>& keys) override {
    return static_cast<store::BulkLoader&>(store_).erase(table, keys);
  }
  std::size_t pending_commits() const override { return store_.pending_commits(); }
  std::size_t pending_rows() const override { return store_.pending_rows(); }
  std::size_t pending_loads() const override { return store_.pending_loads(); }
  void commit_one() override { store_.commit_one(); }
  void fail_one(bool applied) override { store_.fail_one(applied); }
  void finish_load(bool well) override { store_.finish_load(well); }
  void power_cut(std::size_t survivors) override { store_.power_cut(survivors); }
  void take_over(const store::MemoryReader& follower) override { store_.take_over(follower); }
  void lose_writes_of(store::KeyKind kind) override { store_.lose_writes_of(kind); }

 private:
  MemoryStore store_;
};

}  // namespace

std::unique_ptr<SimulatedStore> make_memory_node(store::MemoryReader& follower) {
  return std::make_unique<MemoryNode>(follower);
}

}  // namespace jindou::partition::simulation
