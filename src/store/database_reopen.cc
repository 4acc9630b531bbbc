// How a Database is closed and opened again while others use it.
#include <utility>

#include "store/database.h"
#include "store/keys.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"
#include "store/room_probe.h"

namespace jindou::store {

namespace {

// Scans and cursors leave at their next row; more is for a disk that does not answer.
constexpr std::chrono::seconds kReadersLeave{10};

}  // namespace

Result<void> Database::reopen() {
  if (open_) JD_RETURN_IF_ERROR(close_for_reopening());
  // What goes wrong from here on concerns the store that is being opened.
  faults_->clear();
  JD_TRY(auto opened, open_rocksdb());
  JD_RETURN_IF_ERROR(check_identity(*opened));
  open_ = std::move(opened);
  reopened_.fetch_add(1);
  gate_.open();
  return {};
}

Result<void> Database::close_for_reopening() {
  // Reads need no room: do not close what could not be opened again.
  // The spare's room is wanted now.
  logs_->release();
  if (!gate_.is_shut()) JD_RETURN_IF_ERROR(probe_room(*options_.env->GetFileSystem(), directory_));
  gate_.shut();
  // A running compact() is inside and would stay for minutes.
  open_->db().DisableManualCompaction();
  if (!gate_.wait_until_empty(kReadersLeave)) {
    return Error(Errc::deadline, "reads that are under way do not come to an end");
  }
  open_.reset();
  return {};
}

Result<void> Database::check_identity(const OpenStore& opened) const {
  std::string stored;
  const auto status = opened.db().Get(rocksdb::ReadOptions(), opened.handle(Table::main),
                                      slice(store_identity_key()), &stored);
  if (!status.ok()) return to_error(status);
  JD_TRY(const Identity identity, parse_identity(stored));
  if (identity == identity_) return {};
  return Error(Errc::storage, "the directory holds another store than before");
}

}  // namespace jindou::store
