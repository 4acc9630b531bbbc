// Where a client is: addresses as limits count them, networks whose word is taken for it, and what
// the headers of an HTTP proxy say. Pure.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::runtime {

using IpAddress = boost::asio::ip::address;

struct ClientEndpoint {
  IpAddress ip;
  std::uint16_t port = 0;  // 0: not known
};

// An IPv4 address that came as ::ffff:a.b.c.d becomes one; others stay.
IpAddress plain_address(const IpAddress& address);

// What limits per address count by: an IPv4 address, or the first 64 bits of an IPv6 address, which
// one customer of a provider has to himself.
struct AddressKey {
  std::array<unsigned char, 16> bytes{};
  auto operator<=>(const AddressKey&) const = default;
};
AddressKey address_key(const IpAddress& address);

// Networks in CIDR notation.
class NetworkList {
 public:
  NetworkList() = default;
  // "10.0.0.0/8", "2001:db8::/32", or one address. Errors: invalid (names the entry).
  static Result<NetworkList> parse(std::span<const std::string> entries);
  bool contains(const IpAddress& address) const;

 private:
  struct Network {
    std::array<unsigned char, 16> bytes{};  // IPv4 as ::ffff:a.b.c.d
    unsigned bits = 0;
  };
  std::vector<Network> networks_;
};

// "1.2.3.4", "1.2.3.4:567", "::1", "[::1]:567".
std::optional<ClientEndpoint> parse_endpoint(std::string_view text);

// The client named by the headers of a request from a trusted proxy; both may be empty. Each proxy
// appends to X-Forwarded-For the address it was connected from, and what stands before that is what
// the other side claimed. So the list is read from the right: the first address that is not itself
// a trusted proxy is the client. Taking the left-most one would let any client choose its address.
// X-Real-IP, which a proxy overwrites, is read when the other header is missing. Empty: they say
// nothing.
std::optional<ClientEndpoint> forwarded_client(std::string_view forwarded_for,
                                               std::string_view real_ip,
                                               const NetworkList& trusted);

}  // namespace jindou::runtime
