// What `jindou channel`, `jindou user` and `jindou conn` were asked to do.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "caller/options.h"

namespace jindou::caller {

struct ChannelOptions : ServerOptions {
  enum class Command : std::uint8_t { list, show, subscribers, denylist, allowlist, messages };

  Command command = Command::list;
  std::string id;           // as it is stored
  unsigned type = 0;        // list: only those of it; 0: of all
  std::string prefix;       // lists
  std::uint64_t limit = 0;  // lists; 0: all
  std::uint64_t last = 20;  // messages
  bool json = false;        // what the server says, a line for each entry
};

struct UserOptions : ServerOptions {
  enum class Command : std::uint8_t { list, show, kick, quit, ban, unban };

  Command command = Command::list;
  std::string uid;
  std::string prefix;       // list
  std::uint64_t limit = 0;  // list; 0: all
  int device_flag = -1;     // kick, quit; -1: every one
  bool json = false;
};

struct ConnOptions : ServerOptions {
  enum class Command : std::uint8_t { list, kick };

  Command command = Command::list;
  std::uint64_t id = 0;  // kick; 0: those of `uid`
  std::string uid;
  int device_flag = -1;       // kick, with `uid`; -1: every one
  std::string sort = "id";    // list
  std::uint64_t offset = 0;   // list
  std::uint64_t limit = 100;  // list
  bool json = false;
};

// Declare the commands of each on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, ChannelOptions& options);
void add_options(CLI::App& app, UserOptions& options);
void add_options(CLI::App& app, ConnOptions& options);

// As that of a sending.
Result<void> complete(ChannelOptions& options);
Result<void> complete(UserOptions& options);
Result<void> complete(ConnOptions& options);

// "subscribers" and so on.
std::string command_name(ChannelOptions::Command command);
std::string command_name(UserOptions::Command command);
std::string command_name(ConnOptions::Command command);

}  // namespace jindou::caller
