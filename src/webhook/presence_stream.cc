#include "webhook/presence_stream.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <iterator>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "model/channel.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/keys.h"
#include "webhook/bodies.h"

namespace jindou::webhook {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPresenceComponent = "webhook";
constexpr std::string_view kName = "user.onlinestatus";
constexpr milliseconds kPresenceIdle{1'000};
// After the core has refused or failed.
constexpr milliseconds kPresenceTrouble{100};
// The rest of a second is for the other streams (app's order of stopping).
constexpr milliseconds kLastRecords{700};
// Changes noted and not yet on their way into the store: some 20 MB.
constexpr std::size_t kNotedMax = 200'000;
// Changes on their way into the store; a group commit takes them together.
constexpr std::size_t kRecordingMax = 1'000;
constexpr std::size_t kForgetsMax = 100'000;

}  // namespace

PresenceStream::Answers::Answers() : recorded(2 * kRecordingMax), not_forgotten(kForgetsMax) {}

PresenceStream::PresenceStream(StreamDeps deps)
    : deps_(std::move(deps)),
      courier_(kName, 1, deps_.clock, deps_.random, deps_.counters),
      mailbox_(kNotedMax),
      answers_(std::make_shared<Answers>()),
      terms_(deps_.partitions()) {}

PresenceStream::~PresenceStream() { stop(); }

std::int64_t PresenceStream::next_time() {
  const std::int64_t now = deps_.clock.wall_ns();
  std::int64_t last = last_time_ns_.load(std::memory_order_relaxed);
  std::int64_t mine = 0;
  do {
    mine = std::max(now, last + 1);
  } while (!last_time_ns_.compare_exchange_weak(last, mine, std::memory_order_relaxed));
  return mine;
}

void PresenceStream::note(const presence::PresenceChange& change) {
  partition::RecordPresenceEvent event;
  event.uid = change.uid;
  event.device_flag = change.flag;
  event.start = deps_.boot;
  event.session_id = raw(change.id);
  event.online = change.online;
  event.at_ns = next_time();
  event.text = online_status_text(change.uid, change.flag, change.online, raw(change.id),
                                  change.device_online, change.total_online);
  if (!mailbox_.put(std::move(event))) {
    deps_.counters.add_dead_letters(1);
    return;
  }
  wake();
}

void PresenceStream::add_to_record(partition::RecordPresenceEvent event) {
  Noted noted;
  noted.event = std::move(event);
  noted.number = ++next_number_;
  to_record_.push_back(std::move(noted));
}

Result<void> PresenceStream::recover() {
  for (const PartitionId partition : deps_.owned.list()) {
    JD_RETURN_IF_ERROR(join(partition, deps_.owned.term(partition)));
  }
  backlog_.store(pending_.size() + to_record_.size());
  return {};
}

void PresenceStream::follow_ownership() {
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    const std::uint64_t term = deps_.owned.term(partition);
    if (term == terms_[i]) continue;
    if (terms_[i] != 0) leave(partition);
    if (term == 0) continue;
    if (const auto joined = join(partition, term); !joined) {
      observe::log_warn(kPresenceComponent, "{}: cannot begin in partition {}: {}", kName, i,
                        joined.error().text());
    }
  }
}

void PresenceStream::leave(PartitionId partition) {
  terms_[raw(partition)] = 0;
  // They are in the store, where the next owner finds them.
  std::erase_if(pending_,
                [partition](const Pending& change) { return change.partition == partition; });
  std::erase_if(to_forget_,
                [partition](const auto& forget) { return forget.partition == partition; });
}

Result<void> PresenceStream::join(PartitionId partition, std::uint64_t term) {
  const std::size_t told = pending_.size();
  const std::size_t noted = to_record_.size();
  auto read = recover_changes(partition);
  if (read) read = recover_sessions(partition);
  if (!read) {
    pending_.resize(told);
    to_record_.resize(noted);
    return read;
  }
  std::stable_sort(pending_.begin(), pending_.end(),
                   [](const Pending& a, const Pending& b) { return a.at_seconds < b.at_seconds; });
  terms_[raw(partition)] = term;
  // Those who came and went meanwhile; they are recorded in this order.
  std::deque<Noted> still_away;
  for (Noted& event : away_) {
    if (partition_of(event.event) == partition) {
      to_record_.push_back(std::move(event));
    } else {
      still_away.push_back(std::move(event));
    }
  }
  away_ = std::move(still_away);
  return {};
}

PartitionId PresenceStream::partition_of(const partition::RecordPresenceEvent& event) const {
  return deps_.readers.map().of_user(event.uid);
}

void PresenceStream::put_away(Noted noted) {
  if (away_.size() >= kNotedMax) {
    away_.pop_front();
    deps_.counters.add_dead_letters(1);
  }
  away_.push_back(std::move(noted));
}

Result<void> PresenceStream::recover_changes(PartitionId partition) {
  const std::string prefix = store::presence_event_prefix(partition);
  return deps_.readers.of(partition).scan(
      store::Table::main, prefix, store::after_prefix(prefix),
      [&](std::string_view key, std::string_view value) {
        constexpr std::int64_t kSecond = 1'000'000'000;
        Pending pending;
        pending.partition = partition;
        pending.key = key;
        pending.text = value;
        pending.at_seconds =
            static_cast<std::int64_t>(read_be<std::uint64_t>(key, prefix.size())) / kSecond;
        pending_.push_back(std::move(pending));
        return true;
      });
}

Result<void> PresenceStream::recover_sessions(PartitionId partition) {
  const std::string prefix = store::online_session_prefix(partition);
  std::vector<store::OnlineSession> sessions;
  JD_RETURN_IF_ERROR(
      deps_.readers.of(partition).scan(store::Table::main, prefix, store::after_prefix(prefix),
                                       [&](std::string_view key, std::string_view) {
                                         sessions.push_back(store::online_session_of_key(key));
                                         return true;
                                       }));
  // Those whose end is noted, when the partition has been away.
  std::set<std::pair<NodeBoot, std::uint64_t>> ended;
  for (const Noted& noted : away_) {
    if (!noted.event.online) ended.emplace(noted.event.start, noted.event.session_id);
  }
  const auto is_here = [this, &ended](const store::OnlineSession& session) {
    if (ended.contains({session.start, session.session_id})) return true;
    if (session.start != deps_.boot) return deps_.is_live && deps_.is_live(session.start);
    return deps_.sessions.find_session(session.uid, static_cast<SessionId>(session.session_id))
        .has_value();
  };
  std::vector<bool> here;
  for (const store::OnlineSession& session : sessions) here.push_back(is_here(session));
  // All sessions of a user are in one partition and, in key order, beside each other.
  for (std::size_t first = 0, i = 0; i < sessions.size(); ++i) {
    const store::OnlineSession& gone = sessions[i];
    if (sessions[first].uid != gone.uid) first = i;
    if (here[i]) continue;
    std::size_t total = 0;
    std::size_t device = 0;
    for (std::size_t k = first; k < sessions.size() && sessions[k].uid == gone.uid; ++k) {
      if (!here[k] && k <= i) continue;  // told before
      ++total;
      if (sessions[k].device_flag == gone.device_flag) ++device;
    }
    partition::RecordPresenceEvent event;
    event.uid = gone.uid;
    event.device_flag = gone.device_flag;
    event.start = gone.start;
    event.session_id = gone.session_id;
    event.online = false;
    event.at_ns = next_time();
    event.text =
        online_status_text(gone.uid, gone.device_flag, false, gone.session_id, device, total);
    add_to_record(std::move(event));
  }
  return {};
}

void PresenceStream::start() {
  if (running_.exchange(true)) return;
  thread_ = std::thread([this] { run(); });
}

void PresenceStream::stop() {
  stopping_.store(true);
  courier_.stop();
  wake();
  if (thread_.joinable()) thread_.join();
}

void PresenceStream::run() {
  runtime::name_this_thread("hook-presence");
  runtime::lower_this_threads_priority();
  while (!stopping_.load()) {
    const auto options = deps_.options();
    take_recorded();
    follow_ownership();
    record();
    post_forgets();
    drop_excess(*options);
    if (options->has_main() && options->focuses(Event::online_status)) send(*options);
    note_backlog();
    const Pending* oldest = pending_.empty() ? nullptr : &pending_.front();
    if (batch_) oldest = &batch_->changes.front();
    oldest_seconds_.store(oldest != nullptr ? oldest->at_seconds : 0, std::memory_order_relaxed);
    receiver_down_.store(courier_.receiver_down(), std::memory_order_relaxed);
    sleep();
  }
  record_the_rest();
}

void PresenceStream::record_the_rest() {
  const auto end = std::chrono::steady_clock::now() + kLastRecords;
  while (std::chrono::steady_clock::now() < end) {
    take_recorded();
    record();
    post_forgets();
    if (not_recorded() == 0) return;
    answers_->signal.wait_for(milliseconds(10));
  }
  observe::log_warn(kPresenceComponent, "{}: {} not recorded before the end", kName,
                    not_recorded() + away_.size());
}

std::size_t PresenceStream::not_recorded() const {
  return mailbox_.size() + to_record_.size() + failed_.size() + recording_;
}

void PresenceStream::record() {
  // The others wait in the mailbox, which has a bound, however long the store fails.
  const std::size_t taken = to_record_.size() + failed_.size() + recording_;
  if (taken < kRecordingMax) {
    for (auto& event : mailbox_.take(kRecordingMax - taken)) add_to_record(std::move(event));
  }
  const auto now = deps_.clock.steady();
  if (stalled_) {
    // Changes of one user keep their order, so nothing overtakes those that failed.
    if (recording_ > 0) return;
    std::sort(failed_.begin(), failed_.end(),
              [](const Noted& a, const Noted& b) { return a.number < b.number; });
    // They were posted before all that still wait.
    to_record_.insert(to_record_.begin(), std::make_move_iterator(failed_.begin()),
                      std::make_move_iterator(failed_.end()));
    failed_.clear();
    stalled_ = false;
    next_record_ = now + kPresenceTrouble;
  }
  if (now < next_record_) return;
  while (!to_record_.empty() && recording_ < kRecordingMax) {
    if (!is_told_of(partition_of(to_record_.front().event))) {
      put_away(std::move(to_record_.front()));
      to_record_.pop_front();
      continue;
    }
    const Noted& noted = to_record_.front();
    const auto posted =
        deps_.core.post_change(noted.event, [answers = answers_, noted](const Result<void>& done) {
          Outcome outcome;
          outcome.noted = noted;
          outcome.durable = done.has_value();
          // There is room for all that can be under way.
          (void)answers->recorded.put(std::move(outcome));
          answers->signal.notify();
        });
    if (!posted) {
      next_record_ = now + kPresenceTrouble;
      return;
    }
    ++recording_;
    to_record_.pop_front();
  }
}

void PresenceStream::take_recorded() {
  for (Outcome& outcome : answers_->recorded.take()) {
    --recording_;
    if (!outcome.durable) {
      stalled_ = true;
      failed_.push_back(std::move(outcome.noted));
      continue;
    }
    const partition::RecordPresenceEvent& event = outcome.noted.event;
    constexpr std::int64_t kSecond = 1'000'000'000;
    Pending pending;
    pending.partition = partition_of(event);
    if (!is_told_of(pending.partition)) continue;  // whoever has it finds it in the store
    pending.key = store::presence_event_key(pending.partition, event.at_ns, event.start,
                                            event.session_id, event.online);
    pending.text = event.text;
    pending.at_seconds = event.at_ns / kSecond;
    pending_.push_back(std::move(pending));
  }
}

void PresenceStream::send(const WebhookOptions& options) {
  const std::size_t count_max = std::max<std::size_t>(1, options.notify_count);
  while (!stopping_.load()) {
    const auto now = deps_.clock.steady();
    if (!batch_) {
      if (pending_.empty()) return;
      // All of a short while go together, as messages do.
      if (pending_.size() < count_max && now < next_send_) return;
      next_send_ = now + options.notify_interval;
      Batch batch;
      std::vector<std::string> texts;
      while (!pending_.empty() && texts.size() < count_max) {
        texts.push_back(pending_.front().text);
        batch.dispatch.newest_seconds =
            std::max(batch.dispatch.newest_seconds, pending_.front().at_seconds);
        batch.changes.push_back(std::move(pending_.front()));
        pending_.pop_front();
      }
      batch.dispatch.letter.event = Event::online_status;
      batch.dispatch.letter.body = online_status_body(texts);
      batch.dispatch.letter.id = event_id(Event::online_status, batch.dispatch.letter.body);
      batch.dispatch.weight = texts.size();
      batch_ = std::move(batch);
    }
    courier_.send({&batch_->dispatch}, options);
    if (!batch_->dispatch.settled) return;
    forget(batch_->changes);
    batch_.reset();
  }
}

void PresenceStream::forget(const std::vector<Pending>& changes) {
  boost::unordered_flat_map<std::uint16_t, std::vector<std::string>> keys;
  for (const Pending& change : changes) {
    if (is_told_of(change.partition)) keys[raw(change.partition)].push_back(change.key);
  }
  for (auto& [partition, list] : keys) {
    partition::ForgetPresenceEvents forget;
    forget.partition = static_cast<PartitionId>(partition);
    forget.keys = std::move(list);
    to_forget_.push_back(std::move(forget));
  }
  post_forgets();
}

void PresenceStream::post_forgets() {
  for (auto& failed : answers_->not_forgotten.take()) to_forget_.push_back(std::move(failed));
  while (!to_forget_.empty()) {
    const auto& forget = to_forget_.back();
    const auto posted =
        deps_.core.post_change(forget, [answers = answers_, forget](const Result<void>& done) {
          // Without room they are told again after the next start, which is allowed.
          // Nor can that be helped in a partition that is another node's.
          if (done || done.error().code() == Errc::not_owner) return;
          (void)answers->not_forgotten.put(forget);
        });
    if (!posted) return;
    to_forget_.pop_back();
  }
}

void PresenceStream::drop_excess(const WebhookOptions& options) {
  if (pending_.size() <= options.backlog_max) return;
  std::vector<Pending> dropped;
  while (pending_.size() > options.backlog_max) {
    dropped.push_back(std::move(pending_.front()));
    pending_.pop_front();
  }
  note_backlog();  // before what is given up is counted: who sees that sees what is left
  deps_.counters.add_dead_letters(dropped.size());
  observe::log_warn(kPresenceComponent, "{}: {} given up, more than {} wait", kName, dropped.size(),
                    options.backlog_max);
  forget(dropped);
}

void PresenceStream::note_backlog() {
  backlog_.store(pending_.size() + (batch_ ? batch_->changes.size() : 0) + not_recorded() +
                 away_.size());
}

void PresenceStream::sleep() {
  const auto now = deps_.clock.steady();
  auto wake_up = now + kPresenceIdle;
  if (!to_record_.empty() && recording_ == 0) wake_up = std::min(wake_up, next_record_);
  if (batch_) {
    wake_up = std::min(wake_up, std::max(courier_.not_before(), batch_->dispatch.not_before));
  } else if (!pending_.empty()) {
    wake_up = std::min(wake_up, next_send_);
  }
  if (!to_forget_.empty()) wake_up = std::min(wake_up, now + kPresenceTrouble);
  if (wake_up <= now) return;
  answers_->signal.wait_for(
      std::chrono::duration_cast<milliseconds>(wake_up - now + std::chrono::microseconds(999)));
}

}  // namespace jindou::webhook
