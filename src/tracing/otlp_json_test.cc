// What a collector gets, byte for byte as the specification's JSON has it.
#include "tracing/otlp_json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json_reader.h"

namespace jindou::tracing {
namespace {

using observe::RequestTrace;
using observe::SpanId;
using observe::TraceContext;

const SystemClock kSomeClock{};

TraceContext example_context() {
  return *observe::parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

SpanId span_of(unsigned char last) {
  SpanId id{0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0};
  id.back() = last;
  return id;
}

ServerSpan batch_span() {
  ServerSpan server;
  server.method = "POST";
  server.route = "/message/sendbatch";
  server.status = 200;
  server.client = "10.0.0.7";
  server.request_bytes = 4096;
  server.answer_bytes = 900;
  server.time = {1'544'712'660'000'000'000, 1'544'712'661'000'000'000};
  return server;
}

TEST(OtlpJson, ABatchIsASpanWithItsPartsBelow) {
  RequestTrace trace(example_context(), span_of(0x74), kSomeClock);
  trace.add_items({10, 2, 1});
  ServerSpan server = batch_span();
  server.key = "orders";
  const std::vector<PartSpan> parts = {
      {"parse", span_of(0x75), {1'544'712'660'100'000'000, 1'544'712'660'200'000'000}},
      {"commit", span_of(0x76), {1'544'712'660'200'000'000, 1'544'712'660'900'000'000}},
  };
  EXPECT_EQ(
      spans_json(trace, server, parts),
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"eee19b7ec3c1b174",)"
      R"("parentSpanId":"00f067aa0ba902b7","name":"POST /message/sendbatch","kind":2,)"
      R"("startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",)"
      R"("attributes":[{"key":"http.request.method","value":{"stringValue":"POST"}},)"
      R"({"key":"http.route","value":{"stringValue":"/message/sendbatch"}},)"
      R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
      R"({"key":"client.address","value":{"stringValue":"10.0.0.7"}},)"
      R"({"key":"http.request.body.size","value":{"intValue":"4096"}},)"
      R"({"key":"http.response.body.size","value":{"intValue":"900"}},)"
      R"({"key":"jindou.api_key","value":{"stringValue":"orders"}},)"
      R"({"key":"jindou.items","value":{"intValue":"10"}},)"
      R"({"key":"jindou.items_refused","value":{"intValue":"2"}},)"
      R"({"key":"jindou.items_unknown","value":{"intValue":"1"}}],"status":{}},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"eee19b7ec3c1b175",)"
      R"("parentSpanId":"eee19b7ec3c1b174","name":"parse","kind":1,)"
      R"("startTimeUnixNano":"1544712660100000000","endTimeUnixNano":"1544712660200000000"},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"eee19b7ec3c1b176",)"
      R"("parentSpanId":"eee19b7ec3c1b174","name":"commit","kind":1,)"
      R"("startTimeUnixNano":"1544712660200000000","endTimeUnixNano":"1544712660900000000"})");
}

TEST(OtlpJson, ATraceThatBeginsHereHasNoParent) {
  TraceContext context = example_context();
  context.parent = SpanId{};
  const RequestTrace trace(context, span_of(0x74), kSomeClock);
  EXPECT_EQ(spans_json(trace, batch_span(), {}).find("parentSpanId"), std::string::npos);
}

TEST(OtlpJson, OnlyAFaultOfTheServerIsAnError) {
  const RequestTrace trace(example_context(), span_of(0x74), kSomeClock);
  ServerSpan server = batch_span();
  for (const unsigned status : {400U, 401U, 429U, 499U}) {
    server.status = status;
    const std::string text = spans_json(trace, server, {});
    EXPECT_NE(text.find(R"("status":{}})"), std::string::npos) << status;
    EXPECT_EQ(text.find("error.type"), std::string::npos) << status;
  }
  for (const unsigned status : {500U, 503U}) {
    server.status = status;
    const std::string text = spans_json(trace, server, {});
    EXPECT_NE(text.find(R"("status":{"code":2}})"), std::string::npos) << status;
    EXPECT_NE(text.find(R"({"key":"error.type","value":{"stringValue":")" + std::to_string(status)),
              std::string::npos)
        << status;
  }
}

TEST(OtlpJson, PartsThatWereLeftOutAreCounted) {
  RequestTrace trace(example_context(), span_of(0x74), kSomeClock);
  for (std::size_t i = 0; i < RequestTrace::kPartsMax + 7; ++i) trace.add_part({"commit", {}, {}});
  EXPECT_NE(spans_json(trace, batch_span(), {})
                .find(R"({"key":"jindou.parts_left_out","value":{"intValue":"7"}})"),
            std::string::npos);
}

TEST(OtlpJson, ACallSaysWhoTellsIt) {
  const Resource resource{"1.2.3", 1001};
  EXPECT_EQ(export_head(resource),
            R"({"resourceSpans":[{"resource":{"attributes":[)"
            R"({"key":"service.name","value":{"stringValue":"jindou"}},)"
            R"({"key":"service.version","value":{"stringValue":"1.2.3"}},)"
            R"({"key":"service.instance.id","value":{"stringValue":"1001"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"jindou","version":"1.2.3"},"spans":[)");
  const RequestTrace trace(example_context(), span_of(0x74), kSomeClock);
  const std::string spans = spans_json(trace, batch_span(), {});
  const std::string whole =
      export_head(resource) + spans + ',' + spans + std::string(export_tail());
  const auto parsed = codec::parse_json(whole);
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ((*parsed)["resourceSpans"].at(0)["scopeSpans"].at(0)["spans"].get_array().size(), 2U);
}

TEST(OtlpJson, AnAnswerMaySayThatSomeWereNotTaken) {
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}})"), 3U);
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":3}})"), 3U);
  for (const char* answer : {"", "{}", "nonsense", R"({"partialSuccess":{}})", "[1]",
                             R"({"partialSuccess":{"rejectedSpans":"many"}})",
                             R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
    EXPECT_EQ(rejected_spans(answer), 0U) << answer;
  }
}

}  // namespace
}  // namespace jindou::tracing
