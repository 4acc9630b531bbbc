#include "jobs/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "jobs/revision.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"

namespace jindou::jobs {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kComponent = "jobs";
constexpr milliseconds kStopTime{1'000};
// A job whose time has not come: the wall clock may be set meanwhile.
constexpr milliseconds kClockCheck{1'000};
constexpr milliseconds kLookAgain{1'000};
// A job with a rate sends what it may in half a second at a time.
constexpr std::uint64_t kTurnsPerSecond = 2;

constexpr std::array<const char*, 5> kOutcomes = {"accepted", "duplicate", "refused", "unknown",
                                                  "repeated"};
constexpr std::size_t kRepeated = 4;

std::size_t outcome_of(const JobResult& result) {
  switch (result.state) {
    case JobResult::State::accepted: return 0;
    case JobResult::State::duplicate: return 1;
    case JobResult::State::refused:
    case JobResult::State::unreadable: return 2;
    case JobResult::State::pending:
    case JobResult::State::unknown: break;
  }
  return 3;
}

}  // namespace

// A job that this runner is at. Belongs to the thread of the runner.
struct Runner::Run {
  enum class Phase : std::uint8_t {
    idle,       // its next step is due at `due`
    sending,    // its messages are in the core
    recording,  // so is what became of them
    changing,   // or another change of the job
  };

  std::uint64_t number = 0;  // answers of the core name it
  PartitionId partition{};
  std::uint64_t term = 0;
  std::string job;
  Phase phase = Phase::idle;
  TimePoint due{};
  TimePoint next_items{};  // by its rate
  milliseconds backoff{0};
  // By which the record of the job is to know this run (Job::runner); 0: by none yet.
  std::uint64_t runner = 0;
  bool claiming = false;  // that is being recorded
  bool follows = false;   // another run may have had messages of the job on their way then
  // It was said under that number that nothing is on its way, and is not known to have been taken.
  bool settling = false;
  // What nobody has answered for has come by then, or does not come any more.
  TimePoint clear_from{};
  std::optional<Turn> turn;  // begun and not recorded
  TimePoint turn_began{};
  TimePoint turn_sent{};                  // first; none: it was not
  std::uint64_t turn_took_ms = 0;         // from then to its last results
  std::array<std::size_t, 4> outcomes{};  // of what is being recorded, as kOutcomes
  std::size_t in_flight = 0;
  std::shared_ptr<partition::PendingSend> pending;
  TimePoint deadline{};
};

struct Runner::Sent {
  std::uint64_t number = 0;
  std::vector<SendResult> results;
};
struct Runner::Changed {
  std::uint64_t number = 0;
  Result<void> done;
};

// What is in the inbox.
struct Runner::Content {
  std::vector<std::variant<Sent, Changed>> answers;    // in the order in which they came
  std::set<std::pair<PartitionId, std::string>> jobs;  // that have changed
  bool look = false;                                   // a partition has come or gone
  bool stopping = false;
};

// What threads of the core tell. Outlives the runner with whatever still has to be answered.
class Runner::Inbox {
 public:
  void put(std::variant<Sent, Changed> answer) {
    const MutexLock lock(mutex_);
    content_.answers.push_back(std::move(answer));
    ready_.notify_one();
  }
  void note(PartitionId partition, std::string_view job) {
    const MutexLock lock(mutex_);
    content_.jobs.emplace(partition, job);
    ready_.notify_one();
  }
  void note_ownership() {
    const MutexLock lock(mutex_);
    content_.look = true;
    ready_.notify_one();
  }
  void stop() {
    const MutexLock lock(mutex_);
    content_.stopping = true;
    ready_.notify_one();
  }
  // Empties it, when there is something in it or after `time`. Once it was told to stop it does not
  // wait for that any more.
  Content take(milliseconds time) {
    MutexLock lock(mutex_);
    ready_.wait_for(lock, time, [this]() JD_REQUIRES(mutex_) {
      return !content_.answers.empty() || !content_.jobs.empty() || content_.look ||
             (content_.stopping && !stop_was_told_);
    });
    Content taken = std::exchange(content_, Content());
    content_.stopping = taken.stopping;
    stop_was_told_ = taken.stopping;
    return taken;
  }

 private:
  Mutex mutex_;
  Condition ready_;
  Content content_ JD_GUARDED_BY(mutex_);
  bool stop_was_told_ JD_GUARDED_BY(mutex_) = false;
};

Runner::Runner(RunnerDeps deps)
    : deps_(std::move(deps)),
      jobs_(deps_.readers),
      options_(deps_.options()),
      inbox_(std::make_shared<Inbox>()),
      terms_(deps_.readers.map().count(), 0) {
  deps_.owned.add_listener([inbox = inbox_](PartitionId, bool) { inbox->note_ownership(); });
  deps_.changed.add_listener([inbox = inbox_](PartitionId partition, std::string_view job) {
    inbox->note(partition, job);
  });
}

Runner::~Runner() { stop(); }

void Runner::start() {
  thread_ = std::thread([this] { run(); });
}

void Runner::stop() {
  inbox_->stop();
  if (thread_.joinable()) thread_.join();
}

void Runner::run() {
  runtime::name_this_thread("jobs");
  runtime::lower_this_threads_priority();
  while (step()) {
  }
  // What is in the core is done by it, and found again by whoever runs the jobs next.
  const TimePoint until = deps_.clock.steady() + kStopTime;
  const auto is_busy = [](const auto& run) { return run->phase != Run::Phase::idle; };
  while (std::any_of(runs_.begin(), runs_.end(), is_busy) && deps_.clock.steady() < until) {
    Content content = inbox_->take(milliseconds(50));
    for (auto& answer : content.answers) {
      std::visit([this](auto& told) { take(told); }, answer);
    }
  }
  runs_.clear();
  running_ = 0;
}

bool Runner::step() {
  const TimePoint before = deps_.clock.steady();
  const auto wait = std::chrono::ceil<milliseconds>(next_time(before) - before);
  return go_on(inbox_->take(std::max(wait, milliseconds(0))));
}

void Runner::step_now() { go_on(inbox_->take(milliseconds(0))); }

bool Runner::go_on(Content content) {
  ending_ = content.stopping;
  options_ = deps_.options();
  for (auto& answer : content.answers) {
    std::visit([this](auto& told) { take(told); }, answer);
  }
  if (ending_) return false;
  const TimePoint now = deps_.clock.steady();
  if (content.look) next_look_ = now;
  for (const auto& [partition, job] : content.jobs) look_at_job(partition, job);
  if (now >= next_look_) look(now);
  give_up_late(now);
  begin_turns(now);
  running_ = runs_.size();
  return true;
}

Runner::TimePoint Runner::next_time(TimePoint now) const {
  TimePoint next = next_look_;
  const bool room = has_room();
  for (const auto& run : runs_) {
    if (run->phase == Run::Phase::sending) next = std::min(next, run->deadline);
    // Without room an answer is waited for.
    const bool waits = run->phase != Run::Phase::idle || (!room && !is_complete(*run));
    if (!waits) next = std::min(next, run->due);
  }
  return std::clamp(next, now, now + options_.look_interval);
}

// ---- which jobs there are ---------------------------------------------------------------------

void Runner::look(TimePoint now) {
  next_look_ = now + options_.look_interval;
  const bool all = now >= look_again_;
  if (all) look_again_ = next_look_;
  std::vector<std::uint64_t> dropped;
  for (const auto& run : runs_) {
    if (deps_.owned.term(run->partition) != run->term) dropped.push_back(run->number);
  }
  for (const std::uint64_t number : dropped) drop(*find(number));
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    const std::uint64_t term = deps_.owned.term(partition);
    if (term != 0 && (all || term != terms_[i])) {
      if (const auto done = look_at(partition, term); !done) {
        observe::log_warn(kComponent, "jobs of partition {} cannot be read: {}", i,
                          done.error().text());
        next_look_ = look_again_ = now + kLookAgain;
        continue;
      }
    }
    terms_[i] = term;
  }
}

Result<void> Runner::look_at(PartitionId partition, std::uint64_t term) {
  JD_TRY(const auto unfinished, jobs_.load_unfinished(partition));
  for (const Job& job : unfinished) {
    if (is_runnable(job.state)) add(partition, term, job.id);
  }
  return {};
}

void Runner::look_at_job(PartitionId partition, const std::string& job) {
  const std::uint64_t term = deps_.owned.term(partition);
  const auto known =
      std::find_if(runs_.begin(), runs_.end(), [&job](const auto& run) { return run->job == job; });
  if (known != runs_.end()) {
    // Its record is looked at when its next step is due, whatever has changed in it: while it waits
    // to be tried again, whom its messages have reached is counted twice a second.
    Run& run = **known;
    if (run.phase != Run::Phase::idle || run.due <= deps_.clock.steady()) return;
    // One that was stopped has nothing to wait for.
    const auto found = jobs_.load_job(job);
    if (found && *found && !is_runnable((*found)->state)) run.due = deps_.clock.steady();
    return;
  }
  if (term == 0) return;
  const auto found = jobs_.load_job(job);
  if (!found) {
    next_look_ = look_again_ = deps_.clock.steady() + kLookAgain;
  } else if (*found && is_runnable((*found)->state)) {
    add(partition, term, job);
  }
}

void Runner::add(PartitionId partition, std::uint64_t term, const std::string& job) {
  const bool known =
      std::any_of(runs_.begin(), runs_.end(), [&job](const auto& run) { return run->job == job; });
  if (known) return;
  auto run = std::make_unique<Run>();
  run->number = ++last_number_;
  run->partition = partition;
  run->term = term;
  run->job = job;
  runs_.push_back(std::move(run));
}

void Runner::drop(const Run& run) {
  items_in_flight_ -= run.in_flight;
  std::erase_if(runs_, [&run](const auto& each) { return each.get() == &run; });
}

Runner::Run* Runner::find(std::uint64_t number) {
  const auto found = std::find_if(runs_.begin(), runs_.end(),
                                  [number](const auto& run) { return run->number == number; });
  return found == runs_.end() ? nullptr : found->get();
}

// ---- turns ------------------------------------------------------------------------------------

bool Runner::has_room() const {
  return items_in_flight_ == 0 ||
         items_in_flight_ + options_.turn_items <= options_.items_in_flight_max;
}

bool Runner::is_complete(const Run& run) { return run.turn && run.turn->open.empty(); }

void Runner::begin_turns(TimePoint now) {
  // By their numbers: a run may be dropped on the way.
  std::vector<std::uint64_t> order;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    order.push_back(runs_[(next_ + i) % runs_.size()]->number);
  }
  std::optional<std::uint64_t> last;
  for (const std::uint64_t number : order) {
    Run* const run = find(number);
    if (run == nullptr || run->phase != Run::Phase::idle || run->due > now) continue;
    if (!is_complete(*run)) {
      if (!has_room()) continue;
      last = number;
    }
    if (const auto begun = begin(*run, now); !begun) {
      observe::log_warn(kComponent, "job {}: {}", run->job, begun.error().text());
      back_off(*run);
    }
  }
  if (!last) return;
  // Numbers ascend: behind the last one that had a turn.
  const auto behind = std::find_if(runs_.begin(), runs_.end(),
                                   [&last](const auto& run) { return run->number > *last; });
  next_ = behind == runs_.end() ? 0 : static_cast<std::size_t>(behind - runs_.begin());
}

Result<void> Runner::begin(Run& run, TimePoint now) {
  if (deps_.owned.term(run.partition) != run.term) {
    drop(run);
    return {};
  }
  JD_TRY(const auto found, jobs_.load_job(run.job));
  if (!found) {
    drop(run);
    return {};
  }
  const Job& job = *found;
  // What was recorded though it was not known, or by somebody else.
  if (run.turn && !run.turn->is_at(job)) run.turn.reset();
  if (!is_runnable(job.state)) {
    leave(run, job);
    return {};
  }
  if (!run.turn) {
    JD_TRY(const auto opens_ms, job.options.window.opens_in_ms(deps_.clock.wall_ms()));
    const milliseconds wait{opens_ms};
    if (wait.count() > 0) {
      run.due = run.next_items = now + std::min(wait, kClockCheck);
      return {};
    }
  }
  if (job.state == JobState::ready) {
    const milliseconds wait{job.options.not_before_ms - deps_.clock.wall_ms()};
    if (wait.count() > 0) {
      run.due = run.next_items = now + std::min(wait, kClockCheck);
      return {};
    }
  }
  if (job.state == JobState::ready || !has_claimed(run, job)) {
    claim(run, job);
    return {};
  }
  if (!run.turn || !run.turn->open.empty()) {
    const CallerPtr caller = caller_of(run, job);
    if (caller == nullptr) return {};
    if (!run.turn) {
      run.turn_began = now;
      run.turn_sent = {};
      JD_RETURN_IF_ERROR(plan(run, job, *caller));
      if (!run.turn) return {};
    }
    if (!run.turn->open.empty()) {
      return job.options.kind == JobKind::send ? send(run, job, caller, now)
                                               : revise(run, job, now);
    }
  }
  record(run, job, *record_of(*run.turn, job));
  return {};
}

bool Runner::has_claimed(const Run& run, const Job& job) {
  // What others have on their way nobody asks for.
  if (job.options.kind != JobKind::send) return true;
  return run.runner != 0 && run.runner == job.runner && !run.settling;
}

void Runner::claim(Run& run, const Job& job) {
  partition::ChangeJob begun;
  begun.job = job.id;
  begun.action = JobAction::start;
  begun.now_ms = deps_.clock.wall_ms();
  const std::uint64_t runner_before = run.runner;
  const bool was_settling = run.settling;
  if (job.options.kind == JobKind::send) {
    if (!has_claimed(run, job)) {
      const bool was_own = run.runner != 0 && run.runner == job.runner;
      run.follows = !was_own && !job.is_settled();
      // Another number: what was said under the one before may still come to the partition.
      do {
        run.runner = deps_.random.next_u64();
      } while (run.runner == 0);
      run.settling = false;
    }
    begun.runner = run.runner;
    begun.runner_before = job.runner;
  }
  change(run, std::move(begun));
  run.claiming = run.phase == Run::Phase::changing;
  if (!run.claiming) {
    run.runner = runner_before;
    run.settling = was_settling;
  }
}

bool Runner::has_heard_of_all(const Run& run, const Job& job) const {
  return job.options.kind == JobKind::send && run.runner != 0 && run.runner == job.runner &&
         deps_.clock.steady() >= run.clear_from;
}

void Runner::leave(Run& run, const Job& job) {
  auto rest = run.turn ? record_of(*run.turn, job) : std::nullopt;
  if (rest) {
    record(run, job, std::move(*rest));
  } else if (has_heard_of_all(run, job)) {
    partition::AdvanceJob settled;
    settled.job = job.id;
    settled.pass = job.pass;
    settled.from = settled.to = job.cursor;
    settled.settled_by = run.runner;
    settled.now_ms = deps_.clock.wall_ms();
    change(run, std::move(settled));
    run.settling = run.settling || run.phase == Run::Phase::changing;
  } else {
    drop(run);
  }
}

Result<void> Runner::plan(Run& run, const Job& job, const CallerIdentity& caller) {
  JD_TRY(const auto chunk, jobs_.load_chunk(job.id, job.cursor));
  if (!chunk) {
    fail(run, job, "its input is gone from item " + std::to_string(job.cursor) + " on");
    return {};
  }
  TurnLimits limits;
  limits.items_max = options_.turn_items;
  if (job.options.rate > 0) {
    const std::uint64_t share = std::max<std::uint64_t>(1, job.options.rate / kTurnsPerSecond);
    limits.items_max = static_cast<std::size_t>(std::min<std::uint64_t>(limits.items_max, share));
  }
  if (deps_.limits != nullptr) {
    // More than what a rate limit lets pass at a time would be refused.
    limits.items_max =
        std::max<std::size_t>(1, std::min(limits.items_max, deps_.limits->portion_max(caller)));
  }
  run.turn = plan_turn(job, *chunk, limits);
  return {};
}

void Runner::fail(Run& run, const Job& job, std::string reason) {
  partition::ChangeJob failed;
  failed.job = job.id;
  failed.action = JobAction::fail;
  failed.reason = std::move(reason);
  failed.now_ms = deps_.clock.wall_ms();
  change(run, std::move(failed));
}

CallerPtr Runner::caller_of(Run& run, const Job& job) {
  auto caller = std::make_shared<CallerIdentity>();
  caller->kind = job.options.caller_kind;
  caller->name = job.options.caller_name;
  if (caller->kind != CallerIdentity::Kind::key) return caller;
  caller->key = deps_.find_key(caller->name);
  if (caller->key != nullptr && caller->key->may(Scope::send)) return caller;
  fail(run, job,
       "the API key " + caller->name +
           " that it was begun with may not send any more: it is gone, "
           "has expired, or has lost the scope send");
  return nullptr;
}

Result<void> Runner::send(Run& run, const Job& job, const CallerPtr& caller, TimePoint now) {
  if (deps_.limits != nullptr) {
    const auto wait =
        std::chrono::ceil<milliseconds>(deps_.limits->wait_for(*caller, run.turn->open.size()));
    if (wait.count() > 0) {
      run.due = now + std::min(wait, kClockCheck);
      return {};
    }
  }
  JD_TRY(auto chunk, jobs_.load_chunk(job.id, run.turn->from));
  if (!chunk) return Error(Errc::storage, "its input has gone meanwhile");
  auto messages = messages_of(*run.turn, job.id, std::move(*chunk), caller);
  const std::size_t count = messages.size();
  auto posted = deps_.post_send(
      std::move(messages), [inbox = inbox_, number = run.number](std::vector<SendResult> results) {
        inbox->put(Sent{number, std::move(results)});
      });
  if (!posted) {
    // Too much is in flight, or the server stops: nothing to be told to anybody.
    back_off(run);
    return {};
  }
  run.pending = std::move(*posted);
  begin_sending(run, job, count, now);
  return {};
}

void Runner::begin_sending(Run& run, const Job& job, std::size_t count, TimePoint now) {
  if (run.turn_sent == TimePoint()) run.turn_sent = now;
  run.phase = Run::Phase::sending;
  run.deadline = now + options_.send_timeout;
  run.in_flight = count;
  items_in_flight_ += count;
  if (job.options.rate > 0) {
    const auto taken = std::chrono::nanoseconds(static_cast<std::int64_t>(
        1e9 * static_cast<double>(count) / static_cast<double>(job.options.rate)));
    run.next_items =
        std::max(now, run.next_items) + std::chrono::duration_cast<TimePoint::duration>(taken);
  } else {
    run.next_items = now;
  }
}

// Collects the results of a turn that recalls or edits, which come one by one on any thread; the
// last one puts all of them into the inbox.
class Runner::Gathering {
 public:
  Gathering(std::shared_ptr<Inbox> inbox, std::uint64_t number, std::size_t count)
      : inbox_(std::move(inbox)), number_(number), left_(count), results_(count) {}

  void put(std::size_t place, const SendResult& result) {
    results_[place] = result;
    if (left_.fetch_sub(1) == 1) inbox_->put(Sent{number_, std::move(results_)});
  }

 private:
  const std::shared_ptr<Inbox> inbox_;
  const std::uint64_t number_;
  std::atomic<std::size_t> left_;
  std::vector<SendResult> results_;  // each written once, by whoever has it
};

Result<std::optional<Message>> Runner::find_revised(const Job& job, const JobItem& item) const {
  if (raw(item.revised) != 0) return deps_.history.load_by_id(item.revised);
  // Read before the message is looked for: what has come by then is there.
  JD_TRY(const auto source, jobs_.load_job(job.options.source));
  const BatchTime time = batch_time(job, source, options_.send_timeout);
  const bool settled = source && source->is_settled();
  // Where nobody says that nothing is on its way any more, because who ran the job is gone, or its
  // record is, the time of a send does.
  const bool may_come = !settled && deps_.clock.wall_ms() < time.over_ms;
  const std::int64_t window_s = options_.idempotency_window.count();
  const partition::SentWithin within{time.began_ms / 1000 - window_s, time.over_ms / 1000};
  const SendCommand& sent = item.message;
  JD_TRY(auto found,
         deps_.history.load_sent(sent.channel, sent.client_msg_no, sent.from_uid, within));
  // What still comes repeats no older one than that, and would be the newest itself.
  const bool is_it = found && found->timestamp > within.until_s - window_s;
  if (may_come && !is_it) {
    return Error(Errc::overloaded, "what was on its way is waited for");
  }
  return found;
}

Result<void> Runner::revise(Run& run, const Job& job, TimePoint now) {
  JD_TRY(const auto chunk, jobs_.load_input(run.job, run.turn->from));
  if (!chunk) return Error(Errc::storage, "its input has gone meanwhile");
  const std::size_t count = run.turn->open.size();
  auto gathering = std::make_shared<Gathering>(inbox_, run.number, count);
  run.pending.reset();
  begin_sending(run, job, count, now);
  for (std::size_t i = 0; i < count; ++i) {
    const JobItem& item = chunk->items[run.turn->open[i].index - chunk->first];
    const auto found = find_revised(job, item);
    if (!found) {
      gathering->put(i, SendResult::refuse(Reason::system_error, Errc::overloaded));
      continue;
    }
    RevisionStep step = plan_revision(job, item, *found);
    if (step.result) {
      gathering->put(i, *step.result);
      continue;
    }
    const auto posted = deps_.post_all(
        std::move(step.commands),
        [gathering, i, when_made = step.when_made](const partition::TransactionResult& result) {
          gathering->put(i, result_of(result, when_made));
        });
    if (!posted) gathering->put(i, SendResult::refuse(Reason::system_error, Errc::overloaded));
  }
  return {};
}

void Runner::take(Sent& sent) {
  Run* const run = find(sent.number);
  if (run == nullptr || run->phase != Run::Phase::sending) return;
  items_in_flight_ -= run->in_flight;
  run->in_flight = 0;
  run->pending.reset();
  run->phase = Run::Phase::idle;
  run->turn_took_ms = static_cast<std::uint64_t>(
      std::chrono::ceil<milliseconds>(deps_.clock.steady() - run->turn_sent).count());
  const bool unheard = std::any_of(
      sent.results.begin(), sent.results.end(),
      [](const SendResult& result) { return result.state == SendResult::State::unknown; });
  if (unheard) run->clear_from = deps_.clock.steady() + options_.send_timeout;
  const std::size_t settled_before = run->turn->results.size();
  take_results(*run->turn, sent.results);
  const std::size_t open = run->turn->open.size();
  if (open > 0) {
    items_[kRepeated] += open;
    if (run->turn->results.size() > settled_before) run->backoff = milliseconds(0);
    std::uint32_t wait_ms = 0;
    for (const Turn::Open& item : run->turn->open) {
      if (item.last) wait_ms = std::max(wait_ms, item.last->retry_after_ms);
    }
    back_off(*run, std::min(milliseconds(wait_ms), options_.retry_max));
    // What has a result is kept when the server stops; the rest waits for whoever goes on.
    if (!ending_) return;
  } else {
    run->due = deps_.clock.steady();
  }
  // The record of the job is needed for what comes now, and only read when it is its turn.
  if (!ending_) return;
  const auto job = jobs_.load_job(run->job);
  if (!job || !*job || !run->turn->is_at(**job)) return;
  if (auto rest = record_of(*run->turn, **job)) record(*run, **job, std::move(*rest));
}

void Runner::record(Run& run, const Job& job, partition::AdvanceJob record) {
  record.now_ms = deps_.clock.wall_ms();
  record.took_ms = run.turn_took_ms;
  if (has_heard_of_all(run, job)) record.settled_by = run.runner;
  const bool settles = record.settled_by != 0;
  run.outcomes = {};
  for (const auto& entry : record.results) ++run.outcomes[outcome_of(entry.second)];
  change(run, std::move(record));
  if (run.phase != Run::Phase::changing) return;
  run.phase = Run::Phase::recording;
  run.settling = run.settling || settles;
}

void Runner::change(Run& run, partition::Change change) {
  const auto posted = deps_.post_change(std::move(change),
                                        [inbox = inbox_, number = run.number](Result<void> done) {
                                          inbox->put(Changed{number, std::move(done)});
                                        });
  if (!posted) {
    back_off(run);
  } else {
    run.phase = Run::Phase::changing;
  }
}

void Runner::take(Changed& changed) {
  Run* const run = find(changed.number);
  if (run == nullptr) return;
  const bool was_recorded = run->phase == Run::Phase::recording;
  run->phase = Run::Phase::idle;
  if (run->claiming) {
    run->claiming = false;
    if (!changed.done) run->runner = 0;
    if (changed.done && std::exchange(run->follows, false)) {
      run->clear_from = deps_.clock.steady() + options_.send_timeout;
    }
  }
  if (changed.done) {
    run->settling = false;
    run->backoff = milliseconds(0);
    run->due = std::max(deps_.clock.steady(), run->next_items);
    if (was_recorded) recorded(*run);
    return;
  }
  switch (changed.done.error().code()) {
    case Errc::not_found:
    case Errc::not_owner: drop(*run); return;
    case Errc::conflict:
      // It is elsewhere than was thought: its record tells.
      run->turn.reset();
      break;
    case Errc::invalid:
    case Errc::too_large:
    case Errc::internal:
      observe::log_error(kComponent, "job {}: {}", run->job, changed.done.error().text());
      run->turn.reset();
      break;
    default: break;
  }
  back_off(*run);
}

void Runner::recorded(Run& run) {
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) items_[i] += run.outcomes[i];
  ++turns_;
  turns_took_ns_ += std::chrono::nanoseconds(deps_.clock.steady() - run.turn_began).count();
  run.turn.reset();
}

void Runner::back_off(Run& run, milliseconds at_least) {
  run.backoff = std::clamp(2 * run.backoff, options_.retry_min,
                           std::max(options_.retry_min, options_.retry_max));
  run.due = deps_.clock.steady() + std::max(run.backoff, at_least);
}

void Runner::append_metrics(std::string& out) const {
  constexpr std::string_view kItems = "jindou_job_items_total";
  fmt::format_to(std::back_inserter(out),
                 "# HELP {0} Items of jobs, by what became of them; repeated: tried again.\n"
                 "# TYPE {0} counter\n",
                 kItems);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}{{outcome=\"{}\"}} {}\n", kItems, kOutcomes[i],
                   items_[i].load());
  }
  observe::append_sample(out, "jindou_job_turns_total", "counter",
                         "Times that some items of a job were sent and recorded.",
                         static_cast<double>(turns_.load()));
  observe::append_sample(out, "jindou_job_turn_seconds_total", "counter",
                         "Time that these took, until what became of the items was durable.",
                         static_cast<double>(turns_took_ns_.load()) / 1e9);
  observe::append_sample(out, "jindou_jobs_running", "gauge",
                         "Jobs that are sent by this node, or will be when their time comes.",
                         static_cast<double>(running_.load()));
}

void Runner::give_up_late(TimePoint now) {
  for (const auto& run : runs_) {
    if (run->phase != Run::Phase::sending || run->deadline > now) continue;
    run->deadline = TimePoint::max();
    // Answers through the inbox; what was begun is found again by its number. Of recalls and edits
    // the core answers each by itself.
    if (run->pending != nullptr) run->pending->expire();
  }
}

}  // namespace jindou::jobs
