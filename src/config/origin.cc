#include "config/origin.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "config/secrets.h"
#include "config/settings.h"

namespace jindou::config {
namespace {

bool is_scheme(std::string_view text) {
  return !text.empty() && is_ascii_lower(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_ascii_lower(c) || is_ascii_digit(c) || c == '+' || c == '-' || c == '.';
         });
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') &&
           std::all_of(text.begin() + 1, text.end() - 1, [](char c) {
             return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
           });
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_ascii_lower(c) || is_ascii_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

std::string_view without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

bool is_address(std::string_view host) {
  const std::string text(without_brackets(host));
  in6_addr v6{};
  in_addr v4{};
  return ::inet_pton(AF_INET, text.c_str(), &v4) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

}  // namespace

std::optional<Origin> parse_origin(std::string_view text) {
  const std::string all = ascii_lower(text);
  std::string_view rest = all;
  const auto mark = rest.find("://");
  if (mark == std::string_view::npos || !is_scheme(rest.substr(0, mark))) return std::nullopt;
  Origin origin;
  origin.scheme = rest.substr(0, mark);
  rest.remove_prefix(mark + 3);
  const std::string_view host = host_without_port(rest);
  if (!is_host(host)) return std::nullopt;
  origin.host = host;
  rest.remove_prefix(host.size());
  if (rest.empty()) {
    if (origin.scheme == "http") origin.port = 80;
    if (origin.scheme == "https") origin.port = 443;
    return origin;
  }
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), origin.port);
  if (error != std::errc() || end != rest.data() + rest.size() || origin.port == 0) {
    return std::nullopt;
  }
  return origin;
}

std::string_view host_without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    return host.substr(0, colon);
  }
  return host;
}

bool is_loopback_name(std::string_view host) {
  const std::string name = ascii_lower(without_brackets(host));
  return name.ends_with(".localhost") || ListenAddress{name, 0}.is_loopback();
}

bool is_local_name(std::string_view host) {
  return host.find('.') == std::string_view::npos || is_loopback_name(host) || is_address(host);
}

AllowedOrigins::AllowedOrigins(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    any_ = any_ || entry == "*";
    null_ = null_ || entry == "null";
    if (auto origin = parse_origin(entry)) origins_.push_back(std::move(*origin));
  }
}

bool AllowedOrigins::names(std::string_view origin) const {
  if (any_ || (null_ && origin == "null")) return true;
  const auto parsed = parse_origin(origin);
  return parsed && std::find(origins_.begin(), origins_.end(), *parsed) != origins_.end();
}

bool AllowedOrigins::allow(std::string_view origin, std::string_view host) const {
  if (names(origin)) return true;
  const auto parsed = parse_origin(origin);
  if (!parsed || (parsed->scheme != "http" && parsed->scheme != "https")) return false;
  const std::string name = ascii_lower(host_without_port(host));
  return parsed->host == name || (is_loopback_name(parsed->host) && is_loopback_name(name));
}

bool AllowedOrigins::names_host(std::string_view host) const {
  const std::string name = ascii_lower(host);
  return any_ || std::any_of(origins_.begin(), origins_.end(),
                             [&](const Origin& origin) { return origin.host == name; });
}

Result<void> check_allowed_origins(std::string_view key, const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    if (entry == "*" || entry == "null" || parse_origin(entry)) continue;
    return Error(
        Errc::invalid,
        fmt::format("{}: '{}' is no origin: write https://app.example.com, without a path, "
                    "or * for every page",
                    key, without_credentials(entry)));
  }
  return {};
}

}  // namespace jindou::config
