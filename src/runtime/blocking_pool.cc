#include "runtime/blocking_pool.h"

#include <utility>

namespace jindou::runtime {

BlockingPool::BlockingPool(unsigned threads, std::size_t pending_max)
    : pool_(threads), pending_max_(pending_max) {}

BlockingPool::~BlockingPool() { stop(); }

bool BlockingPool::try_enter() {
  if (pending_.fetch_add(1, std::memory_order_relaxed) >= pending_max_) {
    leave();
    return false;
  }
  return true;
}

bool BlockingPool::post(std::function<void()> work) {
  if (!try_enter()) return false;
  boost::asio::post(pool_, [this, work = std::move(work)] {
    work();
    leave();
  });
  return true;
}

void BlockingPool::stop() {
  pool_.stop();
  pool_.join();
}

}  // namespace jindou::runtime
