// Long pieces of work of one shard (a large body to parse, a large answer to write), one in each
// round of its event loop. In between the loop looks at its sockets again, so that a short request,
// or a refusal, waits for one of them and not for all that are ready.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>

#include "runtime/await_callback.h"

namespace jindou::http {

// Not thread-safe: belongs to one shard, and outlives who waits. As many may wait as there are
// connections.
class Turns {
 public:
  explicit Turns(boost::asio::io_context& context) : context_(context) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Resumes the caller, in order, when it is its turn. The turn lasts until the caller suspends.
  boost::asio::awaitable<void> wait() {
    auto begin = [this](std::function<void(bool)> resume) {
      waiting_.push_back(std::move(resume));
      if (waiting_.size() == 1) post_next();
    };
    co_await runtime::await_callback<bool>(begin);
  }

 private:
  void post_next() {
    boost::asio::post(context_, [this] {
      // Posts the caller: it runs before the next of them, which is posted after it.
      waiting_.front()(true);
      waiting_.pop_front();
      if (!waiting_.empty()) post_next();
    });
  }

  boost::asio::io_context& context_;
  std::deque<std::function<void(bool)>> waiting_;
};

}  // namespace jindou::http
