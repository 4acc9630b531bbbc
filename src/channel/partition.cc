#include "channel/partition.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "channel/addressing.h"
#include "store/keys.h"

namespace jindou::channel {

namespace {

using store::KeyKind;
using store::Table;

// One commit syncing and one queued behind it keep the disk busy; more would only make the
// gathering ones smaller.
constexpr std::uint32_t kCommitsInFlightMax = 2;
// Message id counters reserved at once. A restart skips at most this many ids.
constexpr std::uint64_t kIdReservation = 65536;

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

KeyKind key_kind(MemberList list) {
  switch (list) {
    case MemberList::subscribers: return KeyKind::subscriber;
    case MemberList::denylist: return KeyKind::denylist;
    case MemberList::allowlist: return KeyKind::allowlist;
  }
  return KeyKind::subscriber;
}

// A result that was to be released with a commit that failed.
SendResult after_failure(SendResult result, Errc failure) {
  if (!result.ok()) return result;
  if (failure == Errc::unknown_outcome) {
    SendResult unknown;
    unknown.code = Errc::unknown_outcome;
    return unknown;
  }
  return SendResult::refuse(Reason::system_error, failure);
}

}  // namespace

// Cached state of a channel; of a command log only last_seq is used.
struct Partition::Channel {
  ChannelKey key;
  bool exists = false;  // has a record
  store::ChannelRecord record;
  std::uint64_t last_seq = 0;
  // Loaded when first needed. One that was handed to effects is never changed again, but replaced.
  std::shared_ptr<UidSet> lists[3];
  bool list_handed_out[3] = {};
  std::uint64_t touched_position = 0;  // of the last commit that changed it
  std::uint64_t last_used = 0;
  std::size_t weight = 1;

  std::shared_ptr<const UidSet> hand_out(MemberList list) {
    list_handed_out[static_cast<int>(list)] = true;
    return lists[static_cast<int>(list)];
  }
};

// What the commands evaluated since the last commit have produced.
struct Partition::Gathering {
  struct Part {
    std::shared_ptr<SendBatch> batch;
    std::size_t part = 0;
    std::vector<SendResult> results;
  };
  struct ChangeDone {
    std::function<void(Result<void>)> done;
    Result<void> outcome;
    std::string inbox;  // uid whose cached inbox is stale afterwards; may be empty
  };
  rocksdb::WriteBatch batch;
  store::CommitRecordBuilder record;
  std::vector<Part> parts;
  std::vector<ChangeDone> changes;
  std::shared_ptr<CommittedBatch> effects = std::make_shared<CommittedBatch>();
  std::uint32_t messages = 0;

  bool empty() const { return parts.empty() && changes.empty(); }

  // Tells every caller, on a thread of the log.
  void release(const Result<void>& committed, InboxDirectory& inboxes, EffectSink& sink) {
    for (auto& change : changes) {
      if (!change.inbox.empty()) inboxes.invalidate(change.inbox);
    }
    if (!committed) {
      for (auto& part : parts) {
        for (auto& result : part.results) {
          result = after_failure(result, committed.error().code());
        }
      }
    } else if (!effects->messages.empty()) {
      for (const auto& part : parts) effects->admissions.push_back(part.batch->admission());
      sink.post_committed(std::move(effects));
    }
    for (auto& part : parts) part.batch->finish_part(part.part, std::move(part.results));
    for (auto& change : changes) {
      if (change.outcome && !committed) {
        change.done(Error(committed.error()));
      } else {
        change.done(std::move(change.outcome));
      }
    }
  }
};

struct Partition::Flight {
  std::atomic<std::uint32_t> commits{0};
  std::atomic<std::uint64_t> durable{0};
  std::atomic<bool> failed{false};
};

class Partition::ChannelFacts final : public PermissionFacts {
 public:
  ChannelFacts(Partition& partition, Channel* channel) : partition_(partition), channel_(channel) {}

  const ChannelFlags& flags() const override {
    static const ChannelFlags kNone;
    return channel_ != nullptr ? channel_->record.flags : kNone;
  }
  Result<std::shared_ptr<const Inbox>> inbox(std::string_view uid) override {
    return partition_.deps_.inboxes.load(uid);
  }
  Result<bool> is_listed(MemberList list, std::string_view uid) override {
    JD_TRY(const UidSet* set, partition_.load_list(*channel_, list));
    return set->contains(uid);
  }
  Result<bool> is_empty(MemberList list) override {
    JD_TRY(const UidSet* set, partition_.load_list(*channel_, list));
    return set->empty();
  }

 private:
  Partition& partition_;
  Channel* channel_;  // null for a targeted command, whose rules ask nothing of a channel
};

Partition::Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
                     std::function<void()> wake)
    : id_(id),
      deps_(deps),
      options_(options),
      wake_(std::move(wake)),
      index_(id, deps.reader, deps.loader, options.index_generation_entries,
             options.index_filter_bytes_max) {}

Partition::~Partition() = default;

Result<void> Partition::open() {
  store::PartitionState state;
  std::string value;
  JD_TRY(const bool found, deps_.reader.get(Table::main, store::partition_state_key(id_), value));
  if (found) {
    JD_TRY(state, store::decode_partition_state(value));
  }
  JD_CHECK_OK(index_.open(state.indexed_to));
  channels_.clear();
  channels_weight_ = 0;
  position_ = state.position;
  // Ids up to the bound may have been given out to messages that were never stored.
  counter_ = state.id_bound;
  id_bound_ = state.id_bound;
  gathering_ = std::make_unique<Gathering>();
  flight_ = std::make_shared<Flight>();
  flight_->durable = position_;
  return {};
}

bool Partition::ensure_usable() {
  if (!flight_->failed.load(std::memory_order_acquire)) return true;
  // Every commit built on the failed one is refused by the log; then the store tells what holds.
  if (flight_->commits.load(std::memory_order_acquire) > 0 || !gathering_->empty()) return false;
  if (!open()) return false;
  // What was read back may not be synced yet; the next successful commit says so.
  flight_->durable = 0;
  return true;
}

bool Partition::has_gathered() const { return !gathering_->empty(); }

void Partition::execute(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  const auto& items = batch->parts()[part].items;
  std::vector<SendResult> results;
  results.reserve(items.size());
  const bool usable = ensure_usable() && !index_.full();
  for (const std::uint32_t item : items) {
    if (!usable) {
      results.push_back(SendResult::refuse(Reason::system_error, Errc::unavailable));
      continue;
    }
    auto result = evaluate(batch->commands()[item]);
    results.push_back(result ? *result
                             : SendResult::refuse(Reason::system_error, result.error().code()));
  }
  if (deps_.metrics != nullptr) {
    for (const SendResult& result : results) {
      if (result.state != SendResult::State::refused) continue;
      deps_.metrics->send_refused.with(std::to_string(raw(result.reason))).Increment();
    }
  }
  gathering_->parts.push_back(Gathering::Part{batch, part, std::move(results)});
  if (gathering_->messages >= options_.commit_messages_max) pump();
}

void Partition::execute(Change change, std::function<void(Result<void>)> done) {
  Gathering::ChangeDone entry{std::move(done), {}, {}};
  if (!ensure_usable()) {
    entry.outcome = Error(Errc::unavailable, "the store is recovering from a failure");
  } else {
    entry.outcome = std::visit([this](const auto& what) { return evaluate_change(what); }, change);
    std::visit(
        [&entry](const auto& what) {
          if constexpr (requires { what.channel; }) {
            if (what.channel.type == ChannelType::person) entry.inbox = what.channel.id;
          }
        },
        change);
  }
  gathering_->changes.push_back(std::move(entry));
}

void Partition::pump() {
  if (gathering_->empty()) {
    index_.advance(position_, flight_->durable.load(std::memory_order_acquire));
    return;
  }
  const bool failed = flight_->failed.load(std::memory_order_acquire);
  const auto in_flight = flight_->commits.load(std::memory_order_acquire);
  const bool large = gathering_->messages >= options_.commit_messages_max;
  if (!failed && !large && in_flight >= kCommitsInFlightMax) return;

  std::shared_ptr<Gathering> gathered = std::move(gathering_);
  gathering_ = std::make_unique<Gathering>();

  store::Commit commit;
  commit.partition = id_;
  commit.expected_position = position_;
  commit.messages = gathered->messages;
  if (!gathered->record.empty()) {
    const auto key = store::commit_record_key(id_, gathered->record.first_counter());
    const auto value = gathered->record.take();
    gathered->batch.Put(key, value);
  }
  const bool writes = gathered->batch.Count() > 0;
  if (writes) {
    ++position_;
    store::PartitionState state;
    state.position = position_;
    state.id_bound = id_bound_;
    state.indexed_to = index_.indexed_to();
    gathered->batch.Put(store::partition_state_key(id_), store::encode(state));
  }
  commit.batch = std::move(gathered->batch);
  flight_->commits.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t position = position_;
  commit.done = [gathered, flight = flight_, position, wake = wake_, &inboxes = deps_.inboxes,
                 &sink = deps_.effects](const Result<void>& committed) {
    gathered->release(committed, inboxes, sink);
    if (committed) {
      flight->durable.store(position, std::memory_order_release);
    } else {
      flight->failed.store(true, std::memory_order_release);
    }
    flight->commits.fetch_sub(1, std::memory_order_release);
    wake();
  };
  deps_.log.append(std::move(commit));
  index_.advance(position_, flight_->durable.load(std::memory_order_acquire));
  if (channels_weight_ > options_.channels_max) evict_channels();
}

std::uint64_t Partition::next_counter() {
  ++counter_;
  if (counter_ > id_bound_) {
    id_bound_ = counter_ + kIdReservation;
    JD_ASSERT(id_bound_ <= kIdCounterMax);
    // Makes sure the reservation is committed before the id is shown to anybody.
    store::PartitionState state;
    state.position = position_;
    state.id_bound = id_bound_;
    state.indexed_to = index_.indexed_to();
    gathering_->batch.Put(store::partition_state_key(id_), store::encode(state));
  }
  return counter_;
}

Result<SendResult> Partition::evaluate(SendCommand& command) {
  const std::int64_t now = deps_.clock.wall_seconds();
  const bool targeted = is_targeted_command(command);
  const ChannelKey log = log_of(command);
  const auto fingerprint =
      store::fingerprint_of(deps_.fingerprint_seed, log, command.from_uid, command.client_msg_no);
  const std::uint64_t payload = store::payload_hash(command.payload);
  if (command.idempotent) {
    JD_TRY(const auto known, index_.find(fingerprint));
    // A first send that was not to be stored is no answer to one that is.
    const bool answers =
        known && known->idempotent && (known->seq != 0 || command.flags.no_persist);
    if (answers && now - known->timestamp < options_.idempotency_window_seconds) {
      if (known->payload != payload) {
        return SendResult::refuse(Reason::not_allow_send, Errc::conflict);
      }
      SendResult first;
      first.state = SendResult::State::duplicate;
      first.message_id = message_id_of(known->counter, id_);
      first.message_seq = static_cast<MessageSeq>(known->seq);
      first.reason = Reason::success;
      first.timestamp = known->timestamp;
      return first;
    }
  }

  Channel* channel = nullptr;
  if (!targeted) {
    JD_TRY(channel, load_channel(command.channel));
  }
  ChannelFacts facts(*this, channel);
  JD_TRY(const Reason reason, check_send(command, options_.permission, facts));
  if (reason != Reason::success) return SendResult::refuse(reason, Errc::denied);

  // Everything that can fail comes before the first change of state.
  Recipients recipients;
  if (targeted) {
    recipients.listed = command.subscribers;
  } else {
    JD_TRY(recipients, recipients_of(command, *channel));
  }
  const bool stored = !command.flags.no_persist;
  Channel* log_state = channel;
  if (stored && (targeted || log != command.channel)) {
    // May move entries of the cache, not the Channel objects behind them.
    JD_TRY(log_state, load_channel(log));
  }

  auto message = std::make_shared<Message>();
  message->id = message_id_of(next_counter(), id_);
  message->timestamp = now;
  message->channel = std::move(command.channel);
  if (targeted && message->channel.id.empty()) message->channel = log;
  message->from_uid = std::move(command.from_uid);
  message->client_msg_no = std::move(command.client_msg_no);
  message->topic = std::move(command.topic);
  message->stream_no = std::move(command.stream_no);
  message->subscribers = std::move(command.subscribers);
  message->payload = std::move(command.payload);
  message->expire = command.expire;
  message->setting = command.setting;
  message->flags = command.flags;

  if (stored) {
    message->seq = static_cast<MessageSeq>(++log_state->last_seq);
    touch(*log_state);
    store::build_message_key(key_scratch_, id_, log, message->seq);
    store::encode_message(value_scratch_, *message, log);
    gathering_->batch.Put(slice(key_scratch_), slice(value_scratch_));
  }
  if (stored || command.idempotent) {
    store::CommitEntry entry;
    entry.counter = counter_of(message->id);
    entry.log = log;
    entry.seq = raw(message->seq);
    entry.fingerprint = fingerprint;
    entry.payload = payload;
    entry.idempotent = command.idempotent;
    gathering_->record.add(entry, now);
    store::ClientNumber number;
    number.counter = entry.counter;
    number.seq = entry.seq;
    number.payload = payload;
    number.timestamp = now;
    number.idempotent = command.idempotent;
    index_.insert(fingerprint, number);
  }
  ++gathering_->messages;

  SendResult result;
  result.state = SendResult::State::accepted;
  result.message_id = message->id;
  result.message_seq = message->seq;
  result.reason = Reason::success;
  result.timestamp = now;
  if (!recipients.listed.empty() || (recipients.subscribers && !recipients.subscribers->empty())) {
    gathering_->effects->messages.push_back(
        CommittedMessage{std::move(message), std::move(recipients), command.origin_session});
  }
  return result;
}

Result<Recipients> Partition::recipients_of(const SendCommand& command, Channel& channel) {
  Recipients recipients;
  const ChannelKey& key = channel.key;
  if (!command.subscribers.empty()) {
    recipients.listed = command.subscribers;
  } else if (key.type == ChannelType::person || key.type == ChannelType::agent) {
    const auto [first, second] = split_pair_id(key.id);
    recipients.listed.emplace_back(first);
    if (second != first) recipients.listed.emplace_back(second);
    return recipients;
  } else {
    JD_TRY(const UidSet* subscribers, load_list(channel, MemberList::subscribers));
    if (!subscribers->empty()) recipients.subscribers = channel.hand_out(MemberList::subscribers);
    if (key.type == ChannelType::visitors) recipients.listed.push_back(key.id);
    if (key.type == ChannelType::customer_service) {
      const auto bar = key.id.find('|');
      if (bar != std::string::npos) recipients.listed.push_back(key.id.substr(0, bar));
    }
  }
  if (key.type == ChannelType::person) return recipients;
  JD_TRY(const UidSet* denied, load_list(channel, MemberList::denylist));
  if (!denied->empty()) recipients.excluded = channel.hand_out(MemberList::denylist);
  return recipients;
}

Result<Partition::Channel*> Partition::load_channel(const ChannelKey& key) {
  if (const auto it = channels_.find(key); it != channels_.end()) {
    it->second->last_used = ++use_tick_;
    return it->second.get();
  }
  auto channel = std::make_unique<Channel>();
  channel->key = key;
  std::string value;
  JD_TRY(channel->exists, deps_.reader.get(Table::main, store::channel_key(id_, key), value));
  if (channel->exists) {
    JD_TRY(channel->record, store::decode_channel(value));
  }
  channel->last_seq = channel->record.cleared_to;
  const std::string prefix = store::message_prefix(id_, key);
  JD_CHECK_OK(deps_.reader.scan_backward(
      Table::main, prefix, store::after_prefix(prefix),
      [&](std::string_view last, std::string_view) {
        channel->last_seq = std::max(channel->last_seq, raw(store::seq_of_message_key(last)));
        return false;
      }));
  channel->last_used = ++use_tick_;
  Channel* loaded = channel.get();
  channels_.emplace(key, std::move(channel));
  channels_weight_ += loaded->weight;
  return loaded;
}

Result<UidSet*> Partition::load_list(Channel& channel, MemberList list) {
  auto& set = channel.lists[static_cast<int>(list)];
  if (!set) {
    if (channel.exists) {
      JD_TRY(auto uids,
             read_members(deps_.reader, store::member_prefix(id_, key_kind(list), channel.key)));
      set = std::make_shared<UidSet>(std::move(uids));
      // A group of a few hundred weighs as much as a handful of channels without subscribers.
      // Capped, so that one huge group does not push everything else out.
      const std::size_t weight = std::min(set->size() / 64, options_.channels_max / 4);
      channel.weight += weight;
      channels_weight_ += weight;
    } else {
      set = std::make_shared<UidSet>();
    }
  }
  return set.get();
}

Result<UidSet*> Partition::load_list_for_change(Channel& channel, MemberList list) {
  JD_TRY(const UidSet* current, load_list(channel, list));
  auto& set = channel.lists[static_cast<int>(list)];
  bool& handed_out = channel.list_handed_out[static_cast<int>(list)];
  if (handed_out) set = std::make_shared<UidSet>(*current);
  handed_out = false;
  return set.get();
}

void Partition::touch(Channel& channel) {
  channel.touched_position = position_ + 1;
  channel.last_used = ++use_tick_;
}

void Partition::evict_channels() {
  // Half of the cache, least recently used first. A channel with a change that is not yet durable
  // stays: the store would still answer with its old seq.
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
  std::vector<std::uint64_t> ticks;
  ticks.reserve(channels_.size());
  for (const auto& [key, channel] : channels_) ticks.push_back(channel->last_used);
  const auto middle = ticks.begin() + static_cast<std::ptrdiff_t>(ticks.size() / 2);
  std::nth_element(ticks.begin(), middle, ticks.end());
  const std::uint64_t keep_from = *middle;
  boost::unordered::erase_if(channels_, [&](const auto& entry) {
    const Channel& channel = *entry.second;
    if (channel.last_used >= keep_from || channel.touched_position > durable) return false;
    channels_weight_ -= channel.weight;
    return true;
  });
}

void Partition::put_record(Channel& channel) {
  if (!channel.exists) {
    channel.exists = true;
    channel.record.created_at = deps_.clock.wall_seconds();
  }
  touch(channel);
  gathering_->batch.Put(store::channel_key(id_, channel.key), store::encode(channel.record));
}

void Partition::set_members(Channel& channel, MemberList list, UidSet& set,
                            const std::vector<std::string>& uids, bool add) {
  for (const auto& uid : uids) {
    const auto key = store::member_key(id_, key_kind(list), channel.key, uid);
    if (add) {
      if (set.insert(uid).second) gathering_->batch.Put(key, rocksdb::Slice());
    } else {
      if (set.erase(uid) > 0) gathering_->batch.Delete(key);
    }
  }
}

Result<void> Partition::evaluate_change(const UpsertChannel& change) {
  JD_TRY(Channel * channel, load_channel(change.channel));
  if (channel->record.flags.disband && !change.flags.disband) {
    return Error(Errc::invalid, "the channel was disbanded; that cannot be undone");
  }
  UidSet* subscribers = nullptr;
  if (change.reset_subscribers || !change.subscribers.empty()) {
    JD_TRY(subscribers, load_list_for_change(*channel, MemberList::subscribers));
  }
  channel->record.flags = change.flags;
  put_record(*channel);
  if (change.reset_subscribers) {
    const std::vector<std::string> all(subscribers->begin(), subscribers->end());
    set_members(*channel, MemberList::subscribers, *subscribers, all, false);
  }
  if (subscribers != nullptr) {
    set_members(*channel, MemberList::subscribers, *subscribers, change.subscribers, true);
  }
  return {};
}

Result<void> Partition::evaluate_change(const ChangeMembers& change) {
  JD_TRY(Channel * channel, load_channel(change.channel));
  JD_TRY(UidSet * set, load_list_for_change(*channel, change.list));
  const bool removes = change.operation == ChangeMembers::Operation::remove;
  if (!channel->exists) {
    if (removes) return {};
    put_record(*channel);
  }
  touch(*channel);
  if (change.operation == ChangeMembers::Operation::replace) {
    const std::vector<std::string> all(set->begin(), set->end());
    set_members(*channel, change.list, *set, all, false);
  }
  set_members(*channel, change.list, *set, change.uids, !removes);
  return {};
}

Result<void> Partition::evaluate_change(const DeleteChannel& change) {
  JD_TRY(Channel * channel, load_channel(change.channel));
  JD_TRY(Channel * commands, load_channel(store::command_log_of(change.channel)));
  UidSet* lists[3];
  constexpr MemberList kLists[] = {MemberList::subscribers, MemberList::denylist,
                                   MemberList::allowlist};
  for (const MemberList list : kLists) {
    JD_TRY(lists[static_cast<int>(list)], load_list_for_change(*channel, list));
  }
  channel->record.flags.disband = true;
  channel->record.cleared_to = channel->last_seq;
  put_record(*channel);
  if (commands->last_seq > 0) {
    commands->record.cleared_to = commands->last_seq;
    put_record(*commands);
  }
  for (const MemberList list : kLists) {
    UidSet& set = *lists[static_cast<int>(list)];
    const std::vector<std::string> all(set.begin(), set.end());
    set_members(*channel, list, set, all, false);
  }
  return {};
}

Result<void> Partition::evaluate_change(const StoreToken& change) {
  JD_TRY(const auto inbox, deps_.inboxes.load(change.uid));
  if (inbox && (inbox->flags.ban || inbox->flags.disband)) {
    return Error(Errc::denied, "the user is banned");
  }
  store::TokenRecord record;
  record.token = change.token;
  record.level = change.level;
  gathering_->batch.Put(store::device_token_key(id_, change.uid, change.device_flag),
                        store::encode(record));
  return {};
}

}  // namespace jindou::channel
