// How much of the machine this process may use: its memory and processors, or what the control
// groups (versions 2 and 1; a container's, a unit's of systemd) leave of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace jindou {

struct MemoryShare {
  std::uint64_t bytes = 0;  // 0: not known
  std::string source;       // for the log: "the limit of the control group (FILE)"
};

// The least of the machine's memory and the limits of this process's control groups, each group
// above its own included. `root` is where /proc and /sys are; tests have their own. Reads files.
MemoryShare read_memory_share(const std::filesystem::path& root = "/");

// The processors this process may run on, or the quota of processor time of its control groups,
// whichever is less; at least 1. A quota of one and a half processors is two. Reads files.
unsigned read_processor_share(const std::filesystem::path& root = "/");

// read_processor_share() as it was when somebody asked first: what numbers of threads are chosen
// from. Thread-safe.
unsigned usable_processors();

}  // namespace jindou
