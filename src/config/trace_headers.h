// The entries of tracing.headers, as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value`, the value
// with %20 for a blank and %25 for a percent sign. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace jindou::config {

// Header lines without their ends, "Authorization: Bearer abc". Errors: invalid (names the position
// and the header, never a value).
Result<std::vector<std::string>> parse_trace_headers(const std::vector<std::string>& entries);

}  // namespace jindou::config
