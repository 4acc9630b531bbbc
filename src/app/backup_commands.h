// `jindou verify`, `jindou restore` and `jindou repair`: what is done with backups where they lie,
// and with the data directory of a server that is stopped.
#pragma once

#include <cstdint>
#include <string>

namespace jindou::app {

// Prints what is wrong, a line each, and a summary on standard output; how it goes on on standard
// error. The exit status: 0 nothing is wrong, 1 something is, 2 nothing can be said.
int run_verify(const std::string& directory);

struct RestoreFlags {
  std::string backup;
  std::string directory;
  std::int64_t skip = -1;  // -1: not given
  std::string lost;
};
// The exit status: 0; 1 the backup is damaged; 2 for anything else. Nothing was restored then.
int run_restore(const RestoreFlags& flags);

struct RepairFlags {
  std::string directory;
  bool apply = false;
  bool accept_loss = false;
  bool no_copy = false;
};
// Prints what is wrong, what is done about it or would be, and what is lost. The exit status: 0
// nothing is wrong (any more), 1 something is that can be repaired, 2 nothing can be said or done,
// 3 something is that cannot be repaired.
int run_repair(const RepairFlags& flags);

}  // namespace jindou::app
