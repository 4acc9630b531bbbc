// The settings of a running server: read at any time, changed by a reload.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "config/settings.h"

namespace jindou::config {

// What became of the differences; names of keys, never values.
struct ReloadReport {
  std::vector<std::string> applied;
  std::vector<std::string> waiting;  // apply after a restart
};

// What became of a reload, for whoever asked for it.
struct ReloadOutcome {
  ReloadReport report;
  std::vector<std::string> warnings;  // LoadedSettings::warnings
  std::string refused;                // why nothing was taken over; empty: it was
};
// `asked_by` are members of a line of the audit log that say who asks (api/audit.h). `done` is
// called once, on any thread. Errors: overloaded, unavailable: nothing was done.
using ReloadDone = std::function<void(Result<ReloadOutcome>)>;
using AskForReload = std::function<void(std::string asked_by, ReloadDone done)>;

// Thread-safe. apply() is for one thread at a time: the one that handles signals.
class LiveSettings {
 public:
  using Subscriber = std::function<void(const Settings&)>;

  explicit LiveSettings(Settings initial);
  LiveSettings(const LiveSettings&) = delete;
  LiveSettings& operator=(const LiveSettings&) = delete;

  // The settings in force: those of the start with every reload so far. Settings that need a
  // restart keep the value the server runs with.
  std::shared_ptr<const Settings> get() const;

  // `subscriber` is called after each reload that changed something, on the thread of apply(), with
  // what get() returns by then. It must not block, nor call back into this object. Returns what
  // unsubscribe() takes.
  std::uint64_t subscribe(Subscriber subscriber);
  // Afterwards the subscriber is not running and will not be called.
  void unsubscribe(std::uint64_t id);

  // Takes over what may change at run time, if the result is valid as a whole; otherwise changes
  // nothing. A check of tokens or logins that `wanted` switches off waits where `wanted` also names
  // another address than the one that is listened on: no reload opens what a start would not.
  // Errors: invalid.
  Result<ReloadReport> apply(const Settings& wanted);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Settings> current_ JD_GUARDED_BY(mutex_);
  Mutex subscribers_mutex_;  // held while they are called
  std::vector<std::pair<std::uint64_t, Subscriber>> subscribers_ JD_GUARDED_BY(subscribers_mutex_);
  std::uint64_t next_id_ JD_GUARDED_BY(subscribers_mutex_) = 1;
};

}  // namespace jindou::config
