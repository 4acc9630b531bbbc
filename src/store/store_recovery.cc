#include "store/store_recovery.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "runtime/thread_identity.h"

namespace jindou::store {

StoreRecovery::StoreRecovery(std::function<Result<void>()> reopen, std::function<void()> recovered,
                             RecoveryPauses pauses)
    : reopen_(std::move(reopen)),
      recovered_(std::move(recovered)),
      pauses_(pauses),
      next_pause_(pauses.first) {
  thread_ = std::thread([this] { run(); });
}

StoreRecovery::~StoreRecovery() { stop(); }

void StoreRecovery::begin() {
  const MutexLock lock(mutex_);
  if (std::chrono::steady_clock::now() - recovered_at_ >= pauses_.healthy_after) {
    next_pause_ = pauses_.first;
  }
  obstacle_.clear();
  wanted_ = true;
  wake_.notify_one();
}

std::string StoreRecovery::obstacle() const {
  const MutexLock lock(mutex_);
  return obstacle_;
}

void StoreRecovery::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

bool StoreRecovery::pause(MutexLock& lock) {
  wake_.wait_for(lock, next_pause_, [this]() JD_REQUIRES(mutex_) { return stopping_; });
  next_pause_ = std::min(next_pause_ * 2, pauses_.longest);
  return !stopping_;
}

void StoreRecovery::run() {
  runtime::name_this_thread("store-recovery");
  MutexLock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this]() JD_REQUIRES(mutex_) { return stopping_ || wanted_; });
    if (stopping_ || !pause(lock)) return;
    lock.unlock();
    const auto reopened = reopen_();
    lock.lock();
    if (!reopened) {
      if (obstacle_ != reopened.error().detail()) {
        obstacle_ = reopened.error().detail();
        observe::log_warn("store", "the store cannot be opened again yet: {}", obstacle_);
      }
      continue;
    }
    wanted_ = false;
    recovered_at_ = std::chrono::steady_clock::now();
    lock.unlock();
    recovered_();
    lock.lock();
  }
}

}  // namespace jindou::store
