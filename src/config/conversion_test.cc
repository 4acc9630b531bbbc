#include "config/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/loaded_settings.h"

namespace jindou::config {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

Conversion convert(std::string_view yaml) {
  auto converted = convert_wukongim(yaml, "wk.yaml");
  EXPECT_TRUE(converted) << converted.error().detail();
  return converted ? *converted : Conversion{};
}

Settings load(const Conversion& converted) {
  const auto loaded = load_settings_text(converted.text, {}, {});
  EXPECT_TRUE(loaded) << loaded.error().detail() << '\n' << converted.text;
  if (!loaded) return {};
  EXPECT_TRUE(loaded->warnings.empty()) << converted.text;
  return loaded->settings;
}

// In the shape of the example configurations of v2.2.5.
constexpr std::string_view kExample = R"(mode: "release"
addr: "tcp://127.0.0.1:5110" # TCP
httpAddr: "0.0.0.0:5002"
rootDir: "./wukongimdata/1"
pprofOn: true
monitor:
  on: true
  addr: "0.0.0.0:5301"
demo:
  on: true
conversation:
  on: true
  userMaxCount: 500
logger:
  level: 2
  dir: "./logs"
cluster:
  nodeId: 1001
  slotCount: 128
  nodes:
    - "1001@127.0.0.1:10001"
auth:
  superToken: "xxxxxx"
  kind: 'jwt'
  users:
    - "admin:pwd:*"
jwt:
  secret: "secret_wukongim"
  expire: 30d
plugin:
  install:
messageRetry:
  interval: soon
)";

TEST(Conversion, OfAnExampleIsAccepted) {
  const Conversion converted = convert(kExample);
  EXPECT_EQ(converted.problem, "");
  const Settings settings = load(converted);
  EXPECT_EQ(settings.mode, Mode::release);
  EXPECT_EQ(settings.addr, "tcp://127.0.0.1:5110");
  EXPECT_EQ(settings.root_dir, "./wukongimdata/1");
  EXPECT_EQ(settings.manager.addr, "0.0.0.0:5301");
  EXPECT_EQ(settings.conversation.user_max_count, 500U);
  EXPECT_EQ(settings.cluster.node_id, 1001U);
  EXPECT_EQ(settings.auth.users, std::vector<std::string>{"admin:pwd:*"});
  EXPECT_EQ(settings.logger.level, observe::LogLevel::info);
}

TEST(Conversion, KeepsAnOpenApiOnThisMachineAndNamesTheWaysOut) {
  const Conversion converted = convert(kExample);
  EXPECT_EQ(load(converted).http_addr, "localhost:5002");
  EXPECT_THAT(converted.text, ContainsRegex("httpAddr: localhost:5002  # was .*managerToken.*"
                                            "loopback.*allowOpenApi"));
  const Conversion with_token =
      convert("httpAddr: 0.0.0.0:5001\nmanagerToken: a-token-that-is-long\n");
  EXPECT_EQ(load(with_token).http_addr, "0.0.0.0:5001");
}

TEST(Conversion, SaysWhyAKeyIsNotTakenOver) {
  const std::string text = convert(kExample).text;
  EXPECT_THAT(text, HasSubstr("manager.addr: 0.0.0.0:5301  # was monitor.addr\n"));
  EXPECT_THAT(text, HasSubstr("# logger.dir: ./logs  # logs go to standard error\n"));
  EXPECT_THAT(text, HasSubstr("# cluster.slotCount: 128  # see storage.partitions\n"));
  EXPECT_THAT(text, ContainsRegex("# cluster.nodes: \\[.*\\]  # unknown configuration key"));
  EXPECT_THAT(text, HasSubstr("# messageRetry.interval: soon  # 'soon' is not a duration"));
  EXPECT_THAT(text, ContainsRegex("# auth.superToken: xxxxxx  # .*shorter than 16"));
  EXPECT_THAT(text, ContainsRegex("# jwt.secret: secret_wukongim  # .*another server"));
  EXPECT_THAT(text, ContainsRegex("# plugin.install:   # "));
  EXPECT_THAT(text, Not(HasSubstr("\nmonitor")));
}

TEST(Conversion, TellsOfAProblemThatItCannotSolve) {
  const Conversion converted = convert("wssAddr: 0.0.0.0:5210\n");
  EXPECT_THAT(converted.problem, HasSubstr("wssConfig.certFile"));
  EXPECT_THAT(converted.text, HasSubstr("# Not accepted as it is: wssConfig.certFile"));
  EXPECT_THAT(converted.text, HasSubstr("\nwssAddr: 0.0.0.0:5210\n"));
}

TEST(Conversion, TakesTheFirstOfTwoNamesOfOneSetting) {
  const Conversion converted = convert("manager:\n  on: false\nmonitor:\n  on: true\n");
  EXPECT_FALSE(load(converted).manager.on);
  EXPECT_THAT(converted.text, HasSubstr("# monitor.on: true  # 'manager.on' is given twice"));
}

TEST(Conversion, OfNothingIsNothing) {
  EXPECT_EQ(load(convert("# only comments\n")).mode, Settings().mode);
  for (const std::string_view text : {"- a\n", "a: [1\n", "a: 1\n---\nb: 2\n", "text"}) {
    EXPECT_FALSE(convert_wukongim(text, "wk.yaml")) << text;
  }
}

}  // namespace
}  // namespace jindou::config
