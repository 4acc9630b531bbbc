#include "bench/net.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace jindou::bench {
namespace {

TEST(ParseEndpoint, TakesSchemesAndBareAddresses) {
  for (const char* text : {"http://127.0.0.1:5001", "http://127.0.0.1:5001/", "127.0.0.1:5001",
                           "ws://127.0.0.1:5001", "tcp://127.0.0.1:5001"}) {
    const auto endpoint = parse_endpoint(text, false);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->text, "127.0.0.1:5001");
    EXPECT_TRUE(endpoint->is_loopback());
  }
  const auto named = parse_endpoint("localhost:80", false);
  ASSERT_TRUE(named);
  EXPECT_TRUE(named->is_loopback());
  const auto six = parse_endpoint("[::1]:80", false);
  ASSERT_TRUE(six);
  EXPECT_TRUE(six->is_loopback());
}

TEST(ParseEndpoint, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x",
                           "https://127.0.0.1:1", "127.0.0.1:80/path"}) {
    EXPECT_FALSE(parse_endpoint(text, false)) << text;
  }
}

TEST(ParseEndpoint, LooksUpNoNamesUnlessTold) {
  EXPECT_FALSE(parse_endpoint("example.invalid:80", false));
}

TEST(Endpoint, OtherMachinesAreNotLoopback) {
  const auto endpoint = parse_endpoint("192.0.2.1:80", false);
  ASSERT_TRUE(endpoint);
  EXPECT_FALSE(endpoint->is_loopback());
}

TEST(Outbox, KeepsWhatTheKernelDoesNotTakeAndSendsItLater) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd left(ends[0]);
  Fd right(ends[1]);
  Outbox out;
  const std::string block(8 << 20, 'x');
  EXPECT_EQ(out.send(left.get(), block), Io::would_block);
  EXPECT_FALSE(out.empty());
  out.send(left.get(), "end");
  std::string got;
  std::array<char, 65536> chunk{};
  while (got.size() < block.size() + 3) {
    const ssize_t n = ::recv(right.get(), chunk.data(), chunk.size(), 0);
    if (n > 0) got.append(chunk.data(), static_cast<std::size_t>(n));
    if (n < 0) {
      ASSERT_NE(out.flush(left.get()), Io::closed);
    }
  }
  EXPECT_EQ(got, block + "end");
  EXPECT_TRUE(out.empty());
  right.reset();
  EXPECT_EQ(out.send(left.get(), "x"), Io::closed);
}

}  // namespace
}  // namespace jindou::bench
