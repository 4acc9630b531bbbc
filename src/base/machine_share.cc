#include "base/machine_share.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>
#include <thread>
#include <vector>

namespace jindou {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// The first two words of a file; "max", "-1" and whatever is no number count as unlimited.
struct Numbers {
  std::uint64_t first = kUnlimited;
  std::uint64_t second = kUnlimited;
};

std::uint64_t to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : kUnlimited;
}

Numbers read_numbers(const fs::path& file) {
  std::ifstream in(file);
  std::string first;
  std::string second;
  in >> first >> second;
  return {to_number(first), to_number(second)};
}

// The directories of this process's control group and of those above it, of one controller; its
// name is empty for version 2.
std::vector<fs::path> group_directories(const fs::path& root, std::string_view controller) {
  std::ifstream in(root / "proc/self/cgroup");
  const std::string wanted = ',' + std::string(controller) + ',';
  std::string line;
  while (std::getline(in, line)) {
    // hierarchy:controllers:path
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = ',' + line.substr(first + 1, second - first - 1) + ',';
    if (controller.empty() ? names != ",," : names.find(wanted) == std::string::npos) continue;
    const fs::path mount = root / "sys/fs/cgroup" / controller;
    std::vector<fs::path> out;
    // Inside a container the path may be one that only the host has; the mount itself is there.
    fs::path below = fs::path(line.substr(second + 1)).relative_path();
    for (; !below.empty(); below = below.parent_path()) out.push_back(mount / below);
    out.push_back(mount);
    return out;
  }
  return {};
}

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return kUnlimited;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
}

// Processors that the scheduler may put this process on (taskset, a cpuset).
unsigned allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // More processors than a set has room for: EINVAL.
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return std::thread::hardware_concurrency();
  return static_cast<unsigned>(CPU_COUNT(&set));
}

}  // namespace

MemoryShare read_memory_share(const fs::path& root) {
  std::uint64_t least = machine_memory();
  std::string source = "the memory of the machine";
  const auto take = [&](const fs::path& file) {
    const std::uint64_t limit = read_numbers(file).first;
    if (limit >= least) return;
    least = limit;
    source = "the limit of the control group (" + file.string() + ")";
  };
  for (const auto& group : group_directories(root, "")) {
    take(group / "memory.max");
    // Above this one the kernel slows the process down instead of ending it.
    take(group / "memory.high");
  }
  for (const auto& group : group_directories(root, "memory")) take(group / "memory.limit_in_bytes");
  if (least == kUnlimited) return {};
  return {least, std::move(source)};
}

unsigned read_processor_share(const fs::path& root) {
  std::uint64_t least = std::max(1U, allowed_processors());
  const auto take = [&least](std::uint64_t quota, std::uint64_t period) {
    if (quota == kUnlimited || period == kUnlimited || quota == 0 || period == 0) return;
    least = std::min(least, quota / period + (quota % period == 0 ? 0 : 1));
  };
  for (const auto& group : group_directories(root, "")) {
    const Numbers numbers = read_numbers(group / "cpu.max");
    take(numbers.first, numbers.second);
  }
  for (const auto& group : group_directories(root, "cpu")) {
    take(read_numbers(group / "cpu.cfs_quota_us").first,
         read_numbers(group / "cpu.cfs_period_us").first);
  }
  return static_cast<unsigned>(least);
}

unsigned usable_processors() {
  static const unsigned kShare = read_processor_share();
  return kShare;
}

}  // namespace jindou
