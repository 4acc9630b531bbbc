#include "partition/simulation/batch_rows.h"

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

void apply_batch(const rocksdb::WriteBatch& batch, store::MemoryReader& store) {
  Applier applier(store);
  JD_ASSERT(batch.Iterate(&applier).ok());
}

std::size_t count_rows(const PendingCommits& commits) {
  RowCounter counter;
  for (const auto& together : commits) {
    for (const auto& commit : together) JD_ASSERT(commit.batch.Iterate(&counter).ok());
  }
  return counter.rows;
}

rocksdb::WriteBatch without_some(const rocksdb::WriteBatch& batch, store::KeyKind lost,
                                 std::uint64_t& writes) {
  LosingCopy losing(lost, writes);
  JD_ASSERT(batch.Iterate(&losing).ok());
  return std::move(losing.copy);
}

}  // namespace jindou::partition::simulation
