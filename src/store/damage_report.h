// The files of the open store that are known to be damaged: what reads ran into, and what the
// verification found. For /health and a metric; each file is logged once.
#pragma once

#include <rocksdb/status.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "base/mutex.h"

namespace jindou::store {

// Thread-safe.
class DamageReport {
 public:
  // The outcome of a read; only damage is taken note of.
  void note(const rocksdb::Status& status);
  void add(const std::string& file, const std::string& what);
  // Forgets the files that are no longer part of the store.
  void keep_only(const std::set<std::string>& files);

  std::size_t count() const;
  // Empty when nothing is known to be damaged.
  std::string sentence() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string> files_ JD_GUARDED_BY(mutex_);  // by name, with what is wrong
};

}  // namespace jindou::store
