#include "store/batch_join.h"

#include <cstdint>

#include "base/assert.h"

namespace jindou::store {

namespace {

// RocksDB joins batches only in a header of its own. A call that is not one of these is refused by
// the base class.
class Appender final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Appender(rocksdb::WriteBatch& to) : to_(to) {}
  rocksdb::Status PutCF(std::uint32_t table, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    JD_ASSERT(table == 0);
    return to_.Put(key, value);
  }
  rocksdb::Status DeleteCF(std::uint32_t table, const rocksdb::Slice& key) override {
    JD_ASSERT(table == 0);
    return to_.Delete(key);
  }
  rocksdb::Status DeleteRangeCF(std::uint32_t table, const rocksdb::Slice& lower,
                                const rocksdb::Slice& upper) override {
    JD_ASSERT(table == 0);
    return to_.DeleteRange(lower, upper);
  }

 private:
  rocksdb::WriteBatch& to_;
};

}  // namespace

void append_batch(rocksdb::WriteBatch& to, const rocksdb::WriteBatch& from) {
  Appender appender(to);
  JD_ASSERT(from.Iterate(&appender).ok());
}

}  // namespace jindou::store
