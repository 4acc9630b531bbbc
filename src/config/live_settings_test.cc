#include "config/live_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/live_value.h"
#include "config/loaded_settings.h"

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

// What a reload to `wanted` lets wait; `live` is what the server then runs with.
std::vector<std::string> waiting_of(LiveSettings& live, const Settings& wanted) {
  const auto report = live.apply(wanted);
  EXPECT_TRUE(report) << report.error().detail();
  return report ? report->waiting : std::vector<std::string>();
}

// With tokens and without addresses both ports are open to everybody, without tokens to loopback.
TEST(LiveSettings, ClientTokensDoNotEndBeforeTheirAddressesDo) {
  const auto loaded = load_settings_text("tokenAuthOn: true\n", {}, {});
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->settings.addr, "tcp://0.0.0.0:5100");
  const auto without = load_settings_text("", {}, {});
  ASSERT_TRUE(without);
  LiveSettings live(loaded->settings);
  EXPECT_THAT(waiting_of(live, without->settings), ElementsAre("addr", "wsAddr", "tokenAuthOn"));
  EXPECT_TRUE(live.get()->token_auth_on);
  // Whoever writes the addresses down has them open.
  const auto written = load_settings_text(
      "addr: tcp://0.0.0.0:5100\nwsAddr: ws://0.0.0.0:5200\ntokenAuthOn: false\n", {}, {});
  ASSERT_TRUE(written);
  EXPECT_THAT(waiting_of(live, written->settings), IsEmpty());
  EXPECT_FALSE(live.get()->token_auth_on);
  EXPECT_THAT(waiting_of(live, loaded->settings), IsEmpty());
  EXPECT_TRUE(live.get()->token_auth_on);
}

TEST(LiveSettings, ClientTokensWaitForEachAddressOfClients) {
  Settings running;
  running.token_auth_on = true;
  running.tls.cert_file = running.tls.key_file = "x.pem";
  running.tls_addr = "0.0.0.0:5443";
  Settings wanted = running;
  wanted.token_auth_on = false;
  wanted.wss_addr = "0.0.0.0:5444";  // nobody listens there yet
  LiveSettings same(running);
  EXPECT_THAT(waiting_of(same, wanted), ElementsAre("wssAddr"));
  wanted.tls_addr.clear();
  LiveSettings other(running);
  EXPECT_THAT(waiting_of(other, wanted), ElementsAre("tlsAddr", "wssAddr", "tokenAuthOn"));
}

TEST(LiveSettings, TheLastTokenOfTheApiDoesNotEndBeforeItsAddressDoes) {
  Settings running;
  running.http_addr = "0.0.0.0:5001";
  running.allow_open_api = true;
  running.manager_token = "a-secret-of-the-test";
  Settings wanted;
  LiveSettings moved(running);
  EXPECT_THAT(waiting_of(moved, wanted), ElementsAre("httpAddr", "managerToken", "allowOpenApi"));
  EXPECT_EQ(moved.get()->manager_token, "a-secret-of-the-test");
  wanted.http_addr = running.http_addr;
  wanted.allow_open_api = true;
  LiveSettings meant(running);
  EXPECT_THAT(waiting_of(meant, wanted), IsEmpty());
  EXPECT_EQ(meant.get()->manager_token, "");
  // The second token asks callers as well.
  Settings second;
  second.auth.super_token = "a-secret-of-the-test";
  LiveSettings changed(running);
  EXPECT_THAT(waiting_of(changed, second), ElementsAre("httpAddr", "allowOpenApi"));
  running.manager_token.clear();
  running.auth.super_token = "a-secret-of-the-test";
  LiveSettings last(running);
  EXPECT_THAT(waiting_of(last, Settings()),
              ElementsAre("httpAddr", "allowOpenApi", "auth.superToken"));
  running = Settings();
  running.manager_token = "a-secret-of-the-test";
  wanted = Settings();
  // No API at all is not one on loopback that asks for nothing.
  running.http_addr = "localhost:5001";
  wanted.http_addr = "";
  LiveSettings none(running);
  EXPECT_THAT(waiting_of(none, wanted), ElementsAre("httpAddr", "managerToken"));
}

TEST(LiveSettings, LoginsOfTheManagerPortDoNotEndBeforeItsAddressDoes) {
  Settings running;
  running.auth.users = {"a:password-of-a:*"};
  Settings wanted;
  wanted.auth.on = false;
  wanted.manager.on = false;
  LiveSettings gone(running);
  EXPECT_THAT(waiting_of(gone, wanted), ElementsAre("manager.on", "auth.on", "auth.users"));
  EXPECT_EQ(gone.get()->auth.users.size(), 1U);
  Settings open;
  open.manager.addr = "0.0.0.0:5300";
  LiveSettings moved(running);
  EXPECT_THAT(waiting_of(moved, open), ElementsAre("manager.addr", "auth.users"));
  LiveSettings same(running);
  EXPECT_THAT(waiting_of(same, Settings()), IsEmpty());
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
