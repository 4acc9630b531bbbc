#include "tracing/tracer.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/caller.h"
#include "observe/request_trace.h"
#include "observe/trace_context.h"
#include "tracing/otlp_json.h"

namespace jindou::tracing {

observe::SpanId Tracer::new_span() const {
  observe::SpanId id;
  random_.fill(id);
  if (id == observe::SpanId{}) id.back() = 1;  // zeros are none
  return id;
}

void Tracer::begin(http::Request& request) const {
  observe::TraceContext context;
  if (const auto given = observe::parse_traceparent(request.header_list("traceparent"))) {
    context = *given;
  } else {
    random_.fill(context.trace);
    if (!observe::is_chosen(context.trace, ratio_)) return;
    if (context.trace == observe::TraceId{}) context.trace.back() = 1;
    context.sampled = true;
  }
  request.trace = std::make_unique<observe::RequestTrace>(context, new_span(), clock_);
}

void Tracer::finish(const http::Request& request, const http::Response& response,
                    const http::ExchangeTimes& times) const {
  using TimePoint = observe::RequestTrace::TimePoint;
  const observe::RequestTrace* const trace = request.trace.get();
  if (trace == nullptr || !trace->recorded()) return;
  // All times are steady ones before now, so that a clock that is set in between bends nothing.
  const TimePoint end = clock_.steady();
  const std::int64_t end_ns = clock_.wall_ns();
  const auto time_of = [end, end_ns](TimePoint from, TimePoint to) {
    const auto ago = [end](TimePoint at) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(end - at).count();
    };
    return SpanTime{end_ns - ago(from), end_ns - ago(to)};
  };
  TimePoint begin = end - times.total;
  // That may be some moments late; what was done for the request has begun behind its reading.
  if (!trace->parts().empty()) {
    begin = std::min(begin, trace->parts().front().begin - times.reading);
  }
  std::vector<PartSpan> parts;
  parts.reserve(trace->parts().size() + 2);
  parts.push_back({"read", new_span(), time_of(begin, begin + times.reading)});
  for (const auto& part : trace->parts()) {
    parts.push_back({part.name, new_span(), time_of(part.begin, part.end)});
  }
  parts.push_back({"write", new_span(), time_of(end - times.writing, end)});
  ServerSpan server;
  server.method = request.method() == http::Verb::unknown
                      ? std::string_view("_OTHER")
                      : std::string_view(to_string(request.method()));
  server.route = response.route;
  server.status = response.status;
  server.client = request.peer;
  if (request.caller_kind == CallerIdentity::Kind::key) server.key = request.user;
  server.request_bytes = request.body.size();
  server.answer_bytes = response.body.size();
  server.time = time_of(begin, end);
  exporter_.add(spans_json(*trace, server, parts), parts.size() + 1);
}

}  // namespace jindou::tracing
