// Asks the operator's service about contents: many in one call, a deadline, and a breaker that
// spares a service that is down.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "http/sender.h"
#include "moderation/options.h"
#include "moderation/verdicts.h"
#include "partition/content_check.h"

namespace jindou::moderation {

// Thread-safe, but for start() and stop(). Calls are made by threads of its own.
class VerdictService {
 public:
  // Borrows the clock. `calls`: at the same time.
  VerdictService(const Clock& clock, OptionsSource options, std::size_t calls);
  // stop().
  ~VerdictService();
  VerdictService(const VerdictService&) = delete;
  VerdictService& operator=(const VerdictService&) = delete;

  void start();
  // What waits is refused as unavailable. Idempotent.
  void stop();

  // Sets what becomes of each content, then calls `go`: later on a thread of the service, or at
  // once where nobody is asked, because too much waits, or the service is down.
  void ask(std::vector<partition::CheckedContent> contents, std::function<void()> go);

  void append_metrics(std::string& out) const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Contents = std::vector<partition::CheckedContent>;

  // One ask(); done when all of its contents are decided.
  struct Question {
    Contents contents;
    std::function<void()> go;
    std::size_t bytes = 0;
    std::size_t open = 0;  // contents that are not decided
  };
  using QuestionPtr = std::shared_ptr<Question>;
  // One content that waits.
  struct Waiting {
    QuestionPtr question;
    std::size_t index = 0;
    TimePoint until;
  };

  void run();
  // What the next call takes. Empty: stopping. What was due before is among it.
  std::vector<Waiting> take(MutexLock& lock) JD_REQUIRES(mutex_) JD_UNCHECKED_LOCKS;
  void call(http::Sender& sender, std::vector<Waiting> waiting);
  // `verdicts` null: there is no answer.
  void decide(const std::vector<Waiting>& waiting, const std::vector<Verdict>* verdicts,
              const ServiceOptions& options);
  void finish(const std::vector<Waiting>& waiting);
  void apply(const partition::CheckedContent& content, const Verdict& verdict);
  void apply_silence(const partition::CheckedContent& content, bool refuse);
  // Whether a call may be made; one of them is the trial of a service that was down.
  bool may_call(TimePoint now) JD_REQUIRES(mutex_);
  void note_call(bool answered, TimePoint now, const ServiceOptions& options);
  void note_time(std::chrono::nanoseconds took);

  static constexpr std::array<double, 8> kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0};

  const Clock& clock_;
  OptionsSource options_;
  const std::size_t calls_;

  mutable Mutex mutex_;
  Condition work_;
  std::deque<Waiting> waiting_ JD_GUARDED_BY(mutex_);
  std::size_t waiting_bytes_ JD_GUARDED_BY(mutex_) = 0;  // of questions that are not done
  std::size_t failures_ JD_GUARDED_BY(mutex_) = 0;       // in a row
  bool is_down_ JD_GUARDED_BY(mutex_) = false;
  bool trial_runs_ JD_GUARDED_BY(mutex_) = false;
  TimePoint down_until_ JD_GUARDED_BY(mutex_);
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::vector<http::Sender*> senders_ JD_GUARDED_BY(mutex_);  // of the threads, to be stopped
  std::vector<std::thread> threads_;

  std::array<std::atomic<std::uint64_t>, 3> verdicts_{};  // by action
  std::atomic<std::uint64_t> passed_unjudged_{0};
  std::atomic<std::uint64_t> refused_unjudged_{0};
  std::atomic<std::uint64_t> overloaded_{0};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::array<std::atomic<std::uint64_t>, kBuckets.size() + 1> took_{};
  std::atomic<std::uint64_t> took_ns_{0};
};

}  // namespace jindou::moderation
