#include "store/load_queue.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "runtime/thread_identity.h"

namespace jindou::store {

LoadQueue::LoadQueue(Load load, LoadPauses pauses)
    : load_(std::move(load)), pauses_(pauses), next_pause_(pauses.first) {
  thread_ = std::thread([this] { run(); });
}

LoadQueue::~LoadQueue() { stop(); }

void LoadQueue::post(Table table, std::function<BulkLoader::Entries()> make,
                     std::function<void(Result<void>)> done) {
  {
    const MutexLock lock(mutex_);
    if (!stopping_) {
      queue_.push_back(Request{table, std::move(make), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(Error(Errc::unavailable, "the store is closing"));
}

void LoadQueue::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void LoadQueue::run() {
  runtime::name_this_thread("index-loader");
  runtime::lower_this_threads_priority();
  for (;;) {
    Request request;
    {
      MutexLock lock(mutex_);
      wake_.wait(lock, [this]() JD_REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      request = std::move(queue_.front());
      queue_.erase(queue_.begin());
      if (stopping_) {
        lock.unlock();
        request.done(Error(Errc::unavailable, "the store is closing"));
        continue;
      }
    }
    auto outcome = load_(request.table, request.make());
    if (outcome) {
      next_pause_ = pauses_.first;
    } else {
      observe::log_warn("store", "an index file could not be loaded, next try in {} ms: {}",
                        next_pause_.count(), outcome.error().text());
      pause();
    }
    request.done(std::move(outcome));
  }
}

void LoadQueue::pause() {
  MutexLock lock(mutex_);
  wake_.wait_for(lock, next_pause_, [this]() JD_REQUIRES(mutex_) { return stopping_; });
  next_pause_ = std::min(next_pause_ * 2, pauses_.longest);
}

}  // namespace jindou::store
