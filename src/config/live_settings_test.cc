#include "config/live_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/live_value.h"

namespace jindou::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LiveSettings, AReloadAppliesLiveKeysAndNamesThoseThatWait) {
  LiveSettings live{Settings()};
  Settings wanted;
  wanted.manager_token = "a-new-token-of-the-test";
  wanted.retention.by_type = {"group:90d:1000"};
  wanted.api.max_batch = 7;
  const auto report = live.apply(wanted);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->applied, ElementsAre("managerToken", "retention.byType"));
  EXPECT_THAT(report->waiting, ElementsAre("api.maxBatch"));
  EXPECT_EQ(live.get()->manager_token, "a-new-token-of-the-test");
  EXPECT_EQ(live.get()->retention.by_type.size(), 1U);
  EXPECT_EQ(live.get()->api.max_batch, Settings().api.max_batch) << "needs a restart";
}

TEST(LiveSettings, WhatWaitsIsNamedAgainByTheNextReload) {
  LiveSettings live{Settings()};
  Settings wanted;
  wanted.api.max_batch = 7;
  ASSERT_TRUE(live.apply(wanted));
  const auto again = live.apply(wanted);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->applied, IsEmpty());
  EXPECT_THAT(again->waiting, ElementsAre("api.maxBatch"));
}

TEST(LiveSettings, AnInvalidMixtureChangesNothing) {
  Settings running;
  running.http_addr = "0.0.0.0:5001";
  running.manager_token = "a-secret-of-the-test";
  LiveSettings live(running);
  // Valid in itself, but the address stays as it is until a restart.
  const auto report = live.apply(Settings());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Errc::invalid);
  EXPECT_EQ(live.get()->manager_token, "a-secret-of-the-test");
}

TEST(LiveSettings, SubscribersAreCalledWhenSomethingChangedUntilTheyLeave) {
  LiveSettings live{Settings()};
  int calls = 0;
  std::string seen;
  const auto id = live.subscribe([&](const Settings& settings) {
    ++calls;
    seen = settings.manager_token;
  });
  Settings wanted;
  ASSERT_TRUE(live.apply(wanted));
  EXPECT_EQ(calls, 0);
  wanted.manager_token = "the-first-token-of-the-test";
  ASSERT_TRUE(live.apply(wanted));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen, "the-first-token-of-the-test");
  live.unsubscribe(id);
  wanted.manager_token = "the-second-token-of-the-test";
  ASSERT_TRUE(live.apply(wanted));
  EXPECT_EQ(calls, 1);
}

TEST(LiveSettings, ASnapshotTakenBeforeAReloadStaysAsItWas) {
  LiveSettings live{Settings()};
  const auto before = live.get();
  Settings wanted;
  wanted.token_auth_on = true;
  ASSERT_TRUE(live.apply(wanted));
  EXPECT_FALSE(before->token_auth_on);
  EXPECT_TRUE(live.get()->token_auth_on);
}

TEST(LiveValue, CopiesShareOneValue) {
  const LiveValue<bool> flag = false;
  const LiveValue<std::string> text = std::string("a");
  const LiveValue<bool> other_flag = flag;
  const LiveValue<std::string> other_text = text;
  flag.set(true);
  text.set("b");
  EXPECT_TRUE(other_flag);
  EXPECT_EQ(other_text.get(), "b");
}

}  // namespace
}  // namespace jindou::config
