// A body of CSV, piece by piece, as lines of NDJSON: what its rows are, or what is wrong with them.
// What rows have in common is in the query: from_uid, channel_type, and payload, or template and
// template_version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "api/http_names.h"
#include "base/result.h"
#include "codec/csv.h"
#include "codec/csv_items.h"

namespace jindou::api {

// By the Content-Type: text/csv. For Route::streams.
bool is_csv(const Request& request);

// Not thread-safe. Memory: kBytesMax at most.
class CsvRows {
 public:
  static constexpr std::size_t kRowBytesMax = std::size_t{256} << 10;
  // A row is kept twice, and once as an item.
  static constexpr std::size_t kBytesMax = 3 * kRowBytesMax;

  // Reads the query. Errors: invalid, with a sentence.
  static Result<CsvRows> create(const Request& request);

  enum class Found : std::uint8_t {
    columns,  // the first row, once
    item,     // text() is a JSON object
    problem,  // a row that is no item; text() says why
    fault,    // text() says why nothing behind it can be read
    none,     // the piece is used up
  };
  Found next(std::string_view& piece) { return take(reader_.next(piece)); }
  // At the end of the body; `none` when nothing was left.
  Found finish();

  bool has_columns() const { return has_columns_; }
  // Holds until the next call.
  const std::string& text() const { return text_; }
  // "line 7: ", where the row that was found last begins.
  std::string where() const { return "line " + std::to_string(reader_.line()) + ": "; }

 private:
  CsvRows(codec::CsvItems items, codec::CsvLimits limits)
      : items_(std::move(items)), reader_(limits) {}
  Found take(codec::CsvReader::Found found);
  Found tell(Found found, const std::string& what);

  codec::CsvItems items_;
  codec::CsvReader reader_;
  bool has_columns_ = false;
  std::string text_;
};

}  // namespace jindou::api
