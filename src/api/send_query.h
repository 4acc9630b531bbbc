// The query of requests that send or change a batch as a whole, as bodies/send_choices.h tells what
// each of them takes. What a caller asks for and would not get is refused: there is nothing that is
// left out without a word. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "api/http_names.h"
#include "base/result.h"
#include "bodies/send_choices.h"

namespace jindou::api {

// Whether the request takes all that its query names, and takes it with that value. `as_job`: a job
// sends. Errors: invalid, with a sentence.
Result<void> check_send_query(const Request& request, bodies::SendForm form, bool as_job);

// One of the choices; what counts without it when it is not there. Errors: invalid, with a
// sentence. Precondition: it is a row of that type.
Result<bool> flag_choice(const Request& request, std::string_view name);
Result<std::uint64_t> number_choice(const Request& request, std::string_view name);

}  // namespace jindou::api
