#include "tracing/tracer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "observe/request_trace.h"

namespace jindou::tracing {
namespace {

constexpr std::string_view kSampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr std::string_view kSilent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

class StandingClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 1'700'000'000'000; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(100));
  }
};

// All bytes are the next number.
class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    std::ranges::fill(out, next);
    ++next;
  }
  unsigned char next = 0x80;
};

// Of spans that were handed over; none is sent, as the exporter is not started.
std::string metrics_of(const Exporter& exporter) {
  std::string text;
  exporter.append_metrics(text);
  return text;
}

class TracerTest : public testing::Test {
 protected:
  void begin(http::Request& request, std::string_view traceparent = {}, int times = 1) {
    request.set_line(http::Verb::post, "POST", "/message/sendbatch", 11);
    for (int i = 0; i < times && !traceparent.empty(); ++i) {
      request.add_header(http::Field::unknown, "TraceParent", traceparent);
    }
    tracer_.begin(request);
  }

  StandingClock clock_;
  CountingRandom random_;
  Exporter exporter_{clock_, ExporterOptions(), Resource{"1.2.3", 1}};
  config::LiveValue<double> ratio_{0.0};
  Tracer tracer_{exporter_, clock_, random_, ratio_};
};

TEST_F(TracerTest, ARequestGoesOnWithTheTraceOfItsCaller) {
  http::Request request;
  begin(request, kSampled);
  ASSERT_TRUE(request.trace);
  EXPECT_EQ(request.trace->id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(observe::hex_of(request.trace->context().parent), "00f067aa0ba902b7");
  EXPECT_TRUE(request.trace->recorded());
  EXPECT_EQ(request.trace_note(), ", trace 4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_F(TracerTest, WhoseCallerDoesNotRecordOnlyHasTheId) {
  ratio_.set(1);
  http::Request request;
  begin(request, kSilent);
  ASSERT_TRUE(request.trace);
  EXPECT_EQ(request.trace->id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_FALSE(request.trace->recorded());
  tracer_.finish(request, http::Response(), http::ExchangeTimes());
  EXPECT_NE(metrics_of(exporter_).find("jindou_trace_queued_bytes 0\n"), std::string::npos);
}

TEST_F(TracerTest, AShareOfTheOthersBeginsATraceAndAReloadChangesIt) {
  http::Request none;
  begin(none);
  EXPECT_FALSE(none.trace);
  EXPECT_EQ(none.trace_note(), "");
  ratio_.set(1);
  http::Request own;
  begin(own);
  ASSERT_TRUE(own.trace);
  EXPECT_TRUE(own.trace->recorded());
  EXPECT_EQ(own.trace->context().parent, observe::SpanId{});
}

TEST_F(TracerTest, WhatIsNoTraceparentIsIgnored) {
  ratio_.set(1);
  for (const std::string_view value : {std::string_view("nonsense"), kSampled.substr(1)}) {
    http::Request request;
    begin(request, value);
    ASSERT_TRUE(request.trace);
    EXPECT_NE(request.trace->id(), "4bf92f3577b34da6a3ce929d0e0e4736");
  }
  http::Request twice;
  begin(twice, kSampled, 2);
  EXPECT_NE(twice.trace->id(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_F(TracerTest, ARecordedRequestIsQueuedWithItsParts) {
  http::Request request;
  begin(request, kSampled);
  { const observe::TracedPart part(request.trace.get(), "parse"); }
  http::Response response;
  response.route = "/message/sendbatch";
  tracer_.finish(request, response, http::ExchangeTimes());
  EXPECT_EQ(metrics_of(exporter_).find("jindou_trace_queued_bytes 0\n"), std::string::npos);
  // Gone with the request: the next one of the connection has none.
  request.clear();
  EXPECT_FALSE(request.trace);
}

}  // namespace
}  // namespace jindou::tracing
