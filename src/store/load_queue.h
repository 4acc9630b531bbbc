// The thread on which table files are made and added to the store, one at a time, with a pause
// after each failure.
#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/bulk_loader.h"

namespace jindou::store {

struct LoadPauses {
  // After the first failure in a row; doubles with each further one.
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds longest{5'000};
};

// Thread-safe.
class LoadQueue {
 public:
  using Load = std::function<Result<void>(Table table, const BulkLoader::Entries& entries)>;

  // `load` runs on the queue's thread. Errors of it are told to whoever posted, after the pause:
  // he will try again at once, and the disk is to be left alone meanwhile.
  explicit LoadQueue(Load load, LoadPauses pauses = {});
  ~LoadQueue();
  LoadQueue(const LoadQueue&) = delete;
  LoadQueue& operator=(const LoadQueue&) = delete;

  // As BulkLoader::load(). Bounded by the callers: each partition has at most one load under way.
  void post(Table table, std::function<BulkLoader::Entries()> make,
            std::function<void(Result<void>)> done);

  // Finishes a running load, refuses the waiting ones, ends the thread. Idempotent.
  void stop();

 private:
  struct Request {
    Table table{};
    std::function<BulkLoader::Entries()> make;
    std::function<void(Result<void>)> done;
  };

  void run();
  void pause();

  Load load_;
  LoadPauses pauses_;
  std::chrono::milliseconds next_pause_;  // thread only

  Mutex mutex_;
  Condition wake_;
  std::vector<Request> queue_ JD_GUARDED_BY(mutex_);
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::store
