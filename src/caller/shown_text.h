// What people read of the answers of a server. Pure.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::caller {

// Without what a terminal would obey.
std::string printable(std::string_view text);

// A member of an object; empty, or 0, where there is none of that kind.
std::string text_member(const simdjson::dom::object& from, std::string_view name);
std::uint64_t number_member(const simdjson::dom::object& from, std::string_view name);

// Each member of an object on a line of its own: "state: done"; without the members `left_out`.
std::string lines_of(std::string_view json, std::span<const std::string_view> left_out = {});

// Rows in columns, below their names. A column is as wide as what has been shown of it so far
// needs, so a list that comes page by page is shown page by page. Holds no rows.
class Columns {
 public:
  using Row = std::vector<std::string>;

  explicit Columns(Row names);

  // `rows` have a text for each column, and are printable(). The names stand before the first row
  // that there is.
  std::string text(const std::vector<Row>& rows);

 private:
  void widen(const Row& row);
  void append(std::string& text, const Row& row) const;

  const Row names_;
  std::vector<std::size_t> widths_;
  bool named_ = false;
};

}  // namespace jindou::caller
