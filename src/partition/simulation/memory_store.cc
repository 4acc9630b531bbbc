#include "partition/simulation/memory_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace jindou::partition::simulation {

namespace {

store::KeyKind kind_of(const rocksdb::Slice& key) {
  return static_cast<store::KeyKind>(key.size() > 2 ? key[2] : 0);
}

// Counts rows but for the states of partitions.
class RowCounter final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice&) override {
    if (kind_of(key) != store::KeyKind::partition_state) ++rows;
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice&) override { return count(); }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return count();
  }
  std::size_t rows = 0;

 private:
  rocksdb::Status count() {
    ++rows;
    return rocksdb::Status::OK();
  }
};

// Applies a write batch to the main table.
class Applier final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Applier(store::MemoryReader& store) : store_(store) {}
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    store_.put(store::Table::main, {key.data(), key.size()}, {value.data(), value.size()});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice& key) override {
    store_.erase(store::Table::main, {key.data(), key.size()});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice& lower,
                                const rocksdb::Slice& upper) override {
    store_.erase_range(store::Table::main, {lower.data(), lower.size()},
                       {upper.data(), upper.size()});
    return rocksdb::Status::OK();
  }

 private:
  store::MemoryReader& store_;
};

// Copies a write batch, but for every third write of a kind of rows.
class LosingCopy final : public rocksdb::WriteBatch::Handler {
 public:
  LosingCopy(store::KeyKind lost, std::uint64_t& writes) : lost_(lost), writes_(writes) {}
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    return is_lost(key) ? rocksdb::Status::OK() : copy.Put(key, value);
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice& key) override {
    return is_lost(key) ? rocksdb::Status::OK() : copy.Delete(key);
  }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice& lower,
                                const rocksdb::Slice& upper) override {
    return is_lost(lower) ? rocksdb::Status::OK() : copy.DeleteRange(lower, upper);
  }
  rocksdb::WriteBatch copy;

 private:
  bool is_lost(const rocksdb::Slice& key) { return kind_of(key) == lost_ && ++writes_ % 3 == 0; }
  store::KeyKind lost_;
  std::uint64_t& writes_;
};

}  // namespace

rocksdb::WriteBatch MemoryStore::without_some(const rocksdb::WriteBatch& batch) {
  LosingCopy losing(*losing_, writes_of_lost_);
  JD_ASSERT(batch.Iterate(&losing).ok());
  return std::move(losing.copy);
}

void MemoryStore::append(store::Commit commit) {
  if (losing_) commit.batch = without_some(commit.batch);
  last_commit_bytes_ = commit.batch.GetDataSize();
  largest_commit_bytes_ = std::max(largest_commit_bytes_, last_commit_bytes_);
  commits_.push_back(std::move(commit));
}

void MemoryStore::load(store::Table table, std::function<Entries()> make,
                       std::function<void(Result<void>)> done) {
  Entries entries = make();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    JD_ASSERT(entries[i - 1].first < entries[i].first);
  }
  loads_.push_back(Load{table, std::move(entries), std::move(done)});
}

std::size_t MemoryStore::pending_rows() const {
  RowCounter counter;
  for (const auto& commit : commits_) JD_ASSERT(commit.batch.Iterate(&counter).ok());
  return counter.rows;
}

void MemoryStore::take_over(const store::MemoryReader& follower) {
  commits_.clear();
  loads_.clear();
  static_cast<store::MemoryReader&>(*this) = follower;
}

bool MemoryStore::expectation_holds(const store::Commit& commit) const {
  const auto it = positions_.find(commit.partition);
  return commit.expected_position == (it == positions_.end() ? 0 : it->second);
}

void MemoryStore::apply(store::Commit& commit) {
  if (commit.batch.Count() == 0) return;
  Applier applier(*this);
  JD_ASSERT(commit.batch.Iterate(&applier).ok());
  if (follower_ != nullptr) {
    Applier follower(*follower_);
    JD_ASSERT(commit.batch.Iterate(&follower).ok());
  }
  ++positions_[commit.partition];
}

void MemoryStore::commit_one() {
  if (commits_.empty()) return;
  store::Commit commit = std::move(commits_.front());
  commits_.pop_front();
  if (!expectation_holds(commit)) {
    commit.done(Error(Errc::unavailable));
    return;
  }
  apply(commit);
  commit.done({});
}

void MemoryStore::fail_one(bool applied) {
  if (commits_.empty()) return;
  std::deque<store::Commit> failed;
  failed.swap(commits_);
  bool first = true;
  for (auto& commit : failed) {
    if (first && expectation_holds(commit)) {
      if (applied) apply(commit);
      commit.done(Error(Errc::unknown_outcome));
    } else {
      commit.done(Error(Errc::unavailable));
    }
    first = false;
  }
}

void MemoryStore::finish_load(bool well) {
  if (loads_.empty()) return;
  Load load = std::move(loads_.front());
  loads_.pop_front();
  if (!well) {
    load.done(Error(Errc::storage));
    return;
  }
  for (const auto& [key, value] : load.entries) put(load.table, key, value);
  load.done({});
}

void MemoryStore::power_cut(std::size_t survivors) {
  for (auto& commit : commits_) {
    if (survivors == 0) break;
    --survivors;
    if (expectation_holds(commit)) apply(commit);
  }
  commits_.clear();
  loads_.clear();
}

}  // namespace jindou::partition::simulation
