// Parses a JSON text that came from outside. The rules are the same on every route: valid UTF-8,
// one value and nothing after it, nesting of at most kJsonDepthMax, integers within 64 bits. A byte
// order mark in front is skipped, which RFC 8259 section 8.1 leaves to the parser.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::codec {

// Containers inside each other, the outermost counted. Our bodies need 4; a parser that walks into
// whatever it is sent invites stack and time attacks.
inline constexpr std::size_t kJsonDepthMax = 32;

// A text to be parsed, and how many bytes may be read from its first one on. Borrows; implicit,
// because a string or a view is one.
struct JsonText {
  // NOLINTNEXTLINE(google-explicit-constructor)
  JsonText(std::string_view bytes) : text(bytes), readable(bytes.size()) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  JsonText(const char* bytes) : JsonText(std::string_view(bytes)) {}
  // All that it has allocated may be read. Bodies of requests have room behind them for that.
  // NOLINTNEXTLINE(google-explicit-constructor)
  JsonText(const std::string& bytes) : text(bytes), readable(bytes.capacity()) {}

  // Whether the parser, which reads up to so many bytes behind the text and uses none of them, can
  // read it where it is.
  bool is_padded() const { return readable - text.size() >= simdjson::SIMDJSON_PADDING; }

  std::string_view text;
  std::size_t readable;  // not less than the text's size
};

// Parses `json` with a parser that belongs to the calling thread. One that is padded is read in
// place, another one copied before; either way nothing refers to it afterwards. The element and
// every string taken from it are valid until the next call on this thread: copy what you keep, and
// do not suspend a coroutine while you hold one. Errors: invalid, with a sentence for the caller
// that says where the fault is and what is wrong (json_fault.h). Duplicate keys are for the reader
// of an object to refuse (see message_json.cc), because the parser keeps both. Memory: about 14
// bytes per byte of body, and another one where it is copied, kept for the next call up to bodies
// of 1 MiB.
Result<simdjson::dom::element> parse_json(const JsonText& json);

// A 0/1 flag of the HTTP API, which true and false stand for, too. None: anything else, also 2;
// then kFlagRule follows the name of the member.
std::optional<bool> to_flag(simdjson::dom::element value);
inline constexpr std::string_view kFlagRule = "must be 0 or 1, true or false";

}  // namespace jindou::codec
