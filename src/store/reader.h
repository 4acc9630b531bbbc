// Reads of committed state. The core sees only this interface, so a simulation can put a store in
// memory behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

// The two key spaces of a node (docs/architecture.md, "keys").
enum class Table : std::uint8_t {
  main,            // everything a commit writes
  client_numbers,  // the client_msg_no index, bulk-loaded from commit records
};

// Walks over one table as it was at one moment. For readers that look at many places: opening a
// cursor costs more than a seek. Not thread-safe; the reader outlives it.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // Each moves and tells whether there is an entry; false also after an error, see status().
  virtual bool seek(std::string_view key) = 0;         // the first at or after `key`
  virtual bool seek_before(std::string_view key) = 0;  // the last before `key`
  virtual bool next() = 0;
  virtual bool prev() = 0;
  // Of the current entry; valid until the next move.
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Errors: storage.
  virtual Result<void> status() const = 0;
  // True and `value` filled if the key exists at the cursor's moment. Does not move, and costs less
  // than a seek. Errors: storage.
  virtual Result<bool> get(std::string_view key, std::string& value) const = 0;
};

class Reader {
 public:
  virtual ~Reader() = default;

  // Blocks on disk when it moves. Thread-safe.
  virtual std::unique_ptr<Cursor> open_cursor(Table table) const = 0;

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
