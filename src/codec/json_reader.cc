#include "codec/json_reader.h"

#include <memory>
#include <string>

#include "codec/byte_order_mark.h"
#include "codec/json_fault.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

constexpr std::size_t kCapacityAtStart = 64 * 1024;
constexpr std::size_t kCapacityKept = 1024 * 1024;

struct ThreadParser {
  std::unique_ptr<simdjson::dom::parser> parser;

  // Null when memory is short.
  simdjson::dom::parser* get() {
    // A rare giant must not hold its buffers for ever; what the last call returned is no longer
    // valid by contract.
    if (parser != nullptr && parser->capacity() > kCapacityKept) parser.reset();
    if (parser == nullptr) {
      auto made = std::make_unique<simdjson::dom::parser>();
      // The parser counts the document itself as one level.
      if (made->allocate(kCapacityAtStart, kJsonDepthMax + 1) != simdjson::SUCCESS) return nullptr;
      parser = std::move(made);
    }
    return parser.get();
  }
};

// A text above this is refused without a place: looking for it byte by byte would hold up the
// thread for longer than 10 ms.
constexpr std::size_t kFaultBytesMax = std::size_t{4} << 20;

Error fault_of(std::string_view body, simdjson::error_code code) {
  if (code == simdjson::CAPACITY) return Error(Errc::invalid, "the body is too large");
  if (const auto other = other_format(body); !other.empty()) {
    return Error(Errc::invalid, "the body is " + std::string(other) +
                                    ", but must be JSON in UTF-8, such as {\"uid\":\"u1\"}");
  }
  std::string text = "the body is not valid JSON: ";
  if (body.size() > kFaultBytesMax) return Error(Errc::invalid, text + "malformed or cut off");
  const JsonFault fault = find_json_fault(body, kJsonDepthMax);
  if (fault.what.empty()) return Error(Errc::invalid, text + "malformed or cut off");
  text += "line " + std::to_string(fault.line) + ", column " + std::to_string(fault.column) + ": ";
  return Error(Errc::invalid, text + fault.what);
}

}  // namespace

Result<simdjson::dom::element> parse_json(const JsonText& json) {
  thread_local ThreadParser thread_parser;
  simdjson::dom::parser* parser = thread_parser.get();
  if (parser == nullptr) return Error(Errc::overloaded, "not enough memory to parse the body");
  std::string_view body = json.text;
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  if (is_blank(body)) return Error(Errc::invalid, "the body is empty");
  // simdjson skips one, too, since 3.2: a second one is none, whichever version there is.
  if (body.starts_with(kByteOrderMark)) return fault_of(body, simdjson::TAPE_ERROR);
  simdjson::dom::element element;
  const bool copies = !json.is_padded();
  const auto code = parser->parse(body.data(), body.size(), copies).get(element);
  if (code == simdjson::MEMALLOC) {
    return Error(Errc::overloaded, "not enough memory to parse the body");
  }
  if (code != simdjson::SUCCESS) return fault_of(body, code);
  return element;
}

std::optional<bool> to_flag(simdjson::dom::element value) {
  bool on = false;
  if (value.get_bool().get(on) == simdjson::SUCCESS) return on;
  const auto type = value.type();
  const bool whole =
      type == simdjson::dom::element_type::INT64 || type == simdjson::dom::element_type::UINT64;
  std::uint64_t number = 0;
  if (!whole || value.get_uint64().get(number) != simdjson::SUCCESS || number > 1) {
    return std::nullopt;
  }
  return number == 1;
}

}  // namespace jindou::codec
