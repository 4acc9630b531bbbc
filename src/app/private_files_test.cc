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
    earlier_ = directory_ + "/earlier";
    ASSERT_TRUE(std::filesystem::create_directory(earlier_));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }
  std::string load() {
    const auto secret = load_or_make_secret(directory_, earlier_, random_);
    EXPECT_TRUE(secret);
    return secret ? *secret : "";
  }

  std::string directory_;
  std::string path_;
  std::string earlier_;
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
  const auto secret = load_or_make_secret(directory_ + "/a/b", earlier_, random_);
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

TEST_F(PrivateFiles, AKeyOfAnEarlierVersionMoves) {
  const auto made = load_or_make_secret(earlier_, earlier_, random_);
  ASSERT_TRUE(made);
  EXPECT_EQ(load(), *made);
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_FALSE(std::filesystem::exists(earlier_ + "/jwt.secret"));
  EXPECT_EQ(load(), *made);
}

TEST_F(PrivateFiles, AKeyThatIsThereDoesNotGiveWayToAnEarlierOne) {
  const std::string first = load();
  std::ofstream(earlier_ + "/jwt.secret") << std::string(64, 'a');
  EXPECT_EQ(load(), first);
  EXPECT_TRUE(std::filesystem::exists(earlier_ + "/jwt.secret"));
}

TEST_F(PrivateFiles, AnEarlierKeyThatCannotMoveIsUsed) {
  const std::string key(64, 'a');
  std::ofstream(earlier_ + "/jwt.secret") << key;
  std::ofstream(directory_ + "/file") << "x";
  const auto secret = load_or_make_secret(directory_ + "/file/below", earlier_, random_);
  ASSERT_TRUE(secret);
  EXPECT_EQ(*secret, key);
  EXPECT_TRUE(std::filesystem::exists(earlier_ + "/jwt.secret"));
}

TEST_F(PrivateFiles, OneDirectoryUnderTwoNamesIsOne) {
  const std::string first = load();
  const auto again = load_or_make_secret(directory_ + "/./", directory_, random_);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, first);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(PrivateFiles, TheDraftOfAnInterruptedStartIsNoObstacle) {
  std::ofstream(path_ + ".new") << "half";
  const std::string secret = load();
  EXPECT_EQ(load(), secret);
}

TEST_F(PrivateFiles, ALinkIsNotFollowed) {
  std::ofstream(directory_ + "/target") << std::string(64, 'a');
  std::filesystem::create_symlink(directory_ + "/target", path_);
  EXPECT_FALSE(load_or_make_secret(directory_, earlier_, random_));
}

TEST_F(PrivateFiles, WithoutAPlaceToWriteTheKeyHoldsForThisRun) {
  std::ofstream(directory_ + "/file") << "x";
  // A directory of that name cannot be made, whoever runs the test.
  const auto secret = load_or_make_secret(directory_ + "/file/below", earlier_, random_);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->size(), 64U);
}

}  // namespace
}  // namespace jindou::app
