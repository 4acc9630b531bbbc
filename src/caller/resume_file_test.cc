#include "caller/resume_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace jindou::caller {
namespace {

class ResumeFileTest : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "resume_" + std::to_string(::getpid()); }
  void TearDown() override { ::unlink(path_.c_str()); }
  std::string path_;
};

TEST_F(ResumeFileTest, IsReadAsItWasWritten) {
  const auto none = load_progress(path_);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  Progress progress;
  progress.position = {1, 2, ~std::uint64_t{0}};
  progress.counts = {4, 5, 6};
  progress.options = std::uint64_t{1} << 63;
  progress.refused_file = "a \"b\".csv";
  progress.refused_bytes = 7;
  for (int i = 0; i < 3; ++i) {
    ++progress.position.rows;
    ASSERT_TRUE(store_progress(path_, progress));
    const auto read = load_progress(path_);
    ASSERT_TRUE(read && read->has_value());
    EXPECT_EQ(**read, progress);
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  }
}

TEST_F(ResumeFileTest, OtherFilesAreNone) {
  for (const char* text : {"", "{}", "channel_id,name\n", "{\"progress_of\":\"jindou send, 1\"}"}) {
    std::ofstream(path_) << text;
    const auto read = load_progress(path_);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().detail().find("is no file of --resume"), std::string::npos);
  }
}

TEST_F(ResumeFileTest, WhatCannotBeWrittenIsAnError) {
  const auto stored = store_progress(path_ + "/none/file", {});
  ASSERT_FALSE(stored);
  EXPECT_NE(stored.error().detail().find("cannot be written"), std::string::npos);
}

}  // namespace
}  // namespace jindou::caller
