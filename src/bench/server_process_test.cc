#include "bench/server_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace jindou::bench {
namespace {

TEST(ParseReadyLine, GivesTheThreeAddresses) {
  const auto ready = parse_ready_line(
      R"({"event":"ready","http":"127.0.0.1:40001","tcp":"127.0.0.1:40002","ws":"127.0.0.1:40003"})");
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->http, "127.0.0.1:40001");
  EXPECT_EQ(ready->tcp, "127.0.0.1:40002");
  EXPECT_EQ(ready->ws, "127.0.0.1:40003");
}

TEST(ParseReadyLine, RefusesOtherLines) {
  EXPECT_FALSE(parse_ready_line("listening on 5001"));
  EXPECT_FALSE(parse_ready_line(R"({"event":"stopping","http":"127.0.0.1:1"})"));
  EXPECT_FALSE(parse_ready_line(R"({"event":"ready"})"));
}

TEST(ProcessFigures, OfThisVeryProcessAreThere) {
  const auto bytes = resident_bytes(::getpid());
  ASSERT_TRUE(bytes);
  EXPECT_GT(*bytes, 100'000U);
  EXPECT_GE(cpu_seconds(::getpid()), 0);
  EXPECT_FALSE(resident_bytes(0));
}

TEST(TempDirectory, IsRemovedWithItsContents) {
  std::string path;
  {
    auto directory = TempDirectory::create(std::filesystem::temp_directory_path().string());
    ASSERT_TRUE(directory);
    path = (*directory)->path();
    std::ofstream(path + "/file") << "x";
    EXPECT_TRUE(std::filesystem::exists(path + "/file"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ServerProcess, AProgramThatEndsAtOnceIsAnError) {
  auto directory = TempDirectory::create(std::filesystem::temp_directory_path().string());
  ASSERT_TRUE(directory);
  BenchOptions options;
  options.server_binary = "/bin/false";
  const auto server = ServerProcess::start(options, (*directory)->path() + "/server");
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), Errc::closed);
}

TEST(ResidentBytes, ThePeakIsNoLess) {
  std::vector<char> touched(std::size_t{64} << 20, 1);
  const auto now = resident_bytes(::getpid());
  ASSERT_TRUE(now.has_value());
  touched = {};
  const auto later = resident_bytes(::getpid());
  const auto peak = resident_bytes_peak(::getpid());
  ASSERT_TRUE(later.has_value());
  ASSERT_TRUE(peak.has_value());
  EXPECT_GE(*peak, *now);
  EXPECT_GE(*peak, *later);
  EXPECT_FALSE(resident_bytes_peak(0).has_value());
}

}  // namespace
}  // namespace jindou::bench
