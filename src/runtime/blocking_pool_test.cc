// The pool runs blocking calls elsewhere, resumes the caller at home, and refuses beyond its bound.
#include "runtime/blocking_pool.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

namespace jindou::runtime {
namespace {

boost::asio::awaitable<void> run_one(BlockingPool& pool, std::thread::id& worker,
                                     std::thread::id& resumed, Result<int>& outcome) {
  auto work = [&worker]() -> Result<int> {
    worker = std::this_thread::get_id();
    return 7;
  };
  outcome = co_await pool.run(std::move(work));
  resumed = std::this_thread::get_id();
}

TEST(BlockingPool, RunsElsewhereAndResumesOnTheCallersThread) {
  boost::asio::io_context context(1);
  BlockingPool pool(1, 4);
  std::thread::id worker;
  std::thread::id resumed;
  Result<int> outcome = 0;
  boost::asio::co_spawn(context, run_one(pool, worker, resumed, outcome), boost::asio::detached);
  context.run();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(*outcome, 7);
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(resumed, std::this_thread::get_id());
}

boost::asio::awaitable<void> run_blocked(BlockingPool& pool, std::shared_future<void> gate,
                                         Result<int>& outcome) {
  auto work = [gate]() -> Result<int> {
    gate.wait();
    return 1;
  };
  outcome = co_await pool.run(std::move(work));
}

TEST(BlockingPool, AnswersOverloadedBeyondItsBound) {
  boost::asio::io_context context(1);
  BlockingPool pool(1, 1);
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  Result<int> first = 0;
  Result<int> second = 0;
  boost::asio::co_spawn(context, run_blocked(pool, opened, first), boost::asio::detached);
  boost::asio::co_spawn(context, run_blocked(pool, opened, second), boost::asio::detached);
  context.poll();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::overloaded);
  EXPECT_EQ(pool.pending(), 1U);
  gate.set_value();
  context.restart();
  context.run();
  EXPECT_TRUE(first.has_value());
}

TEST(BlockingPool, RunsWorkThatNobodyWaitsForWithinTheSameBound) {
  BlockingPool pool(1, 1);
  std::promise<std::thread::id> ran;
  std::promise<void> gate;
  ASSERT_TRUE(pool.post([&] {
    ran.set_value(std::this_thread::get_id());
    gate.get_future().wait();
  }));
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
  EXPECT_FALSE(pool.post([] { FAIL() << "there was no room"; }));
  gate.set_value();
  pool.stop();
}

}  // namespace
}  // namespace jindou::runtime
