#include "config/settings.h"

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
  EXPECT_EQ(loaded->settings.addr, "tcp://0.0.0.0:5100");
  EXPECT_EQ(loaded->settings.ws_addr, "ws://0.0.0.0:5200");
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
  EXPECT_EQ(loaded->settings.addr, "tcp://0.0.0.0:5100") << "an empty variable counts as absent";

  const std::string report = settings_report(*loaded);
  EXPECT_THAT(report, ::testing::ContainsRegex("api.maxBatch: +20 +# environment"));
  EXPECT_THAT(report, ::testing::ContainsRegex("api.maxConnections: +30 +# file"));
  EXPECT_THAT(report, ::testing::ContainsRegex("rootDir: +/over +# flag"));
  EXPECT_THAT(report, ::testing::ContainsRegex("wsAddr: +ws://0.0.0.0:5200 +# default"));
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
      "mode: release\nginMode: release\nhandlePoolSize: 1\ndb:\n  shardNum: 8\n"
      "webhook:\n  focusEvents: [a, b]\ncluster:\n  seed: ''\n  nodeId: 7\n",
      {{"WK_DB_SLOTSHARDNUM", "4"}, {"WK_MODE", "debug"}}, {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->settings.cluster.node_id, 7U);
  EXPECT_EQ(loaded->warnings.size(), 8U);
  for (const auto& warning : loaded->warnings) EXPECT_THAT(warning, HasSubstr("no effect"));
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
  EXPECT_THAT(refusal_of("httpAddr: 0.0.0.0:5001\n"), HasSubstr("allowOpenApi"));
  refusal_of("httpAddr: ':5001'\n");
  refusal_of("httpAddr: '[::]:5001'\n");
  refusal_of("httpAddr: example.com:5001\n");
  refusal_of("httpAddr: 0.0.0.0:5001\nmanagerToken: ''\n");
  refusal_of("httpAddr: 0.0.0.0:5001\nmanagerToken: ' '\n");
  settings_of("httpAddr: 0.0.0.0:5001\nmanagerToken: t0ken\n");
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
  refusal_of("core:\n  itemsInFlight: 999\n");
  refusal_of("core:\n  bytesInFlight: 9MiB\n");
  refusal_of("managerUID: a@b\n");
  refusal_of("managerToken: schlüssel\n");
  refusal_of("addr: nowhere\n");
  refusal_of("rootDir: ''\n");
}

TEST(Settings, SecretsAreNeitherReportedNorEchoed) {
  const auto loaded = load_settings_text("managerToken: geheim\n", {}, {});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(settings_report(*loaded).find("geheim"), std::string::npos);
  EXPECT_EQ(refusal_of("managerToken: \"geheim\\n\"\n").find("geheim"), std::string::npos);
}

TEST(Settings, TheDocumentedPageIsTheGeneratedOne) {
  std::ifstream in(JINDOU_SOURCE_DIR "/docs/configuration.md", std::ios::binary);
  const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(page == settings_markdown())
      << "regenerate it: jindou config --markdown > docs/configuration.md";
}

}  // namespace
}  // namespace jindou::config
