#include "store/database_cursor.h"

#include <utility>

#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

DatabaseCursor::View::View(StoreGate::Pass own, const OpenStore& store, Table table)
    : pass(std::move(own)), db(store.db()), family(store.handle(table)), snapshot(&store.db()) {
  read.snapshot = snapshot.snapshot();
  it.reset(db.NewIterator(read, family));
}

DatabaseCursor::DatabaseCursor(const StoreGate& gate, StoreGate::Pass pass, const OpenStore* store,
                               Table table, DamageReport& damage)
    : gate_(gate), damage_(damage) {
  if (pass) view_ = std::make_unique<View>(std::move(pass), *store, table);
}

bool DatabaseCursor::usable() const {
  if (view_ && gate_.is_shut()) view_.reset();
  return view_ != nullptr;
}

bool DatabaseCursor::seek(std::string_view key) {
  if (!usable()) return false;
  view_->it->Seek(slice(key));
  return view_->it->Valid();
}

bool DatabaseCursor::seek_before(std::string_view key) {
  if (!usable()) return false;
  rocksdb::Iterator& it = *view_->it;
  it.SeekForPrev(slice(key));
  if (it.Valid() && it.key() == slice(key)) it.Prev();
  return it.Valid();
}

bool DatabaseCursor::next() {
  if (!usable()) return false;
  if (view_->it->Valid()) view_->it->Next();
  return view_->it->Valid();
}

bool DatabaseCursor::prev() {
  if (!usable()) return false;
  if (view_->it->Valid()) view_->it->Prev();
  return view_->it->Valid();
}

std::string_view DatabaseCursor::key() const { return view(view_->it->key()); }

std::string_view DatabaseCursor::value() const { return view(view_->it->value()); }

Result<void> DatabaseCursor::status() const {
  if (!view_) return store_is_closed();
  if (!view_->it->status().ok()) {
    damage_.note(view_->it->status());
    return to_error(view_->it->status());
  }
  return {};
}

Result<bool> DatabaseCursor::get(std::string_view key, std::string& value) const {
  // Does not move, so the view stays; but a caller that only asks this way has to stop, too.
  if (!view_ || gate_.is_shut()) return store_is_closed();
  const auto status = view_->db.Get(view_->read, view_->family, slice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  damage_.note(status);
  return to_error(status);
}

Error store_is_closed() {
  return Error(Errc::unavailable, "the store is being opened again after an error");
}

}  // namespace jindou::store
