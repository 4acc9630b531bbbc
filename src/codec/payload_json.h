// The member `payload` of whatever sends a message: base64, or a JSON object or array, whose
// compact text is the payload, as in JSON-RPC. One reading for every HTTP route. Pure.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::codec {

// What is wrong with a payload, as the rest of a sentence that begins with the member's name.
struct PayloadProblem {
  PayloadProblem() = default;
  explicit PayloadProblem(std::string_view what, Errc kind = Errc::invalid)
      : text(what), code(kind) {}

  std::string text;  // empty: nothing
  Errc code = Errc::invalid;
};

// Reads an element that is not null into `out`: 1 to `bytes_max` bytes. The compact text keeps the
// order of members and their repeats; it is valid UTF-8, because the parser refuses lone
// surrogates.
PayloadProblem read_payload(simdjson::dom::element value, std::size_t bytes_max, std::string& out);

}  // namespace jindou::codec
