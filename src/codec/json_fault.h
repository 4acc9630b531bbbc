// Where and why a text is no JSON, for the sentence that its author reads. The parser says only
// that there is a fault; this looks again, byte by byte, and only at texts that were refused.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jindou::codec {

struct JsonFault {
  JsonFault() = default;

  std::string what;        // "a string has no closing quote"; empty: no fault was found
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 1, in characters
};

// The first fault in `text`, by the rules of parse_json(): one value, valid UTF-8, numbers within
// 64 bits, at most `depth_max` containers inside each other. Cost: linear; memory: one bit for each
// open container.
JsonFault find_json_fault(std::string_view text, std::size_t depth_max);

// Whether `text` is one JSON value in UTF-8, by the grammar alone: numbers and nesting may be of
// any size. Cost and memory as above.
bool is_json(std::string_view text);

// What a body is that was meant to be something else than JSON: "form fields (a=1&b=2)"; empty when
// it looks like JSON that went wrong. Looks at the first bytes.
std::string_view other_format(std::string_view body);

}  // namespace jindou::codec
