#include "delivery/reach_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "model/channel.h"
#include "model/uid_set.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"

namespace jindou::delivery {

namespace {

using partition::CommitEffect;
using partition::CommittedBatch;
using partition::CommittedMessage;
using partition::Recipients;
using std::chrono::milliseconds;

constexpr std::string_view kComponent = "delivery";
constexpr milliseconds kStopTime{1'000};
constexpr milliseconds kStopLook{20};

// Null: it is no message of a job.
const CommittedMessage* job_message_of(const CommitEffect& effect) {
  const auto* committed = std::get_if<CommittedMessage>(&effect.what);
  return committed != nullptr && committed->pushes ? committed : nullptr;
}

bool is_in(const std::shared_ptr<const UidSet>& set, std::string_view uid) {
  return set != nullptr && set->contains(uid);
}

// Whether an error says for certain that nothing was done, and that it may be done later.
bool may_be_told_again(Errc code) {
  switch (code) {
    case Errc::overloaded:
    case Errc::unavailable:
    case Errc::not_owner:
    case Errc::storage:
    case Errc::rate_limited:
    case Errc::skipped: return true;
    default: return false;
  }
}

}  // namespace

std::uint64_t subscribers_of(const Recipients& recipients) {
  if (recipients.subscribers == nullptr) return 0;
  const UidSet& subscribers = *recipients.subscribers;
  if (recipients.excluded == nullptr) return subscribers.size();
  const UidSet& excluded = *recipients.excluded;
  const bool fewer_excluded = excluded.size() < subscribers.size();
  const UidSet& fewer = fewer_excluded ? excluded : subscribers;
  const UidSet& others = fewer_excluded ? subscribers : excluded;
  std::uint64_t in_both = 0;
  for (const std::string& uid : fewer) in_both += others.contains(uid) ? 1 : 0;
  return subscribers.size() - in_both;
}

std::uint64_t receivers_of(const Message& message, const Recipients& recipients,
                           std::uint64_t subscribers) {
  const auto subscribes = [&recipients](std::string_view uid) {
    return is_in(recipients.subscribers, uid) && !is_in(recipients.excluded, uid);
  };
  std::uint64_t count = subscribers;
  if (subscribes(message.from_uid)) --count;
  if (message.from_uid != kSystemUid && subscribes(kSystemUid)) --count;
  std::vector<std::string_view> listed(recipients.listed.begin(), recipients.listed.end());
  std::sort(listed.begin(), listed.end());
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  for (const std::string_view uid : listed) {
    const bool is_other = uid != message.from_uid && uid != kSystemUid;
    if (is_other && !is_in(recipients.subscribers, uid) && !is_in(recipients.excluded, uid)) {
      ++count;
    }
  }
  return count;
}

struct ReachCounts::Told {
  std::string job;
  Result<void> done;
};

// What fan-out has let go of, and what partitions have answered. Outlives the counts with whatever
// still refers to it.
class ReachCounts::Inbox {
 public:
  struct Content {
    std::vector<std::shared_ptr<const CommittedBatch>> batches;
    std::vector<Told> answers;
    bool stopping = false;
    std::size_t held = 0;  // batches that fan-out has not let go of
  };

  // False: nobody counts any more.
  bool hold() {
    const MutexLock lock(mutex_);
    if (content_.stopping) return false;
    ++content_.held;
    return true;
  }
  void release(std::shared_ptr<const CommittedBatch> batch) {
    const MutexLock lock(mutex_);
    --content_.held;
    if (is_closed_) return;
    content_.batches.push_back(std::move(batch));
    ready_.notify_one();
  }
  void answer(Told told) {
    const MutexLock lock(mutex_);
    if (is_closed_) return;
    content_.answers.push_back(std::move(told));
    ready_.notify_one();
  }
  void stop() {
    const MutexLock lock(mutex_);
    content_.stopping = true;
    ready_.notify_one();
  }
  // Empties it, when there is something in it or after `time`. Whether to stop is told at once the
  // first time only.
  Content take(milliseconds time) {
    MutexLock lock(mutex_);
    ready_.wait_for(lock, time, [this]() JD_REQUIRES(mutex_) {
      return !content_.batches.empty() || !content_.answers.empty() ||
             (content_.stopping && !stop_was_told_);
    });
    Content taken;
    taken.batches.swap(content_.batches);
    taken.answers.swap(content_.answers);
    taken.stopping = stop_was_told_ = content_.stopping;
    taken.held = content_.held;
    return taken;
  }
  // Nothing is taken any more.
  void close() {
    std::vector<std::shared_ptr<const CommittedBatch>> batches;
    const MutexLock lock(mutex_);
    is_closed_ = true;
    batches.swap(content_.batches);
    content_.answers.clear();
  }

 private:
  Mutex mutex_;
  Condition ready_;
  Content content_ JD_GUARDED_BY(mutex_);
  bool stop_was_told_ JD_GUARDED_BY(mutex_) = false;
  bool is_closed_ JD_GUARDED_BY(mutex_) = false;
};

ReachCounts::ReachCounts(ReachCountsDeps deps)
    : deps_(std::move(deps)), inbox_(std::make_shared<Inbox>()) {}

ReachCounts::~ReachCounts() { stop(); }

void ReachCounts::start() {
  thread_ = std::thread([this] { run(); });
}

void ReachCounts::stop() {
  inbox_->stop();
  if (thread_.joinable()) thread_.join();
  inbox_->close();
}

std::shared_ptr<const CommittedBatch> ReachCounts::watch(
    std::shared_ptr<const CommittedBatch> batch) {
  const bool counts =
      std::any_of(batch->effects.begin(), batch->effects.end(),
                  [](const CommitEffect& effect) { return job_message_of(effect) != nullptr; });
  if (!counts || !inbox_->hold()) return batch;
  const CommittedBatch* const held = batch.get();
  return std::shared_ptr<const CommittedBatch>(
      held, [inbox = inbox_, batch = std::move(batch)](const CommittedBatch* /*held*/) mutable {
        inbox->release(std::move(batch));
      });
}

void ReachCounts::run() {
  runtime::name_this_thread("job-reach");
  TimePoint next = deps_.clock.steady() + deps_.interval;
  TimePoint until = TimePoint::max();
  for (;;) {
    const TimePoint before = deps_.clock.steady();
    const bool ending = until != TimePoint::max();
    const auto wait = ending ? kStopLook : std::chrono::ceil<milliseconds>(next - before);
    Inbox::Content content = inbox_->take(std::max(wait, milliseconds(0)));
    for (auto& batch : content.batches) {
      count(*batch);
      // What it holds up goes on.
      batch.reset();
    }
    for (const Told& answer : content.answers) take(answer);
    const TimePoint now = deps_.clock.steady();
    if (content.stopping && until == TimePoint::max()) until = now + kStopTime;
    if (content.stopping && now >= until) break;
    if (content.stopping || now >= next) {
      tell();
      next = now + deps_.interval;
    }
    if (content.stopping && content.held == 0 && is_all_told()) break;
  }
  for (const auto& [job, tally] : tallies_) {
    lost_ += tally.reach.messages + tally.told.messages;
    observe::log_warn(kComponent, "whom {} messages of job {} have reached is not counted",
                      tally.reach.messages + tally.told.messages, job);
  }
}

std::uint64_t ReachCounts::remembered_subscribers_of(const Recipients& recipients) {
  if (recipients.subscribers == nullptr) return 0;
  const bool known = recipients.subscribers == last_recipients_.subscribers &&
                     recipients.excluded == last_recipients_.excluded;
  if (!known) {
    last_subscribers_ = subscribers_of(recipients);
    last_recipients_.subscribers = recipients.subscribers;
    last_recipients_.excluded = recipients.excluded;
  }
  return last_subscribers_;
}

void ReachCounts::count(const CommittedBatch& batch) {
  for (const CommitEffect& effect : batch.effects) {
    const CommittedMessage* const committed = job_message_of(effect);
    if (committed == nullptr) continue;
    JobReach reach;
    reach.messages = 1;
    reach.receivers = receivers_of(*committed->message, effect.recipients,
                                   remembered_subscribers_of(effect.recipients));
    reach.pushed = committed->pushes->users.load(std::memory_order_relaxed);
    pushed_ += reach.pushed;
    left_ += reach.left_offline();
    tallies_[*committed->pushes->job].reach += reach;
  }
}

void ReachCounts::tell() {
  // Sets of subscribers are copied when they change while somebody holds them.
  last_recipients_ = {};
  for (auto& [job, tally] : tallies_) {
    if (tally.is_telling || tally.reach.empty()) continue;
    partition::CountReach change;
    change.job = job;
    change.reach = tally.reach;
    const auto posted =
        deps_.post_change(std::move(change), [inbox = inbox_, id = job](Result<void> done) {
          inbox->answer(Told{id, std::move(done)});
        });
    // The core has too much to do: with the next ones.
    if (!posted) continue;
    tally.told = std::exchange(tally.reach, JobReach());
    tally.is_telling = true;
  }
}

void ReachCounts::take(const Told& told) {
  const auto known = tallies_.find(told.job);
  if (known == tallies_.end()) return;
  Tally& tally = known->second;
  const JobReach reach = std::exchange(tally.told, JobReach());
  tally.is_telling = false;
  if (!told.done && may_be_told_again(told.done.error().code())) {
    tally.reach += reach;
  } else if (!told.done && told.done.error().code() != Errc::not_found) {
    // It may have been stored: told again it might count twice.
    lost_ += reach.messages;
    observe::log_warn(kComponent, "whom {} messages of job {} have reached may not be counted: {}",
                      reach.messages, told.job, told.done.error().text());
  }
  if (tally.reach.empty()) tallies_.erase(known);
}

void ReachCounts::append_metrics(std::string& out) const {
  constexpr std::string_view kReceivers = "jindou_job_receivers_total";
  fmt::format_to(std::back_inserter(out),
                 "# HELP {0} Receivers of messages of jobs, by whether the message was pushed to "
                 "them or left for when they come.\n"
                 "# TYPE {0} counter\n"
                 "{0}{{outcome=\"pushed\"}} {1}\n{0}{{outcome=\"left\"}} {2}\n",
                 kReceivers, pushed_.load(), left_.load());
  observe::append_sample(out, "jindou_job_reach_lost_total", "counter",
                         "Messages of jobs whose receivers were counted and may not be stored.",
                         static_cast<double>(lost_.load()));
}

}  // namespace jindou::delivery
