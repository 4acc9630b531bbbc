// From callbacks of other threads to coroutines of a shard.
#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace jindou::runtime {

// Calls `begin(complete)` and suspends until `complete(value)` is called, on whatever thread;
// resumes on the caller's own shard. `complete` is a std::function<void(T)> that may be copied,
// kept and called again: the first call counts. `begin` must see to it that a call comes. `begin`
// is borrowed: the caller names it as a variable.
template <class T, class Begin>
boost::asio::awaitable<T> await_callback(Begin& begin) {
  struct Slot {
    std::atomic<bool> taken{false};
    std::optional<T> value;
  };
  auto slot = std::make_shared<Slot>();
  auto initiation = [&begin, slot](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    std::function<void(T)> complete = [slot, kept](T value) {
      if (slot->taken.exchange(true)) return;
      slot->value.emplace(std::move(value));
      // Taken out first: the post may run before this thread has left the function.
      auto owned = std::make_shared<std::decay_t<decltype(*kept)>>(std::move(*kept));
      auto executor = boost::asio::get_associated_executor(*owned);
      boost::asio::post(executor, [owned]() mutable { std::move (*owned)(); });
    };
    begin(std::move(complete));
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      initiation, boost::asio::use_awaitable);
  co_return std::move(*slot->value);
}

}  // namespace jindou::runtime
