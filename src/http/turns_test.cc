#include "http/turns.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

namespace jindou::http {
namespace {

namespace asio = boost::asio;

class TurnsTest : public testing::Test {
 protected:
  void spawn(int name, int times = 1) {
    asio::co_spawn(
        io_,
        [this, name, times]() -> asio::awaitable<void> {
          for (int i = 0; i < times; ++i) {
            co_await turns_.wait();
            order_.push_back(name);
          }
        },
        asio::detached);
  }

  asio::io_context io_;
  Turns turns_{io_};
  std::vector<int> order_;
};

TEST_F(TurnsTest, ComeInOrder) {
  for (int name = 0; name < 5; ++name) spawn(name);
  io_.run();
  EXPECT_EQ(order_, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(TurnsTest, AreTakenByTurns) {
  spawn(1, 3);
  spawn(2, 2);
  io_.run();
  EXPECT_EQ(order_, (std::vector<int>{1, 2, 1, 2, 1}));
}

// What else the loop has to do comes between two turns, however many wait.
TEST_F(TurnsTest, LetOtherWorkBetweenThem) {
  constexpr int kWaiting = 10;
  for (int name = 0; name < kWaiting; ++name) spawn(name);
  std::vector<std::size_t> seen;
  std::function<void()> other = [&] {
    if (seen.empty() || seen.back() != order_.size()) seen.push_back(order_.size());
    if (order_.size() < kWaiting) asio::post(io_, other);
  };
  asio::post(io_, other);
  io_.run();
  std::vector<std::size_t> each;
  for (std::size_t done = 0; done <= kWaiting; ++done) each.push_back(done);
  EXPECT_EQ(seen, each);
}

}  // namespace
}  // namespace jindou::http
