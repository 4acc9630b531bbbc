#include "app/private_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace jindou::app {
namespace {

class PrivateFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "jindou-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/jwt.secret";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }
  std::string load() {
    const auto secret = load_or_make_secret(directory_, random_);
    EXPECT_TRUE(secret);
    return secret ? *secret : "";
  }

  std::string directory_;
  std::string path_;
  SystemRandom random_;
};

TEST_F(PrivateFiles, AKeyIsMadeOnceAndReadableByTheOwnerAlone) {
  const std::string first = load();
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_EQ(load(), first);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(PrivateFiles, AMissingDirectoryIsMadeForTheOwnerAlone) {
  const auto secret = load_or_make_secret(directory_ + "/a/b", random_);
  ASSERT_TRUE(secret);
  EXPECT_EQ(mode_of(directory_ + "/a/b"), 0700U);
}

TEST_F(PrivateFiles, AKeyThatOthersCouldReadIsClosed) {
  const std::string first = load();
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(load(), first);
  EXPECT_EQ(mode_of(path_), 0600U);
}

TEST_F(PrivateFiles, ADamagedKeyIsReplaced) {
  std::ofstream(path_) << "short";
  const std::string secret = load();
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_EQ(load(), secret);
}

TEST_F(PrivateFiles, TheDraftOfAnInterruptedStartIsNoObstacle) {
  std::ofstream(path_ + ".new") << "half";
  const std::string secret = load();
  EXPECT_EQ(load(), secret);
}

TEST_F(PrivateFiles, ALinkIsNotFollowed) {
  std::ofstream(directory_ + "/target") << std::string(64, 'a');
  std::filesystem::create_symlink(directory_ + "/target", path_);
  EXPECT_FALSE(load_or_make_secret(directory_, random_));
}

TEST_F(PrivateFiles, WithoutAPlaceToWriteTheKeyHoldsForThisRun) {
  std::ofstream(directory_ + "/file") << "x";
  // A directory of that name cannot be made, whoever runs the test.
  const auto secret = load_or_make_secret(directory_ + "/file/below", random_);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->size(), 64U);
}

}  // namespace
}  // namespace jindou::app
