#include "api/read_budget.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

namespace jindou::api {
namespace {

namespace asio = boost::asio;

class ReadBudgetTest : public testing::Test {
 protected:
  // Takes room and keeps it until give_back().
  void take(int name, std::size_t bytes) {
    asio::co_spawn(
        io_,
        [this, name, bytes]() -> asio::awaitable<void> {
          auto room = co_await budget_->take(bytes);
          if (room) {
            held_[name] = std::make_unique<ReadBudget::Room>(std::move(*room));
          } else {
            refused_[name] = room.error().code();
          }
        },
        asio::detached);
    run();
  }
  void give_back(int name) {
    held_.erase(name);
    run();
  }
  void run() {
    io_.restart();
    io_.poll();  // those that wait keep run() from ending
  }

  asio::io_context io_;
  std::shared_ptr<ReadBudget> budget_ = std::make_shared<ReadBudget>(100);
  std::map<int, std::unique_ptr<ReadBudget::Room>> held_;
  std::map<int, Errc> refused_;
};

TEST_F(ReadBudgetTest, WhoFindsNoRoomWaitsInOrder) {
  take(1, 60);
  take(2, 60);
  take(3, 10);  // there would be room, but the one before waits
  EXPECT_EQ(held_.size(), 1U);
  EXPECT_EQ(budget_->used(), 60U);
  give_back(1);
  EXPECT_EQ(held_.count(2), 1U);
  EXPECT_EQ(held_.count(3), 1U);
  EXPECT_EQ(budget_->used(), 70U);
  give_back(2);
  give_back(3);
  EXPECT_EQ(budget_->used(), 0U);
}

TEST_F(ReadBudgetTest, WhatIsLargerThanAllTakesAll) {
  take(1, 1000);
  EXPECT_EQ(budget_->used(), 100U);
  take(2, 1);
  EXPECT_EQ(held_.count(2), 0U);
  give_back(1);
  EXPECT_EQ(held_.count(2), 1U);
}

TEST_F(ReadBudgetTest, TooManyThatWaitAreRefusedAtOnce) {
  for (int name = 0; name < 5; ++name) take(name, 100);
  EXPECT_EQ(held_.size(), 1U);
  take(9, 1);
  ASSERT_EQ(refused_.count(9), 1U);
  EXPECT_EQ(refused_[9], Errc::overloaded);
  for (int name = 0; name < 5; ++name) give_back(name);
  EXPECT_EQ(budget_->used(), 0U);
  take(10, 100);
  EXPECT_EQ(held_.count(10), 1U);
}

}  // namespace
}  // namespace jindou::api
