// Spans in the JSON of OTLP (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"):
// ids are hex digits, 64-bit numbers are texts, enumerators are numbers. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "observe/request_trace.h"
#include "observe/trace_context.h"

namespace jindou::tracing {

// Who tells it.
struct Resource {
  std::string version;
  std::uint64_t node_id = 0;
};

// Times are nanoseconds since 1970.
struct SpanTime {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
};

// The span of a request. Names are those of OpenTelemetry's conventions for HTTP where they have
// one. No path and no query: there are ids in them.
struct ServerSpan {
  std::string_view method;
  std::string_view route;  // the pattern, never the path
  unsigned status = 0;
  std::string_view client;  // its address
  std::string_view key;     // the name of its API key; empty: it has none
  std::size_t request_bytes = 0;
  std::size_t answer_bytes = 0;
  SpanTime time;
};

// A part of it.
struct PartSpan {
  std::string_view name;
  observe::SpanId id{};
  SpanTime time;
};

// The spans of a recorded request, as elements of an array, divided by commas.
std::string spans_json(const observe::RequestTrace& trace, const ServerSpan& server,
                       std::span<const PartSpan> parts);

// What stands before and behind the spans of one call, together an ExportTraceServiceRequest.
std::string export_head(const Resource& resource);
std::string_view export_tail();

// Of the answer to a call: how many spans the collector did not take (partialSuccess). What cannot
// be read says nothing.
std::uint64_t rejected_spans(std::string_view answer);

}  // namespace jindou::tracing
