// What `jindou send` was asked to do, and what it has in common with `jindou jobs`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace jindou::caller {

// A script can tell by them what to do next.
inline constexpr int kAllSent = 0;
inline constexpr int kSomeRefused = 1;
inline constexpr int kBadCall = 2;  // the command line, the input or the token
inline constexpr int kNotFinished = 3;

// Which server, and for how long it is waited for.
struct ServerOptions {
  std::string url = "http://127.0.0.1:5001";
  std::string token;
  std::string token_file;
  std::string ca_file;
  double timeout = 60;    // seconds without a byte from or to the server
  double patience = 300;  // seconds of trying again without any success
};

struct SendOptions : ServerOptions {
  std::string file = "-";  // "-": standard input
  std::string format = "auto";

  // For items that do not say it themselves.
  std::string template_name;
  std::string payload;
  std::string from;
  unsigned channel_type = 0;  // 0: not given
  std::string id;             // makes the client_msg_no of this sending others than those before

  double rate = 0;      // items a second; 0: as fast as they are taken
  unsigned tries = 10;  // of an item that is refused for now while others get through
  std::string resume_file;
  std::string refused_file;
  bool results = false;
  bool dry_run = false;
  std::string progress = "auto";
};

// Declares the flags that name the server on `app`; `options` must outlive the parsing.
void add_address_options(CLI::App& app, ServerOptions& options);
// These, and how long it is tried again.
void add_server_options(CLI::App& app, ServerOptions& options);
void add_progress_option(CLI::App& app, std::string& progress);

// Declares the flags of `jindou send` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, SendOptions& options);

// Looks at what no flag parser can see, and finds the token: by flag, file or JINDOU_TOKEN.
// Errors: invalid, with a sentence that names the flag.
Result<void> complete(SendOptions& options);
// What the flags of a server are called, for those sentences.
struct ServerFlags {
  std::string_view url = "--url";
  std::string_view token = "--token";
  bool environment = true;  // JINDOU_TOKEN is its token
};
Result<void> complete_server(ServerOptions& options, const ServerFlags& flags = {});

// The URL as it is told to people: without the passwords and tokens in it.
std::string shown_url(const ServerOptions& options);

// The header lines of each request; without a content type when that is empty.
std::vector<std::string> request_headers(const ServerOptions& options,
                                         std::string_view content_type);

}  // namespace jindou::caller
