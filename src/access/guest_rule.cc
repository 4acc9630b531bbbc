#include "access/guest_rule.h"

#include <algorithm>
#include <cstddef>

#include "base/ascii.h"
#include "config/origin.h"

namespace jindou::access {
namespace {

// Header fields that proxies add, and all that begin with the word below.
constexpr std::string_view kProxyFields[] = {"forwarded", "via", "x-real-ip", "x-client-ip"};
constexpr std::string_view kProxyFieldsBegin = "x-forwarded";

bool is_of_a_proxy(std::string_view field) {
  return ascii_iequals(field.substr(0, kProxyFieldsBegin.size()), kProxyFieldsBegin) ||
         std::ranges::any_of(kProxyFields,
                             [field](std::string_view name) { return ascii_iequals(field, name); });
}

}  // namespace

bool is_straight_from_here(const http::Request& request) {
  if (!request.peer_is_loopback || request.version() < 11) return false;
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    if (is_of_a_proxy(request.header_name(i))) return false;
  }
  return config::is_loopback_name(request.host());
}

}  // namespace jindou::access
