// The limits of control groups are found where the kernel shows them, in directories of the test's
// own that look like /proc and /sys.
#include "base/machine_share.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace jindou {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class MachineShare : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-group-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << '\n';
  }
  std::filesystem::path root_;
};

TEST_F(MachineShare, TheLeastLimitOfVersion2Counts) {
  write("proc/self/cgroup", "0::/system.slice/jindou.service");
  write("sys/fs/cgroup/system.slice/jindou.service/memory.max", "max");
  write("sys/fs/cgroup/system.slice/memory.max", "67108864");
  write("sys/fs/cgroup/system.slice/jindou.service/cpu.max", "50000 100000");
  const MemoryShare memory = read_memory_share(root_);
  EXPECT_EQ(memory.bytes, 64 * kMiB);
  EXPECT_NE(memory.source.find("system.slice/memory.max"), std::string::npos) << memory.source;
  EXPECT_EQ(read_processor_share(root_), 1u);
  write("sys/fs/cgroup/system.slice/jindou.service/memory.high", "33554432");
  EXPECT_EQ(read_memory_share(root_).bytes, 32 * kMiB);
}

// A container that sees the host's path but only its own mount.
TEST_F(MachineShare, OfVersion1InAContainer) {
  write("proc/self/cgroup", "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(read_memory_share(root_).bytes, 32 * kMiB);
  EXPECT_EQ(read_processor_share(root_), 1u);
}

TEST_F(MachineShare, WithoutALimitTheMachineCounts) {
  const MemoryShare machine = read_memory_share(root_);
  const unsigned processors = read_processor_share(root_);
  EXPECT_GT(machine.bytes, 64 * kMiB);
  EXPECT_NE(machine.source.find("machine"), std::string::npos);
  EXPECT_GE(processors, 1u);
  write("proc/self/cgroup", "0::/");
  write("sys/fs/cgroup/memory.max", "max");
  write("sys/fs/cgroup/cpu.max", "max 100000");
  EXPECT_EQ(read_memory_share(root_).bytes, machine.bytes);
  EXPECT_EQ(read_processor_share(root_), processors);
  // Version 1 says "no limit" with -1 and with a number above any memory.
  write("proc/self/cgroup", "5:memory:/\n3:cpu:/");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(read_memory_share(root_).bytes, machine.bytes);
  EXPECT_EQ(read_processor_share(root_), processors);
}

TEST_F(MachineShare, NonsenseIsNoLimit) {
  const std::uint64_t machine = read_memory_share(root_).bytes;
  const unsigned processors = read_processor_share(root_);
  write("proc/self/cgroup", "nonsense\n0::/\n::");
  write("sys/fs/cgroup/memory.max", "many");
  write("sys/fs/cgroup/cpu.max", "0 0");
  EXPECT_EQ(read_memory_share(root_).bytes, machine);
  EXPECT_EQ(read_processor_share(root_), processors);
}

// Half a processor more is one more thread: two half-busy ones wait less than one.
TEST_F(MachineShare, APartOfAProcessorIsOne) {
  write("proc/self/cgroup", "0::/");
  write("sys/fs/cgroup/cpu.max", "1 100000");
  EXPECT_EQ(read_processor_share(root_), 1u);
  if (const unsigned processors = usable_processors(); processors > 1) {
    write("sys/fs/cgroup/cpu.max", "150000 100000");
    EXPECT_EQ(read_processor_share(root_), 2u);
  }
}

}  // namespace
}  // namespace jindou
