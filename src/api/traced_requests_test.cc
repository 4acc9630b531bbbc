// Which requests are traced, and what a collector is told of a batch.
#include <chrono>
#include <memory>
#include <string>

#include "api/routes_fixture.h"
#include "http/test_receiver.h"
#include "tracing/exporter.h"
#include "tracing/tracer.h"

namespace jindou::api {
namespace {

using TraceOutcome = tracing::Exporter::Outcome;

class TracedRequests : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    tracing::ExporterOptions options;
    options.url = collector_.url();
    // Only the stop sends.
    options.gather_time = std::chrono::hours(1);
    exporter_ = std::make_unique<tracing::Exporter>(clock_, options, tracing::Resource{"1", 1});
    tracer_ = std::make_unique<tracing::Tracer>(*exporter_, clock_, random_, 1.0);
    services_->deps.tracer = tracer_.get();
    exporter_->start();
  }
  void TearDown() override {
    exporter_->stop();
    RoutesTest::TearDown();
  }

  // All that the collector was told, when nothing waits any more.
  std::string told() {
    exporter_->stop();
    std::string all;
    for (const http::ReceivedCall& call : collector_.calls()) all += call.body;
    return all;
  }

  http::TestReceiver collector_;
  std::unique_ptr<tracing::Exporter> exporter_;
  std::unique_ptr<tracing::Tracer> tracer_;
};

TEST_F(TracedRequests, ABatchIsTheSpanOfItsRouteWithItsParts) {
  const std::string batch = "[" + item("n1", "g1") + "," + item("n2", "g1") + "]";
  ASSERT_EQ(call(Verb::post, "/message/sendbatch", batch, "",
                 {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
                .status,
            200U);
  const std::string spans = told();
  EXPECT_TRUE(has(spans, R"("parentSpanId":"00f067aa0ba902b7","name":"POST /message/sendbatch")"))
      << spans;
  for (const char* part : {"read", "parse", "commit", "write"}) {
    EXPECT_TRUE(has(spans, R"("name":")" + std::string(part) + "\"")) << part << ": " << spans;
  }
  EXPECT_TRUE(has(spans, R"({"key":"jindou.items","value":{"intValue":"2"}})")) << spans;
  EXPECT_TRUE(has(spans, R"({"key":"jindou.items_refused","value":{"intValue":"0"}})"));
  EXPECT_EQ(exporter_->counted(TraceOutcome::sent), 5U);
}

TEST_F(TracedRequests, WhatIsAllOrNoneIsCountedToo) {
  const std::string batch = "[" + item("n1", "g1") + "," + item("n2", "g2") + "]";
  ASSERT_EQ(status("/message/sendbatch?atomic=true", batch), 200U);
  const std::string spans = told();
  EXPECT_TRUE(has(spans, R"({"key":"jindou.items","value":{"intValue":"2"}})")) << spans;
  EXPECT_TRUE(has(spans, R"("name":"commit")")) << spans;
}

TEST_F(TracedRequests, AlsoWhatIsRefusedIsTraced) {
  EXPECT_EQ(status("/message/sendbatch", "[]x"), 400U);
  EXPECT_EQ(status("/no/such/path", "{}"), 404U);
  const std::string spans = told();
  EXPECT_TRUE(has(spans, R"({"key":"http.response.status_code","value":{"intValue":"400"}})"));
  EXPECT_TRUE(has(spans, R"("name":"POST other")")) << spans;
  EXPECT_FALSE(has(spans, "/no/such/path"));
}

TEST_F(TracedRequests, ProbesAreNot) {
  for (const char* path : {"/health", "/healthz", "/readyz"}) {
    EXPECT_EQ(call(Verb::get, path).status, 200U);
  }
  EXPECT_EQ(call(Verb::options, "/message/send").status, 204U);
  EXPECT_EQ(told(), "");
}

TEST_F(TracedRequests, StrangersAreNot) {
  ApiOptions options;
  options.access.manager_token = "secret";
  configure(options);
  services_->deps.tracer = tracer_.get();
  EXPECT_EQ(call(Verb::post, "/message/sendbatch", "[]", "wrong").status, 401U);
  EXPECT_EQ(told(), "");
}

TEST_F(TracedRequests, WithoutATracerNoneIs) {
  services_->deps.tracer = nullptr;
  ASSERT_EQ(status("/message/sendbatch", "[" + item("n1", "g1") + "]"), 200U);
  EXPECT_EQ(told(), "");
}

}  // namespace
}  // namespace jindou::api
