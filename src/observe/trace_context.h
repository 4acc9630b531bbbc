// Which trace a request belongs to: the header field `traceparent` of W3C Trace Context, and the
// choice of traces that are recorded. Pure functions.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jindou::observe {

// All zeros: none.
using TraceId = std::array<unsigned char, 16>;
using SpanId = std::array<unsigned char, 8>;

struct TraceContext {
  TraceId trace{};
  SpanId parent{};       // the caller's span; none: the trace begins here
  bool sampled = false;  // spans are recorded
};

// Lower-case digits, as every format here writes ids.
std::string hex_of(std::span<const unsigned char> id);

// The value of the field, without the blanks around it; where a request has several they are a list
// (http::Request::header_list), which is none. Nothing: a request with that goes on as one without
// the field. W3C Trace Context, sections 3.2 and 4: also versions to come are read, as far as they
// look like this one.
std::optional<TraceContext> parse_traceparent(std::string_view value);

// Whether a trace that begins here is recorded, of which `ratio`, 0 to 1, shall be: the threshold
// of OpenTelemetry's consistent probability sampling, so that everybody who asks for the same ratio
// chooses the same traces. The last seven bytes of the id are random.
bool is_chosen(const TraceId& trace, double ratio);

}  // namespace jindou::observe
