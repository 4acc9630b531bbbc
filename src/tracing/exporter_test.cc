// Spans reach the collector in batches, or are dropped and counted; nobody waits.
#include "tracing/exporter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "codec/json_reader.h"
#include "http/test_receiver.h"

namespace jindou::tracing {
namespace {

using http::ReceivedCall;
using http::TestReceiver;
using Outcome = Exporter::Outcome;
using std::chrono::milliseconds;

// How many spans a call has.
std::size_t spans_of(const ReceivedCall& call) {
  const auto parsed = codec::parse_json(call.body);
  return (*parsed)["resourceSpans"].at(0)["scopeSpans"].at(0)["spans"].get_array().size();
}

class ExporterTest : public testing::Test {
 protected:
  ExporterTest() {
    options_.url = receiver_.url();
    options_.gather_time = milliseconds(1);
  }
  void make() { exporter_ = std::make_unique<Exporter>(clock_, options_, Resource{"1.2.3", 1}); }
  void start() {
    make();
    exporter_->start();
  }
  void add(std::size_t requests, const std::string& span = "{}") {
    for (std::size_t i = 0; i < requests; ++i) exporter_->add(span, 1);
  }
  // Until so many spans were of these outcomes.
  bool wait_for(Outcome outcome, std::uint64_t count) {
    const auto until = clock_.steady() + std::chrono::seconds(30);
    while (exporter_->counted(outcome) < count) {
      if (clock_.steady() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }

  SystemClock clock_;
  TestReceiver receiver_;
  ExporterOptions options_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(ExporterTest, SpansGoToTheCollectorInTheFormatOfItsProtocol) {
  options_.headers = {"Authorization: Bearer abc"};
  start();
  exporter_->add(R"({"name":"a"},{"name":"b"})", 2);
  ASSERT_TRUE(wait_for(Outcome::sent, 2));
  const ReceivedCall call = receiver_.calls().front();
  EXPECT_EQ(call.headers.at("Content-Type"), "application/json");
  EXPECT_EQ(call.headers.at("Authorization"), "Bearer abc");
  EXPECT_EQ(call.body, export_head({"1.2.3", 1}) + R"({"name":"a"},{"name":"b"})" +
                           std::string(export_tail()));
}

TEST_F(ExporterTest, ThoseOfSeveralRequestsGoTogether) {
  options_.gather_time = std::chrono::hours(1);
  start();
  // Enough for a batch, so that the hour is not waited for.
  add(600, "\"" + std::string(1'000, 'x') + "\"");
  ASSERT_TRUE(wait_for(Outcome::sent, 400));
  EXPECT_GE(spans_of(receiver_.calls().front()), 400U);
}

TEST_F(ExporterTest, WhatDoesNotFitIsDroppedAndCounted) {
  options_.queue_bytes = 2'000;
  make();
  add(10, std::string(500, ' ') + "{}");
  EXPECT_EQ(exporter_->counted(Outcome::no_room), 7U);
  exporter_->start();
  exporter_->stop();  // sends the others
  EXPECT_EQ(exporter_->counted(Outcome::sent), 3U);
  std::size_t told = 0;
  for (const ReceivedCall& call : receiver_.calls()) told += spans_of(call);
  EXPECT_EQ(told, 3U);
}

TEST_F(ExporterTest, WhatTheCollectorDoesNotTakeIsDroppedAndItIsAskedAgain) {
  std::atomic<int> status{503};
  receiver_.set_answer([&status](const ReceivedCall&) { return status.load(); });
  start();
  add(1);
  ASSERT_TRUE(wait_for(Outcome::failed, 1));
  status = 200;
  add(2);
  ASSERT_TRUE(wait_for(Outcome::sent, 2));
  EXPECT_EQ(exporter_->counted(Outcome::failed), 1U);
  exporter_->stop();
}

TEST_F(ExporterTest, WhatItTakesInPartIsCountedInPart) {
  receiver_.set_body(
      [](const ReceivedCall&) { return R"({"partialSuccess":{"rejectedSpans":"2"}})"; });
  start();
  exporter_->add("{},{},{}", 3);
  ASSERT_TRUE(wait_for(Outcome::rejected, 2));
  EXPECT_EQ(exporter_->counted(Outcome::sent), 1U);
}

TEST_F(ExporterTest, WhereNobodyListensSpansAreCounted) {
  options_.url = "http://127.0.0.1:" + std::to_string(http::unused_port()) + "/v1/traces";
  start();
  add(3);
  ASSERT_TRUE(wait_for(Outcome::failed, 1));
  exporter_->stop();
  EXPECT_EQ(exporter_->counted(Outcome::failed), 3U);
}

TEST_F(ExporterTest, AStopCutsOffACallThatIsUnderWay) {
  receiver_.set_answer([](const ReceivedCall&) { return TestReceiver::kHang; });
  options_.timeout = std::chrono::hours(1);
  start();
  add(1);
  ASSERT_TRUE(receiver_.wait_for_calls(1));
  add(1);
  exporter_->stop();  // would not return before the hour is over
  EXPECT_EQ(exporter_->counted(Outcome::failed), 2U);
  add(1);
  EXPECT_EQ(exporter_->counted(Outcome::no_room), 1U);
}

TEST_F(ExporterTest, MetricsAreThereWithoutACollector) {
  const Exporter off(clock_, ExporterOptions(), Resource());
  std::string text;
  off.append_metrics(text);
  for (const char* outcome : {"sent", "no_room", "failed", "rejected"}) {
    EXPECT_NE(text.find("jindou_trace_spans_total{outcome=\"" + std::string(outcome) + "\"} 0\n"),
              std::string::npos)
        << outcome;
  }
  EXPECT_NE(text.find("jindou_trace_queued_bytes 0\n"), std::string::npos);
}

TEST(TracesUrl, IsBelowTheAddressOfTheCollector) {
  for (const char* endpoint :
       {"http://collector:4318", "http://collector:4318/", "http://collector:4318/v1/traces",
        "http://collector:4318/v1/traces/"}) {
    EXPECT_EQ(traces_url(endpoint), "http://collector:4318/v1/traces");
  }
  EXPECT_EQ(traces_url("https://gateway/otlp"), "https://gateway/otlp/v1/traces");
}

}  // namespace
}  // namespace jindou::tracing
