// What a line of the audit log is about.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace jindou::observe {

enum class AuditEvent : std::uint8_t {
  login,         // to the manager port
  login_failed,  // the same: wrong, too often, or guest from elsewhere
  unauthorized,  // a request without a good credential
  denied,        // a request whose caller may not do that
  change,        // whatever changes something, done or not
  reload,
  start,
  stop,
};
// As lines name them, in the order above.
inline constexpr std::array<std::string_view, 8> kAuditEventNames = {
    "login", "login_failed", "unauthorized", "denied", "change", "reload", "start", "stop"};
inline constexpr std::size_t kAuditEvents = kAuditEventNames.size();

constexpr std::string_view audit_event_name(AuditEvent event) {
  return kAuditEventNames[static_cast<std::size_t>(event)];
}

// None: no event is called so.
constexpr std::optional<AuditEvent> audit_event_of(std::string_view name) {
  for (std::size_t i = 0; i < kAuditEvents; ++i) {
    if (kAuditEventNames[i] == name) return static_cast<AuditEvent>(i);
  }
  return std::nullopt;
}

}  // namespace jindou::observe
