// Counts whom the messages of jobs reach: how many receivers each has, and how many of them were
// online and had it pushed to them (JobReach).
//
// Fan-out is asked to hold a batch with messages of jobs through watch(). When its last shard has
// let go of it, a thread of our own adds up what it came to, and tells the partition of the job
// twice a second (partition::CountReach), wherever that is. What was not told when the process is
// killed is not counted: half a second of pushes, and what was under way. It is never counted
// twice.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/job.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/effects.h"
#include "partition/recipients.h"

namespace jindou::delivery {

// How many users receive a message, its sender not among them: of whom it lists, and of
// `subscribers`, which is how many of Recipients::subscribers are not excluded.
std::uint64_t receivers_of(const Message& message, const partition::Recipients& recipients,
                           std::uint64_t subscribers);
// O(the smaller one of the two sets); O(1) when nobody is excluded.
std::uint64_t subscribers_of(const partition::Recipients& recipients);

// Borrowed; all outlive the counts.
struct ReachCountsDeps {
  const Clock& clock;
  // Whether a push to that session counts for its user: of a user's sessions one does. Any thread.
  std::function<bool(std::string_view uid, SessionId session)> is_counted_by;
  // As partition::CommandRouter::post_change.
  std::function<Result<void>(partition::Change, std::function<void(Result<void>)>)> post_change;
  // Between two times that partitions are told.
  std::chrono::milliseconds interval{500};
};

class ReachCounts {
 public:
  explicit ReachCounts(ReachCountsDeps deps);
  // stop().
  ~ReachCounts();
  ReachCounts(const ReachCounts&) = delete;
  ReachCounts& operator=(const ReachCounts&) = delete;

  // Call it when the core takes commands.
  void start();
  // Waits for what fan-out has under way and tells the rest, for a second at most, and ends the
  // thread. Call it while the core still takes changes, and shards still run. What is watched from
  // now on is not counted. Idempotent.
  void stop();

  // The batch as fan-out is to hold it: counted when nobody holds it any more. The batch itself
  // when no message in it is of a job. Its admissions are held until it is counted, so that no more
  // may wait than may be in flight. Any thread; may be let go of when this object is gone.
  std::shared_ptr<const partition::CommittedBatch> watch(
      std::shared_ptr<const partition::CommittedBatch> batch);
  bool is_counted_by(std::string_view uid, SessionId session) const {
    return deps_.is_counted_by(uid, session);
  }

  // For a scrape: jindou_job_receivers_total, jindou_job_reach_lost_total. Thread-safe.
  void append_metrics(std::string& out) const;

 private:
  class Inbox;
  struct Told;
  using TimePoint = std::chrono::steady_clock::time_point;
  // Of one job.
  struct Tally {
    JobReach reach;  // not told yet
    JobReach told;   // on its way to the partition
    bool is_telling = false;
  };

  void run();
  void count(const partition::CommittedBatch& batch);
  std::uint64_t remembered_subscribers_of(const partition::Recipients& recipients);
  void tell();
  void take(const Told& told);
  // Whether all that was counted is stored.
  bool is_all_told() const { return tallies_.empty(); }

  ReachCountsDeps deps_;
  std::shared_ptr<Inbox> inbox_;  // shared with batches that are held, and what is to be answered
  std::map<std::string, Tally, std::less<>> tallies_;  // by job; of the thread
  // Of the last message to a channel: jobs often send many to the same one.
  partition::Recipients last_recipients_;
  std::uint64_t last_subscribers_ = 0;
  // For the metrics.
  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<std::uint64_t> left_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::thread thread_;
};

}  // namespace jindou::delivery
