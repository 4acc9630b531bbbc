#include "api/read_budget.h"

#include <algorithm>

#include "runtime/await_callback.h"

namespace jindou::api {

namespace {

constexpr std::size_t kWaitingFactor = 4;

}  // namespace

boost::asio::awaitable<Result<ReadBudget::Room>> ReadBudget::take(std::size_t bytes) {
  const std::size_t wanted = std::min(bytes, bytes_max_);
  bool refused = false;
  auto begin = [this, wanted, &refused](std::function<void(bool)> resume) {
    {
      const MutexLock lock(mutex_);
      if (!waiting_.empty() || used_ + wanted > bytes_max_) {
        if (wanted_ + wanted <= kWaitingFactor * bytes_max_) {
          wanted_ += wanted;
          waiting_.push_back({wanted, std::move(resume)});
          return;
        }
        refused = true;
      } else {
        used_ += wanted;
      }
    }
    resume(true);
  };
  co_await runtime::await_callback<bool>(begin);
  if (refused) {
    co_return Error(Errc::overloaded,
                    "other reads take all the memory for what answers hold "
                    "(api.answerBytesInFlight); retry, or ask for less at once");
  }
  co_return Room(shared_from_this(), wanted);
}

std::size_t ReadBudget::used() const {
  const MutexLock lock(mutex_);
  return used_;
}

void ReadBudget::give_back(std::size_t bytes) {
  std::deque<Waiting> served;
  {
    const MutexLock lock(mutex_);
    used_ -= bytes;
    served = take_served();
  }
  for (const Waiting& one : served) one.resume(true);
}

std::deque<ReadBudget::Waiting> ReadBudget::take_served() {
  std::deque<Waiting> served;
  while (!waiting_.empty() && used_ + waiting_.front().bytes <= bytes_max_) {
    used_ += waiting_.front().bytes;
    wanted_ -= waiting_.front().bytes;
    served.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return served;
}

}  // namespace jindou::api
