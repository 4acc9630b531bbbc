#include "codec/json_reader.h"

#include <memory>

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

const char* problem_of(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY: return "the body is empty";
    case simdjson::UTF8_ERROR: return "the body is not valid UTF-8";
    case simdjson::DEPTH_ERROR: return "the body nests objects and arrays more than 32 deep";
    case simdjson::NUMBER_ERROR: return "the body holds a number that is malformed or out of range";
    case simdjson::STRING_ERROR: return "the body holds a string with a malformed escape sequence";
    case simdjson::UNESCAPED_CHARS:
      return "the body holds a string with an unescaped control character";
    case simdjson::CAPACITY: return "the body is too large";
    default: return "the body is not valid JSON: malformed or cut off";
  }
}

}  // namespace

Result<simdjson::dom::element> parse_json(std::string_view body) {
  thread_local ThreadParser thread_parser;
  simdjson::dom::parser* parser = thread_parser.get();
  if (parser == nullptr) return Error(Errc::overloaded, "not enough memory to parse the body");
  if (is_blank(body)) return Error(Errc::invalid, "the body is empty");
  simdjson::dom::element element;
  const auto code = parser->parse(body.data(), body.size(), true).get(element);
  if (code == simdjson::MEMALLOC) {
    return Error(Errc::overloaded, "not enough memory to parse the body");
  }
  if (code != simdjson::SUCCESS) return Error(Errc::invalid, problem_of(code));
  return element;
}

}  // namespace jindou::codec
