// The accounts that pass the permission rules: the built-in one and those of
// POST /user/systemuids_add.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/uid_set.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Thread-safe.
class SystemAccounts {
 public:
  SystemAccounts();

  // Reads the stored accounts; `reader` is that of their partition. What becomes of them meanwhile
  // is not lost: it reads again. Errors: storage.
  Result<void> load(const store::PartitionReader& reader);

  // True for the built-in account too.
  bool contains(std::string_view uid) const;
  // Without the built-in one, sorted.
  std::vector<std::string> list() const;

  // What became of an account.
  struct Row {
    std::string uid;
    bool is_one = false;
    bool operator==(const Row&) const = default;
  };
  // In force for look-ups that begin afterwards.
  void follow(const std::vector<Row>& rows);
  // Replaces all but the built-in one.
  void replace(std::vector<std::string> uids);

 private:
  std::shared_ptr<const UidSet> snapshot() const;

  mutable Mutex mutex_;  // held for a pointer's copy, and between writers
  std::shared_ptr<const UidSet> accounts_ JD_GUARDED_BY(mutex_);
  std::uint64_t changes_ JD_GUARDED_BY(mutex_) = 0;  // by follow() and replace()
};

}  // namespace jindou::partition
