// Which requests belong to a trace, and what is told of them once they are answered.
//
// The caller's choice counts: with a `traceparent` that says so, a request is recorded; with one
// that does not, it only has the id of its trace, in logs and in its answer. Without one a share of
// all requests begins a trace of its own. Only there when there is a collector: without it nobody
// has one of these, and a request costs the look at that pointer.
#pragma once

#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "config/live_value.h"
#include "http/exchange.h"
#include "observe/trace_context.h"
#include "tracing/exporter.h"

namespace jindou::tracing {

// Thread-safe.
class Tracer {
 public:
  // Borrows all but `ratio`, the share of requests that begin a trace, 0 to 1.
  Tracer(Exporter& exporter, const Clock& clock, Random& random, config::LiveValue<double> ratio)
      : exporter_(exporter), clock_(clock), random_(random), ratio_(std::move(ratio)) {}

  // By the header of the request; sets its `trace`, or leaves it null.
  void begin(http::Request& request) const;

  // When it is answered. Hands the spans of a recorded one over: its own, and for each part of the
  // work one below it; the first and the last of them are reading the request and writing the
  // answer.
  void finish(const http::Request& request, const http::Response& response,
              const http::ExchangeTimes& times) const;

 private:
  observe::SpanId new_span() const;

  Exporter& exporter_;
  const Clock& clock_;
  Random& random_;
  const config::LiveValue<double> ratio_;
};

}  // namespace jindou::tracing
