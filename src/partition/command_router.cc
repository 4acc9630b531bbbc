#include "partition/command_router.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "partition/addressing.h"
#include "partition/announcements.h"
#include "partition/conversations.h"
#include "partition/delay_limit.h"
#include "partition/inbox_stage.h"
#include "partition/refusals.h"
#include "partition/send_batch.h"

namespace jindou::partition {

namespace {

// What a message costs besides its payload: the command, the result, the keys of the batch.
constexpr std::size_t kItemOverheadBytes = 512;
// Of a body, per item, as long as no batch has come: an item of the sendbatch page.
constexpr std::size_t kItemBytesAtFirst = 256;
// Weight of what was known of the bytes per item against one batch more.
constexpr std::size_t kKnownItemWeight = 7;
// A uid in a list: the string and its place in a set.
constexpr std::size_t kUidOverheadBytes = 64;
// What became of an item of a job.
constexpr std::size_t kJobResultOverheadBytes = 48;

std::size_t weight_of(const SendCommand& command) {
  std::size_t bytes = kItemOverheadBytes + command.payload.size();
  for (const auto& uid : command.subscribers) bytes += uid.size() + kUidOverheadBytes;
  return bytes;
}

std::size_t weight_of(const std::vector<SendCommand>& commands) {
  std::size_t bytes = 0;
  for (const auto& command : commands) bytes += weight_of(command);
  return bytes;
}

std::size_t weight_of(const JobResult& result) {
  return kJobResultOverheadBytes + (result.words ? result.words->bytes() : 0);
}

std::size_t weight_of(const store::WebhookLetterRecord& letter) {
  return sizeof(letter) + letter.log.id.size() + letter.error.size();
}

std::size_t weight_of(const AppendEvent& event) {
  return kItemOverheadBytes + event.payload.size() + event.snapshot.size() + event.text.size();
}

std::size_t weight_of(const std::vector<std::string>& uids) {
  std::size_t bytes = kItemOverheadBytes;
  for (const auto& uid : uids) bytes += uid.size() + kUidOverheadBytes;
  return bytes;
}

// Where a change belongs, and what it weighs while it is in flight.
struct ChangeRoute {
  PartitionId partition{};
  std::size_t bytes = kItemOverheadBytes;
};

class RouteOf {
 public:
  explicit RouteOf(const PartitionMap& map) : map_(map) {}

  ChangeRoute operator()(const UpsertChannel& change) const {
    return {map_.of_channel(change.channel), weight_of(change.subscribers)};
  }
  ChangeRoute operator()(const ChangeMembers& change) const {
    return {map_.of_channel(change.channel), weight_of(change.uids)};
  }
  ChangeRoute operator()(const ChangeSystemAccounts& change) const {
    return {map_.of_system_accounts(), weight_of(change.uids)};
  }
  ChangeRoute operator()(const ChangeConversation& change) const {
    return {map_.of_channel(change.channel), weight_of(change.uids)};
  }
  ChangeRoute operator()(const RecordCommandSync& change) const {
    return {map_.of_user(change.uid), kItemOverheadBytes * (1 + change.positions.size() / 4)};
  }
  ChangeRoute operator()(const DeleteMessages& change) const {
    return {map_.of_channel(change.channel),
            kItemOverheadBytes + change.seqs.size() * kUidOverheadBytes};
  }
  ChangeRoute operator()(const EditMessage& change) const {
    return {map_.of_channel(change.channel), kItemOverheadBytes + change.payload.size()};
  }
  ChangeRoute operator()(const ImportMessages& change) const {
    std::size_t bytes = kItemOverheadBytes;
    for (const Message& message : change.messages) {
      bytes += kItemOverheadBytes + message.payload.size() + message.topic.size() +
               message.from_uid.size() + message.client_msg_no.size() +
               conversation_bytes_at_most(change.channel.id, message.from_uid);
    }
    return {map_.of_channel(change.channel), bytes};
  }
  ChangeRoute operator()(const FinishRequest& change) const {
    return {change.partition, kItemOverheadBytes + change.headers.size() + change.answer.size()};
  }
  ChangeRoute operator()(const ReclaimRequests& change) const {
    return {change.partition, weight_of(change.keys)};
  }
  ChangeRoute operator()(const ReclaimExpired& change) const {
    return {change.partition, weight_of(change.keys)};
  }
  ChangeRoute operator()(const DropTombstones& change) const {
    return {change.partition, weight_of(change.keys)};
  }
  ChangeRoute operator()(const CountBulk& change) const {
    return {change.partition, kItemOverheadBytes + change.messages.size() * kUidOverheadBytes};
  }
  ChangeRoute operator()(const ForgetPresenceEvents& change) const {
    return {change.partition, weight_of(change.keys)};
  }
  ChangeRoute operator()(const AdvanceWebhook& change) const {
    std::size_t bytes = kItemOverheadBytes;
    for (const WebhookLetter& letter : change.letters) bytes += weight_of(letter.record);
    return {change.partition, bytes};
  }
  ChangeRoute operator()(const RedriveWebhook& change) const {
    return {change.partition,
            kItemOverheadBytes + change.counters.size() * sizeof(change.counters[0])};
  }
  ChangeRoute operator()(const SettleRedrives& change) const {
    std::size_t bytes = kItemOverheadBytes + change.settled.size() * kUidOverheadBytes;
    for (const auto& settled : change.settled) {
      if (settled.again) bytes += weight_of(*settled.again);
    }
    return {change.partition, bytes};
  }
  ChangeRoute operator()(const StoreTemplate& change) const {
    return {map_.of_template(change.name), kItemOverheadBytes + change.payload.size()};
  }
  ChangeRoute operator()(const DeleteTemplate& change) const {
    return {map_.of_template(change.name)};
  }
  ChangeRoute operator()(const AppendJobInput& change) const {
    return {map_.of_job(change.job), kItemOverheadBytes + change.input.bytes.size()};
  }
  ChangeRoute operator()(const KeepSent& change) const {
    std::size_t bytes = kItemOverheadBytes + change.input.bytes.size();
    for (const JobResult& result : change.results) bytes += weight_of(result);
    return {map_.of_job(change.job), bytes};
  }
  ChangeRoute operator()(const AdvanceJob& change) const {
    std::size_t bytes = kItemOverheadBytes;
    for (const auto& [index, result] : change.results) bytes += weight_of(result);
    return {map_.of_job(change.job), bytes};
  }
  ChangeRoute operator()(const Change& change) const { return std::visit(*this, change); }
  ChangeRoute operator()(const AppendEvent& event) const {
    return {map_.of_channel(event.channel), weight_of(event)};
  }
  ChangeRoute operator()(const SendCommand& command) const {
    return {partition_of(command, map_), weight_of(command)};
  }
  template <class Other>
  ChangeRoute operator()(const Other& change) const {
    if constexpr (requires { change.partition; }) {
      return {change.partition};
    } else if constexpr (requires { change.channel; }) {
      return {map_.of_channel(change.channel)};
    } else if constexpr (requires { change.job; }) {
      return {map_.of_job(change.job)};
    } else {
      return {map_.of_user(change.uid)};
    }
  }

 private:
  const PartitionMap& map_;
};

Error ownerless() {
  return Error(Errc::unavailable, "nobody owns the partition at the moment; retry later");
}

}  // namespace

struct CommandRouter::Load {
  explicit Load(const RouterLimits& limits) : delay(limits.delay_max) {}
  // Whoever counts in it has it.
  ~Load() {
    JD_ASSERT_SLOW(items == 0);
    JD_ASSERT_SLOW(bytes == 0);
    JD_ASSERT_SLOW(batches == 0);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Below zero it would be the largest number there is, and everybody would be refused.
  static void give_back(std::atomic<std::size_t>& counter, std::size_t count) {
    const std::size_t before = counter.fetch_sub(count, std::memory_order_relaxed);
    JD_ASSERT(before >= count);
  }

  std::atomic<std::size_t> items{0};
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::size_t> batches{0};
  DelayLimit delay;
  Announcements announced;
  // Of a body, per item, over the last few batches.
  std::atomic<std::size_t> item_bytes{kItemBytesAtFirst};

  // One batch more. Two at the same time may count as one, which does no harm.
  void learn(std::size_t body_bytes, std::size_t items_of_it) {
    if (items_of_it == 0) return;
    const std::size_t known = item_bytes.load(std::memory_order_relaxed);
    const std::size_t now =
        (kKnownItemWeight * known + body_bytes / items_of_it) / (kKnownItemWeight + 1);
    item_bytes.store(std::max<std::size_t>(1, now), std::memory_order_relaxed);
  }
};

struct CommandRouter::Admission {
  Admission(std::shared_ptr<Load> admitted, std::size_t item_count, std::size_t byte_count)
      : load(std::move(admitted)), items(item_count), bytes(byte_count) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() {
    Load::give_back(load->items, items);
    Load::give_back(load->bytes, bytes);
  }
  std::shared_ptr<Load> load;
  std::size_t items;
  std::size_t bytes;
  ReservationPtr reservation;
};

class CommandRouter::Reservation {
 public:
  Reservation(std::shared_ptr<Load> load, std::size_t bytes, TimePoint now)
      : made_at(now), body_bytes(bytes), load_(std::move(load)) {
    batches_before_ = load_->batches.fetch_add(1, std::memory_order_relaxed);
  }
  ~Reservation() { Load::give_back(load_->batches, 1); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  std::size_t batches_before() const { return batches_before_; }
  const TimePoint made_at;
  const std::size_t body_bytes;
  // By the estimate; gives way to what the commands weigh.
  std::shared_ptr<Admission> estimated;

 private:
  std::shared_ptr<Load> load_;
  std::size_t batches_before_ = 0;
};

class CommandRouter::Announcement {
 public:
  Announcement(std::shared_ptr<Load> load, std::size_t items, TimePoint now)
      : load_(std::move(load)), mark_(load_->announced.add(items, now)) {}
  ~Announcement() { load_->announced.withdraw(mark_); }
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;

 private:
  std::shared_ptr<Load> load_;
  Announcements::Mark mark_;
};

CommandRouter::CommandRouter(const Placement& placement, PartitionMap map, InboxStage& inboxes,
                             const RouterLimits& limits, const Clock& clock)
    : placement_(placement),
      map_(map),
      inboxes_(inboxes),
      limits_(limits),
      clock_(clock),
      bulk_stage_(limits.bulk_batch_items, clock,
                  [this](CountBulk count, ChangeDone done) {
                    const PartitionId partition = count.partition;
                    PartitionOwner* const owner = placement_.owner_of(partition);
                    if (owner == nullptr) return done(ownerless());
                    owner->post(partition, std::move(count), std::move(done));
                  }),
      class_stage_(limits.bulk_batch_items, limits.bulk_piece_items),
      intake_(list_stage_, class_stage_,
              [this](const std::shared_ptr<SendBatch>& batch, TimePoint since) {
                send_on(batch, since);
              }),
      load_(std::make_shared<Load>(limits)),
      turns_(std::make_shared<TransactionTurns>(
          map.count(),
          [](std::shared_ptr<Transaction> transaction, std::size_t share, Transaction::Step step) {
            PartitionOwner& owner = *transaction->shares()[share].owner;
            return owner.post_step(std::move(transaction), share, step);
          },
          clock, limits.transaction_hold_max)) {
  intake_.add(moderation_stage_);
  intake_.add(bulk_stage_);
}

namespace {

// Of a message that was to be sent together with others, and has no result of its own.
SendResult refusal_of(const Error& why) {
  const auto reason = why.reason() != 0 ? static_cast<Reason>(why.reason()) : Reason::system_error;
  SendResult result = SendResult::refuse(reason, why.code());
  result.last_seq = why.seq();
  return result;
}

}  // namespace

std::size_t CommandRouter::items_limit() const {
  return std::min(limits_.items_in_flight_max, load_->delay.items_max());
}

bool CommandRouter::stalled() const { return load_->delay.stalled(clock_.steady()); }

bool CommandRouter::has_room() const {
  return load_->items.load(std::memory_order_relaxed) < items_limit() &&
         load_->bytes.load(std::memory_order_relaxed) < limits_.bytes_in_flight_max && !stalled();
}

CommandRouter::AnnouncementPtr CommandRouter::announce(std::size_t bytes) {
  if (!has_room() || batches_in_flight() >= limits_.batches_in_flight_max) return nullptr;
  const TimePoint now = clock_.steady();
  const std::size_t items =
      std::max<std::size_t>(1, bytes / load_->item_bytes.load(std::memory_order_relaxed));
  const std::size_t before =
      load_->items.load(std::memory_order_relaxed) + load_->announced.count(now);
  // As in try_admit(): one that is larger than the limit passes when nothing else is there.
  if (before > 0 && before + items > items_limit()) return nullptr;
  return std::make_shared<Announcement>(load_, items, now);
}

CommandRouter::ReservationPtr CommandRouter::reserve(std::size_t items, std::size_t bytes) {
  auto reservation = std::make_shared<Reservation>(load_, bytes, clock_.steady());
  if (reservation->batches_before() >= limits_.batches_in_flight_max) return nullptr;
  reservation->estimated = try_admit(items, bytes + items * kItemOverheadBytes);
  return reservation->estimated && !stalled() ? reservation : nullptr;
}

bool CommandRouter::extend(Reservation& reservation, std::size_t items, std::size_t bytes) {
  if (reservation.estimated == nullptr) return true;
  return resize(*reservation.estimated, items, bytes + items * kItemOverheadBytes);
}

std::shared_ptr<CommandRouter::Admission> CommandRouter::try_admit(std::size_t items,
                                                                   std::size_t bytes) {
  const std::size_t items_before = load_->items.fetch_add(items, std::memory_order_relaxed);
  const std::size_t bytes_before = load_->bytes.fetch_add(bytes, std::memory_order_relaxed);
  auto admission = std::make_shared<Admission>(load_, items, bytes);
  // A request larger than the limit itself passes when nothing else is in flight.
  const bool items_fit = items_before == 0 || items_before + items <= items_limit();
  const bool bytes_fit = bytes_before == 0 || bytes_before + bytes <= limits_.bytes_in_flight_max;
  if (items_fit && bytes_fit) return admission;
  return nullptr;
}

bool CommandRouter::resize(Admission& admission, std::size_t items, std::size_t bytes) {
  // Unsigned arithmetic wraps to the right difference.
  const std::size_t more_items = items - admission.items;
  const std::size_t more_bytes = bytes - admission.bytes;
  const std::size_t items_in_all = load_->items.fetch_add(more_items) + more_items;
  const std::size_t bytes_in_all = load_->bytes.fetch_add(more_bytes) + more_bytes;
  const bool items_fit =
      items <= admission.items || items_in_all == items || items_in_all <= items_limit();
  const bool bytes_fit = bytes <= admission.bytes || bytes_in_all == bytes ||
                         bytes_in_all <= limits_.bytes_in_flight_max;
  admission.items = items;
  admission.bytes = bytes;
  return items_fit && bytes_fit;
}

Result<std::shared_ptr<PendingSend>> CommandRouter::post_send(std::vector<SendCommand>&& commands,
                                                              SendDone done, TimePoint deadline,
                                                              const ReservationPtr& reservation) {
  return begin_send(std::move(commands), std::move(done), deadline, reservation,
                    /*is_offer=*/false);
}

Result<std::shared_ptr<PendingSend>> CommandRouter::offer_send(std::vector<SendCommand>&& commands,
                                                               SendDone done, TimePoint deadline,
                                                               const ReservationPtr& reservation) {
  return begin_send(std::move(commands), std::move(done), deadline, reservation,
                    /*is_offer=*/true);
}

Result<std::shared_ptr<PendingSend>> CommandRouter::begin_send(std::vector<SendCommand>&& commands,
                                                               SendDone done, TimePoint deadline,
                                                               const ReservationPtr& reservation,
                                                               bool is_offer) {
  if (closed_.load(std::memory_order_acquire)) {
    return Error(Errc::unavailable, "the server is stopping");
  }
  TimePoint since = clock_.steady();
  std::shared_ptr<Admission> admission;
  if (reservation && reservation->estimated) {
    since = reservation->made_at;
    load_->learn(reservation->body_bytes, commands.size());
    // Not given back and taken again: what was let in keeps its place.
    admission = std::move(reservation->estimated);
    if (!resize(*admission, commands.size(), weight_of(commands))) admission.reset();
  } else {
    admission = try_admit(commands.size(), weight_of(commands));
  }
  if (!admission || stalled()) {
    return Error(Errc::overloaded, "too many messages are in flight; retry later");
  }
  admission->reservation = reservation;

  auto batch = make_batch(std::move(commands), std::move(admission), std::move(done), deadline);
  batch->count_refusals_in(metrics_);
  batch->remember_refusals_in(refusals_);
  if (is_offer) batch->make_offer();
  if (batch->parts().empty()) {
    // No commands: answered at once, there is no part to wait for.
    batch->expire();
  } else {
    intake_.enter(batch, since);
  }
  return std::shared_ptr<PendingSend>(std::move(batch));
}

Result<std::shared_ptr<PendingSend>> CommandRouter::post_rehearsal(
    std::vector<SendCommand> commands, SendDone done, TimePoint deadline) {
  if (closed_.load(std::memory_order_acquire)) {
    return Error(Errc::unavailable, "the server is stopping");
  }
  auto admission = try_admit(commands.size(), weight_of(commands));
  if (!admission || stalled()) {
    return Error(Errc::overloaded, "too many messages are in flight; retry later");
  }
  auto batch = make_batch(std::move(commands), std::move(admission), std::move(done), deadline);
  batch->make_rehearsal();
  if (batch->parts().empty()) {
    batch->expire();
  } else {
    intake_.enter(batch, clock_.steady());
  }
  return std::shared_ptr<PendingSend>(std::move(batch));
}

std::shared_ptr<SendBatch> CommandRouter::make_batch(std::vector<SendCommand> commands,
                                                     std::shared_ptr<Admission> admission,
                                                     SendDone done, TimePoint deadline) const {
  std::vector<SendBatch::Part> parts;
  // Most sends touch few partitions: a linear search over the parts beats a table of all partitions
  // only for one message, so that case goes without either.
  if (commands.size() == 1) {
    parts.push_back({partition_of(commands[0], map_), {0}});
  } else {
    std::vector<std::int32_t> part_of(map_.count(), -1);
    for (std::uint32_t i = 0; i < commands.size(); ++i) {
      const PartitionId partition = partition_of(commands[i], map_);
      auto& part = part_of[raw(partition)];
      if (part < 0) {
        part = static_cast<std::int32_t>(parts.size());
        parts.push_back({partition, {}});
      }
      parts[static_cast<std::size_t>(part)].items.push_back(i);
    }
  }
  return std::make_shared<SendBatch>(std::move(commands), std::move(parts), std::move(admission),
                                     deadline, std::move(done));
}

void CommandRouter::send_on(const std::shared_ptr<SendBatch>& batch, TimePoint since) {
  if (inboxes_.pass(*batch)) {
    dispatch(batch, since);
    return;
  }
  inboxes_.wait(batch, [this, batch, since](const Result<void>& known) {
    if (known) {
      dispatch(batch, since);
    } else {
      batch->refuse(known.error().code());
    }
  });
}

void CommandRouter::dispatch(const std::shared_ptr<SendBatch>& batch, TimePoint since) {
  const std::size_t ahead = load_->items.load(std::memory_order_relaxed);
  DelayLimit::Start start = load_->delay.begin(ahead, clock_.steady());
  start.at = std::min(start.at, since);
  batch->cut_into_pieces();
  batch->start_timing(
      [load = load_, &clock = clock_, start] { load->delay.finish(start, clock.steady()); });
  hand_over(batch);
}

void CommandRouter::hand_over(const std::shared_ptr<SendBatch>& batch) {
  struct Share {
    PartitionOwner* owner = nullptr;
    std::vector<std::uint32_t> parts;
  };
  std::vector<Share> shares;  // there are few owners
  for (std::uint32_t part = 0; part < batch->parts().size(); ++part) {
    PartitionOwner* const owner = placement_.owner_of(batch->parts()[part].partition);
    if (owner == nullptr) {
      batch->refuse_part(part, ownerless().code());
      continue;
    }
    const auto share = std::ranges::find(shares, owner, &Share::owner);
    if (share != shares.end()) {
      share->parts.push_back(part);
    } else {
      shares.push_back({owner, {part}});
    }
  }
  for (Share& share : shares) share.owner->post(batch, std::move(share.parts));
}

Result<std::shared_ptr<CommandRouter::Admission>> CommandRouter::admit(std::size_t bytes) {
  if (closed_.load(std::memory_order_acquire)) {
    return Error(Errc::unavailable, "the server is stopping");
  }
  auto admission = try_admit(1, bytes);
  if (!admission) return Error(Errc::overloaded, "too many changes are in flight; retry later");
  return admission;
}

Result<void> CommandRouter::post_change(Change change, ChangeDone done) {
  const ChangeRoute route = std::visit(RouteOf(map_), change);
  PartitionOwner* const owner = placement_.owner_of(route.partition);
  if (owner == nullptr) return ownerless();
  JD_TRY(auto admission, admit(route.bytes));
  ChangeDone finish = [admission = std::move(admission),
                       done = std::move(done)](Result<void> outcome) { done(std::move(outcome)); };
  if (!std::holds_alternative<EditMessage>(change) || !moderation_stage_.enabled()) {
    owner->post(route.partition, std::move(change), std::move(finish));
    return {};
  }
  auto judged = std::make_shared<std::vector<Command>>();
  judged->emplace_back(std::move(change));
  moderation_stage_.judge(
      judged, [this, judged, partition = route.partition, finish = std::move(finish)] {
        PartitionOwner* const now = placement_.owner_of(partition);
        if (now == nullptr) return finish(ownerless());
        now->post(partition, std::move(std::get<Change>(judged->front())), finish);
      });
  return {};
}

Result<void> CommandRouter::post_event(AppendEvent event, EventDone done) {
  JD_TRY(auto admission, admit(weight_of(event)));
  const ChannelKey channel = event.channel;
  list_stage_.ask(channel, [this, admission, event = std::move(event),
                            done = std::move(done)](Result<ListStage::Kept> lists) mutable {
    if (!lists) return done(Error(lists.error()));
    const PartitionId partition = map_.of_channel(event.channel);
    PartitionOwner* const owner = placement_.owner_of(partition);
    if (owner == nullptr) return done(ownerless());
    owner->post(
        partition, std::move(event),
        [admission = std::move(admission), lists = std::move(*lists),
         done = std::move(done)](Result<EventOutcome> outcome) { done(std::move(outcome)); });
  });
  return {};
}

Result<void> CommandRouter::post_recipients(ChannelKey channel, RecipientsDone done) {
  JD_TRY(auto admission, admit(kItemOverheadBytes));
  const ChannelKey asked = channel;
  list_stage_.ask(asked, [this, admission, channel = std::move(channel),
                          done = std::move(done)](Result<ListStage::Kept> lists) mutable {
    if (!lists) return done(Error(lists.error()));
    const PartitionId partition = map_.of_channel(channel);
    PartitionOwner* const owner = placement_.owner_of(partition);
    if (owner == nullptr) return done(ownerless());
    owner->post(
        partition, std::move(channel),
        [admission = std::move(admission), lists = std::move(*lists),
         done = std::move(done)](Result<Recipients> recipients) { done(std::move(recipients)); });
  });
  return {};
}

Result<void> CommandRouter::post_all(std::vector<Command> commands, Transaction::Done done,
                                     TimePoint begin_by) {
  if (closed_.load(std::memory_order_acquire)) {
    return Error(Errc::unavailable, "the server is stopping");
  }
  if (commands.size() > limits_.transaction_items_max) {
    return Error(Errc::too_large, "more than core.transactionItems to be made all or none");
  }
  if (commands.empty()) {
    done({});
    return {};
  }
  std::size_t bytes = 0;
  JD_TRY(auto shares, share_out(commands, bytes));
  auto admission = try_admit(commands.size(), bytes);
  if (!admission || stalled()) {
    return Error(Errc::overloaded, "too much is in flight; retry later");
  }
  std::vector<ChannelKey> channels;
  if (list_stage_.enabled()) channels = ListStage::channels_of(commands);
  done = noting_refusals(commands, std::move(done));
  auto judged = std::make_shared<std::vector<Command>>(std::move(commands));
  moderation_stage_.judge(
      judged, [this, judged, shares = std::move(shares), channels = std::move(channels), admission,
               done = std::move(done), begin_by] {
        bulk_stage_.count(judged, [this, judged, shares, channels, admission, done, begin_by] {
          begin(std::move(*judged), shares, channels, admission, done, begin_by);
        });
      });
  return {};
}

Transaction::Done CommandRouter::noting_refusals(const std::vector<Command>& commands,
                                                 Transaction::Done done) {
  if (metrics_ == nullptr && refusals_ == nullptr) return done;
  // Without contents. What the server has to say about changes is no message that somebody sent.
  std::vector<std::pair<std::size_t, Refusal>> messages;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto* message = std::get_if<SendCommand>(&commands[i]);
    if (message == nullptr || message->origin == Origin::server) continue;
    Refusal& refusal = messages.emplace_back(i, Refusal()).second;
    refusal.channel = message->channel;
    refusal.from_uid = message->from_uid;
    refusal.client_msg_no = message->client_msg_no;
  }
  if (messages.empty()) return done;
  return [metrics = metrics_, refusals = refusals_, messages = std::move(messages),
          done = std::move(done)](TransactionResult result) {
    if (!result.made()) {
      for (const auto& [place, message] : messages) {
        const Error& why = result.commands[place].error();
        // Of these nobody knows.
        if (why.code() == Errc::unknown_outcome || why.code() == Errc::deadline) continue;
        const SendResult* const own = result.find_refusal(place);
        const SendResult refused = own != nullptr ? *own : refusal_of(why);
        if (metrics != nullptr) {
          metrics->send_refused.with(std::to_string(raw(refused.reason))).Increment();
        }
        if (refusals == nullptr) continue;
        Refusal refusal = message;
        refusal.result = job_result_of(refused);
        refusals->add(std::move(refusal));
      }
    }
    done(std::move(result));
  };
}

void CommandRouter::begin(std::vector<Command> commands, std::vector<Transaction::Share> shares,
                          std::vector<ChannelKey> channels, std::shared_ptr<Admission> admission,
                          Transaction::Done done, TimePoint begin_by) {
  // What it is evaluated with is kept as long as it counts as in flight.
  struct Held {
    std::shared_ptr<Admission> admission;
    ListStage::Kept lists;
  };
  auto held = std::make_shared<Held>();
  held->admission = std::move(admission);
  auto transaction =
      std::make_shared<Transaction>(std::move(commands), std::move(shares), held, std::move(done));
  list_stage_.ask(std::move(channels),
                  [this, transaction, held, begin_by](Result<ListStage::Kept> lists) {
                    if (!lists) return transaction->refuse(lists.error());
                    held->lists = std::move(*lists);
                    enter(transaction, begin_by);
                  });
}

Result<std::vector<Transaction::Share>> CommandRouter::share_out(
    const std::vector<Command>& commands, std::size_t& bytes) const {
  std::vector<Transaction::Share> shares;
  for (std::uint32_t i = 0; i < commands.size(); ++i) {
    const ChangeRoute route = std::visit(RouteOf(map_), commands[i]);
    bytes += route.bytes;
    auto share = std::find_if(shares.begin(), shares.end(), [&](const auto& known) {
      return known.partition == route.partition;
    });
    if (share == shares.end()) {
      PartitionOwner* const owner = placement_.owner_of(route.partition);
      if (owner == nullptr) return ownerless();
      share = shares.insert(shares.end(), {route.partition, {}, owner});
    }
    share->commands.push_back(i);
  }
  return shares;
}

void CommandRouter::enter(const std::shared_ptr<Transaction>& transaction, TimePoint begin_by) {
  std::vector<SendCommand> messages = transaction->take_messages();
  if (messages.empty()) return turns_->enter(transaction, begin_by);
  // They pass the stage as sends do, in a batch of their own that nobody is told of.
  std::vector<SendBatch::Part> parts;
  for (const SendCommand& message : messages) {
    const PartitionId partition = partition_of(message, map_);
    const bool known = std::any_of(parts.begin(), parts.end(), [partition](const auto& part) {
      return part.partition == partition;
    });
    if (!known) parts.push_back({partition, {}});
  }
  const auto batch = std::make_shared<SendBatch>(std::move(messages), std::move(parts), nullptr,
                                                 kNever, [](const std::vector<SendResult>&) {});
  auto go = [this, transaction, begin_by, batch](const Result<void>& known) {
    if (!known) return transaction->refuse(known.error());
    transaction->put_back(std::move(batch->commands()));
    turns_->enter(transaction, begin_by);
  };
  if (inboxes_.pass(*batch)) {
    go({});
  } else {
    inboxes_.wait(batch, std::move(go));
  }
}

void CommandRouter::close() { closed_.store(true, std::memory_order_release); }

std::size_t CommandRouter::items_in_flight() const {
  return load_->items.load(std::memory_order_relaxed);
}

std::size_t CommandRouter::batches_in_flight() const {
  return load_->batches.load(std::memory_order_relaxed);
}

std::size_t CommandRouter::bytes_in_flight() const {
  return load_->bytes.load(std::memory_order_relaxed);
}

}  // namespace jindou::partition
