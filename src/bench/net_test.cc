#include "bench/net.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
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

// The generator's own slowness is told apart: what counts is when bytes came, not when they were
// read.
TEST(Receive, TellsWhenTheBytesArrived) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Endpoint endpoint;
  endpoint.size = sizeof(sockaddr_in);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&endpoint.address), &endpoint.size),
      0);
  auto client = connect_within(endpoint, std::chrono::seconds(5));
  ASSERT_TRUE(client);
  ASSERT_TRUE(note_arrivals(client->get()));
  const Fd server(::accept(listener.get(), nullptr, nullptr));
  using Wall = std::chrono::system_clock;
  bool told = false;
  // Until the kernel takes notes, which it begins in its own time, it is the time of reading.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!told && std::chrono::steady_clock::now() < give_up) {
    const auto before = Wall::now();
    ASSERT_EQ(::send(server.get(), "hello", 5, MSG_NOSIGNAL), 5);
    pollfd wait{client->get(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 5000), 1);
    const auto seen = Wall::now();
    Wall::time_point arrived;
    std::array<char, 16> chunk{};
    ASSERT_EQ(receive(client->get(), chunk.data(), chunk.size(), arrived), 5);
    EXPECT_GE(arrived, before);
    told = arrived <= seen;
  }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace jindou::bench
