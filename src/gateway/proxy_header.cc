#include "gateway/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"

namespace jindou::gateway {

namespace ip = boost::asio::ip;

namespace {

using State = ProxyOutcome::State;

constexpr std::string_view kV1Signature = "PROXY ";
constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kV2FixedBytes = 16;

// Version and command, family and transport (section 2.2 of the specification).
constexpr unsigned kV2Local = 0x20;
constexpr unsigned kV2Proxy = 0x21;
constexpr unsigned kTcp4 = 0x11;
constexpr unsigned kTcp6 = 0x21;
constexpr std::size_t kTcp4Bytes = 12;
constexpr std::size_t kTcp6Bytes = 36;

ProxyOutcome outcome_of(State state) {
  ProxyOutcome outcome;
  outcome.state = state;
  return outcome;
}

// True when `bytes` and `signature` agree as far as both go.
bool begins_alike(std::string_view bytes, std::string_view signature) {
  const std::size_t common = std::min(bytes.size(), signature.size());
  return bytes.substr(0, common) == signature.substr(0, common);
}

// Cuts the next word off; words are separated by exactly one space.
std::string_view take_word(std::string_view& line) {
  const auto space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

std::optional<std::uint16_t> port_of(std::string_view word) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return port;
}

bool is_address(std::string_view word, bool v6, runtime::IpAddress& out) {
  if (word.find('%') != std::string_view::npos) return false;
  boost::system::error_code error;
  out = ip::make_address(word, error);
  return !error && out.is_v6() == v6;
}

ProxyOutcome read_v1(std::string_view bytes) {
  const auto end = bytes.substr(0, kProxyV1BytesMax).find("\r\n");
  if (end == std::string_view::npos) {
    return outcome_of(bytes.size() < kProxyV1BytesMax ? State::need_more : State::broken);
  }
  ProxyOutcome outcome = outcome_of(State::header);
  outcome.consumed = end + 2;
  std::string_view line = bytes.substr(kV1Signature.size(), end - kV1Signature.size());
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return outcome;  // what follows means nothing
  if (family != "TCP4" && family != "TCP6") return outcome_of(State::broken);
  const bool v6 = family == "TCP6";
  runtime::IpAddress source;
  runtime::IpAddress destination;
  if (!is_address(take_word(line), v6, source) || !is_address(take_word(line), v6, destination)) {
    return outcome_of(State::broken);
  }
  const auto source_port = port_of(take_word(line));
  if (!source_port || !port_of(line)) return outcome_of(State::broken);
  outcome.client = runtime::ClientEndpoint{runtime::plain_address(source), *source_port};
  return outcome;
}

ProxyOutcome read_v2(std::string_view bytes) {
  if (bytes.size() < kV2FixedBytes) return outcome_of(State::need_more);
  const auto command = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::size_t length = read_be<std::uint16_t>(bytes, 14);
  if (command != kV2Local && command != kV2Proxy) return outcome_of(State::broken);
  if ((family >> 4U) > 3 || (family & 15U) > 2) return outcome_of(State::broken);
  if (kV2FixedBytes + length > kProxyV2BytesMax) return outcome_of(State::broken);
  const bool has_client = command == kV2Proxy && (family == kTcp4 || family == kTcp6);
  if (has_client && length < (family == kTcp4 ? kTcp4Bytes : kTcp6Bytes)) {
    return outcome_of(State::broken);
  }
  if (bytes.size() < kV2FixedBytes + length) return outcome_of(State::need_more);

  ProxyOutcome outcome = outcome_of(State::header);
  outcome.consumed = kV2FixedBytes + length;
  if (!has_client) return outcome;
  const std::string_view addresses = bytes.substr(kV2FixedBytes);
  runtime::ClientEndpoint client;
  if (family == kTcp4) {
    client.ip = ip::address_v4(read_be<std::uint32_t>(addresses, 0));
    client.port = read_be<std::uint16_t>(addresses, 8);
  } else {
    ip::address_v6::bytes_type raw{};
    std::copy_n(addresses.begin(), raw.size(), reinterpret_cast<char*>(raw.data()));
    client.ip = runtime::plain_address(ip::address_v6(raw));
    client.port = read_be<std::uint16_t>(addresses, 32);
  }
  outcome.client = client;
  return outcome;
}

}  // namespace

ProxyOutcome read_proxy_header(std::string_view bytes) {
  if (begins_alike(bytes, kV1Signature)) {
    return bytes.size() < kV1Signature.size() ? outcome_of(State::need_more) : read_v1(bytes);
  }
  if (begins_alike(bytes, kV2Signature)) {
    return bytes.size() < kV2Signature.size() ? outcome_of(State::need_more) : read_v2(bytes);
  }
  return outcome_of(State::none);
}

}  // namespace jindou::gateway
