// The mark survives a torn write, is never older than what replace() wrote, and its copy in the log
// is believed only with the secret.
#include "store/durable_mark.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/random.h"

namespace jindou::store {
namespace {

class DurableMarkFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-mark-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ + "/" + kMarkFileName;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void flip(std::size_t offset) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 1));
  }

  std::string directory_;
  std::string path_;
  SystemRandom random_;
};

TEST_F(DurableMarkFile, IsReadBackAsWritten) {
  EXPECT_FALSE(read_durable_mark(path_).has_value());
  {
    auto file = MarkFile::open(directory_, random_);
    ASSERT_TRUE(file.has_value());
    (*file)->set_manifest(5, 1234);
    (*file)->advance({7, 4096}, 99);
    (*file)->advance({7, 8192}, 50);
  }
  const auto mark = read_durable_mark(path_);
  ASSERT_TRUE(mark.has_value());
  EXPECT_EQ(mark->synced, (LogPosition{7, 8192}));
  EXPECT_EQ(mark->manifest, 5U);
  EXPECT_EQ(mark->manifest_bytes, 1234U);
  EXPECT_EQ(mark->id_bound, 99U) << "never lower than before";
  EXPECT_NE(mark->secret, 0U);
  EXPECT_FALSE(mark->stopped);
  const auto again = MarkFile::open(directory_, random_);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->get().secret, mark->secret);
}

TEST_F(DurableMarkFile, ATornWriteLeavesTheOneBefore) {
  {
    auto file = MarkFile::open(directory_, random_);
    ASSERT_TRUE(file.has_value());
    for (std::uint64_t bytes = 1; bytes <= 10; ++bytes) (*file)->advance({3, bytes}, 0);
  }
  const auto newest = read_durable_mark(path_);
  ASSERT_TRUE(newest.has_value());
  flip(4096 * (newest->generation % 2) + 20);
  const auto older = read_durable_mark(path_);
  ASSERT_TRUE(older.has_value());
  EXPECT_EQ(older->synced.bytes, 9U);
  flip(4096 * (older->generation % 2) + 20);
  EXPECT_FALSE(read_durable_mark(path_).has_value());
}

TEST_F(DurableMarkFile, ReplacingLeavesNothingOlder) {
  auto file = MarkFile::open(directory_, random_);
  ASSERT_TRUE(file.has_value());
  (*file)->advance({3, 10}, 0);
  DurableMark mark;
  mark.stopped = true;
  mark.synced = {4, 0};
  (*file)->replace(mark);
  const auto newest = read_durable_mark(path_);
  ASSERT_TRUE(newest.has_value());
  flip(4096 * (newest->generation % 2) + 20);
  const auto other = read_durable_mark(path_);
  ASSERT_TRUE(other.has_value());
  EXPECT_TRUE(other->stopped);
  EXPECT_EQ(other->synced, (LogPosition{4, 0}));
}

TEST_F(DurableMarkFile, AMarkerNeedsTheSecret) {
  DurableMark mark;
  mark.secret = 42;
  mark.synced = {9, 777};
  const std::string batch = "rows of a batch" + encode_log_marker(mark);
  EXPECT_EQ(find_log_marker(batch, 42), (LogPosition{9, 777}));
  EXPECT_FALSE(find_log_marker(batch, 43).has_value());
  EXPECT_FALSE(find_log_marker(batch + "x", 42).has_value());
  EXPECT_FALSE(find_log_marker("short", 42).has_value());
}

}  // namespace
}  // namespace jindou::store
