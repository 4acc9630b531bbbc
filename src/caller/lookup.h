// What `jindou channel`, `jindou user` and `jindou conn` do alike.
#pragma once

#include <signal.h>

#include <optional>
#include <string>
#include <vector>

#include "caller/asker.h"
#include "caller/interrupt.h"
#include "caller/lookup_text.h"
#include "caller/page_walk.h"
#include "caller/shown_text.h"

namespace jindou::caller {

// Prints a list page by page: rows of a kind, or with `json` each entry as it is on a line. Returns
// the exit code.
int print_list(const Asker& asker, const PageWalk& walk, const Listing& listing, bool json);
// The same of entries that are there.
int print_entries(const Asker& asker, Columns& columns, const Listing& listing,
                  const std::vector<simdjson::dom::object>& entries, bool json);

// Kicks the connections that the server has of a user. Returns the exit code.
int kick_user(const Asker& asker, const std::string& uid, int device_flag);
// GET /user/info. None: `code` has the exit code.
std::optional<std::string> user_info(const Asker& asker, const std::string& uid, int& code);

// Looks at the options, then runs the command.
template <class Options, class Run>
int run_lookup(Options& options, const char* name, const Run& run) {
  ::signal(SIGPIPE, SIG_IGN);
  const Asker asker(options, name);
  if (const auto completed = complete(options); !completed) {
    return asker.fail(kBadCall, completed.error().detail());
  }
  catch_interrupts();
  return run(options, asker);
}

}  // namespace jindou::caller
