#include "runtime/client_address.h"

#include <algorithm>
#include <charconv>

namespace jindou::runtime {

namespace ip = boost::asio::ip;

namespace {

std::array<unsigned char, 16> mapped_bytes(const IpAddress& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  // A zone ("fe80::1%eth0") means something on the machine that wrote it only.
  if (text.find('%') != std::string_view::npos) return std::nullopt;
  boost::system::error_code error;
  const IpAddress address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return plain_address(address);
}

}  // namespace

IpAddress plain_address(const IpAddress& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

AddressKey address_key(const IpAddress& address) {
  constexpr std::size_t kCounted = 8;  // a /64
  AddressKey key{mapped_bytes(address)};
  if (plain_address(address).is_v6()) {
    std::fill(key.bytes.begin() + kCounted, key.bytes.end(), static_cast<unsigned char>(0));
  }
  return key;
}

Result<NetworkList> NetworkList::parse(std::span<const std::string> entries) {
  NetworkList list;
  for (const std::string& entry : entries) {
    const auto slash = entry.find('/');
    boost::system::error_code error;
    const IpAddress address = ip::make_address(entry.substr(0, slash), error);
    const unsigned width = address.is_v6() ? 128 : 32;
    std::optional<unsigned> bits = width;
    if (slash != std::string::npos) {
      bits = parse_number<unsigned>(std::string_view(entry).substr(slash + 1));
    }
    if (error || !bits || *bits > width) {
      return Error(Errc::invalid, "\"" + entry + "\" is no network, such as 10.0.0.0/8");
    }
    list.networks_.push_back({mapped_bytes(address), 128 - width + *bits});
  }
  return list;
}

bool NetworkList::contains(const IpAddress& address) const {
  const auto bytes = mapped_bytes(address);
  const auto covers = [&bytes](const Network& network) {
    const std::size_t whole = network.bits / 8;
    if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                    network.bytes.begin())) {
      return false;
    }
    const unsigned rest = network.bits % 8;
    if (rest == 0) return true;
    return ((bytes[whole] ^ network.bytes[whole]) >> (8 - rest)) == 0;
  };
  return std::any_of(networks_.begin(), networks_.end(), covers);
}

std::optional<ClientEndpoint> parse_endpoint(std::string_view text) {
  text = trimmed(text);
  std::string_view host = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') return std::nullopt;
      port = rest.substr(1);
      if (port.empty()) return std::nullopt;
    }
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return std::nullopt;
  }
  ClientEndpoint endpoint;
  const auto address = parse_address(host);
  if (!address) return std::nullopt;
  endpoint.ip = *address;
  if (!port.empty()) {
    const auto number = parse_number<std::uint16_t>(port);
    if (!number) return std::nullopt;
    endpoint.port = *number;
  }
  return endpoint;
}

std::optional<ClientEndpoint> forwarded_client(std::string_view forwarded_for,
                                               std::string_view real_ip,
                                               const NetworkList& trusted) {
  if (trimmed(forwarded_for).empty()) return parse_endpoint(real_ip);
  std::optional<ClientEndpoint> client;
  for (;;) {
    const auto comma = forwarded_for.rfind(',');
    const auto hop = parse_endpoint(
        comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    // What no proxy can have written: the last good hop is as far as we know.
    if (!hop) return client;
    client = hop;
    if (comma == std::string_view::npos || !trusted.contains(hop->ip)) return client;
    forwarded_for = forwarded_for.substr(0, comma);
  }
}

}  // namespace jindou::runtime
