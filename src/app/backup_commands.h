// `jindou verify` and `jindou restore`: what is done with backups where they lie.
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

}  // namespace jindou::app
