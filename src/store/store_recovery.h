// Opens the store again after an error, on a thread of its own, until it succeeds.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace jindou::store {

struct RecoveryPauses {
  // Before the first try: the next error often follows the first one closely. Doubles with each
  // failed try, and with each error that comes soon after a recovery.
  std::chrono::milliseconds first{200};
  std::chrono::milliseconds longest{5'000};
  // A store that has worked for so long is a healthy one.
  std::chrono::milliseconds healthy_after{60'000};
};

// Thread-safe.
class StoreRecovery {
 public:
  // `reopen` is called on the recovery's thread; `recovered` there too, once for each begin() after
  // a reopen() that succeeded.
  StoreRecovery(std::function<Result<void>()> reopen, std::function<void()> recovered,
                RecoveryPauses pauses = {});
  ~StoreRecovery();
  StoreRecovery(const StoreRecovery&) = delete;
  StoreRecovery& operator=(const StoreRecovery&) = delete;

  // Starts to try, after a pause. Not while it already tries.
  void begin();

  // Why the last try failed; empty before one has.
  std::string obstacle() const;

  // Waits for a try under way, then ends the thread. Idempotent.
  void stop();

 private:
  void run();
  // False: stopped meanwhile.
  bool pause(MutexLock& lock) JD_REQUIRES(mutex_);

  std::function<Result<void>()> reopen_;
  std::function<void()> recovered_;
  RecoveryPauses pauses_;

  mutable Mutex mutex_;
  Condition wake_;
  std::string obstacle_ JD_GUARDED_BY(mutex_);
  std::chrono::milliseconds next_pause_ JD_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point recovered_at_ JD_GUARDED_BY(mutex_){};
  bool wanted_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::store
