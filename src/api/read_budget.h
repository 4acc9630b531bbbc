// Memory of what is read from the store for answers, until they are written.
//
// A read takes room for the most that it may load before it begins. Without it a few requests, each
// for as much as one answer may hold, would fill the memory while their answers wait to be written.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"

namespace jindou::api {

// Thread-safe.
class ReadBudget : public std::enable_shared_from_this<ReadBudget> {
 public:
  // `bytes_max`: of all reads under way together; one that wants more takes all of it.
  explicit ReadBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // What one read has taken; given back when it is destroyed.
  class Room {
   public:
    Room(std::shared_ptr<ReadBudget> budget, std::size_t bytes)
        : budget_(std::move(budget)), bytes_(bytes) {}
    ~Room() {
      if (budget_) budget_->give_back(bytes_);
    }
    Room(Room&& other) noexcept : budget_(std::move(other.budget_)), bytes_(other.bytes_) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

   private:
    std::shared_ptr<ReadBudget> budget_;  // null: moved from
    std::size_t bytes_;
  };

  // Suspends until there is room, first come, first served. Errors: overloaded, at once, when those
  // that wait want four times as much as there is.
  boost::asio::awaitable<Result<Room>> take(std::size_t bytes);

  std::size_t used() const;

 private:
  struct Waiting {
    std::size_t bytes = 0;
    std::function<void(bool)> resume;
  };

  void give_back(std::size_t bytes);
  // Takes out those for whom there is room now.
  std::deque<Waiting> take_served() JD_REQUIRES(mutex_);

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  std::size_t used_ JD_GUARDED_BY(mutex_) = 0;
  std::size_t wanted_ JD_GUARDED_BY(mutex_) = 0;  // by those that wait
  std::deque<Waiting> waiting_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::api
