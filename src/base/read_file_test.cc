// Files as an operator may name them, pipes among them: nothing hangs.
#include "base/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace jindou {
namespace {

class ReadFile : public testing::Test {
 protected:
  ReadFile() { std::filesystem::create_directories(directory_); }
  ~ReadFile() override { std::filesystem::remove_all(directory_); }
  std::string path(const std::string& name) const { return directory_ / name; }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("jindou-read-file-" + std::to_string(::getpid()));
};

TEST_F(ReadFile, ReadsUpToABound) {
  std::ofstream(path("a")) << "text\n";
  EXPECT_EQ(*read_file(path("a"), 5, FileKind::regular), "text\n");
  EXPECT_EQ(*read_file(path("a"), 5, FileKind::any), "text\n");
  EXPECT_FALSE(read_file(path("a"), 4, FileKind::regular));
  std::filesystem::create_symlink(path("a"), path("link"));
  EXPECT_EQ(*read_file(path("link"), 5, FileKind::regular), "text\n");
}

TEST_F(ReadFile, SaysWhyNot) {
  const auto why = [&](const std::string& name, FileKind kind) {
    const auto text = read_file(name, 1000, kind);
    return text ? "read" : text.error().detail();
  };
  EXPECT_EQ(why(path("none"), FileKind::any), "No such file or directory");
  EXPECT_EQ(why(directory_, FileKind::any), "it is a directory");
  EXPECT_EQ(why("/dev/zero", FileKind::any), "File too large");
  EXPECT_EQ(why("/dev/zero", FileKind::regular), "it is not a regular file");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(why(path("pipe"), FileKind::regular), "it is not a regular file");
}

TEST_F(ReadFile, APipeIsReadToItsEnd) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream out(path("pipe"));
    out << "first, " << std::flush << "second";
  });
  EXPECT_EQ(*read_file(path("pipe"), 1000, FileKind::any), "first, second");
  writer.join();
}

}  // namespace
}  // namespace jindou
