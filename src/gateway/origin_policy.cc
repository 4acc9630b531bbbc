#include "gateway/origin_policy.h"

#include <algorithm>

#include "gateway/client_address.h"

namespace jindou::gateway {

namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// As browsers write it: small letters, no port where it is the scheme's own.
std::string normal_origin(std::string_view text) {
  std::string origin = lower(text);
  const auto drop = [&origin](std::string_view scheme, std::string_view port) {
    if (origin.starts_with(scheme) && origin.ends_with(port)) {
      origin.resize(origin.size() - port.size());
    }
  };
  drop(kHttp, ":80");
  drop(kHttps, ":443");
  return origin;
}

// "host", "host:port" or "[v6]:port" of an http origin; empty for others.
std::string_view authority_of(std::string_view origin) {
  if (origin.starts_with(kHttp)) return origin.substr(kHttp.size());
  if (origin.starts_with(kHttps)) return origin.substr(kHttps.size());
  return {};
}

bool is_localhost(std::string_view authority) {
  return lower(authority.substr(0, authority.find(':'))) == "localhost";
}

}  // namespace

Result<OriginPolicy> OriginPolicy::parse(std::span<const std::string> entries) {
  OriginPolicy policy;
  for (const std::string& entry : entries) {
    if (entry == "*") {
      policy.any_ = true;
      continue;
    }
    std::string origin = normal_origin(entry);
    const auto scheme_end = origin.find("://");
    const bool is_origin = scheme_end != std::string::npos && scheme_end > 0 &&
                           scheme_end + 3 < origin.size() &&
                           origin.find_first_of("/?# ", scheme_end + 3) == std::string::npos;
    if (origin != "null" && !is_origin) {
      return Error(Errc::invalid,
                   "\"" + entry + "\" is no origin, such as https://chat.example.org or *");
    }
    policy.entries_.push_back(std::move(origin));
  }
  return policy;
}

bool OriginPolicy::allows(std::string_view origin, std::string_view host,
                          bool token_auth_on) const {
  if (origin.empty() || any_) return true;
  const std::string page = normal_origin(origin);
  if (!entries_.empty()) return std::ranges::find(entries_, page) != entries_.end();
  if (token_auth_on) return true;
  const std::string_view authority = authority_of(page);
  if (authority.empty()) return false;
  if (is_localhost(authority)) return true;
  const auto from = parse_endpoint(authority);
  if (!from) return false;
  if (from->ip.is_loopback()) return true;
  const auto to = parse_endpoint(host);
  return to && to->ip == from->ip;
}

}  // namespace jindou::gateway
