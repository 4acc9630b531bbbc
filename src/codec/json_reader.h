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

// Parses `body` with a parser that belongs to the calling thread; the body is copied, so it needs
// no padding. The element and every string taken from it are valid until the next call on this
// thread: copy what you keep, and do not suspend a coroutine while you hold one. Errors: invalid,
// with a sentence for the caller that says where the fault is and what is wrong (json_fault.h).
// Duplicate keys are for the reader of an object to refuse (see message_json.cc), because the
// parser keeps both. Memory: about 14 bytes per byte of body, kept for the next call up to bodies
// of 1 MiB.
Result<simdjson::dom::element> parse_json(std::string_view body);

// A 0/1 flag of the HTTP API, which true and false stand for, too. None: anything else, also 2;
// then kFlagRule follows the name of the member.
std::optional<bool> to_flag(simdjson::dom::element value);
inline constexpr std::string_view kFlagRule = "must be 0 or 1, true or false";

}  // namespace jindou::codec
