// Which web pages may talk to a listener, by the origin that their browsers name (RFC 6454), and
// host names of loopback addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::config {

// Where a page is from; names in lower case.
struct Origin {
  std::string scheme;
  std::string host;        // an IPv6 address keeps its brackets
  std::uint16_t port = 0;  // that of the scheme unless given; 0: the scheme has none

  bool operator==(const Origin&) const = default;
};

// "https://app.example.com:8443". Nothing for anything else, such as "null", which browsers send
// for pages without an origin of their own.
std::optional<Origin> parse_origin(std::string_view text);

// The name or address in a Host header ("im.example.com:5001", "[::1]:5001") without its port.
std::string_view host_without_port(std::string_view host);

// localhost, a name below it, or a loopback address; with or without brackets.
bool is_loopback_name(std::string_view host);

// True for what a foreign page cannot have its own name point at this machine under: addresses,
// names of loopback addresses, and names without a dot, which no page of the internet has.
bool is_local_name(std::string_view host);

// The entries of a setting such as api.allowedOrigins. A value; thread-safe while constant.
class AllowedOrigins {
 public:
  AllowedOrigins() = default;
  // Entries that check_allowed_origins() refuses are left out.
  explicit AllowedOrigins(const std::vector<std::string>& entries);

  // No entry at all: then a page of the same host is meant.
  bool empty() const { return !any_ && !null_ && origins_.empty(); }
  // One entry is "*".
  bool any() const { return any_; }
  // Whether an entry names `origin`, a header as it came.
  bool names(std::string_view origin) const;
  // Whether a page of `origin`, a header as it came, may talk to a server that it calls `host`, a
  // Host header. Always when it is of the same host: the same name on any port, loopback names
  // being one.
  bool allow(std::string_view origin, std::string_view host) const;
  // Whether an entry has that host.
  bool names_host(std::string_view host) const;

 private:
  bool any_ = false;
  bool null_ = false;
  std::vector<Origin> origins_;
};

// Each entry is "*", "null" or an origin. Errors: invalid (names the key and the entry).
Result<void> check_allowed_origins(std::string_view key, const std::vector<std::string>& entries);

}  // namespace jindou::config
