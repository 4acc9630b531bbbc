// Loads many sorted entries at once, outside the commit log. Only for state that can be derived
// again from committed state, such as the client_msg_no index.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/reader.h"

namespace jindou::store {

class BulkLoader {
 public:
  virtual ~BulkLoader() = default;
  using Entries = std::vector<std::pair<std::string, std::string>>;
  // `make` is called once, perhaps on another thread, and returns entries that ascend by key
  // without repeats. `done` is called once, on any thread, when they are durable and readable, or
  // with `storage` when nothing was loaded. Thread-safe; returns at once.
  virtual void load(Table table, std::function<Entries()> make,
                    std::function<void(Result<void>)> done) = 0;

  // Deletes those of the entries that still have the value they were seen with. No load comes
  // between that look and the deletion, so what was loaded since they were seen stays. May be
  // forgotten in a crash, as they only take space. Errors: storage. Blocks. Thread-safe.
  virtual Result<void> erase(Table table, const Entries& seen) = 0;
};

}  // namespace jindou::store
