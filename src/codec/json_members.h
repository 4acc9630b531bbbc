// The members of a JSON object as they are written, for whoever passes an object on with a member
// more or less: what is not looked at stays as it is, to the byte.
//
// Takes every JSON object, and some texts that are none: inside of values only strings and brackets
// are looked at. So it is for what is checked elsewhere. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace jindou::codec {

// Views of the text.
struct JsonMember {
  std::string_view name;   // between its quotes, with escapes
  std::string_view value;  // without the blanks around it

  // Whether this is the name, however it is written.
  bool is(std::string_view wanted) const;
  // Whether the value counts as absent: null or an empty string.
  bool is_absent() const { return value == "null" || value == "\"\""; }
};

// In the order in which they are written. None: `text` is no object. A byte order mark in front is
// skipped.
std::optional<std::vector<JsonMember>> json_members(std::string_view text);

}  // namespace jindou::codec
