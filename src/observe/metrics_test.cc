#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace jindou::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, RendersWhatWasCounted) {
  Metrics metrics;
  metrics.count_http_request("/message/sendbatch", 200);
  metrics.count_http_request("/message/sendbatch", 200);
  metrics.batch_items.with("accepted").Increment(3);
  metrics.messages_stored.Increment(3);
  metrics.sessions.with("tcp").Set(5);
  metrics.commit_messages.Observe(3);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("jindou_http_requests_total{route=\"/message/sendbatch\","
                              "status=\"200\"} 2"));
  EXPECT_THAT(text, HasSubstr("jindou_batch_items_total{outcome=\"accepted\"} 3"));
  EXPECT_THAT(text, HasSubstr("jindou_messages_stored_total 3"));
  EXPECT_THAT(text, HasSubstr("jindou_sessions{transport=\"tcp\"} 5"));
  EXPECT_THAT(text, HasSubstr("jindou_commit_messages_count 1"));
}

TEST(Metrics, TheSameLabelIsTheSameMetric) {
  Metrics metrics;
  EXPECT_EQ(&metrics.connects.with("ok"), &metrics.connects.with("ok"));
  EXPECT_NE(&metrics.connects.with("ok"), &metrics.connects.with("auth_fail"));
}

TEST(Metrics, LabelValuesAreBounded) {
  Metrics metrics;
  for (int i = 0; i < 500; ++i) metrics.sessions_cut.with(std::to_string(i)).Increment();
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("jindou_sessions_cut_total{reason=\"63\"} 1"));
  EXPECT_THAT(text, Not(HasSubstr("reason=\"64\"")));
  EXPECT_THAT(text, HasSubstr("jindou_sessions_cut_total{reason=\"other\"} 436"));
}

TEST(Metrics, HttpSeriesAreBounded) {
  Metrics metrics;
  for (int i = 0; i < 3000; ++i) metrics.count_http_request("/r" + std::to_string(i), 200);
  EXPECT_THAT(metrics.render(),
              HasSubstr("jindou_http_requests_total{route=\"other\",status=\"0\"} 952"));
}

TEST(Metrics, RequestsAreTimedByRouteWithinABound) {
  Metrics metrics;
  metrics.show_http_seconds("/shown");
  metrics.time_http_request("/timed", 0.003);
  metrics.time_http_request("/timed", 2);
  std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("jindou_http_request_seconds_count{route=\"/shown\"} 0"));
  EXPECT_THAT(text,
              HasSubstr("jindou_http_request_seconds_bucket{route=\"/timed\",le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("jindou_http_request_seconds_count{route=\"/timed\"} 2"));
  for (int i = 0; i < 300; ++i) metrics.time_http_request("/r" + std::to_string(i), 1);
  text = metrics.render();
  EXPECT_THAT(text, HasSubstr("jindou_http_request_seconds_count{route=\"other\"} 46"));
  EXPECT_THAT(text, Not(HasSubstr("route=\"/r299\"")));
}

TEST(Metrics, StreamsAreTimedApartByMinutes) {
  Metrics metrics;
  EXPECT_THAT(metrics.render(), HasSubstr("\njindou_http_stream_seconds_count 0\n"));
  metrics.http_stream_seconds.Observe(90);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("jindou_http_stream_seconds_bucket{le=\"60\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("jindou_http_stream_seconds_bucket{le=\"600\"} 1\n"));
}

TEST(Metrics, WhatThereWasNoRoomForIsCountedFromTheStart) {
  Metrics metrics;
  const std::string text = metrics.render();
  for (const char* to : {"http", "clients"}) {
    EXPECT_THAT(text,
                HasSubstr("\njindou_overload_refusals_total{to=\"" + std::string(to) + "\"} 0\n"));
  }
}

TEST(Metrics, CollectorsAppendUntilTheyAreRemoved) {
  Metrics metrics;
  const auto id = metrics.add_collector([](std::string& out) {
    append_sample(out, "jindou_store_bytes", "gauge", "Bytes on disk.", 1.5);
  });
  EXPECT_THAT(metrics.render(),
              HasSubstr("# TYPE jindou_store_bytes gauge\njindou_store_bytes 1.5"));
  metrics.remove_collector(id);
  EXPECT_THAT(metrics.render(), Not(HasSubstr("jindou_store_bytes")));
}

TEST(Metrics, AGaugeSetByACollectorIsInTheSameScrape) {
  Metrics metrics;
  metrics.add_collector([&metrics](std::string&) { metrics.items_in_flight.Set(17); });
  EXPECT_THAT(metrics.render(), HasSubstr("jindou_items_in_flight 17"));
}

TEST(Metrics, ManyThreadsLoseNoCount) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 1000; ++i) {
        metrics.count_http_request("/x", 200 + i % 3);
        metrics.connects.with(std::to_string(i % 5)).Increment();
        metrics.deliveries.Increment();
        if (i % 250 == 0) metrics.render();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.deliveries.Value(), 4000);
  EXPECT_EQ(metrics.connects.with("0").Value(), 800);
}

}  // namespace
}  // namespace jindou::observe
