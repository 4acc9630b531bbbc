// Threads for calls that block: disk reads, key lookups. No io thread ever waits for a disk.
#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace jindou::runtime {

class BlockingPool {
 public:
  // `pending_max` bounds the calls that wait or run; beyond it run() answers `overloaded` at once.
  BlockingPool(unsigned threads, std::size_t pending_max);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Runs `work` (returning Result<T>) on the pool and resumes the caller on its own executor.
  // Errors: overloaded; else what `work` returns. Suspends.
  // The caller names `work` as a variable first and moves it in.
  template <class Work>
  boost::asio::awaitable<std::invoke_result_t<Work>> run(Work work) {
    using Outcome = std::invoke_result_t<Work>;
    if (!try_enter()) co_return Outcome(Error(Errc::overloaded, "too many reads are waiting"));
    auto shared = std::make_shared<Work>(std::move(work));
    auto slot = std::make_shared<std::unique_ptr<Outcome>>();
    auto initiation = [this, shared, slot](auto handler) {
      auto kept = std::make_shared<decltype(handler)>(std::move(handler));
      boost::asio::post(pool_, [this, shared, slot, kept]() mutable {
        *slot = std::make_unique<Outcome>(guarded(*shared));
        leave();
        auto executor = boost::asio::get_associated_executor(*kept);
        boost::asio::post(executor, [kept]() mutable { std::move (*kept)(); });
      });
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        initiation, boost::asio::use_awaitable);
    co_return std::move(**slot);
  }

  // Runs `work` on the pool, and nobody is resumed. False: too many wait; it is not run.
  bool post(std::function<void()> work);

  // Calls that wait or run. Thread-safe.
  std::size_t pending() const { return pending_.load(std::memory_order_relaxed); }

  // Waits for running calls, drops waiting ones. Idempotent.
  void stop();

 private:
  // Caught here, where the work was handed over: running out of memory ends a read, not the
  // process.
  template <class Work>
  static std::invoke_result_t<Work> guarded(Work& work) {
    try {
      return work();
    } catch (const std::exception& error) {
      return Error(Errc::internal, error.what());
    }
  }

  bool try_enter();
  void leave() {
    const std::size_t before = pending_.fetch_sub(1, std::memory_order_relaxed);
    JD_ASSERT(before > 0);
  }

  boost::asio::thread_pool pool_;
  std::size_t pending_max_;
  std::atomic<std::size_t> pending_{0};
};

}  // namespace jindou::runtime
