// Which networks are trusted, what limits count by, and whom forwarding headers name.
#include "runtime/client_address.h"

#include <gtest/gtest.h>

namespace jindou::runtime {
namespace {

IpAddress ip(const char* text) { return boost::asio::ip::make_address(text); }

NetworkList networks(std::vector<std::string> entries) {
  auto list = NetworkList::parse(entries);
  EXPECT_TRUE(list);
  return *list;
}

TEST(NetworkList, ContainsTheAddressesOfItsNetworks) {
  const NetworkList list =
      networks({"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/47", "203.0.113.128/25"});
  for (const char* inside :
       {"10.0.0.0", "10.255.1.2", "192.0.2.7", "2001:db8::1", "2001:db8:1:ffff::", "203.0.113.128",
        "203.0.113.255", "::ffff:10.1.1.1"}) {
    EXPECT_TRUE(list.contains(ip(inside))) << inside;
  }
  for (const char* outside : {"11.0.0.0", "9.255.255.255", "192.0.2.8",
                              "2001:db8:2::", "203.0.113.127", "::1", "::a00:1"}) {
    EXPECT_FALSE(list.contains(ip(outside))) << outside;
  }
  EXPECT_FALSE(NetworkList().contains(ip("127.0.0.1")));
  EXPECT_TRUE(networks({"0.0.0.0/0"}).contains(ip("8.8.8.8")));
  EXPECT_FALSE(networks({"0.0.0.0/0"}).contains(ip("2001:db8::1")));
  EXPECT_TRUE(networks({"::/0"}).contains(ip("8.8.8.8")));
}

TEST(NetworkList, NamesTheEntryThatIsNoNetwork) {
  for (const char* wrong : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "host",
                            "10.0.0/8", "2001:db8::/129", "/8"}) {
    const std::vector<std::string> entries{"127.0.0.1", wrong};
    const auto list = NetworkList::parse(entries);
    ASSERT_FALSE(list) << wrong;
    EXPECT_NE(list.error().detail().find('"' + std::string(wrong) + '"'), std::string::npos);
  }
}

TEST(AddressKey, AnIpv6AddressCountsAsItsNetwork) {
  EXPECT_EQ(address_key(ip("2001:db8:0:1::1")), address_key(ip("2001:db8:0:1:ffff:2:3:4")));
  EXPECT_NE(address_key(ip("2001:db8:0:1::1")), address_key(ip("2001:db8:0:2::1")));
  EXPECT_EQ(address_key(ip("192.0.2.1")), address_key(ip("::ffff:192.0.2.1")));
  EXPECT_NE(address_key(ip("192.0.2.1")), address_key(ip("192.0.2.2")));
}

TEST(ParseEndpoint, TakesAddressesWithAndWithoutAPort) {
  const auto shown = [](std::string_view text) -> std::string {
    const auto endpoint = parse_endpoint(text);
    return endpoint ? endpoint->ip.to_string() + ' ' + std::to_string(endpoint->port) : "none";
  };
  EXPECT_EQ(shown("192.0.2.1"), "192.0.2.1 0");
  EXPECT_EQ(shown(" 192.0.2.1:80\t"), "192.0.2.1 80");
  EXPECT_EQ(shown("2001:db8::1"), "2001:db8::1 0");
  EXPECT_EQ(shown("[2001:db8::1]"), "2001:db8::1 0");
  EXPECT_EQ(shown("[2001:db8::1]:65535"), "2001:db8::1 65535");
  EXPECT_EQ(shown("::ffff:192.0.2.1"), "192.0.2.1 0");
  for (const char* wrong : {"", " ", "unknown", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:x",
                            "[::1", "[::1]x", "[::1]:", "fe80::1%eth0", "_hidden", "192.0.2"}) {
    EXPECT_EQ(shown(wrong), "none") << wrong;
  }
}

TEST(ForwardedClient, IsTheRightmostAddressThatIsNoTrustedProxy) {
  const NetworkList trusted = networks({"10.0.0.0/8"});
  const auto client = [&](std::string_view forwarded, std::string_view real = {}) -> std::string {
    const auto found = forwarded_client(forwarded, real, trusted);
    return found ? found->ip.to_string() : "none";
  };
  EXPECT_EQ(client("203.0.113.5"), "203.0.113.5");
  EXPECT_EQ(client("203.0.113.5, 10.0.0.1"), "203.0.113.5");
  // What the client itself wrote stands on the left and is not believed.
  EXPECT_EQ(client("1.1.1.1, 203.0.113.5,10.0.0.2, 10.0.0.1"), "203.0.113.5");
  EXPECT_EQ(client("10.0.0.3, 10.0.0.1"), "10.0.0.3");
  EXPECT_EQ(client("203.0.113.5:1234"), "203.0.113.5");
  EXPECT_EQ(client("nonsense, 10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client("203.0.113.5, nonsense"), "none");
  EXPECT_EQ(client("203.0.113.5", "198.51.100.1"), "203.0.113.5");
  EXPECT_EQ(client("", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client(" ", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client("", ""), "none");
}

}  // namespace
}  // namespace jindou::runtime
