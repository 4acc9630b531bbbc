// Reloads of the settings that callers of the API ask for, on their way to the thread that reloads
// on SIGHUP, too: there is one at a time, and one way to do it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "config/live_settings.h"

namespace jindou::app {

class ReloadRequests {
 public:
  // So many wait at most: whoever comes then may as well wait for theirs.
  static constexpr std::size_t kWaitingMax = 16;

  // `wake` has serve() called soon, and is called on whatever thread asks.
  explicit ReloadRequests(std::function<void()> wake) : wake_(std::move(wake)) {}
  // close().
  ~ReloadRequests() { close(); }
  ReloadRequests(const ReloadRequests&) = delete;
  ReloadRequests& operator=(const ReloadRequests&) = delete;

  // A config::AskForReload. Thread-safe, never blocks.
  void ask(std::string asked_by, config::ReloadDone done);

  // Reloads for each that waits, in their order. For the thread that reloads.
  void serve(const std::function<config::ReloadOutcome(std::string_view asked_by)>& reload);

  // Whoever waits, and whoever comes later, is told that the server stops. Idempotent.
  void close();

 private:
  struct Waiting {
    std::string asked_by;
    config::ReloadDone done;
  };

  const std::function<void()> wake_;
  Mutex mutex_;
  std::vector<Waiting> waiting_ JD_GUARDED_BY(mutex_);
  bool closed_ JD_GUARDED_BY(mutex_) = false;
};

}  // namespace jindou::app
