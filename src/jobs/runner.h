// Sends what jobs hold (docs/decisions/0028-jobs.md), in the background: of each job some items at
// a time, through the same front door as everything else.
//
// One thread runs the jobs of the partitions that this node owns. A turn of a job reads the next
// items, posts them, waits for their results and records those, which moves the job's cursor. So
// the job is where its record says, whoever runs it: after a crash, or on another node, the turn
// that was not recorded is sent again, and what was stored of it is recognised by its
// client_msg_nos. Jobs take turns; one that waits for its rate, for its time or for room in the
// core holds up no other.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "jobs/turn.h"
#include "model/api_key.h"
#include "model/caller.h"
#include "model/ids.h"
#include "partition/change.h"
#include "partition/changed_jobs.h"
#include "partition/command_group.h"
#include "partition/history.h"
#include "partition/job_reader.h"
#include "partition/owned_partitions.h"
#include "partition/pending_send.h"
#include "partition/rate_limits.h"
#include "partition/transaction.h"
#include "store/partition_reader.h"

namespace jindou::jobs {

struct RunnerOptions {
  // Of all jobs; a turn of one job passes when nothing else is in flight.
  std::size_t items_in_flight_max = 2000;
  std::size_t turn_items = 500;  // of one job at a time
  // After a turn that did not get on.
  std::chrono::milliseconds retry_min{20};
  std::chrono::milliseconds retry_max{5'000};
  // What has no result by then is sent again.
  std::chrono::milliseconds send_timeout{30'000};
  // For so long a message is found again by its client_msg_no.
  std::chrono::seconds idempotency_window{7LL * 24 * 3600};
  // Between two looks at all that there is; what changes is heard of at once.
  std::chrono::milliseconds look_interval{10'000};
};

// Borrowed; all outlive the runner.
struct RunnerDeps {
  store::PartitionReaders readers;
  const Clock& clock;
  Random& random;  // used on the thread of the runner
  partition::OwnedPartitions& owned;
  partition::ChangedJobs& changed;
  // As partition::CommandRouter::post_send and post_change.
  std::function<Result<std::shared_ptr<partition::PendingSend>>(std::vector<SendCommand>&&,
                                                                partition::SendDone)>
      post_send;
  std::function<Result<void>(partition::Change, std::function<void(Result<void>)>)> post_change;
  std::function<Result<void>(std::vector<partition::Command>, partition::Transaction::Done)>
      post_all;
  const partition::History& history;
  // As they are now.
  std::function<RunnerOptions()> options;
  // The API key of that name, if it is still good (access::Access::find_key).
  std::function<ApiKeyPtr(std::string_view name)> find_key;
  // Null: nobody is held to a rate. Jobs wait for the limits of their callers.
  const partition::RateLimits* limits = nullptr;
};

class Runner {
 public:
  explicit Runner(RunnerDeps deps);
  // stop().
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Call it when the core takes commands.
  void start();
  // Begins nothing more, records what is in flight, for a second at most, and ends the thread. Call
  // it while the core still takes changes. Idempotent.
  void stop();

  // One step on the thread of the caller, which does not wait: takes what the core has answered,
  // and begins what is due. For who runs everything under a clock of his own; not together with
  // start().
  void step_now();

  // For a scrape: jindou_job_… . Thread-safe.
  void append_metrics(std::string& out) const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Run;
  struct Sent;
  struct Changed;
  struct Content;
  class Inbox;
  class Gathering;

  void run();
  // False: the thread is to end.
  bool step();
  bool go_on(Content content);
  // What a part of the core has answered.
  void take(Sent& sent);
  void take(Changed& changed);
  // Finds the jobs of partitions that have come, drops those of partitions that have gone; now and
  // then looks at all of them.
  void look(TimePoint now);
  Result<void> look_at(PartitionId partition, std::uint64_t term);
  void look_at_job(PartitionId partition, const std::string& job);
  void add(PartitionId partition, std::uint64_t term, const std::string& job);
  // It is not this runner's any more.
  void drop(const Run& run);
  Run* find(std::uint64_t number);

  // As many turns as there is room for, one job after the other.
  void begin_turns(TimePoint now);
  bool has_room() const;
  // Whether its next step needs none.
  static bool is_complete(const Run& run);
  Result<void> begin(Run& run, TimePoint now);
  // Whether something of the job may be sent: its record names this run.
  static bool has_claimed(const Run& run, const Job& job);
  // Has it do that, and the job run.
  void claim(Run& run, const Job& job);
  // Between two turns: whether nothing of the job is on its way, whoever has sent it.
  bool has_heard_of_all(const Run& run, const Job& job) const;
  // Whom it is sent for, as it is known now; null: that may not send any more, and the job is
  // failed.
  CallerPtr caller_of(Run& run, const Job& job);
  void fail(Run& run, const Job& job, std::string reason);
  // Of a job that is not running.
  void leave(Run& run, const Job& job);
  Result<void> plan(Run& run, const Job& job, const CallerIdentity& caller);
  Result<void> send(Run& run, const Job& job, const CallerPtr& caller, TimePoint now);
  // The same of a job that recalls or edits.
  Result<void> revise(Run& run, const Job& job, TimePoint now);
  // What the item is about; none: nothing. Errors: storage; overloaded when it may still come,
  // which is until the job that sent it is settled, or a send has had its time since that job has
  // ended; if it was deleted, since this one was begun.
  Result<std::optional<Message>> find_revised(const Job& job, const JobItem& item) const;
  void begin_sending(Run& run, const Job& job, std::size_t count, TimePoint now);
  void record(Run& run, const Job& job, partition::AdvanceJob record);
  void change(Run& run, partition::Change change);
  void recorded(Run& run);
  // `at_least`: how long it has to wait in any case.
  void back_off(Run& run, std::chrono::milliseconds at_least = {});
  void give_up_late(TimePoint now);
  TimePoint next_time(TimePoint now) const;

  RunnerDeps deps_;
  partition::JobReader jobs_;
  RunnerOptions options_;
  std::shared_ptr<Inbox> inbox_;  // shared with what the core has still to answer
  std::vector<std::unique_ptr<Run>> runs_;
  std::vector<std::uint64_t> terms_;  // by partition: of what was looked at
  std::uint64_t last_number_ = 0;
  std::size_t next_ = 0;  // whose turn it is
  std::size_t items_in_flight_ = 0;
  TimePoint next_look_{};
  TimePoint look_again_{};  // after one that failed
  bool ending_ = false;
  // For the metrics.
  std::array<std::atomic<std::uint64_t>, 5> items_{};  // by outcome
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<std::int64_t> turns_took_ns_{0};
  std::atomic<std::size_t> running_{0};
  std::thread thread_;
};

}  // namespace jindou::jobs
