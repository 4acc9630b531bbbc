// From a line of NDJSON or a record of CSV to an item as POST /message/sendbatch takes it.
//
// What a line has is passed on to the byte; what it lacks is filled in from the options, and a
// client_msg_no at last. That is a hash of --id, of the number of the row and of all that is sent,
// so it is the same whenever the same row is sent again, and another one for whatever is not the
// same message. Pure, apart from the parser of the thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "caller/options.h"
#include "codec/csv_items.h"

namespace jindou::caller {

// How far an input has been read.
struct Position {
  std::uint64_t rows = 0;   // items
  std::uint64_t bytes = 0;  // up to the end of the last of them
  std::uint64_t hash = 0;   // of these bytes
  friend bool operator==(const Position&, const Position&) = default;
};

struct Item {
  std::uint64_t row = 0;   // from 1
  std::uint64_t line = 0;  // of the input, from 1, where it begins
  std::string text;        // what is sent: one line without its end
  std::string original;    // what goes to the file of refused items
  std::string problem;     // why it cannot be sent; empty: it can
  std::string code;        // of the problem, as the server would name it
  bool is_head = false;    // it says what the lines behind it share, as the first of a body may
  Position after;

  std::size_t bytes() const { return sizeof(Item) + text.size() + original.size(); }
};

// The columns of the file of refused items in front of those of the input.
inline constexpr std::string_view kRefusedColumns[] = {"refused_line", "refused_code",
                                                       "refused_msg"};
// The member that a refused line of NDJSON has more.
inline constexpr std::string_view kRefusedMember = "refused";

class ItemForm {
 public:
  // Errors: invalid, for a payload that no item could use.
  static Result<ItemForm> create(const SendOptions& options);

  // The first row of a CSV file. Errors: invalid, with a sentence about the columns.
  Result<void> set_columns(const std::vector<std::string_view>& names);
  // Fills in text, original, problem and code; `row` is set.
  void from_line(std::string_view line, Item& item) const;
  void from_record(const std::vector<std::string_view>& fields, std::string_view text,
                   Item& item) const;

  // The first row of a file of refused items, without its end.
  std::string refused_columns() const;
  // Of everything that makes the same row another item.
  std::uint64_t options_hash() const;

 private:
  std::string number_of(std::uint64_t row, std::string_view text) const;

  std::string id_;
  std::string from_;
  unsigned channel_type_ = 0;
  std::string payload_member_;  // `"payload":…` or `"template":…`; empty: none
  codec::CsvItems rows_;
};

}  // namespace jindou::caller
