#include "webhook/message_stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "webhook/bodies.h"
#include "webhook/pacer.h"
#include "webhook/redrives.h"

namespace jindou::webhook {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kMessageComponent = "webhook";
// How often a stream without work looks at the settings, and the longest sleep of any.
constexpr milliseconds kIdle{1'000};
constexpr milliseconds kHousekeeping{1'000};
// After a read or a call of the core has failed.
constexpr milliseconds kTrouble{500};
// Until a partition has taken what became of dead letters that were told again.
constexpr milliseconds kSettleWait{10};
// msg.offline is told at once, but not with a round of its own for each of a burst of messages.
constexpr milliseconds kOfflineSpacing{20};
constexpr milliseconds kDurableTimeout{10'000};
// Messages of msg.offline taken in one round, and letters held before more are taken.
constexpr std::size_t kOfflinePerRound = 256;
constexpr std::size_t kOfflineHeldMax = 1'024;
// Messages without a row that may wait: about 100 MB of the largest payloads at worst.
constexpr std::size_t kUnstoredMax = 10'000;
// Commit records counted in one go, some milliseconds of work.
constexpr std::size_t kRecordsPerCount = 20'000;
constexpr std::size_t kNever = ~std::size_t{0};
constexpr Kinds kNone{false, false, false};

Event event_of(store::EntryKind kind) {
  switch (kind) {
    case store::EntryKind::recall: return Event::recall;
    case store::EntryKind::edit: return Event::edit;
    default: return Event::notify;
  }
}

// What is kept of an entry that is given up.
partition::WebhookLetter dead_letter_of(const store::CommitEntry& entry, store::GiveUpCause cause,
                                        std::int64_t now_ms) {
  partition::WebhookLetter letter;
  letter.counter = entry.counter;
  letter.record.kind = entry.kind;
  letter.record.log = entry.log;
  letter.record.seq = entry.seq;
  letter.record.cause = cause;
  letter.record.at_ms = now_ms;
  return letter;
}

}  // namespace

std::string_view StreamRole::name() const {
  if (event == Event::notify) return to_agent ? "msg.notify to agents" : "msg.notify";
  return to_agent ? "msg.offline to agents" : "msg.offline";
}

MessageStream::MessageStream(StreamDeps deps, StreamRole role)
    : deps_(std::move(deps)),
      role_(role),
      number_(deps_.cursors.add_stream(role.event)),
      outbox_(deps_.readers),
      courier_(role.name(), role.parallel, deps_.clock, deps_.random, deps_.counters),
      unstored_(kUnstoredMax),
      terms_(deps_.partitions()),
      redriving_(deps_.partitions()) {}

MessageStream::~MessageStream() { stop(); }

bool MessageStream::wanted(const WebhookOptions& options) const {
  const bool focused =
      role_.event == Event::offline ? options.focuses(Event::offline) : !(kinds(options) == kNone);
  return focused && (role_.to_agent ? options.has_agent() : options.has_main());
}

void MessageStream::start() {
  if (running_.exchange(true)) return;
  thread_ = std::thread([this] { run(); });
}

void MessageStream::stop() {
  stopping_.store(true);
  courier_.stop();
  signal_.notify();
  if (thread_.joinable()) thread_.join();
}

void MessageStream::note_committed(std::size_t count) {
  // Sequentially consistent, as in sleep(): either this sees the mark or the stream sees the count.
  const std::size_t before = noted_.fetch_add(count);
  if (before + count >= wake_at_.load()) signal_.notify();
}

void MessageStream::put_unstored(UnstoredMessage message) {
  if (!unstored_.put(std::move(message))) deps_.counters.add_dead_letters(1);
}

void MessageStream::run() {
  runtime::name_this_thread(role_.event == Event::notify ? "hook-notify" : "hook-offline");
  runtime::lower_this_threads_priority();
  Pacer pacer(Pacer::default_share());
  while (!stopping_.load()) {
    const auto options = deps_.options();
    if (!update_activity(*options)) {
      signal_.wait_for(kIdle);
      continue;
    }
    const auto now = deps_.clock.steady();
    if (now >= next_gather_ && now >= courier_.not_before()) {
      last_gather_ = now;
      noted_.store(0);
      auto more = read_on(*options);
      if (!more) {
        const bool moving = more.error().code() == Errc::not_owner;
        if (!moving && !std::exchange(reading_fails_, true)) {
          observe::log_warn(kMessageComponent, "{}: cannot go on reading: {}", role_.name(),
                            more.error().text());
        }
        next_gather_ = now + kTrouble;
      } else {
        reading_fails_ = false;
        const milliseconds idle =
            settling_ ? std::min(kSettleWait, options->notify_interval) : options->notify_interval;
        next_gather_ = *more ? now : now + idle;
      }
    }
    send(*options);
    finish_settled();
    if (const auto kept = keep_house(*options); !kept) {
      observe::log_warn(kMessageComponent, "{}: cannot count what waits: {}", role_.name(),
                        kept.error().text());
    }
    if (const milliseconds rest = pacer.rest(); rest.count() > 0) signal_.wait_for(rest);
    sleep(*options);
  }
}

Result<bool> MessageStream::read_on(const WebhookOptions& options) {
  const auto followed = follow_ownership();
  JD_TRY(const bool more, gather(options));
  if (!followed) return Error(followed.error());
  return more;
}

Choice MessageStream::choice(const WebhookOptions& options) const {
  if (role_.to_agent) return Choice::agent_channels;
  // Agents are never pushed to unless they have a receiver of their own.
  if (options.has_agent() || role_.event == Event::offline) return Choice::no_agent_channels;
  return Choice::all;
}

Kinds MessageStream::kinds(const WebhookOptions& options) const {
  // Whoever is offline hears of a recall or an edit with the next sync.
  if (role_.event == Event::offline) return Kinds{true, false, false};
  return Kinds{options.focuses(Event::notify), options.focuses(Event::recall),
               options.focuses(Event::edit)};
}

bool MessageStream::update_activity(const WebhookOptions& options) {
  if (!wanted(options)) {
    if (active_) deactivate(/*wanted=*/false);
    return false;
  }
  const std::string& target = role_.to_agent               ? options.agent_http_addr
                              : !options.grpc_addr.empty() ? options.grpc_addr
                                                           : options.http_addr;
  if (target != active_target_) {
    active_target_ = target;
    courier_.forget_receiver();
  }
  const bool same = choice(options) == active_choice_ && kinds(options) == active_kinds_;
  if (active_ && same) return true;
  if (active_) deactivate(/*wanted=*/true);
  if (const auto opened = deps_.cursors.open(); !opened) {
    observe::log_warn(kMessageComponent, "{}: cannot begin: {}", role_.name(),
                      opened.error().text());
    return false;
  }
  active_ = true;
  active_choice_ = choice(options);
  active_kinds_ = kinds(options);
  outbox_.set_choice(active_choice_);
  outbox_.set_kinds(active_kinds_);
  deps_.cursors.activate(number_);
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) leave(static_cast<PartitionId>(i));
  next_gather_ = {};
  return true;
}

Result<void> MessageStream::follow_ownership() {
  Result<void> followed;
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    const std::uint64_t term = deps_.owned.term(partition);
    if (term == terms_[i]) continue;
    leave(partition);
    if (term == 0) continue;
    const auto begin = deps_.cursors.join(number_, partition, term);
    if (!begin) {
      followed = Error(begin.error());
      continue;
    }
    outbox_.restart(partition, *begin);
    terms_[i] = term;
  }
  return followed;
}

void MessageStream::leave(PartitionId partition) {
  terms_[raw(partition)] = 0;
  outbox_.leave(partition);
  // Its letters are sent, but whoever has the partition does not learn of that from here.
  for (Parcel& parcel : parcels_) {
    std::erase(parcel.partitions, partition);
    std::erase_if(parcel.entries,
                  [partition](const Parcel::Entry& entry) { return entry.partition == partition; });
  }
  redriving_[raw(partition)] = {};
}

void MessageStream::deactivate(bool wanted) {
  // What is held is read again if it is ever wanted again.
  active_ = false;
  parcels_.clear();
  letters_held_ = 0;
  bytes_held_ = 0;
  (void)unstored_.take();
  deps_.cursors.deactivate(number_, wanted);
  wake_at_.store(kNever);
  backlog_.store(0, std::memory_order_relaxed);
  oldest_seconds_.store(0, std::memory_order_relaxed);
  receiver_down_.store(false, std::memory_order_relaxed);
}

TakeLimits MessageStream::limits(const WebhookOptions& options) const {
  TakeLimits limits;
  limits.oldest_seconds =
      deps_.clock.wall_seconds() - std::chrono::duration_cast<seconds>(options.max_age).count();
  return limits;
}

Result<Taken> MessageStream::take(PartitionId partition, store::PartitionCursors& cursors,
                                  const TakeLimits& limits) {
  const std::uint64_t before = outbox_.done_to(partition);
  JD_TRY(auto taken, outbox_.take(partition, cursors, limits));
  if (!taken.dropped.empty()) {
    deps_.counters.add_dead_letters(taken.dropped.size());
    observe::log_warn(kMessageComponent, "{}: {} given up, too old or unreadable", role_.name(),
                      taken.dropped.size());
    if (role_.event == Event::notify) {
      const std::int64_t now_ms = deps_.clock.wall_ms();
      for (const Dropped& dropped : taken.dropped) {
        deps_.cursors.give_up(number_, partition,
                              dead_letter_of(dropped.entry, dropped.cause, now_ms));
      }
    }
  }
  const std::uint64_t after = outbox_.done_to(partition);
  if (after != before) deps_.cursors.advance(number_, partition, after);
  return taken;
}

Result<void> MessageStream::await_durable(const std::vector<MessageId>& last_taken) {
  struct Answers {
    AnswerCount count;
    std::atomic<bool> failed{false};
    std::atomic<bool> lost{false};
  };
  auto answers = std::make_shared<Answers>();
  std::size_t asked = 0;
  for (const MessageId id : last_taken) {
    if (deps_.durable.covers(id)) continue;
    partition::AdvanceWebhook change;
    change.partition = partition_of(id);
    JD_RETURN_IF_ERROR(deps_.core.post_change(change, [answers](const Result<void>& done) {
      if (!done) answers->failed.store(true);
      if (!done && done.error().code() == Errc::not_owner) answers->lost.store(true);
      answers->count.answered();
    }));
    ++asked;
  }
  if (!answers->count.wait_for(asked, kDurableTimeout)) {
    return Error(Errc::deadline, "commits take too long");
  }
  if (answers->lost.load()) return Error(Errc::not_owner, "a partition has gone");
  if (answers->failed.load()) return Error(Errc::storage, "a commit failed");
  return {};
}

void MessageStream::put_back(const std::vector<MessageId>& last_taken) {
  for (const MessageId id : last_taken) outbox_.put_back(partition_of(id));
}

Result<bool> MessageStream::gather(const WebhookOptions& options) {
  return role_.event == Event::notify ? gather_notify(options) : gather_offline(options);
}

Result<bool> MessageStream::gather_notify(const WebhookOptions& options) {
  const std::size_t count_max = std::max<std::size_t>(1, options.notify_count);
  const std::size_t parcels_max = role_.parallel;
  if (parcels_.size() >= parcels_max) return false;
  auto cursors = deps_.readers.open_cursors(store::Table::main);
  JD_RETURN_IF_ERROR(gather_redriven(options, cursors));
  std::vector<MessageId> touched;
  std::vector<Parcel> made;
  bool more = false;

  Parcel parcel;
  Dispatch dispatch;
  std::string array;
  store::EntryKind kind = store::EntryKind::message;  // of what is in the array
  const auto close = [&] {
    dispatch.letter.event = event_of(kind);
    dispatch.letter.to_agent = role_.to_agent;
    dispatch.letter.body.reserve(array.size() + 2);
    dispatch.letter.body.append("[").append(array).append("]");
    dispatch.letter.id = event_id(dispatch.letter.event, dispatch.letter.body);
    parcel.letters.push_back(std::move(dispatch));
    made.push_back(std::move(parcel));
    dispatch = {};
    dispatch.weight = 0;
    parcel = {};
    array.clear();
  };
  dispatch.weight = 0;
  TakeLimits taking = limits(options);
  std::size_t bytes_left = taking.payload_bytes;
  const std::uint16_t first = next_partition_;
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
    const auto partition = static_cast<PartitionId>((first + i) % deps_.partitions());
    if (!outbox_.has(partition) || outbox_.is_out(partition)) continue;
    if (redriving_[raw(partition)].out) continue;
    if (parcels_.size() + made.size() >= parcels_max) {
      // The next round begins where this one had no more room.
      next_partition_ = raw(partition);
      more = true;
      break;
    }
    taking.messages = count_max - dispatch.weight;
    taking.payload_bytes = bytes_left;
    auto taken = take(partition, cursors, taking);
    if (!taken) {
      put_back(touched);
      return Error(std::move(taken).error());
    }
    more = more || taken->more;
    if (taken->messages.empty()) continue;
    touched.push_back(taken->last);
    // A letter tells of one event.
    if (dispatch.weight > 0 && taken->kind != kind) {
      close();
      bytes_left = limits(options).payload_bytes;
    }
    kind = taken->kind;
    parcel.partitions.push_back(partition);
    for (const Message& message : taken->messages) {
      append_notify_element(array, message);
      dispatch.newest_seconds = std::max(dispatch.newest_seconds, message.timestamp);
      bytes_left -= std::min(bytes_left, message.payload.size());
      if (deps_.told.on()) dispatch.messages.push_back(message.id);
    }
    for (const store::CommitEntry& entry : taken->entries) {
      parcel.entries.push_back({partition, dead_letter_of(entry, store::GiveUpCause::refused, 0)});
    }
    dispatch.weight += taken->messages.size();
    if (dispatch.weight >= count_max || bytes_left == 0) {
      close();
      bytes_left = limits(options).payload_bytes;
    }
  }
  if (dispatch.weight > 0) close();
  if (made.empty()) return more;
  if (const auto durable = await_durable(touched); !durable) {
    put_back(touched);
    return Error(durable.error());
  }
  for (Parcel& each : made) {
    for (const Dispatch& made_letter : each.letters) note_held(made_letter);
    parcels_.push_back(std::move(each));
  }
  return more;
}

Result<void> MessageStream::gather_redriven(const WebhookOptions& options,
                                            store::PartitionCursors& cursors) {
  const std::size_t redriven_max = std::max<std::size_t>(1, role_.parallel / 2);
  auto redriven = static_cast<std::size_t>(std::count_if(
      parcels_.begin(), parcels_.end(), [](const Parcel& parcel) { return parcel.redriven; }));
  const auto chooses = [this](store::EntryKind kind, ChannelType type) {
    return outbox_.chooses(kind, type);
  };
  RedriveLimits taking;
  taking.messages = std::max<std::size_t>(1, options.notify_count);
  taking.payload_bytes = limits(options).payload_bytes;
  settling_ = false;
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    Redriving& redriving = redriving_[i];
    if (terms_[i] == 0 || redriving.out) continue;
    if (!is_settled(redriving)) {
      settling_ = true;
      continue;
    }
    if (!redriving.marked || outbox_.is_out(partition)) continue;
    if (redriven >= redriven_max || parcels_.size() >= role_.parallel) break;
    auto cursor = cursors.of(partition);
    JD_TRY(auto taken, load_redrives(deps_.readers.of(partition), cursor, chooses, taking));
    if (taken.empty()) {
      redriving.marked = false;
      continue;
    }
    redriving.settle.emplace();
    redriving.settle->partition = partition;
    for (const partition::WebhookLetter& letter : taken.gone) {
      redriving.settle->settled.push_back({letter.counter, letter.record.redrives, {}});
    }
    for (partition::WebhookLetter& letter : taken.unreadable) {
      const std::uint64_t redrives = letter.record.redrives;
      letter.record.cause = store::GiveUpCause::unreadable;
      letter.record.at_ms = deps_.clock.wall_ms();
      deps_.counters.add_dead_letters(1);
      redriving.settle->settled.push_back({letter.counter, redrives, std::move(letter.record)});
    }
    if (taken.messages.empty()) {
      settling_ = true;
      continue;
    }
    Dispatch dispatch;
    std::string array;
    for (const Message& message : taken.messages) {
      append_notify_element(array, message);
      if (deps_.told.on()) dispatch.messages.push_back(message.id);
    }
    dispatch.letter.event = event_of(taken.kind);
    dispatch.letter.to_agent = role_.to_agent;
    dispatch.letter.body = "[" + array + "]";
    dispatch.letter.id = event_id(dispatch.letter.event, dispatch.letter.body);
    dispatch.weight = taken.messages.size();
    // Its age counts from when it was asked for: it was too old already, or would be soon.
    dispatch.newest_seconds = deps_.clock.wall_seconds();
    note_held(dispatch);
    Parcel parcel;
    parcel.redriven = true;
    parcel.letters.push_back(std::move(dispatch));
    for (partition::WebhookLetter& letter : taken.letters) {
      parcel.entries.push_back({partition, std::move(letter)});
    }
    parcels_.push_back(std::move(parcel));
    redriving.out = true;
    ++redriven;
  }
  return {};
}

bool MessageStream::is_settled(Redriving& redriving) {
  if (!redriving.settle) return true;
  if (redriving.answer) {
    if (!redriving.answer->decided.load()) return false;
    const bool failed = redriving.answer->failed.load();
    redriving.answer.reset();
    if (!failed) {
      redriving.settle.reset();
      return false;  // to whoever reads what was there before
    }
  }
  auto answer = std::make_shared<Redriving::Answer>();
  const auto posted = deps_.core.post_change(*redriving.settle, [answer](const Result<void>& done) {
    if (!done) answer->failed.store(true);
    answer->decided.store(true);
  });
  if (posted) redriving.answer = std::move(answer);
  return false;
}

void MessageStream::settle_redriven(const Parcel& parcel, const Dispatch& dispatch) {
  next_gather_ = {};  // more of them wait
  // None: its partition has gone, and whoever has it tells of them.
  for (const Parcel::Entry& entry : parcel.entries) {
    Redriving& redriving = redriving_[raw(entry.partition)];
    redriving.out = false;
    auto& settled = redriving.settle->settled;
    settled.push_back({entry.letter.counter, entry.letter.record.redrives, {}});
    if (dispatch.outcome != ToldOutcome::given_up) continue;
    store::WebhookLetterRecord again = entry.letter.record;
    again.cause = dispatch.cause;
    again.at_ms = dispatch.settled_at_ms;
    again.attempts = dispatch.attempts;
    again.error = dispatch.last_error;
    settled.back().again = std::move(again);
  }
}

void MessageStream::keep_given_up(const Parcel& parcel, const Dispatch& dispatch) {
  for (const Parcel::Entry& entry : parcel.entries) {
    partition::WebhookLetter letter = entry.letter;
    letter.record.cause = dispatch.cause;
    letter.record.at_ms = dispatch.settled_at_ms;
    letter.record.attempts = dispatch.attempts;
    letter.record.error = dispatch.last_error;
    deps_.cursors.give_up(number_, entry.partition, std::move(letter));
  }
}

bool MessageStream::has_room() const {
  return letters_held_ < kOfflineHeldMax && bytes_held_ < deps_.offline_bytes_max;
}

void MessageStream::note_held(const Dispatch& dispatch) {
  ++letters_held_;
  bytes_held_ += dispatch.letter.body.size();
}

Result<bool> MessageStream::gather_offline(const WebhookOptions& options) {
  if (!has_room()) return false;
  gather_unstored(options);
  if (!has_room()) return true;
  auto cursors = deps_.readers.open_cursors(store::Table::main);
  std::vector<std::pair<PartitionId, std::size_t>> parts;  // and how many messages of each
  std::vector<MessageId> touched;
  std::vector<Message> messages;
  bool more = false;
  TakeLimits taking = limits(options);
  const std::uint16_t first = next_partition_;
  for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
    const auto partition = static_cast<PartitionId>((first + i) % deps_.partitions());
    if (!outbox_.has(partition) || outbox_.is_out(partition)) continue;
    if (messages.size() >= kOfflinePerRound) {
      next_partition_ = raw(partition);
      more = true;
      break;
    }
    taking.messages = kOfflinePerRound - messages.size();
    auto taken = take(partition, cursors, taking);
    if (!taken) {
      put_back(touched);
      return Error(std::move(taken).error());
    }
    more = more || taken->more;
    if (taken->messages.empty()) continue;
    touched.push_back(taken->messages.back().id);
    parts.emplace_back(partition, taken->messages.size());
    for (Message& message : taken->messages) messages.push_back(std::move(message));
  }
  if (parts.empty()) return more;
  OfflineReceivers receivers(deps_.core, deps_.sessions, options.offline_master_only);
  if (const auto durable = await_durable(touched); !durable) {
    put_back(touched);
    return Error(durable.error());
  }
  // A channel that nothing is known of holds up its partition, not the others.
  const auto prepared = receivers.prepare(messages);
  std::span<const Message> left(messages);
  bool full = false;
  for (const auto& [partition, count] : parts) {
    add_offline_parcel(partition, left.first(count), receivers, options);
    left = left.subspan(count);
    if (!full && !has_room()) {
      // The next round begins with those behind.
      next_partition_ = static_cast<std::uint16_t>((raw(partition) + 1) % deps_.partitions());
      full = true;
    }
  }
  if (!prepared) return Error(prepared.error());
  return more || full;
}

void MessageStream::add_offline_parcel(PartitionId partition, std::span<const Message> messages,
                                       const OfflineReceivers& receivers,
                                       const WebhookOptions& options) {
  const std::int64_t now_seconds = deps_.clock.wall_seconds();
  Parcel parcel;
  parcel.partitions.push_back(partition);
  std::size_t done = 0;
  for (const Message& message : messages) {
    if (!has_room()) break;
    if (!message.expired_at(now_seconds) && !message.is_recalled()) {
      if (!receivers.knows(message)) break;
      const auto uids = receivers.of(message);
      if (!uids.empty()) {
        add_offline_letter(parcel, message, uids, options);
      } else {
        deps_.told.note({&message.id, 1},
                        {Event::offline, ToldOutcome::nobody, deps_.clock.wall_ms(), 0});
      }
    }
    ++done;
  }
  if (done == 0) {
    outbox_.put_back(partition);
    return;
  }
  if (done < messages.size()) outbox_.put_back_after(messages[done - 1].id, done);
  // One without letters is settled already.
  parcels_.push_back(std::move(parcel));
}

void MessageStream::gather_unstored(const WebhookOptions& options) {
  if (unstored_.size() == 0) return;
  const OfflineReceivers receivers(deps_.core, deps_.sessions, options.offline_master_only);
  const std::int64_t now_seconds = deps_.clock.wall_seconds();
  Parcel parcel;
  // Those that there is no room for stay where their number has a bound. No more than there are
  // now: others are put while this works.
  for (std::size_t left = unstored_.size(); left > 0 && has_room(); --left) {
    const auto next = unstored_.take(1);
    if (next.empty()) break;
    const Message& message = *next.front().message;
    if (message.expired_at(now_seconds)) continue;
    const auto uids = receivers.of(message, next.front().recipients);
    if (!uids.empty()) add_offline_letter(parcel, message, uids, options);
  }
  if (!parcel.letters.empty()) parcels_.push_back(std::move(parcel));
}

void MessageStream::add_offline_letter(Parcel& parcel, const Message& message,
                                       const std::vector<std::string>& uids,
                                       const WebhookOptions& options) {
  auto body = offline_body(message, uids, options.compress_above, deps_.node_id);
  if (!body) {
    deps_.counters.add_dead_letters(1);
    observe::log_error(kMessageComponent, "{}: {}", role_.name(), body.error().text());
    return;
  }
  Dispatch dispatch;
  dispatch.letter.event = Event::offline;
  dispatch.letter.to_agent = role_.to_agent;
  dispatch.letter.body = std::move(*body);
  // Of what stays the same when it is told again after a crash, when others may be offline.
  dispatch.letter.id = event_id(
      Event::offline, std::to_string(raw(message.id)) + "/" + std::to_string(deps_.node_id));
  dispatch.newest_seconds = message.timestamp;
  dispatch.expires_at = message.expires_at();
  if (deps_.told.on()) dispatch.messages.push_back(message.id);
  dispatch.receivers = uids.size();
  note_held(dispatch);
  parcel.letters.push_back(std::move(dispatch));
}

void MessageStream::send(const WebhookOptions& options) {
  std::vector<Dispatch*> letters;
  for (Parcel& parcel : parcels_) {
    for (Dispatch& dispatch : parcel.letters) letters.push_back(&dispatch);
  }
  if (!letters.empty()) courier_.send(letters, options);
  receiver_down_.store(courier_.receiver_down(), std::memory_order_relaxed);
}

void MessageStream::finish_settled() {
  for (Parcel& parcel : parcels_) {
    for (const Dispatch& dispatch : parcel.letters) {
      if (!dispatch.settled) continue;
      deps_.told.note(dispatch.messages, {dispatch.letter.event, dispatch.outcome,
                                          dispatch.settled_at_ms, dispatch.receivers});
      if (parcel.redriven) {
        settle_redriven(parcel, dispatch);
      } else if (dispatch.outcome == ToldOutcome::given_up) {
        keep_given_up(parcel, dispatch);
      }
      --letters_held_;
      bytes_held_ -= dispatch.letter.body.size();
    }
    std::erase_if(parcel.letters, [](const Dispatch& dispatch) { return dispatch.settled; });
    if (!parcel.letters.empty()) continue;
    for (const PartitionId partition : parcel.partitions) {
      outbox_.finish(partition);
      deps_.cursors.advance(number_, partition, outbox_.done_to(partition));
    }
    // Not to be finished twice.
    parcel.partitions.clear();
  }
  std::erase_if(parcels_, [](const Parcel& parcel) { return parcel.letters.empty(); });
}

Result<void> MessageStream::keep_house(const WebhookOptions& options) {
  const auto now = deps_.clock.steady();
  if (now < next_housekeeping_) return {};
  next_housekeeping_ = now + kHousekeeping;
  deps_.cursors.flush(/*force=*/false);
  auto cursors = deps_.readers.open_cursors(store::Table::main);
  JD_RETURN_IF_ERROR(outbox_.count_new(cursors, kRecordsPerCount));
  std::uint64_t dropped = 0;
  if (outbox_.backlog() > options.backlog_max) {
    const std::int64_t now_ms = deps_.clock.wall_ms();
    const auto note = [this, now_ms](PartitionId partition, const store::CommitEntry& entry) {
      deps_.cursors.give_up(number_, partition,
                            dead_letter_of(entry, store::GiveUpCause::excess, now_ms));
    };
    JD_TRY(dropped,
           outbox_.drop_excess(cursors, options.backlog_max,
                               role_.event == Event::notify ? Outbox::NoteDropped(note) : nullptr));
  }
  // Before what is given up is counted: who sees that sees what is left.
  backlog_.store(outbox_.backlog() + unstored_.size());
  if (dropped > 0) {
    deps_.counters.add_dead_letters(dropped);
    observe::log_warn(kMessageComponent, "{}: {} given up, more than {} wait", role_.name(),
                      dropped, options.backlog_max);
    for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
      const auto partition = static_cast<PartitionId>(i);
      if (outbox_.has(partition) && !outbox_.is_out(partition)) {
        deps_.cursors.advance(number_, partition, outbox_.done_to(partition));
      }
    }
  }
  if (role_.event == Event::notify) {
    for (std::uint16_t i = 0; i < deps_.partitions(); ++i) {
      if (terms_[i] == 0 || redriving_[i].marked) continue;
      auto cursor = cursors.of(static_cast<PartitionId>(i));
      JD_TRY(redriving_[i].marked, has_redrives(cursor));
    }
  }
  return note_oldest(cursors);
}

Result<void> MessageStream::note_oldest(store::PartitionCursors& cursors) {
  JD_TRY(auto oldest, outbox_.oldest_seconds(cursors));
  for (const Parcel& parcel : parcels_) {
    if (!parcel.partitions.empty()) continue;
    for (const Dispatch& dispatch : parcel.letters) {
      oldest = std::min(oldest.value_or(dispatch.newest_seconds), dispatch.newest_seconds);
    }
  }
  oldest_seconds_.store(oldest.value_or(0), std::memory_order_relaxed);
  return {};
}

void MessageStream::sleep(const WebhookOptions& options) {
  const auto now = deps_.clock.steady();
  auto wake_up = next_gather_;
  bool held = false;
  for (const Parcel& parcel : parcels_) {
    for (const Dispatch& dispatch : parcel.letters) {
      if (dispatch.settled) continue;
      held = true;
      wake_up = std::min(wake_up, dispatch.not_before);
    }
  }
  wake_up = std::min(std::max(wake_up, courier_.not_before()), next_housekeeping_);
  // A receiver that is down or busy with repeats is not helped by news. Nor is a stream woken that
  // knows already that there is something.
  const bool notify = role_.event == Event::notify;
  const std::size_t enough = held ? kNever : notify ? options.notify_count : std::size_t{1};
  const auto soonest = notify ? now : last_gather_ + kOfflineSpacing;
  wake_at_.store(enough);
  if (noted_.load() >= enough) {
    wake_at_.store(kNever);
    next_gather_ = std::min(next_gather_, soonest);
    wake_up = std::min(wake_up, next_gather_);
  }
  if (wake_up > now) {
    const auto wait =
        std::chrono::duration_cast<milliseconds>(wake_up - now + std::chrono::microseconds(999));
    signal_.wait_for(std::min(wait, kIdle));
    if (noted_.load() >= enough) next_gather_ = std::min(next_gather_, soonest);
  }
  wake_at_.store(kNever);
}

}  // namespace jindou::webhook
