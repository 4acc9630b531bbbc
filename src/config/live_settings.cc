#include "config/live_settings.h"

#include <algorithm>
#include <string_view>

#include "config/loaded_settings.h"

namespace jindou::config {

namespace {

bool others_reach(const std::string& address) {
  const auto parsed = parse_listen_address(address);
  return parsed && !parsed->is_loopback();
}

// The server listens on an address on which one that starts with `wanted` would not.
bool differs(const std::string& running, const std::string& wanted) {
  return !running.empty() && running != wanted;
}

bool asks_callers(const Settings& settings) {
  return !settings.manager_token.empty() || !settings.api_keys.empty() ||
         !settings.auth.super_token.empty();
}

bool ends_client_tokens(const Settings& running, const Settings& wanted) {
  return !wanted.token_auth_on &&
         (differs(running.addr, wanted.addr) || differs(running.ws_addr, wanted.ws_addr) ||
          differs(running.tls_addr, wanted.tls_addr) || differs(running.wss_addr, wanted.wss_addr));
}

bool ends_api_tokens(const Settings& running, const Settings& wanted) {
  const bool is_open = others_reach(running.http_addr);
  // validate() refuses the whole reload then, and says what to do.
  if (asks_callers(wanted) || (is_open && !running.allow_open_api)) return false;
  return differs(running.http_addr, wanted.http_addr) || (is_open && !wanted.allow_open_api);
}

// Of an address that others reach validate() refuses it.
bool ends_manager_logins(const Settings& running, const Settings& wanted) {
  const auto& manager = running.manager;
  return !wanted.auth.on && manager.on && !others_reach(manager.addr) &&
         (!wanted.manager.on || differs(manager.addr, wanted.manager.addr));
}

// Without users there is guest, where only this machine reaches the port.
bool lets_guest_in(const Settings& running, const Settings& wanted) {
  const auto& manager = running.manager;
  return wanted.auth.users.empty() && manager.on && !others_reach(manager.addr) &&
         (!wanted.manager.on || others_reach(wanted.manager.addr));
}

// Whether a setting that may change at run time has to wait for a restart. It switches a check off,
// and a server that starts with `wanted` listens elsewhere: where this one listens, it may be the
// check alone that made the address fit to listen on.
bool has_to_wait(std::string_view key, const Settings& running, const Settings& wanted) {
  if (key == "tokenAuthOn") return ends_client_tokens(running, wanted);
  if (key == "managerToken" || key == "apiKeys" || key == "auth.superToken") {
    return ends_api_tokens(running, wanted);
  }
  if (key == "auth.on") return ends_manager_logins(running, wanted);
  if (key == "auth.users") return lets_guest_in(running, wanted);
  return false;
}

}  // namespace

LiveSettings::LiveSettings(Settings initial)
    : current_(std::make_shared<const Settings>(std::move(initial))) {}

std::shared_ptr<const Settings> LiveSettings::get() const {
  const MutexLock lock(mutex_);
  return current_;
}

std::uint64_t LiveSettings::subscribe(Subscriber subscriber) {
  const MutexLock lock(subscribers_mutex_);
  subscribers_.emplace_back(next_id_, std::move(subscriber));
  return next_id_++;
}

void LiveSettings::unsubscribe(std::uint64_t id) {
  const MutexLock lock(subscribers_mutex_);
  std::erase_if(subscribers_, [id](const auto& entry) { return entry.first == id; });
}

Result<ReloadReport> LiveSettings::apply(const Settings& wanted) {
  const std::shared_ptr<const Settings> before = get();
  auto next = std::make_shared<Settings>(*before);
  ReloadReport report;
  for (const Setting& setting : settings_table()) {
    if (same_value(setting, *before, wanted)) continue;
    const bool applies = setting.reloadable && !has_to_wait(setting.key, *before, wanted);
    if (applies) copy_value(setting, wanted, *next);
    (applies ? report.applied : report.waiting).emplace_back(setting.key);
  }
  // `wanted` is valid in itself; mixed with what only a restart changes it need not be.
  JD_RETURN_IF_ERROR(validate(*next));
  if (report.applied.empty()) return report;
  {
    const MutexLock lock(mutex_);
    current_ = next;
  }
  const MutexLock lock(subscribers_mutex_);
  for (const auto& [id, subscriber] : subscribers_) subscriber(*next);
  return report;
}

}  // namespace jindou::config
