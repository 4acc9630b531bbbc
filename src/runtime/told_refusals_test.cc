// Which refused connection goes first.
#include "runtime/told_refusals.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace jindou::runtime {
namespace {

using boost::asio::ip::tcp;

TEST(ToldRefusals, TheNewestPushOutTheOldest) {
  ToldRefusals<int> kept(2);
  EXPECT_FALSE(kept.add(1));
  EXPECT_FALSE(kept.add(2));
  EXPECT_EQ(kept.add(3), 1);
  kept.remove(2);
  kept.remove(2);
  EXPECT_FALSE(kept.add(4));
  EXPECT_EQ(kept.add(5), 3);
  EXPECT_EQ(kept.size(), 2U);
}

TEST(ToldRefusals, AConnectionGoesOnInAnotherLoop) {
  boost::asio::io_context first;
  boost::asio::io_context second;
  tcp::acceptor acceptor(first, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket client(first);
  client.connect(acceptor.local_endpoint());
  tcp::socket moved = moved_to(second, acceptor.accept());
  ASSERT_TRUE(moved.is_open());
  boost::asio::write(moved, boost::asio::buffer("x", 1));
  char byte = 0;
  boost::asio::read(client, boost::asio::buffer(&byte, 1));
  EXPECT_EQ(byte, 'x');
  EXPECT_FALSE(moved_to(second, tcp::socket(first)).is_open());
}

}  // namespace
}  // namespace jindou::runtime
