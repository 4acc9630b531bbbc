// One running server: every component, what it is made of, and the order of start and stop. The
// only place that knows them all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/live_settings.h"
#include "config/loaded_settings.h"
#include "config/settings.h"
#include "observe/audit_log.h"

namespace jindou::app {

class Node {
 public:
  // `refusals_max`: see descriptor_budget.h. Borrows the audit log, which is open.
  Node(const config::Settings& settings, std::size_t refusals_max, observe::AuditLog& audit);
  // stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Opens the store, starts the threads, listens. Errors: storage (data directory in use or
  // damaged), invalid or unavailable (an address that cannot be listened on, a bad certificate).
  // After an error the node is only good to be destroyed.
  Result<void> start();

  // Stops accepting, finishes what is in flight, closes sessions plainly, closes the store. Takes
  // at most about four seconds. Idempotent.
  void stop();

  // As bound, "ip:port".
  std::string http_address() const;
  std::string tcp_address() const;
  std::string ws_address() const;
  std::string tls_address() const;
  std::string wss_address() const;
  std::string manager_address() const;
  // Whether what is shown as 127.0.0.1 is ::1 as well, with the same port.
  bool on_both_loopbacks() const;
  // Empty when the chat demo is not served.
  std::string demo_address() const;

  // True when every network thread has run what the call before gave it to run, and gives it
  // something again: false twice in a row means that one is stuck or far behind. Between start()
  // and stop(), one thread at a time.
  bool check_pulse();

  // Those in force: of the start with every reload so far. Any thread.
  std::shared_ptr<const config::Settings> settings() const;
  // Where the settings are from, for whoever asks the server. Any thread.
  void set_sources(config::SettingSources sources);

  // Who is asked for a reload by POST /config/reload. Before start().
  void set_reload(config::AskForReload ask);

  // Takes over what may change while the server runs, reads the certificate and opens the audit log
  // again. For the thread that owns the node, between start() and stop(). Errors: invalid (no
  // setting has changed, and nothing was read or opened).
  Result<config::ReloadReport> reload(const config::Settings& wanted);

  // Opens the file of the audit log again, by the settings in force: it may have been renamed, and
  // that does not wait until settings that were refused are mended. Where it cannot be opened, the
  // log says so, and the file of before goes on. Same thread and time as reload().
  void reopen_audit_log();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace jindou::app
