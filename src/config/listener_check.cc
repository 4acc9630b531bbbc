#include "config/listener_check.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace jindou::config {

namespace {

struct Listener {
  std::string_view setting;
  std::string_view text;
  ListenAddress address;
};

bool is_wildcard(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

// localhost is both loopback addresses.
bool covers(std::string_view host, std::string_view other) {
  return host == other || is_wildcard(host) ||
         (host == "localhost" && (other == "127.0.0.1" || other == "::1"));
}

bool collide(const ListenAddress& a, const ListenAddress& b) {
  // 0: any free port.
  return a.port != 0 && a.port == b.port && (covers(a.host, b.host) || covers(b.host, a.host));
}

}  // namespace

Result<void> check_distinct_listeners(const Settings& settings) {
  std::vector<Listener> listeners;
  const auto add = [&](std::string_view setting, std::string_view text) -> Result<void> {
    if (text.empty()) return {};
    JD_TRY(ListenAddress address, parse_listen_address(text));
    listeners.push_back({setting, text, std::move(address)});
    return {};
  };
  JD_RETURN_IF_ERROR(add("httpAddr", settings.http_addr));
  JD_RETURN_IF_ERROR(add("addr", settings.addr));
  JD_RETURN_IF_ERROR(add("wsAddr", settings.ws_addr));
  JD_RETURN_IF_ERROR(add("tlsAddr", settings.tls_addr));
  JD_RETURN_IF_ERROR(add("wssAddr", settings.wss_addr));
  if (settings.manager.on) JD_RETURN_IF_ERROR(add("manager.addr", settings.manager.addr));
  if (settings.demo.on) JD_RETURN_IF_ERROR(add("demo.addr", settings.demo.addr));
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    for (std::size_t j = i + 1; j < listeners.size(); ++j) {
      if (!collide(listeners[i].address, listeners[j].address)) continue;
      return Error(Errc::invalid,
                   fmt::format("{} ({}) and {} ({}) would listen on one port: give one of them "
                               "another",
                               listeners[i].setting, listeners[i].text, listeners[j].setting,
                               listeners[j].text));
    }
  }
  return {};
}

}  // namespace jindou::config
