// Tells the service manager how the server is: systemd's notification protocol (sd_notify(3)), for
// units with Type=notify, Type=notify-reload and WatchdogSec.
//
// A datagram to a Unix socket; libsystemd would be a dependency for forty lines.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::app {

// One thread at a time. Where nobody wants to be told, everything here does nothing. A message that
// cannot be sent is a warning in the log: the service manager then acts on its own time-outs.
class ServiceNotifier {
 public:
  // `socket`: NOTIFY_SOCKET, a path or "@" and an abstract name; empty: nobody wants to be told.
  // `watchdog`: how long it waits for a keep_alive(); 0: it does not.
  ServiceNotifier(std::string socket, std::chrono::microseconds watchdog);
  // From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of this process's environment.
  static ServiceNotifier from_environment();

  // It serves. `status` is one line for `systemctl status`.
  void ready(std::string_view status) const;
  // It has begun to read its settings again; ready() ends that.
  void reloading() const;
  void stopping() const;
  void keep_alive() const;

  // Half of what the service manager waits, as it recommends; 0: it does not wait.
  std::chrono::microseconds keep_alive_interval() const { return watchdog_ / 2; }

 private:
  Result<void> send(std::string_view text) const;
  void tell(std::string_view text) const;

  std::string socket_;
  std::chrono::microseconds watchdog_;
};

}  // namespace jindou::app
