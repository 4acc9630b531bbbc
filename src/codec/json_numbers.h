// Numbers that JSON allows and our parser does not: those beyond 64 bits. Pure.
#pragma once

#include <string>

namespace jindou::codec {

// Writes 0.5, which no member takes that takes a number, over each number in `text` that fits
// neither 64 bits nor a double, so that an object can be read for its other members. Returns
// whether there was any. Cost: linear.
bool replace_huge_numbers(std::string& text);

}  // namespace jindou::codec
