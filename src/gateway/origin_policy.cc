#include "gateway/origin_policy.h"

#include "runtime/client_address.h"

namespace jindou::gateway {

Result<OriginPolicy> OriginPolicy::parse(const std::vector<std::string>& entries) {
  JD_RETURN_IF_ERROR(config::check_allowed_origins("gateway.allowedOrigins", entries));
  OriginPolicy policy;
  policy.entries_ = config::AllowedOrigins(entries);
  return policy;
}

bool OriginPolicy::allows(std::string_view origin, std::string_view host,
                          bool token_auth_on) const {
  if (origin.empty()) return true;
  if (!entries_.empty()) return entries_.names(origin);
  if (token_auth_on) return true;
  const auto page = config::parse_origin(origin);
  if (!page || (page->scheme != "http" && page->scheme != "https")) return false;
  if (config::is_loopback_name(page->host)) return true;
  std::string_view address = page->host;
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  const auto from = runtime::parse_endpoint(address);
  const auto to = runtime::parse_endpoint(host);
  return from && to && to->ip == from->ip;
}

}  // namespace jindou::gateway
