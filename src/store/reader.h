// Reads of committed state. The core sees only this interface, so a simulation can put a store in
// memory behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

// The two key spaces of a node (docs/architecture.md, "keys").
enum class Table : std::uint8_t {
  main,            // everything a commit writes
  client_numbers,  // the client_msg_no index, bulk-loaded from commit records
};

class Reader {
 public:
  virtual ~Reader() = default;

  // Called for each entry of a scan; false stops it. The views are valid during the call only.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;

  // True and `value` filled if the key exists. Errors: storage. Blocks on disk. Thread-safe.
  virtual Result<bool> get(Table table, std::string_view key, std::string& value) const = 0;

  // Visits [lower, upper) in ascending key order. Errors: storage. Blocks on disk. Thread-safe.
  virtual Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                            const Visit& visit) const = 0;

  // Visits [lower, upper) in descending key order.
  virtual Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                                     const Visit& visit) const = 0;
};

}  // namespace jindou::store
