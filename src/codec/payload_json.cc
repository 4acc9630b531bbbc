#include "codec/payload_json.h"

#include "codec/base64.h"

namespace jindou::codec {

PayloadProblem read_payload(simdjson::dom::element value, std::size_t bytes_max, std::string& out) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    if (text.empty()) return PayloadProblem("is required");
    if (!base64_decode(text, out)) {
      return PayloadProblem(
          "must be standard base64 with padding, or a JSON object or array instead of a string");
    }
    if (out.empty()) return PayloadProblem("must not be empty");
  } else if (!value.is_object() && !value.is_array()) {
    return PayloadProblem("must be a string of base64, or a JSON object or array");
  } else {
    out = simdjson::minify(value);
  }
  if (out.size() > bytes_max) {
    return PayloadProblem("must not be longer than " + std::to_string(bytes_max) + " bytes",
                          Errc::too_large);
  }
  return PayloadProblem();
}

}  // namespace jindou::codec
