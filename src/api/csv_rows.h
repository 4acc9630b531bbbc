// A body of CSV, piece by piece, as lines of NDJSON: what its rows are, or what is wrong with them.
// What rows have in common is in the query: from_uid, channel_type, and payload, or template and
// template_version; or in a line in front of the first row, which is a head as lines may have one
// (codec::read_head) and is told from a row by its first character, a brace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/http_names.h"
#include "base/byte_budget.h"
#include "base/result.h"
#include "codec/csv.h"
#include "codec/csv_items.h"

namespace jindou::api {

// Of a line in front of the rows that begins with a brace.
inline constexpr const char* kNoHead =
    "the first line begins with a brace, so it is no row, and it is no head of the others: an "
    "object with payloads, defaults, or both";

// By the Content-Type: text/csv. For Route::streams.
bool is_csv(const Request& request);

// Not thread-safe. Memory: kBytesMax at most, and while it is read a head, which is counted.
class CsvRows {
 public:
  static constexpr std::size_t kRowBytesMax = std::size_t{256} << 10;
  // A row is kept twice, and once as an item.
  static constexpr std::size_t kBytesMax = 3 * kRowBytesMax;

  // Reads the query. A head has at most `head_bytes_max`, and counts in `budget`; null: none.
  // Errors: invalid, with a sentence.
  static Result<CsvRows> create(const Request& request, std::size_t head_bytes_max,
                                std::shared_ptr<ByteBudget> budget);

  enum class Found : std::uint8_t {
    head,     // the line in front, text(), once: set_shared(), and go on
    columns,  // the first row, once
    item,     // text() is a JSON object
    problem,  // a row that is no item; text() says why
    fault,    // text() says why nothing behind it can be read
    none,     // the piece is used up
  };
  Found next(std::string_view& piece);
  // At the end of the body; `none` when nothing was left.
  Found finish();

  void set_shared(const codec::CsvShared& shared) { items_.set_shared(shared); }
  bool has_columns() const { return has_columns_; }
  // Behind `fault`: text() with its code: invalid, or of a head too_large or overloaded.
  Error fault() const { return Error(fault_code_, text_); }
  // Holds until the next call.
  const std::string& text() const { return text_; }
  // "line 7: ", where the row that was found last begins.
  std::string where() const {
    return "line " + std::to_string(lines_before_ + reader_.line()) + ": ";
  }

 private:
  enum class Place : std::uint8_t { begin, head, behind_head, rows };

  CsvRows(codec::CsvItems items, codec::CsvLimits limits, std::size_t head_bytes_max,
          std::shared_ptr<ByteBudget> budget)
      : items_(std::move(items)),
        reader_(limits),
        head_bytes_max_(head_bytes_max),
        head_share_(std::make_unique<BudgetShare>(std::move(budget))) {}
  // `none` and Place::rows: what follows are rows.
  Found find_head(std::string_view& piece);
  void begin_rows();
  Found fail(Errc code, std::string text);
  Found take(codec::CsvReader::Found found);
  Found tell(Found found, const std::string& what);

  codec::CsvItems items_;
  codec::CsvReader reader_;
  std::size_t head_bytes_max_;
  std::unique_ptr<BudgetShare> head_share_;
  Place place_ = Place::begin;
  std::string begin_;  // of a byte order mark
  std::string head_;
  std::uint64_t lines_before_ = 0;
  bool has_columns_ = false;
  Errc fault_code_ = Errc::invalid;
  std::string text_;
};

}  // namespace jindou::api
