// The header fields that answers may have, and which of them a web page gets to see: one table,
// which the CORS header fields are made from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jindou::http {

// What a page of another origin sees of a field (Fetch Standard, "CORS-safelisted response-header
// name").
enum class SeenByPages : std::uint8_t {
  named,   // when Access-Control-Expose-Headers names it
  always,  // without that
  never,   // it is for the browser, or for what lies between it and the server
};

struct AnswerField {
  std::string_view name;
  SeenByPages seen;
};

// Null: no answer has a field of this name (in any case).
const AnswerField* find_answer_field(std::string_view name);

// The first name of these lines, each `Name: value` with CRLF, that is not in the table; empty:
// all are. For tests of whoever answers.
std::string_view unknown_answer_field(std::string_view lines);

// The lines beside that of the origin that may read the answer. The same string on every call.
const std::string& cors_fields();

}  // namespace jindou::http
