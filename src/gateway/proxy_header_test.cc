// Headers of both versions in any split, and what must be refused.
#include "gateway/proxy_header.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace jindou::gateway {
namespace {

using State = ProxyOutcome::State;

std::string v2(unsigned command, unsigned family, std::string_view body) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  append_be(out, static_cast<std::uint16_t>(body.size()));
  return out.append(body);
}

std::string tcp4_addresses() {
  std::string out("\xcb\x00\x71\x07\xc0\x00\x02\x01", 8);  // 203.0.113.7, 192.0.2.1
  append_be(out, std::uint16_t{51000});
  append_be(out, std::uint16_t{5100});
  return out;
}

std::string tcp6_addresses() {
  std::string out("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
  out += std::string(16, '\1');
  append_be(out, std::uint16_t{1});
  append_be(out, std::uint16_t{2});
  return out;
}

// Reads byte by byte; what is decided must be decided at `header`'s last byte, and the same then.
ProxyOutcome read_whole(const std::string& header) {
  for (std::size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(read_proxy_header(header.substr(0, size)).state, State::need_more) << size;
  }
  const ProxyOutcome outcome = read_proxy_header(header + "\x10more");
  EXPECT_EQ(outcome.state, State::header);
  EXPECT_EQ(outcome.consumed, header.size());
  return outcome;
}

std::string client_of(const std::string& header) {
  const ProxyOutcome outcome = read_whole(header);
  if (!outcome.client) return "none";
  return outcome.client->ip.to_string() + ' ' + std::to_string(outcome.client->port);
}

TEST(ProxyHeader, VersionOneNamesTheClient) {
  EXPECT_EQ(client_of("PROXY TCP4 203.0.113.7 192.0.2.1 51000 5100\r\n"), "203.0.113.7 51000");
  EXPECT_EQ(client_of("PROXY TCP6 2001:db8::9 2001:db8::1 1 65535\r\n"), "2001:db8::9 1");
  EXPECT_EQ(client_of("PROXY UNKNOWN\r\n"), "none");
  EXPECT_EQ(client_of("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), "none");
}

TEST(ProxyHeader, VersionTwoNamesTheClientAndMaySayMore) {
  EXPECT_EQ(client_of(v2(0x21, 0x11, tcp4_addresses())), "203.0.113.7 51000");
  EXPECT_EQ(client_of(v2(0x21, 0x21, tcp6_addresses())), "2001:db8::9 1");
  const std::string values("\x04\x00\x03xyz\x01\x00\x02h2", 11);
  EXPECT_EQ(client_of(v2(0x21, 0x11, tcp4_addresses() + values)), "203.0.113.7 51000");
  EXPECT_EQ(client_of(v2(0x21, 0x11, tcp4_addresses() + std::string(4096 - 16 - 12, 'v'))),
            "203.0.113.7 51000");
}

TEST(ProxyHeader, VersionTwoWithoutAnAddressLeavesThePeersOwn) {
  EXPECT_EQ(client_of(v2(0x20, 0x00, "")), "none");                // LOCAL: a health check
  EXPECT_EQ(client_of(v2(0x20, 0x11, tcp4_addresses())), "none");  // its addresses mean nothing
  EXPECT_EQ(client_of(v2(0x21, 0x00, "")), "none");
  EXPECT_EQ(client_of(v2(0x21, 0x31, std::string(216, 'u'))), "none");  // a Unix socket
}

TEST(ProxyHeader, OtherProtocolsAreLeftAlone) {
  for (const std::string bytes : {"\x10\x20", "\x16\x03\x01", "GET / HTTP/1.1", "POST / HTTP/1.1",
                                  "PROXX", "\r\n\r\nx", "{"}) {
    const ProxyOutcome outcome = read_proxy_header(bytes);
    EXPECT_EQ(outcome.state, State::none) << bytes;
    EXPECT_EQ(outcome.consumed, 0U);
  }
  EXPECT_EQ(read_proxy_header("").state, State::need_more);
}

TEST(ProxyHeader, BrokenOnesAreToldFromUnfinishedOnes) {
  for (const std::string line :
       {"PROXY TCP5 203.0.113.7 192.0.2.1 1 2", "PROXY TCP4 2001:db8::9 192.0.2.1 1 2",
        "PROXY TCP4 203.0.113.7 192.0.2.1 1", "PROXY TCP4 203.0.113.7 192.0.2.1 1 65536",
        "PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3", "PROXY TCP4  203.0.113.7 192.0.2.1 1 2",
        "PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2", "PROXY  UNKNOWN", "PROXY "}) {
    EXPECT_EQ(read_proxy_header(line + "\r\n").state, State::broken) << line;
  }
  EXPECT_EQ(read_proxy_header("PROXY UNKNOWN " + std::string(92, 'x')).state, State::need_more);
  EXPECT_EQ(read_proxy_header("PROXY UNKNOWN " + std::string(93, 'x')).state, State::broken);
  EXPECT_EQ(read_proxy_header(v2(0x11, 0x11, tcp4_addresses())).state, State::broken);  // version 1
  EXPECT_EQ(read_proxy_header(v2(0x22, 0x11, tcp4_addresses())).state, State::broken);
  EXPECT_EQ(read_proxy_header(v2(0x21, 0x41, tcp4_addresses())).state, State::broken);
  EXPECT_EQ(read_proxy_header(v2(0x21, 0x13, tcp4_addresses())).state, State::broken);
  EXPECT_EQ(read_proxy_header(v2(0x21, 0x11, "short")).state, State::broken);
  EXPECT_EQ(read_proxy_header(v2(0x21, 0x21, tcp4_addresses())).state, State::broken);
  // Too long is known before it has come.
  std::string long_one = v2(0x21, 0x11, std::string(4096 - 15, 'v'));
  EXPECT_EQ(read_proxy_header(long_one.substr(0, 16)).state, State::broken);
}

}  // namespace
}  // namespace jindou::gateway
