// How many items of a request ended how, as answers and metrics tell it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "api/http_names.h"
#include "api/services.h"
#include "model/message.h"
#include "observe/request_trace.h"

namespace jindou::api {

class ItemCounts {
 public:
  void add(SendResult::State state, std::uint64_t items = 1) { counts_[index(state)] += items; }
  void add(std::span<const SendResult> results) {
    for (const SendResult& result : results) add(result.state);
  }
  void add(const ItemCounts& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t of(SendResult::State state) const { return counts_[index(state)]; }

  // To the trace of the request, where it is recorded.
  void trace(const Request& request) const {
    if (!request.trace || !request.trace->recorded()) return;
    observe::RequestTrace::Items items;
    for (const std::uint64_t count : counts_) items.all += count;
    items.refused = of(SendResult::State::refused);
    items.unknown = of(SendResult::State::unknown);
    request.trace->add_items(items);
  }

  // To the metrics. Thread-safe but for this object.
  void report(Services& services) const {
    const std::array<observe::Counter*, 4> counters = {
        &services.items_accepted, &services.items_duplicate, &services.items_refused,
        &services.items_unknown};
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0) counters[i]->Increment(static_cast<double>(counts_[i]));
    }
  }

 private:
  static std::size_t index(SendResult::State state) { return static_cast<std::size_t>(state); }

  std::array<std::uint64_t, 4> counts_{};
};

}  // namespace jindou::api
