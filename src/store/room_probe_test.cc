// What an operator reads while the disk is full.
#include "store/room_probe.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/rocksdb_status.h"

namespace jindou::store {
namespace {

// A disk with `free` bytes, none of which anybody gets.
class FullDisk final : public rocksdb::FileSystemWrapper {
 public:
  explicit FullDisk(std::uint64_t free)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), free_(free) {}
  const char* Name() const override { return "FullDisk"; }

  rocksdb::IOStatus NewWritableFile(const std::string&, const rocksdb::FileOptions&,
                                    std::unique_ptr<rocksdb::FSWritableFile>*,
                                    rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NoSpace("While open a file for appending");
  }
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, std::uint64_t* free,
                                 rocksdb::IODebugContext*) override {
    *free = free_;
    return rocksdb::IOStatus::OK();
  }

 private:
  std::uint64_t free_;
};

TEST(RoomProbe, SaysHowMuchIsNeededAndHowMuchThereIs) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("jindou-probe-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "000007.log") << std::string((2U << 20) + 1, 'x');
  FullDisk disk(3U << 20);
  const auto probed = probe_room(disk, directory.string());
  FullDisk reserved(30U << 20);
  const auto quota = probe_room(reserved, directory.string());
  std::filesystem::remove_all(directory);
  ASSERT_FALSE(probed);
  EXPECT_EQ(probed.error().detail(),
            "needs 4 MiB free in " + directory.string() +
                " to reopen, 3 MiB are there: IO error: No space left on device: While open a file "
                "for appending");
  ASSERT_FALSE(quota);
  EXPECT_NE(quota.error().detail().find("4 MiB free"), std::string::npos);
  EXPECT_NE(quota.error().detail().find("a quota or a reserve"), std::string::npos);
}

TEST(RoomProbe, TheClassOfAnErrorIsNamedOnce) {
  EXPECT_EQ(text_of(rocksdb::Status::IOError("IO error: IO error: While appending")),
            "IO error: While appending");
  EXPECT_EQ(text_of(rocksdb::Status::Corruption("IO error: x")), "Corruption: IO error: x");
}

}  // namespace
}  // namespace jindou::store
