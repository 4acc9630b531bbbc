#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/http_names.h"

namespace jindou::api {

// The number that `name` has in the query of a request; 0 when it is not there. None: it is no
// number, or greater than `most`.
std::optional<std::uint64_t> query_number(const Request& request, std::string_view name,
                                          std::uint64_t most);

}  // namespace jindou::api
