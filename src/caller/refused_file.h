// Items that were refused, as they were in the input, each with the reason: to be mended there and
// sent again as they are.
//
// NDJSON: the line with a member `refused` in front, an object of line, code and msg. CSV: the row
// with three columns in front (kRefusedColumns), below a row with the names of all columns. Both
// are left away when the file is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "caller/item_form.h"

namespace jindou::caller {

// Not thread-safe.
class RefusedFile {
 public:
  // Nothing is made before there is something to write. `columns`: of CSV; empty: NDJSON.
  // Errors: invalid, when there is such a file.
  static Result<RefusedFile> create(const std::string& path, std::string columns);
  // One that an earlier run has made, without what that wrote beyond `bytes`. Errors: storage.
  static Result<RefusedFile> reopen(const std::string& path, std::string columns,
                                    std::uint64_t bytes);
  ~RefusedFile();
  RefusedFile(RefusedFile&& other) noexcept;
  RefusedFile& operator=(RefusedFile&&) = delete;
  RefusedFile(const RefusedFile&) = delete;
  RefusedFile& operator=(const RefusedFile&) = delete;

  // Errors of this one are told by flush().
  void add(const Item& item, std::string_view code, std::string_view msg);
  // Everything is in the file; with `durably` on the disk. Errors: storage.
  Result<void> flush(bool durably);

  // With what is not flushed.
  std::uint64_t bytes() const { return bytes_ + pending_.size(); }
  std::size_t unwritten() const { return pending_.size(); }

 private:
  RefusedFile(std::string path, std::string columns)
      : path_(std::move(path)), columns_(std::move(columns)) {}
  Result<void> open(int flags);
  Error failure() const;

  std::string path_;
  std::string columns_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
  std::string pending_;
};

// The line that add() writes, without its end; for tests and for whoever shows it.
std::string refused_line(bool csv, const Item& item, std::string_view code, std::string_view msg);

}  // namespace jindou::caller
