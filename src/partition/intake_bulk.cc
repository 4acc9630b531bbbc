#include "partition/intake_bulk.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include "partition/addressing.h"
#include "store/fingerprint.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

constexpr std::int64_t kDaySeconds = 86'400;

std::uint32_t day_of(std::int64_t wall_seconds) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, wall_seconds) / kDaySeconds);
}

}  // namespace

// The messages of one batch while they are counted.
struct BulkCountStage::Counting {
  std::vector<SendCommand*> messages;
  std::vector<CountBulk::Message> counted;  // aligned with them
  std::vector<PartitionId> partitions;      // of their receivers, aligned with them
  std::uint32_t day = 0;
  bool only_look = false;
  std::function<void()> go;
  std::atomic<std::size_t> left{0};
  // Of partitions that did not count.
  Mutex mutex;
  std::vector<PartitionId> failed JD_GUARDED_BY(mutex);
};

void BulkCountStage::set_limit(const store::PartitionReaders& readers, Limit limit) {
  readers_ = std::make_unique<store::PartitionReaders>(readers);
  limit_ = std::move(limit);
}

bool BulkCountStage::is_counted(const SendCommand& command, std::size_t request_items,
                                const CallerPtr& caller) const {
  if (command.origin != Origin::http || command.flags.sync_once) return false;
  if (caller != nullptr && caller->kind == CallerIdentity::Kind::session) return false;
  if (!command.bulk && request_items <= std::max<std::size_t>(1, batch_items_)) return false;
  if (command.moderation && command.moderation->refused) return false;
  if (command.channel.type != ChannelType::person || is_targeted_command(command)) return false;
  return !receiver_of(command).empty();
}

void BulkCountStage::examine(IntakeTurn& turn) {
  std::vector<SendCommand>& commands = turn.commands();
  std::vector<std::uint32_t> waiting;
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (turn.is_open(item) && is_counted(commands[item], turn.request_items(), turn.caller())) {
      commands[item].bulk_count = BulkCount::wanted;
      waiting.push_back(item);
    }
  }
  if (waiting.empty()) return;
  const bool only_look = turn.is_rehearsal();
  const auto hold = turn.hold(waiting);
  std::vector<SendCommand*> messages;
  for (SendCommand& command : hold->commands()) {
    if (command.bulk_count == BulkCount::wanted) messages.push_back(&command);
  }
  begin(std::move(messages), only_look, [hold] { hold->resume(); });
}

void BulkCountStage::count(const std::shared_ptr<std::vector<Command>>& commands,
                           std::function<void()> go) {
  if (!enabled()) return go();
  const auto sent = static_cast<std::size_t>(std::count_if(
      commands->begin(), commands->end(),
      [](const Command& command) { return std::holds_alternative<SendCommand>(command); }));
  std::vector<SendCommand*> messages;
  for (Command& command : *commands) {
    auto* const message = std::get_if<SendCommand>(&command);
    if (message == nullptr || !is_counted(*message, sent, message->caller)) continue;
    messages.push_back(message);
  }
  if (messages.empty()) return go();
  begin(std::move(messages), false, [commands, go = std::move(go)] { go(); });
}

void BulkCountStage::begin(std::vector<SendCommand*> messages, bool only_look,
                           std::function<void()> go) {
  auto counting = std::make_shared<Counting>();
  counting->messages = std::move(messages);
  counting->day = day_of(clock_.wall_seconds());
  counting->only_look = only_look;
  counting->go = std::move(go);
  std::map<PartitionId, CountBulk> counts;
  for (const SendCommand* const message : counting->messages) {
    CountBulk::Message counted;
    counted.uid = std::string(receiver_of(*message));
    const store::Fingerprint known = store::fingerprint_of(
        limit_.seed, message->channel, message->from_uid, message->client_msg_no);
    counted.number = known.number ^ known.sender;
    const PartitionId partition = readers_->map().of_user(counted.uid);
    counting->partitions.push_back(partition);
    if (!only_look) {
      CountBulk& count = counts[partition];
      count.partition = partition;
      count.day = counting->day;
      count.most = limit_.per_receiver_per_day;
      count.messages.push_back(counted);
    }
    counting->counted.push_back(std::move(counted));
  }
  {
    const MutexLock lock(mutex_);
    ++under_way_;
  }
  if (only_look) return look(counting);
  counting->left = counts.size();
  for (auto& [partition, count] : counts) {
    post_(std::move(count), [this, counting, at = partition](const Result<void>& done) {
      if (!done) {
        const MutexLock lock(counting->mutex);
        counting->failed.push_back(at);
      }
      if (counting->left.fetch_sub(1) == 1) look(counting);
    });
  }
}

void BulkCountStage::look(const std::shared_ptr<Counting>& counting) {
  const bool runs = limit_.run_blocking([this, counting] {
    decide(*counting);
    end(counting);
  });
  if (runs) return;
  for (SendCommand* const message : counting->messages) message->bulk_count = BulkCount::failed;
  end(counting);
}

void BulkCountStage::decide(Counting& counting) const {
  std::vector<PartitionId> failed;
  {
    const MutexLock lock(counting.mutex);
    failed = counting.failed;
  }
  // Of a rehearsal: what the messages in front would have added.
  std::map<std::string, std::size_t> added;
  for (std::size_t i = 0; i < counting.messages.size(); ++i) {
    SendCommand& message = *counting.messages[i];
    const PartitionId partition = counting.partitions[i];
    const CountBulk::Message& counted = counting.counted[i];
    message.bulk_count = BulkCount::failed;
    if (std::find(failed.begin(), failed.end(), partition) != failed.end()) continue;
    const auto record = load(partition, counting.day, counted.uid);
    if (!record) continue;
    bool has_room = record->has(counted.number);
    if (!has_room && counting.day > 0) {
      // A repeat behind midnight.
      const auto before = load(partition, counting.day - 1, counted.uid);
      if (!before) continue;
      has_room = before->has(counted.number);
    }
    if (!has_room && counting.only_look) {
      std::size_t& more = added[counted.uid];
      has_room = record->messages.size() + more < limit_.per_receiver_per_day;
      if (has_room) ++more;
    }
    message.bulk_count = has_room ? BulkCount::none : BulkCount::over;
  }
}

Result<store::BulkCountRecord> BulkCountStage::load(PartitionId partition, std::uint32_t day,
                                                    std::string_view uid) const {
  std::string value;
  JD_TRY(const bool found,
         readers_->of(partition).get(store::Table::main, store::bulk_count_key(partition, day, uid),
                                     value));
  if (!found) return store::BulkCountRecord();
  return store::decode_bulk_count(value);
}

void BulkCountStage::end(const std::shared_ptr<Counting>& counting) {
  // What waits behind it may be counted from here on, so it is not under way any more first.
  const std::function<void()> go = std::move(counting->go);
  go();
  const MutexLock lock(mutex_);
  if (--under_way_ == 0) idle_.notify_all();
}

void BulkCountStage::drain() {
  MutexLock lock(mutex_);
  idle_.wait(lock, [this]() JD_REQUIRES(mutex_) { return under_way_ == 0; });
}

}  // namespace jindou::partition
