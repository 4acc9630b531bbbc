// What is noted of a request that belongs to a trace, while it is worked on.
//
// A request without a trace has none of these: whoever notes something asks for the pointer first
// and reads no clock. Lives on the shard of its connection. Memory: kPartsMax parts at most.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "observe/trace_context.h"

namespace jindou::observe {

class RequestTrace {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A part of the work.
  struct Part {
    std::string_view name;  // a constant
    TimePoint begin;
    TimePoint end;
  };
  // Messages of the request, and what became of those that were not stored.
  struct Items {
    std::uint64_t all = 0;
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;
  };

  // A stream of lines sends as long as it lasts; what comes behind so many parts is counted.
  static constexpr std::size_t kPartsMax = 32;

  // `span` is the request's own. Borrows the clock.
  RequestTrace(const TraceContext& context, const SpanId& span, const Clock& clock)
      : context_(context), span_(span), id_(hex_of(context.trace)), clock_(clock) {}

  const TraceContext& context() const { return context_; }
  const SpanId& span() const { return span_; }
  // The id of the trace in hex digits, as logs and answers have it.
  const std::string& id() const { return id_; }
  // Otherwise the id is all there is: the caller has decided so.
  bool recorded() const { return context_.sampled; }

  TimePoint now() const { return clock_.steady(); }
  void add_part(const Part& part) {
    if (parts_.size() < kPartsMax) {
      parts_.push_back(part);
    } else {
      ++parts_left_out_;
    }
  }
  void add_items(const Items& items) {
    items_.all += items.all;
    items_.refused += items.refused;
    items_.unknown += items.unknown;
  }

  const std::vector<Part>& parts() const { return parts_; }
  std::uint64_t parts_left_out() const { return parts_left_out_; }
  const Items& items() const { return items_; }

 private:
  const TraceContext context_;
  const SpanId span_;
  const std::string id_;
  const Clock& clock_;
  std::vector<Part> parts_;
  std::uint64_t parts_left_out_ = 0;
  Items items_;
};

// The time from here to the end of the block as a part of the request's work. `trace` may be null,
// and otherwise outlives the block.
class TracedPart {
 public:
  TracedPart(RequestTrace* trace, std::string_view name)
      : trace_(trace != nullptr && trace->recorded() ? trace : nullptr), name_(name) {
    if (trace_ != nullptr) begin_ = trace_->now();
  }
  ~TracedPart() {
    if (trace_ != nullptr) trace_->add_part({name_, begin_, trace_->now()});
  }
  TracedPart(const TracedPart&) = delete;
  TracedPart& operator=(const TracedPart&) = delete;

 private:
  RequestTrace* const trace_;
  const std::string_view name_;
  RequestTrace::TimePoint begin_{};
};

}  // namespace jindou::observe
