// Whoever looks at a directory has its lock until he is done, however often he has taken it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "store/read_only_store.h"

namespace jindou::store {
namespace {

// Of another process: its own locks are in nobody's way.
bool can_be_opened_elsewhere(const std::string& lock_file) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int descriptor = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);  // NOLINT(*-vararg)
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const bool got = ::fcntl(descriptor, F_SETLK, &lock) == 0;  // NOLINT(*-vararg)
    ::_exit(got ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status) == 0;
}

class ReadLockOfADirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-lock-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::ofstream(lock_file()).flush();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string lock_file() const { return directory_ + "/LOCK"; }

  std::string directory_;
};

TEST_F(ReadLockOfADirectory, IsHeldAgainWhenItIsTakenAgain) {
  std::optional<ReadLock> lock(std::in_place);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(lock->take(directory_));
    EXPECT_FALSE(can_be_opened_elsewhere(lock_file())) << "taken " << i + 1 << " times";
  }
  lock.reset();
  EXPECT_TRUE(can_be_opened_elsewhere(lock_file()));
}

TEST_F(ReadLockOfADirectory, IsNobodysWithoutAFile) {
  std::filesystem::remove(lock_file());
  ReadLock lock;
  EXPECT_TRUE(lock.take(directory_));
}

}  // namespace
}  // namespace jindou::store
