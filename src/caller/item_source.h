// Items out of an input, one after the other, in memory that does not grow with it.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "caller/input.h"
#include "caller/item_form.h"
#include "caller/options.h"
#include "codec/csv.h"
#include "codec/line_splitter.h"

namespace jindou::caller {

// Of one line or record.
inline constexpr std::size_t kRowBytesMax = std::size_t{10} << 20;

// Not thread-safe.
class ItemSource {
 public:
  // Reads as far as it takes to know the form of the input and the columns of a CSV file; waits for
  // it. Errors: invalid or storage, with a sentence that names the input.
  static Result<std::unique_ptr<ItemSource>> open(Input input, const SendOptions& options);

  enum class Found : std::uint8_t { item, later, end };
  // The next item, without waiting. An item that cannot be sent has its problem. Errors: invalid
  // where nothing behind can be read, or would be sent without what a first line says of all;
  // storage; then there is no further item.
  Result<Found> next(Item& item);

  // Passes over what an earlier run has settled; waits for it. Errors: invalid when the input is
  // not the one that it was.
  Result<void> skip(const Position& position);

  void wait() const { input_.wait(); }
  int descriptor_to_wait_for() const { return input_.descriptor_to_wait_for(); }
  const std::string& name() const { return input_.name(); }
  std::optional<std::uint64_t> size() const { return input_.size(); }
  bool is_csv() const { return csv_.has_value(); }
  const ItemForm& form() const { return form_; }

 private:
  struct HashDeleter {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  enum class Row : std::uint8_t { row, later, end };

  ItemSource(Input input, ItemForm form);
  Result<void> choose_format(const std::string& format);
  Result<void> read_columns();
  // Until a row is whole, or nothing more is there.
  Result<Row> next_row();
  Result<Row> wait_for_row();
  // `finish`: the last row of an input that has ended. False: there is none.
  Result<bool> take_row(bool finish);
  // False: the input has ended, or (`later`) there is nothing yet.
  Result<bool> fill_piece(bool& later);
  // What is no longer at the front of `before`.
  void count(std::string_view before);
  Error fault(std::uint64_t line, const std::string& what) const;

  Input input_;
  ItemForm form_;
  std::string_view piece_;
  bool ended_ = false;
  bool failed_ = false;
  // One of them reads.
  std::optional<codec::CsvReader> csv_;
  std::optional<codec::LineSplitter> lines_;
  std::string_view line_;        // of NDJSON
  bool too_long_ = false;        // it is
  std::uint64_t line_no_ = 0;    // where the row begins
  std::uint64_t line_ends_ = 0;  // in what was taken
  std::unique_ptr<XXH3_state_t, HashDeleter> hash_;
  Position position_;
};

}  // namespace jindou::caller
