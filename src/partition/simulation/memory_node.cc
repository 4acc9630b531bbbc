#include <vector>

#include "partition/simulation/simulated_store.h"

namespace jindou::partition::simulation {

namespace {

class MemoryNode final : public SimulatedStore {
 public:
  explicit MemoryNode(std::optional<store::KeyKind> lost) {
    store_.follow_with(&follower_);
    if (lost) store_.lose_writes_of(*lost);
  }

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
  NodeParts node(std::size_t /*number*/) override { return {store_, store_, store_}; }
  std::vector<const store::Reader*> replicas() const override { return {&follower_}; }
  std::size_t pending_commits() const override { return store_.pending_commits(); }
  std::size_t pending_rows() const override { return store_.pending_rows(); }
  std::size_t pending_loads() const override { return store_.pending_loads(); }
  void commit_one() override { store_.commit_one(); }
  void fail_one(bool applied) override { store_.fail_one(applied); }
  void finish_load(bool well) override { store_.finish_load(well); }
  void power_cut(std::size_t survivors) override { store_.power_cut(survivors); }
  void take_over() override { store_.take_over(follower_); }

 private:
  store::MemoryReader follower_;
  MemoryStore store_;
};

}  // namespace

std::unique_ptr<SimulatedStore> make_memory_node(std::optional<store::KeyKind> lost) {
  return std::make_unique<MemoryNode>(lost);
}

}  // namespace jindou::partition::simulation
