#include "app/doctor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace jindou::app {
namespace {

using std::chrono::microseconds;

constexpr std::uint64_t kGiBytes = std::uint64_t{1} << 30;
constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kDaySeconds = 24 * 3600;

// What is not fine says what to change, and what is fine has nothing to say.
void expect_weight(const Finding& finding, Weight weight) {
  EXPECT_EQ(finding.weight, weight) << finding.subject << ": " << finding.text;
  EXPECT_EQ(finding.advice.empty(), weight == Weight::fine) << finding.subject;
  EXPECT_FALSE(finding.text.empty());
}

TEST(Doctor, WarnsOfOpenFilesThatLowerTheConnections) {
  config::Settings settings;
  settings.gateway.max_connections = 200'000;
  expect_weight(judge_open_files(settings, 1'048'576), Weight::fine);
  expect_weight(judge_open_files(settings, std::numeric_limits<std::size_t>::max()), Weight::fine);
  const Finding few = judge_open_files(settings, 1024);
  expect_weight(few, Weight::warning);
  EXPECT_NE(few.text.find("from 200000 to "), std::string::npos) << few.text;
  EXPECT_NE(few.advice.find("LimitNOFILE"), std::string::npos);
}

TEST(Doctor, WantsAFifthOfTheDisk) {
  expect_weight(judge_room("/srv", 20 * kGiBytes, 100 * kGiBytes), Weight::fine);
  expect_weight(judge_room("/srv", 19 * kGiBytes, 100 * kGiBytes), Weight::warning);
  expect_weight(judge_room("/srv", 4 * kGiBytes, 100 * kGiBytes), Weight::problem);
  expect_weight(judge_room("/srv", 0, 0), Weight::problem);
}

TEST(Doctor, JudgesSyncsByTheirMedian) {
  const auto judged = [](int usual) {
    return judge_syncs({microseconds(900'000), microseconds(usual), microseconds(usual)});
  };
  expect_weight(judged(400), Weight::fine);
  EXPECT_EQ(judged(400).text, "a sync takes 0.40 ms, the longest of 3 900.00 ms");
  expect_weight(judged(15'000), Weight::warning);
  expect_weight(judged(150'000), Weight::problem);
  expect_weight(judged(2), Weight::warning);
  expect_weight(judge_syncs({microseconds(400)}), Weight::fine);
}

TEST(Doctor, SeesTheEndOfACertificate) {
  expect_weight(judge_certificate(kNow, kNow + 60 * kDaySeconds), Weight::fine);
  expect_weight(judge_certificate(kNow, kNow + 13 * kDaySeconds), Weight::warning);
  expect_weight(judge_certificate(kNow, kNow), Weight::problem);
  EXPECT_EQ(judge_certificate(kNow, kNow - 3 * kDaySeconds).text, "it ended 3 days ago");
}

TEST(Doctor, WarnsOfAnApiThatIsOpenToOthers) {
  config::Settings settings;
  settings.http_addr = "localhost:5001";
  expect_weight(judge_api(settings), Weight::fine);

  settings.http_addr = "0.0.0.0:5001";
  settings.allow_open_api = true;
  const Finding open = judge_api(settings);
  expect_weight(open, Weight::warning);
  EXPECT_NE(open.text.find("0.0.0.0:5001"), std::string::npos) << open.text;
  EXPECT_NE(open.advice.find("managerToken"), std::string::npos) << open.advice;
  settings.http_addr = ":5001";
  expect_weight(judge_api(settings), Weight::warning);
  settings.http_addr.clear();
  expect_weight(judge_api(settings), Weight::fine);

  settings.http_addr = "127.0.0.1:5001";
  settings.gateway.trusted_proxies = {"127.0.0.0/8", "::1/128"};
  expect_weight(judge_api(settings), Weight::fine);
  for (const char* network : {"10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "192.0.2.7"}) {
    settings.gateway.trusted_proxies.back() = network;
    const Finding behind = judge_api(settings);
    expect_weight(behind, Weight::warning);
    EXPECT_NE(behind.text.find(network), std::string::npos) << behind.text;
  }

  settings.api_keys = {"name: shop"};
  expect_weight(judge_api(settings), Weight::fine);
  settings.api_keys.clear();
  settings.manager_token = "0123456789abcdef";
  settings.http_addr = "0.0.0.0:5001";
  expect_weight(judge_api(settings), Weight::fine);
}

TEST(Doctor, SaysWhomTheManagerPortLetsIn) {
  config::Settings settings;
  const Finding guest = judge_manager_port(settings);
  expect_weight(guest, Weight::fine);
  EXPECT_NE(guest.text.find("guest"), std::string::npos) << guest.text;
  // Through a proxy guest is refused.
  settings.gateway.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/8"};
  expect_weight(judge_manager_port(settings), Weight::fine);

  settings.auth.on = false;
  const Finding open = judge_manager_port(settings);
  expect_weight(open, Weight::warning);
  EXPECT_NE(open.text.find("10.0.0.0/8"), std::string::npos) << open.text;
  EXPECT_NE(open.advice.find("auth.users"), std::string::npos) << open.advice;
  settings.gateway.trusted_proxies = {"127.0.0.0/8"};
  expect_weight(judge_manager_port(settings), Weight::fine);

  settings.auth.on = true;
  settings.mode = config::Mode::release;
  EXPECT_EQ(judge_manager_port(settings).text.find("guest"), std::string::npos);
  settings.mode = config::Mode::debug;
  settings.manager.addr = "0.0.0.0:5300";
  EXPECT_EQ(judge_manager_port(settings).text.find("guest"), std::string::npos);
  settings.manager.addr = "localhost:5300";
  settings.auth.users = {"olga:password:*"};
  EXPECT_EQ(judge_manager_port(settings).text.find("guest"), std::string::npos);
  settings.manager.on = false;
  expect_weight(judge_manager_port(settings), Weight::fine);
}

TEST(Doctor, LeavesNothingBehind) {
  std::string directory =
      (std::filesystem::temp_directory_path() / "jindou-doctor-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  config::Settings settings;
  settings.data_dir = directory + "/not/there";
  settings.http_addr = "127.0.0.1:0";
  settings.addr.clear();
  settings.ws_addr.clear();
  settings.manager.on = false;
  settings.demo.on = false;
  const std::vector<Finding> findings = examine(settings);
  EXPECT_GE(findings.size(), 5U);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace jindou::app
