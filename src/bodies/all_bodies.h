// The tables of all bodies that are posted, but for those that send messages
// (codec/send_fields.h).
#pragma once

#include <span>
#include <string_view>

#include "bodies/field.h"

namespace jindou::bodies {

// What one table of docs/api.md shows.
struct Section {
  std::string_view heading;  // the line under which it stands there
  std::span<const PathBody> bodies;
};

// Built at the first call, constant afterwards; thread-safe.
std::span<const Section> sections();

// Null: the path has no body, or one that sends messages.
const PathBody* find_body(std::string_view path);

}  // namespace jindou::bodies
