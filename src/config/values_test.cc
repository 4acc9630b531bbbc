#include <gtest/gtest.h>

#include "config/settings.h"

namespace jindou::config {
namespace {

using std::chrono::milliseconds;

TEST(ParseDuration, ReadsGoStyle) {
  const std::pair<const char*, std::int64_t> good[] = {
      {"0", 0},          {"500ms", 500},      {"60s", 60'000},      {"5m", 300'000},
      {"2h", 7'200'000}, {"7d", 604'800'000}, {"1h30m", 5'400'000}, {"1.5s", 1'500},
      {"0.001s", 1},     {"1m500ms", 60'500},
  };
  for (const auto& [text, ms] : good) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, milliseconds(ms)) << text;
  }
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5x", "5us", "0.0001s", "1.s", ".5s", "5sec",
                           "99999999999999999999s", "9007199254740993ms", "300000000000d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), Errc::invalid);
  }
}

TEST(ParseBytes, ReadsBytesAndBinaryUnits) {
  EXPECT_EQ(*parse_bytes("0"), 0U);
  EXPECT_EQ(*parse_bytes("32767"), 32767U);
  EXPECT_EQ(*parse_bytes("10B"), 10U);
  EXPECT_EQ(*parse_bytes("64KiB"), 65536U);
  EXPECT_EQ(*parse_bytes("10 MiB"), 10U << 20);
  EXPECT_EQ(*parse_bytes("2GiB"), std::uint64_t{2} << 30);
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const char* text : {"", "MiB", "-1", "1.5MiB", "10MB", "10mib", "10MiBs", "0x10",
                           "9007199254740993", "99999999999GiB"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(ParseListenAddress, ReadsEveryForm) {
  const std::tuple<const char*, const char*, int> good[] = {
      {"127.0.0.1:5001", "127.0.0.1", 5001},
      {"tcp://0.0.0.0:5100", "0.0.0.0", 5100},
      {"ws://0.0.0.0:5200", "0.0.0.0", 5200},
      {"tls://0.0.0.0:5110", "0.0.0.0", 5110},
      {"wss://0.0.0.0:5210", "0.0.0.0", 5210},
      {"http://localhost:0", "localhost", 0},
      {":5001", "", 5001},
      {"[::1]:65535", "::1", 65535},
      {"tcp://[fe80::1%eth0]:1", "fe80::1%eth0", 1},
  };
  for (const auto& [text, host, port] : good) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
  }
}

TEST(ParseListenAddress, RefusesEverythingElse) {
  for (const char* text : {"", "localhost", "host:", "host:65536", "host:-1", "host:1x", "::1:80",
                           "[::1]", "[::1:80", "[host]:80", "udp://h:1", "ho st:1", "h/path:1"}) {
    EXPECT_FALSE(parse_listen_address(text)) << text;
  }
}

TEST(ListenAddress, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "localhost", "LocalHost"}) {
    const ListenAddress address{host, 1};
    EXPECT_TRUE(address.is_loopback()) << host;
  }
  for (const char* host :
       {"", "0.0.0.0", "::", "128.0.0.1", "127.example.com", "localhost.example", "10.0.0.1"}) {
    const ListenAddress address{host, 1};
    EXPECT_FALSE(address.is_loopback()) << host;
  }
}

}  // namespace
}  // namespace jindou::config
