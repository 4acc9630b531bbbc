// The strict mode of a request (header "Jindou-Strict: 1"): members and query parameters that the
// documentation of its route does not name are refused, where they are otherwise ignored. For
// finding typing errors such as "exipre" while a caller is written.
#pragma once

#include <string>
#include <string_view>

#include "bodies/send_choices.h"
#include "http/exchange.h"

namespace jindou::openapi {

inline constexpr std::string_view kStrictHeader = "Jindou-Strict";

// Whether the name of a header field is one of those that tell choices of sending: all that begin
// with "Jindou-", but for that of the strict mode. Whatever their case, here and below.
bool is_choice_field(std::string_view name);
// The choice; null: there is none of that name.
const bodies::SendChoice* choice_of_field(std::string_view name);

// True when the caller asks for it: 1 or true.
bool wants_strict(const http::Request& request);

// A sentence that names what `path` does not know, at most ten names, each with what was probably
// meant; empty when all is known or the body is no JSON, which the handler tells better. What is
// allowed comes from the tables of operations.h. Parses the body: call it before a handler
// holds a document of the thread's parser. Thread-safe.
std::string unknown_members(const http::Request& request, http::Verb method, std::string_view path);

// The same for one line of a body of NDJSON, which is an item of the array that `path` takes.
std::string unknown_item_members(std::string_view line, http::Verb method, std::string_view path);

// The same for a text that is a body of that path.
std::string unknown_body_members(std::string_view text, http::Verb method, std::string_view path);

// Not only in the strict mode: a sentence about a choice of sending (bodies/send_choices.h), or a
// condition, that the query or a header field of a request names and `path` does not take, or
// empty. Whoever adds dry_run to a recall believes that nothing is recalled.
std::string misplaced_choice(const http::Request& request, http::Verb method,
                             std::string_view path);

}  // namespace jindou::openapi
