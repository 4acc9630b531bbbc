// A cursor over RocksDB that gives way when the store is to be closed.
#pragma once

#include <rocksdb/iterator.h>
#include <rocksdb/snapshot.h>

#include <memory>
#include <string>
#include <string_view>

#include "store/damage_report.h"
#include "store/open_store.h"
#include "store/reader.h"
#include "store/store_gate.h"

namespace jindou::store {

class DatabaseCursor final : public Cursor {
 public:
  // `store` is what stands behind the gate of `pass`; null when the pass is empty, and then every
  // move fails. Once the gate is shut the next move gives the pass back and this cursor is at its
  // end: status() tells.
  // Damage that a read runs into is added to `damage`, which outlives this.
  DatabaseCursor(const StoreGate& gate, StoreGate::Pass pass, const OpenStore* store, Table table,
                 DamageReport& damage);

  bool seek(std::string_view key) override;
  bool seek_before(std::string_view key) override;
  bool next() override;
  bool prev() override;
  std::string_view key() const override;
  std::string_view value() const override;
  Result<void> status() const override;
  Result<bool> get(std::string_view key, std::string& value) const override;

 private:
  // What is released together, in this order: iterator, snapshot, pass.
  struct View {
    StoreGate::Pass pass;
    rocksdb::DB& db;
    rocksdb::ColumnFamilyHandle* family;
    rocksdb::ManagedSnapshot snapshot;
    rocksdb::ReadOptions read;
    std::unique_ptr<rocksdb::Iterator> it;

    View(StoreGate::Pass own, const OpenStore& store, Table table);
  };

  // False, and the view is gone, when the gate was shut.
  bool usable() const;

  const StoreGate& gate_;
  DamageReport& damage_;
  mutable std::unique_ptr<View> view_;
};

// The error of a read while the store is closed.
Error store_is_closed();

}  // namespace jindou::store
