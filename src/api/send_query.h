// What requests that send or change a batch as a whole ask for, in the query or in header fields
// (`Jindou-Dry-Run: true` for ?dry_run=true), as bodies/send_choices.h tells what each of them
// takes. What a caller asks for and would not get is refused: there is nothing that is left out
// without a word. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http_names.h"
#include "base/result.h"
#include "bodies/send_choices.h"

namespace jindou::api {

// Whether the request takes all that its query and its header fields name, and takes it with that
// value. Said twice, a choice has to be the same. `as_job`: a job sends. Errors: invalid, with a
// sentence.
Result<void> check_send_query(const Request& request, bodies::SendForm form, bool as_job);

// What the request says of a choice, as text: its query, else its header field; empty: nothing.
// Precondition, here and below: there is a row of that name.
std::string choice_value(const Request& request, std::string_view name);
// One of the choices; what counts without it when it is not there. Errors: invalid, with a
// sentence. Precondition: it is a row of that type.
Result<bool> flag_choice(const Request& request, std::string_view name);
Result<std::uint64_t> number_choice(const Request& request, std::string_view name);
// For a value that is none: a sentence that names where it stands and what is taken.
Error wrong_choice(const Request& request, std::string_view name);

// What becomes of the other items when one fails.
enum class OnFailure : std::uint8_t {
  go_on,     // each stands alone
  stop,      // those behind it are not sent
  all_none,  // none is sent
};

// Of a request that is no job.
struct Choices {
  OnFailure on_failure = OnFailure::go_on;
  bool dry_run = false;
  bool received = false;  // answered when it is admitted, not when it is durable
  bool keep = false;      // remembered as a whole
  bool any() const { return dry_run || received || on_failure != OnFailure::go_on; }
};
// Precondition: check_send_query(). Errors: invalid, for those that exclude each other.
Result<Choices> wanted_choices(const Request& request);

// All choices that header fields of the request tell, in the order of the table: for who compares
// requests. Empty: none does.
std::string choices_of_fields(const Request& request);

// How safe an item is that is answered, where the request does not choose it; empty: it is not
// sent.
std::string_view level_reached(const Request& request);
// Adds the header field Jindou-Applied to the answer: the choices that were made and counted, with
// their values, but those that are text of the caller. `ack`: what counts of it where it was not
// chosen; empty: such a request has none. Precondition: check_send_query().
void add_applied_choices(const Request& request, std::string_view ack, Response& response);

}  // namespace jindou::api
