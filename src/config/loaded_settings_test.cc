#include "config/loaded_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace jindou::config {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

Settings settings_of(std::string_view yaml, const Environment& env = {},
                     const Overrides& overrides = {}) {
  auto loaded = load_settings_text(yaml, env, overrides);
  EXPECT_TRUE(loaded) << loaded.error().text();
  return loaded ? loaded->settings : Settings{};
}

std::string refusal_of(std::string_view yaml, const Environment& env = {},
                       const Overrides& overrides = {}) {
  auto loaded = load_settings_text(yaml, env, overrides);
  EXPECT_FALSE(loaded) << yaml;
  if (loaded) return {};
  EXPECT_EQ(loaded.error().code(), Errc::invalid);
  return loaded.error().detail();
}

const Setting& row(std::string_view key) {
  for (const Setting& setting : settings_table()) {
    if (setting.key == key) return setting;
  }
  ADD_FAILURE() << "no row " << key;
  return settings_table().front();
}

TEST(Settings, WorkWithoutAnySource) {
  const auto loaded = load_settings(std::nullopt, {}, {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->settings.http_addr, "localhost:5001");
  EXPECT_EQ(loaded->settings.addr, "tcp://localhost:5100");
  EXPECT_EQ(loaded->settings.ws_addr, "ws://localhost:5200");
  EXPECT_EQ(loaded->settings.data_dir, "./data");
  EXPECT_EQ(loaded->settings.conn_idle_time, milliseconds(180'000));
  EXPECT_EQ(loaded->settings.api.max_batch, 1000U);
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Settings, EveryDefaultLiesInsideItsOwnBounds) {
  const Settings defaults;
  for (const Setting& setting : settings_table()) {
    Settings again;
    const std::string text = format_setting(setting, defaults);
    const auto parsed = parse_setting(setting, text, again);
    EXPECT_TRUE(parsed) << setting.key << ": " << text;
    EXPECT_EQ(format_setting(setting, again), text) << setting.key;
  }
}

TEST(Settings, KeysAndEnvironmentNamesAreUnique) {
  std::set<std::string> names;
  for (const Setting& setting : settings_table()) {
    EXPECT_TRUE(names.insert(setting.env_name()).second) << setting.key;
    EXPECT_FALSE(setting.description.empty()) << setting.key;
  }
  EXPECT_EQ(row("cluster.nodeId").env_name(), "WK_CLUSTER_NODEID");
}

TEST(Settings, BothSidesOfEveryBoundAreChecked) {
  for (const Setting& setting : settings_table()) {
    if (setting.min == 0 && setting.max == 0) continue;
    const std::string unit = setting.type == SettingType::duration ? "ms" : "";
    Settings settings;
    EXPECT_TRUE(parse_setting(setting, std::to_string(setting.min) + unit, settings))
        << setting.key;
    EXPECT_TRUE(parse_setting(setting, std::to_string(setting.max) + unit, settings))
        << setting.key;
    EXPECT_FALSE(parse_setting(setting, std::to_string(setting.max + 1) + unit, settings))
        << setting.key;
    if (setting.min > 0) {
      EXPECT_FALSE(parse_setting(setting, std::to_string(setting.min - 1) + unit, settings))
          << setting.key;
    }
  }
}

TEST(Settings, ARatioIsANumberBetweenItsBounds) {
  const Setting& ratio = row("tracing.sampleRatio");
  Settings settings;
  for (const char* text : {"0", "0.25", "1", "1e-3", "0.125", "1.0"}) {
    EXPECT_TRUE(parse_setting(ratio, text, settings)) << text;
  }
  EXPECT_TRUE(parse_setting(ratio, "0.25", settings));
  EXPECT_EQ(settings.tracing.sample_ratio, 0.25);
  EXPECT_EQ(format_setting(ratio, settings), "0.25");
  for (const char* text : {"", "-0.1", "1.01", "nan", "inf", "0,5", "1/4", "0.5 ", "10%"}) {
    EXPECT_FALSE(parse_setting(ratio, text, settings)) << text;
  }
  EXPECT_EQ(settings.tracing.sample_ratio, 0.25);
}

TEST(Settings, ACollectorIsAnAddressAndItsHeadersAreNeverShown) {
  const auto loaded = load_settings_text(
      "tracing:\n  endpoint: https://user:hidden@collector:4318\n"
      "  headers: [Authorization=Bearer%20hidden]\n",
      {}, {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.tracing.headers.size(), 1U);
  EXPECT_EQ(settings_report(*loaded).find("hidden"), std::string::npos);
  EXPECT_EQ(changed_settings(*loaded).find("hidden"), std::string::npos);
  for (const char* endpoint : {"collector:4318", "http://", "http://collector/?key=a"}) {
    EXPECT_FALSE(load_settings_text("", {}, {{"tracing.endpoint", endpoint}})) << endpoint;
  }
  EXPECT_FALSE(load_settings_text("", {{"WK_TRACING_HEADERS", "Authorization=Bearer abc"}}, {}));
}

TEST(Settings, ARefusedValueChangesNothing) {
  Settings settings;
  EXPECT_FALSE(parse_setting(row("api.maxBatch"), "0", settings));
  EXPECT_EQ(settings.api.max_batch, 1000U);
}

TEST(Settings, FileTakesNestedAndDottedKeysInAnyCase) {
  const Settings settings = settings_of(
      "httpaddr: 127.0.0.1:0\n"
      "api:\n  maxBatch: 7\n  sendCheck: strict\n"
      "gateway.kickGrace: 1s\n"
      "EXTERNAL:\n  IP: 192.0.2.1\n");
  EXPECT_EQ(settings.http_addr, "127.0.0.1:0");
  EXPECT_EQ(settings.api.max_batch, 7U);
  EXPECT_EQ(settings.api.send_check, SendCheck::strict);
  EXPECT_EQ(settings.gateway.kick_grace, milliseconds(1000));
  EXPECT_EQ(settings.external.ip, "192.0.2.1");
}

TEST(Settings, EnvironmentBeatsFileAndFlagsBeatBoth) {
  const Environment env{{"WK_API_MAXBATCH", "20"}, {"WK_ROOTDIR", "/srv"}, {"WK_ADDR", ""}};
  const Overrides overrides{{"rootdir", "/over"}};
  const auto loaded =
      load_settings_text("api:\n  maxBatch: 10\n  maxConnections: 30\n", env, overrides);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.api.max_batch, 20U);
  EXPECT_EQ(loaded->settings.api.max_connections, 30U);
  EXPECT_EQ(loaded->settings.root_dir, "/over");
  EXPECT_EQ(loaded->settings.data_dir, "/over/data");
  EXPECT_EQ(loaded->settings.addr, "tcp://localhost:5100") << "an empty variable counts as absent";

  const std::string report = settings_report(*loaded);
  EXPECT_THAT(report, ::testing::ContainsRegex("api.maxBatch: +20 +# environment"));
  EXPECT_THAT(report, ::testing::ContainsRegex("api.maxConnections: +30 +# file"));
  EXPECT_THAT(report, ::testing::ContainsRegex("rootDir: +/over +# flag"));
  EXPECT_THAT(report, ::testing::ContainsRegex("wsAddr: +ws://localhost:5200 +# default"));
}

TEST(Settings, ClientPortsNobodyWroteDownAreOpenOnlyWhereATokenIsAskedFor) {
  const Settings closed = settings_of("");
  EXPECT_EQ(closed.addr, "tcp://localhost:5100");
  EXPECT_EQ(closed.ws_addr, "ws://localhost:5200");
  const Settings open = settings_of("tokenAuthOn: true\n");
  EXPECT_EQ(open.addr, "tcp://0.0.0.0:5100");
  EXPECT_EQ(open.ws_addr, "ws://0.0.0.0:5200");
  const Settings written = settings_of("addr: tcp://0.0.0.0:5100\nwsAddr: ':7'\n");
  EXPECT_EQ(written.addr, "tcp://0.0.0.0:5100");
  EXPECT_EQ(written.ws_addr, ":7");
  const Settings both = settings_of("tokenAuthOn: true\naddr: tcp://127.0.0.1:5100\n");
  EXPECT_EQ(both.addr, "tcp://127.0.0.1:5100");
  EXPECT_EQ(both.ws_addr, "ws://0.0.0.0:5200");
}

TEST(Settings, UnknownKeyNamesTheNearestKnownOne) {
  EXPECT_THAT(refusal_of("htpAddr: 127.0.0.1:1\n"), HasSubstr("'httpAddr'"));
  EXPECT_THAT(refusal_of("api:\n  maxBatsh: 1\n"), HasSubstr("'api.maxBatch'"));
  EXPECT_THAT(refusal_of("maxBatch: 1\n"), HasSubstr("'api.maxBatch'"));
  EXPECT_THAT(refusal_of("gatway:\n  kickGrace: 1s\n"), HasSubstr("'gateway.kickGrace'"));
  EXPECT_THAT(refusal_of("", {}, {{"tokenAuth", "true"}}), HasSubstr("'tokenAuthOn'"));
  EXPECT_THAT(refusal_of("nonsense: {}\n"), HasSubstr("unknown configuration key"));
}

TEST(Settings, UnknownVariableIsAWarningOnly) {
  const auto loaded = load_settings_text("", {{"WK_API_MAXBACH", "1"}, {"OTHER", "x"}}, {});
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 1U);
  EXPECT_THAT(loaded->warnings[0], HasSubstr("WK_API_MAXBATCH"));
}

TEST(Settings, DocumentedKeysOfOtherServersAreAcceptedWithANote) {
  const auto loaded = load_settings_text(
      "oldV1Api: false\nginMode: release\nhandlePoolSize: 1\ndb:\n  shardNum: 8\n"
      "streamCache:\n  maxStreams: 5\ncluster:\n  seed: [a, b]\n  nodeId: 7\n",
      {{"WK_DB_SLOTSHARDNUM", "4"}, {"WK_LOGGER_DIR", "/x"}}, {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.cluster.node_id, 7U);
  EXPECT_EQ(loaded->warnings.size(), 8U);
  for (const auto& warning : loaded->warnings) EXPECT_THAT(warning, HasSubstr("no effect"));
}

TEST(Settings, KeysWithAndWithoutEffectShareAGroup) {
  const auto loaded = load_settings_text(
      "streamCache:\n  maxStreams: 5\n  chunkInactivityTimeout: 5s\n"
      "channel:\n  cacheCount: 5\n  subscriberCompressOfCount: 9\n",
      {}, {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.stream_cache.chunk_inactivity_timeout, milliseconds(5000));
  EXPECT_EQ(loaded->settings.channel.subscriber_compress_of_count, 9U);
  EXPECT_EQ(loaded->warnings.size(), 2U);
}

TEST(Settings, AMisspeltKeyOfAServedGroupIsAnError) {
  EXPECT_THAT(refusal_of("webhook:\n  httpAdr: http://a\n"), HasSubstr("'webhook.httpAddr'"));
  EXPECT_THAT(refusal_of("auth:\n  user: [a]\n"), HasSubstr("'auth.users'"));
  refusal_of("manager: localhost\n");
}

TEST(Settings, AFarFetchedKeyGetsNoSuggestion) {
  const std::string text = refusal_of("thisIsNothingLikeAKey: 1\n");
  EXPECT_THAT(text, HasSubstr("thisIsNothingLikeAKey"));
  EXPECT_THAT(text, HasSubstr("no known key is like it"));
  const auto loaded = load_settings_text("", {{"WK_SOMETHING_ELSE_ENTIRELY", "1"}}, {});
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings.at(0), ::testing::Not(HasSubstr("nearest")));
  // The prefix, which they all have, makes no two names alike.
  const auto shorter = load_settings_text("", {{"WK_DATA", "1"}, {"WK_MOED", "debug"}}, {});
  ASSERT_TRUE(shorter);
  EXPECT_THAT(shorter->warnings.at(0), ::testing::Not(HasSubstr("nearest")));
  EXPECT_THAT(refusal_of("port: 5001\n"), HasSubstr("no known key is like it"));
}

TEST(Settings, OtherDocumentedNamesStandForTheirKeys) {
  const Settings settings = settings_of(
      "monitor:\n  on: false\n  addr: localhost:1\nwebhook:\n  url: http://a/b\n"
      "external:\n  monitorAddr: m:1\n");
  EXPECT_FALSE(settings.manager.on);
  EXPECT_EQ(settings.manager.addr, "localhost:1");
  EXPECT_EQ(settings.webhook.http_addr, "http://a/b");
  EXPECT_EQ(settings.external.manager_addr, "m:1");
  EXPECT_EQ(settings_of("", {{"WK_MONITOR_ADDR", "localhost:2"}}).manager.addr, "localhost:2");
  EXPECT_EQ(
      settings_of("", {{"WK_MONITOR_ADDR", "localhost:2"}, {"WK_MANAGER_ADDR", "localhost:3"}})
          .manager.addr,
      "localhost:3");
  EXPECT_EQ(settings_of("", {}, {{"monitor.addr", "localhost:4"}}).manager.addr, "localhost:4");
  EXPECT_THAT(refusal_of("monitor:\n  on: false\nmanager:\n  on: true\n"), HasSubstr("twice"));
}

TEST(Settings, AListIsAYamlListOrSeparatedBySpaces) {
  using ::testing::ElementsAre;
  using ::testing::IsEmpty;
  const auto events = [](std::string_view yaml, const Environment& env = {},
                         const Overrides& overrides = {}) {
    return settings_of(yaml, env, overrides).webhook.focus_events;
  };
  EXPECT_THAT(events("webhook:\n  focusEvents: [msg.notify, msg.offline]\n"),
              ElementsAre("msg.notify", "msg.offline"));
  EXPECT_THAT(events("webhook:\n  focusEvents:\n    - msg.notify\n"), ElementsAre("msg.notify"));
  EXPECT_THAT(events("webhook:\n  focusEvents: msg.notify  msg.offline\n"),
              ElementsAre("msg.notify", "msg.offline"));
  EXPECT_THAT(events("webhook:\n  focusEvents: []\n"), IsEmpty());
  EXPECT_THAT(events("", {{"WK_WEBHOOK_FOCUSEVENTS", " msg.offline msg.notify "}}),
              ElementsAre("msg.offline", "msg.notify"));
  EXPECT_THAT(events("", {}, {{"webhook.focusEvents", "msg.offline"}}), ElementsAre("msg.offline"));
  refusal_of("webhook:\n  focusEvents: {a: b}\n");
  refusal_of("webhook:\n  focusEvents: [[a]]\n");
  refusal_of("webhook:\n  focusEvents: ['']\n");
  EXPECT_THAT(refusal_of("webhook:\n  focusEvents: [msg.other]\n"), HasSubstr("msg.other"));
  std::string many = "webhook:\n  focusEvents: [";
  for (int i = 0; i < 1001; ++i) many += "msg.notify,";
  refusal_of(many + "]\n");
}

TEST(Settings, DurationsTakeDays) {
  EXPECT_EQ(settings_of("jwt:\n  expire: 7d\n").jwt.expire, milliseconds(7LL * 86'400'000));
  EXPECT_EQ(settings_of("").jwt.expire, milliseconds(30LL * 86'400'000));
  EXPECT_EQ(settings_of("").jwt.read_expire, milliseconds(3'600'000));
}

TEST(Settings, NoKeyIsBothKnownAndIgnored) {
  for (const Setting& setting : settings_table()) {
    const auto loaded = load_settings_text(std::string(setting.key) + ":\n", {}, {});
    ASSERT_TRUE(loaded) << setting.key << ' ' << loaded.error().text();
    EXPECT_TRUE(loaded->warnings.empty()) << setting.key;
  }
}

TEST(Settings, BrokenFilesAreRefused) {
  refusal_of("- a\n- b\n");
  refusal_of("just text\n");
  refusal_of("a: [1, 2\n");
  EXPECT_THAT(refusal_of("api: 5\n"), HasSubstr("must be a map"));
  EXPECT_THAT(refusal_of("addr: [1, 2]\n"), HasSubstr("single value"));
  EXPECT_THAT(refusal_of("addr: ''\nADDR: ''\n"), HasSubstr("twice"));
  EXPECT_THAT(refusal_of("api:\n  maxBatch: 5\napi.maxBatch: 6\n"), HasSubstr("twice"));
  EXPECT_THAT(refusal_of("x: {x: {x: {x: {x: {x: {x: {x: {x: 1}}}}}}}}\n"), HasSubstr("deeply"));
}

TEST(Settings, AMissingFileIsNotFoundAndADirectoryToo) {
  const auto missing = load_settings("/nonexistent/jindou.yaml", {}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Errc::not_found);
  const auto directory = load_settings("/", {}, {});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code(), Errc::not_found);
}

TEST(Settings, AFileIsRead) {
  std::string name = (std::filesystem::temp_directory_path() / "jindou-settings-XXXXXX").string();
  const int descriptor = ::mkstemp(name.data());
  ASSERT_GE(descriptor, 0);
  std::ofstream(name) << "api:\n  maxBatch: 12\n";
  const auto loaded = load_settings(name, {}, {});
  std::filesystem::remove(name);
  ::close(descriptor);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.api.max_batch, 12U);
}

TEST(Settings, ABrokenFileIsNamed) {
  std::string name = (std::filesystem::temp_directory_path() / "jindou-settings-XXXXXX").string();
  const int descriptor = ::mkstemp(name.data());
  ASSERT_GE(descriptor, 0);
  std::ofstream(name) << "api: [1\n";
  const auto loaded = load_settings(name, {}, {});
  std::filesystem::remove(name);
  ::close(descriptor);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().detail(), HasSubstr(name));
  EXPECT_THAT(loaded.error().detail(), HasSubstr("not YAML"));
}

TEST(Settings, LogLevelIsANameOrTheDocumentedNumber) {
  EXPECT_EQ(settings_of("logger:\n  level: 1\n").logger.level, observe::LogLevel::debug);
  EXPECT_EQ(settings_of("logger:\n  level: warn\n").logger.level, observe::LogLevel::warn);
  refusal_of("logger:\n  level: 5\n");
  refusal_of("api:\n  sendCheck: 1\n");
}

TEST(Settings, FlagsTakeTheUsualWords) {
  EXPECT_TRUE(settings_of("tokenAuthOn: Yes\n").token_auth_on);
  EXPECT_FALSE(settings_of("whitelistOffOfPerson: 0\n").whitelist_off_of_person);
  refusal_of("tokenAuthOn: maybe\n");
}

TEST(Validate, AnOpenApiNeedsATokenOrTheOperatorsWord) {
  // Three ways out.
  const std::string refusal = refusal_of("httpAddr: 0.0.0.0:5001\n");
  EXPECT_THAT(refusal, HasSubstr("set managerToken"));
  EXPECT_THAT(refusal, HasSubstr("httpAddr: localhost:5001"));
  EXPECT_THAT(refusal, HasSubstr("allowOpenApi: true"));
  refusal_of("httpAddr: ':5001'\n");
  refusal_of("httpAddr: '[::]:5001'\n");
  refusal_of("httpAddr: example.com:5001\n");
  refusal_of("httpAddr: 0.0.0.0:5001\nmanagerToken: ''\n");
  refusal_of("httpAddr: 0.0.0.0:5001\nmanagerToken: ' '\n");
  settings_of("httpAddr: 0.0.0.0:5001\nmanagerToken: t0ken-of-the-test\n");
  EXPECT_THAT(refusal_of("httpAddr: 0.0.0.0:5001\nmanagerToken: t0ken\n"),
              HasSubstr("managerToken: shorter"));
  settings_of("httpAddr: 0.0.0.0:5001\nallowOpenApi: true\n");
  settings_of("httpAddr: '[::1]:5001'\n");
  settings_of("httpAddr: http://localhost:5001\n");
  settings_of("httpAddr: ''\n");
}

TEST(Validate, RelationsBetweenSettingsAreChecked) {
  refusal_of("messageRetry:\n  interval: 1s\n  scanInterval: 2s\n");
  refusal_of("gateway:\n  frameBytesMax: 64KiB\n  preAuthFrameBytesMax: 65KiB\n");
  refusal_of("gateway:\n  frameBytesMax: 16KiB\n");
  refusal_of("gateway:\n  outboundBytesMax: 512KiB\n");
  refusal_of("gateway:\n  inboundBytesInFlight: 2047KiB\n");
  refusal_of("core:\n  itemsInFlight: 999\n");
  refusal_of("core:\n  bytesInFlight: 9MiB\n");
  EXPECT_THAT(refusal_of("api:\n  bodyBytesInFlight: 9MiB\n"),
              AllOf(HasSubstr("api.bodyBytesInFlight"), HasSubstr("api.maxBodyBytes"),
                    HasSubstr("10747904 bytes")));
  EXPECT_THAT(refusal_of("api:\n  maxBatch: 1025\n  answerBytesInFlight: 1MiB\n"),
              AllOf(HasSubstr("api.answerBytesInFlight"), HasSubstr("api.maxBatch")));
  EXPECT_THAT(refusal_of("gateway:\n  inboundBytesInFlight: 3MiB\n"
                         "  preAuthFrameBytesMax: 1MiB\n"),
              HasSubstr("gateway.preAuthFrameBytesMax"));
  EXPECT_THAT(refusal_of("addr: ':7000'\nwsAddr: '127.0.0.1:7000'\ntokenAuthOn: true\n"),
              AllOf(HasSubstr("addr (:7000)"), HasSubstr("wsAddr (127.0.0.1:7000)")));
  refusal_of("managerUID: a@b\n");
  refusal_of("managerToken: schlüssel\n");
  refusal_of("addr: nowhere\n");
  refusal_of("rootDir: ''\n");
}

TEST(Validate, TheManagerPortNeedsAuthenticationWhenOthersReachIt) {
  settings_of("manager:\n  addr: 0.0.0.0:5300\n");
  settings_of("auth:\n  on: false\n");
  EXPECT_THAT(refusal_of("manager:\n  addr: 0.0.0.0:5300\nauth:\n  on: false\n"),
              HasSubstr("auth.on"));
  settings_of("manager:\n  on: false\n  addr: 0.0.0.0:5300\nauth:\n  on: false\n");
  refusal_of("manager:\n  addr: ''\n");
  refusal_of("manager:\n  addr: nowhere\n");
}

TEST(Validate, AKnownOrShortKeyOfLoginsIsToldOf) {
  EXPECT_THAT(refusal_of("jwt:\n  secret: secret_wukongim\n"), HasSubstr("jwt.secret"));
  const auto loaded = load_settings_text("jwt:\n  secret: short\n", {}, {});
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings, ::testing::ElementsAre(HasSubstr("jwt.secret")));
  EXPECT_TRUE(load_settings_text("jwt:\n  secret: 0123456789abcdef\n", {}, {})->warnings.empty());
}

TEST(Validate, ReadTokensAreNotGoodForLongerThanTheyMayBe) {
  settings_of("jwt:\n  readExpire: 2d\n  readExpireMax: 2d\n");
  EXPECT_THAT(refusal_of("jwt:\n  readExpire: 2d\n"), HasSubstr("jwt.readExpire: must not be"));
}

TEST(Validate, ReceiversAreUrls) {
  settings_of("webhook:\n  httpAddr: https://a.example/x?y=1\n");
  for (const char* key : {"webhook.httpAddr", "agent.webhook.httpAddr", "datasource.addr"}) {
    EXPECT_THAT(refusal_of("", {}, {{key, "a.example:80"}}), HasSubstr(key));
    EXPECT_THAT(refusal_of("", {}, {{key, "http:///x"}}), HasSubstr(key));
  }
  settings_of("webhook:\n  grpcAddr: 127.0.0.1:1\n");
  refusal_of("webhook:\n  grpcAddr: nowhere\n");
  refusal_of("webhook:\n  retryBackoffMin: 2s\n  retryBackoffMax: 1s\n");
}

TEST(AuthUsers, EntriesAreNamePasswordAndPermissions) {
  const auto users = parse_auth_users({"admin:pw:*", "a:p:w:[slotMigrate:w,*:r]", "b:x:[c:*]"});
  ASSERT_TRUE(users) << users.error().text();
  ASSERT_EQ(users->size(), 3U);
  EXPECT_TRUE(users->at(0).permissions.at(0).covers("anything", 'w'));
  EXPECT_EQ(users->at(1).password, "p:w") << "a password may hold a colon";
  ASSERT_EQ(users->at(1).permissions.size(), 2U);
  EXPECT_EQ(users->at(1).permissions[0].text(), "slotMigrate:w");
  EXPECT_TRUE(users->at(1).permissions[1].covers("conn", 'r'));
  EXPECT_FALSE(users->at(1).permissions[1].covers("conn", 'w'));
  EXPECT_TRUE(users->at(2).permissions[0].covers("c", 'r'));
  EXPECT_FALSE(users->at(2).permissions[0].covers("d", 'r'));
  EXPECT_TRUE(parse_auth_users({"a:b:[]"})) << "may log in, and nothing else";
}

TEST(AuthUsers, BadEntriesAreRefusedWithoutTellingThePassword) {
  for (const char* entry :
       {"hushhush", "a:hushhush", "a:hushhush:", "a:hushhush:x", "a:hushhush:[x]",
        "a:hushhush:[x:q]", "a:hushhush:[:r]", "a:hushhush:[x:]", ":hushhush:*", "a: :*",
        "a:hushhush:[x:r", " :hushhush:*"}) {
    const auto users = parse_auth_users({entry});
    ASSERT_FALSE(users) << entry;
    EXPECT_EQ(users.error().detail().find("hushhush"), std::string::npos) << entry;
  }
  EXPECT_FALSE(parse_auth_users({"a:b:*", "a:c:*"}));
  refusal_of("managerUID: boss\nauth:\n  users: ['boss:x:*']\n");
}

TEST(RetentionRules, EntriesAreTypeAgeAndCount) {
  const auto rules = parse_retention_rules({"group:90d:1000000", "9:0:100", "person:12h:0"});
  ASSERT_TRUE(rules) << rules.error().text();
  EXPECT_EQ(rules->at(0).type, ChannelType::group);
  EXPECT_EQ(rules->at(0).max_age, milliseconds(90LL * 86'400'000));
  EXPECT_EQ(rules->at(0).max_count, 1'000'000U);
  EXPECT_EQ(rules->at(1).type, ChannelType::live);
  EXPECT_EQ(rules->at(1).max_age, milliseconds(0));
  for (const char* entry : {"group", "group:1d", "nothing:1d:1", "0:1d:1", "256:1d:1", "group:1:1",
                            "group:1d:x", "group:1d:-1", "group:1d:1:1", "group:40000d:1"}) {
    EXPECT_FALSE(parse_retention_rules({entry})) << entry;
  }
  EXPECT_FALSE(parse_retention_rules({"group:1d:1", "2:2d:2"}));
  EXPECT_THAT(refusal_of("retention:\n  byType: ['group:1d']\n"), HasSubstr("retention.byType"));
}

TEST(Settings, ASecondDocumentIsNotIgnored) {
  EXPECT_THAT(refusal_of("mode: release\n---\nmode: debug\n"),
              HasSubstr("more than one YAML document"));
  refusal_of("mode: release\n---\nno map\n");
  EXPECT_EQ(settings_of("---\nmode: release\n---\n").mode, Mode::release);
  EXPECT_EQ(settings_of("%YAML 1.2\n---\nmode: release\n...\n").mode, Mode::release);
  settings_of("---\n---\n");
  refusal_of("---\n---\nmode: release\n");
  // Text that never becomes a document.
  refusal_of("]\n");
  refusal_of("mode: release\n...\n]\n");
}

TEST(Settings, SecretsAreNeitherReportedNorEchoed) {
  const auto loaded = load_settings_text(
      "managerToken: geheim-geheim-geheim\nauth:\n  superToken: geheim\n  users: "
      "['a:geheim:*']\njwt:\n  secret: geheim\nwebhook:\n  secret: geheim\n"
      "  httpAddr: https://u:geheim@host/?token=geheim\n",
      {}, {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(settings_report(*loaded).find("geheim"), std::string::npos);
  EXPECT_EQ(refusal_of("managerToken: \"geheim\\n\"\n").find("geheim"), std::string::npos);
  for (const std::string url : {"http://u:geheim@host", "http://host/?token=geheim"}) {
    for (const std::string& yaml : {"webhook:\n  grpcAddr: " + url, "httpAddr: " + url,
                                    "api:\n  allowedOrigins: ['" + url + "']"}) {
      EXPECT_EQ(refusal_of(yaml + "\n").find("geheim"), std::string::npos) << yaml;
    }
  }
}

TEST(Settings, TheDocumentedPageIsTheGeneratedOne) {
  std::ifstream in(JINDOU_SOURCE_DIR "/docs/configuration.md", std::ios::binary);
  const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(page == settings_markdown())
      << "regenerate it: jindou config --markdown > docs/configuration.md";
}

}  // namespace
}  // namespace jindou::config
