// Lines out of a text that comes in pieces, cut anywhere (NDJSON).
//
// A line ends with LF or CRLF, the last one also with the text. Lines of blanks are passed over,
// and so is a byte order mark in front of the first. Memory: a line that lies in one piece is not
// copied; of one that does not, what came before is kept, and counted against a budget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_budget.h"

namespace jindou::codec {

// Not thread-safe.
class LineSplitter {
 public:
  // A line has at most `bytes_max`, without its end and what is passed over before it. `budget`:
  // null for none; of it the caller holds `bytes_held` for this.
  LineSplitter(std::size_t bytes_max, std::shared_ptr<ByteBudget> budget,
               std::size_t bytes_held = 0)
      : bytes_max_(bytes_max), bytes_held_(bytes_held), share_(std::move(budget)) {}

  enum class Found : std::uint8_t {
    line,
    too_long,  // a line above the limit; the rest of it is passed over
    no_room,   // the same with a line that the budget has no room for
    none,      // the piece is used up
  };
  // Takes the next line from the front of `piece`. The line holds as long as the piece does, and
  // until the next call.
  Found next(std::string_view& piece, std::string_view& line);
  // What is left at the end of the text; `none` the second time.
  Found finish(std::string_view& line);

 private:
  // With this after what is kept; a CR at its end may be that of the line's.
  bool is_too_long(std::string_view part) const;
  // False: no room.
  bool keep(std::string_view part);
  bool count(std::size_t bytes) {
    return share_.resize(bytes > bytes_held_ ? bytes - bytes_held_ : 0);
  }
  void drop_kept();
  // Without its end and what is before it. False: there is nothing but blanks.
  bool trim(std::string_view& line);

  std::size_t bytes_max_;
  std::size_t bytes_held_;
  BudgetShare share_;
  std::string kept_;       // the beginning of a line
  bool returned_ = false;  // `kept_` was a line, and is one until the next call
  bool passing_ = false;   // over the rest of a line
  bool first_ = true;
};

}  // namespace jindou::codec
