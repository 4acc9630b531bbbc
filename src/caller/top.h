// `jindou top`: how a running server does, live: a screen that is drawn again and again on a
// terminal, a line for each look otherwise.
#pragma once

#include <cstdint>
#include <string>

#include "caller/options.h"

namespace jindou::caller {

struct TopOptions : ServerOptions {
  // The manager port shows metrics to whoever reaches it.
  TopOptions() { url = "http://127.0.0.1:5300"; }

  double interval = 2;      // seconds between two looks
  std::uint64_t count = 0;  // looks that are shown; 0: until it is interrupted
  std::string progress = "auto";
};

// Declares the flags of `jindou top` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, TopOptions& options);

// Runs it until the count is reached or somebody interrupts it. The exit code (options.h): a server
// that does not answer at first is kNotFinished; later it is said and asked again.
int run_top(TopOptions options);

}  // namespace jindou::caller
