#include "observe/request_trace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jindou::observe {
namespace {

class CountingClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++readings));
  }
  mutable int readings = 0;
};

TraceContext context_of(bool sampled) {
  TraceContext context;
  context.trace.fill(0xab);
  context.sampled = sampled;
  return context;
}

TEST(RequestTrace, ABlockIsAPartOfTheWork) {
  const CountingClock clock{};
  RequestTrace trace(context_of(true), SpanId{}, clock);
  { const TracedPart part(&trace, "parse"); }
  ASSERT_EQ(trace.parts().size(), 1U);
  EXPECT_EQ(trace.parts()[0].name, "parse");
  EXPECT_EQ(trace.parts()[0].end - trace.parts()[0].begin, std::chrono::seconds(1));
  EXPECT_EQ(trace.id(), "abababababababababababababababab");
}

TEST(RequestTrace, NoClockIsReadForWhatIsNotRecorded) {
  const CountingClock clock{};
  RequestTrace silent(context_of(false), SpanId{}, clock);
  { const TracedPart part(&silent, "parse"); }
  { const TracedPart part(nullptr, "parse"); }
  EXPECT_EQ(clock.readings, 0);
  EXPECT_TRUE(silent.parts().empty());
}

TEST(RequestTrace, PartsBeyondTheBoundAreCounted) {
  const CountingClock clock{};
  RequestTrace trace(context_of(true), SpanId{}, clock);
  for (std::size_t i = 0; i < RequestTrace::kPartsMax + 3; ++i) {
    const TracedPart part(&trace, "commit");
  }
  EXPECT_EQ(trace.parts().size(), RequestTrace::kPartsMax);
  EXPECT_EQ(trace.parts_left_out(), 3U);
}

TEST(RequestTrace, ItemsOfSeveralBatchesAddUp) {
  const CountingClock clock{};
  RequestTrace trace(context_of(true), SpanId{}, clock);
  trace.add_items({10, 2, 1});
  trace.add_items({5, 1, 0});
  EXPECT_EQ(trace.items().all, 15U);
  EXPECT_EQ(trace.items().refused, 3U);
  EXPECT_EQ(trace.items().unknown, 1U);
}

}  // namespace
}  // namespace jindou::observe
