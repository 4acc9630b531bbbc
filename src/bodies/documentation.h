// What readers are told of the rows of the tables. Pure functions.
#pragma once

#include <span>
#include <string>

#include "bodies/field.h"

namespace jindou::bodies {

// The meaning with the rules for numbers that are absent or too large: "how many; 20 unless given".
std::string told(const Field& field);

// "string, ≤ 256 bytes"
std::string shown_type(const Field& field);

// The table of docs/api.md for some bodies, one after the other, with their paths where there are
// several; paths in a row that have one table share their lines.
std::string members_markdown(std::span<const PathBody> bodies);

}  // namespace jindou::bodies
