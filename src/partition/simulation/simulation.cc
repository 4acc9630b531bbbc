#include "partition/simulation/simulation.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "partition/addressing.h"
#include "partition/command_router.h"
#include "partition/history.h"
#include "partition/partition.h"
#include "partition/simulation/failing_reader.h"
#include "partition/simulation/list_model.h"
#include "partition/simulation/memory_store.h"
#include "store/keys.h"
#include "store/list_change.h"

namespace jindou::partition::simulation {

namespace {

constexpr std::uint16_t kPartitions = 3;
constexpr std::uint64_t kFingerprintSeed = 42;

class VirtualClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms));
  }
  std::int64_t now_ms = 1'700'000'000'000;
};

// (log, sender, client_msg_no)
using SendKey = std::tuple<ChannelKey, std::string, std::string>;

struct Attempt {
  ChannelKey log;
  std::string from_uid;
  std::string client_msg_no;
  std::string payload;
  bool idempotent = false;
  bool stored = false;
};

struct Known {
  MessageId id{};
  MessageSeq seq{};
  std::string payload;
};

class World final : public EffectSink {
 public:
  explicit World(std::uint64_t seed) : dice_(seed), inboxes_(make_inboxes()) { restart(); }

  Summary run(int steps) {
    for (int i = 0; i < steps && summary_.violation.empty(); ++i) step();
    settle();
    check_store();
    check_nothing_left();
    return summary_;
  }

  void post_committed(std::shared_ptr<const CommittedBatch> batch) override {
    for (const auto& committed : batch->messages) {
      const Message& message = *committed.message;
      if (raw(message.seq) == 0) continue;
      SendCommand shape;
      shape.channel = message.channel;
      shape.flags = message.flags;
      shape.subscribers = message.subscribers;
      auto& last = delivered_[log_of(shape)];
      if (raw(message.seq) <= last) return fail("effects out of seq order");
      last = raw(message.seq);
      if (message.payload.empty()) return fail("effect without payload");
    }
  }

 private:
  std::unique_ptr<InboxDirectory> make_inboxes() {
    return std::make_unique<InboxDirectory>(reader_, kPartitions, 64);
  }

  std::uint64_t roll(std::uint64_t below) { return dice_() % below; }
  bool chance(std::uint64_t percent) { return roll(100) < percent; }

  void fail(std::string what) {
    if (summary_.violation.empty()) summary_.violation = std::move(what);
  }

  void restart() {
    partitions_.clear();
    inboxes_ = make_inboxes();
    PartitionOptions options;
    options.channels_max = 3;
    options.index_generation_entries = 7;
    options.commit_messages_max = 20;
    options.commit_bytes_max = 3000;  // parts of several items span commits
    options.lists.slice = 2;
    options.lists.part_bytes = 4;
    options.idempotency_window_seconds = std::int64_t{1} << 40;
    for (std::uint16_t i = 0; i < kPartitions; ++i) {
      const PartitionDeps deps{reader_,          disk_,       disk_,  *inboxes_,
                               accounts_,        horizon_,    *this,  clock_,
                               kFingerprintSeed, kPartitions, nullptr};
      partitions_.push_back(
          std::make_unique<Partition>(static_cast<PartitionId>(i), deps, options, [] {}));
      if (!partitions_.back()->open()) fail("a partition does not open");
    }
  }

  void step() {
    clock_.now_ms += static_cast<std::int64_t>(roll(3000));
    switch (roll(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (chance(10)) reader_.arm(static_cast<int>(1 + roll(8)));
        send();
        if (reader_.disarm()) ++summary_.failed_reads;
        break;
      case 4:
        if (chance(20)) reader_.arm(static_cast<int>(1 + roll(8)));
        if (chance(50)) change();
        if (reader_.disarm()) ++summary_.failed_reads;
        break;
      case 5:
      case 6:
      case 7:
        pump_some();
        if (chance(20)) {
          check_lists(ChannelKey("g" + std::to_string(roll(7)), ChannelType::group));
        }
        break;
      case 8:
      case 9:
        for (auto n = roll(4); n > 0; --n) disk_.commit_one();
        break;
      case 10:
        if (disk_.pending_loads() > 0) ++summary_.loads;
        disk_.finish_load(!chance(10));
        break;
      default:
        if (chance(12)) {
          power_cut();
        } else if (chance(10)) {
          ++summary_.failures;
          disk_.fail_one(chance(50));
        }
    }
  }

  void pump_some() {
    for (auto& partition : partitions_) {
      if (chance(60)) partition->pump();
    }
  }

  void power_cut() {
    ++summary_.power_cuts;
    disk_.power_cut(roll(disk_.pending_commits() + 1));
    restart();
    check_store();
  }

  void settle() {
    for (int i = 0; i < 200; ++i) {
      clock_.now_ms += 100;  // what waits for a store that could not be read tries again
      for (auto& partition : partitions_) partition->pump();
      while (disk_.pending_commits() > 0) disk_.commit_one();
      while (disk_.pending_loads() > 0) disk_.finish_load(true);
    }
  }

  SendCommand random_command() {
    SendCommand command;
    command.from_uid = "u" + std::to_string(roll(4));
    if (chance(25)) {
      const std::string peer = "u" + std::to_string(roll(4));
      command.channel = ChannelKey(person_channel_id(command.from_uid, peer), ChannelType::person);
    } else {
      command.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
    }
    command.flags.no_persist = chance(8);
    command.flags.sync_once = chance(10);
    if (chance(8)) command.subscribers = {"u1", "u2"};
    if (chance(10)) {
      command.expire = static_cast<std::uint32_t>(1 + roll(20));
      may_expire_ = true;
    }
    command.idempotent = chance(75);
    command.client_msg_no = command.idempotent ? "n" + std::to_string(roll(40))
                                               : "generated" + std::to_string(++generated_);
    // Payloads of one number mostly agree, so that repeats are mostly honest.
    command.payload = "p" + command.client_msg_no + (chance(4) ? "x" : "");
    command.origin = chance(50) ? Origin::http : Origin::socket;
    return command;
  }

  void send() {
    std::vector<SendCommand> commands;
    std::vector<Attempt> attempts;
    std::vector<SendBatch::Part> parts;
    for (auto n = 1 + roll(6); n > 0; --n) {
      SendCommand command = random_command();
      const auto item = static_cast<std::uint32_t>(commands.size());
      const PartitionId partition = partition_of(command, kPartitions);
      auto part = std::find_if(parts.begin(), parts.end(),
                               [&](const auto& p) { return p.partition == partition; });
      if (part == parts.end()) part = parts.insert(parts.end(), {partition, {}});
      part->items.push_back(item);
      Attempt attempt{log_of(command), command.from_uid,   command.client_msg_no,
                      command.payload, command.idempotent, !command.flags.no_persist};
      attempted_[key_of(attempt)].insert(command.payload);
      attempts.push_back(std::move(attempt));
      commands.push_back(std::move(command));
      ++summary_.sends;
    }
    const auto part_count = parts.size();
    auto batch = std::make_shared<SendBatch>(
        std::move(commands), std::move(parts), nullptr, CommandRouter::kNever,
        [this, attempts = std::move(attempts)](const std::vector<SendResult>& results) {
          for (std::size_t i = 0; i < attempts.size(); ++i) judge(attempts[i], results[i]);
        });
    for (std::size_t part = 0; part < part_count; ++part) {
      partitions_[raw(batch->parts()[part].partition)]->execute(batch, part);
    }
    if (chance(50)) pump_some();
  }

  void change() {
    const ChannelKey group("g" + std::to_string(roll(7)), ChannelType::group);
    const std::string uid = "u" + std::to_string(roll(4));
    Change what;
    switch (roll(12)) {
      case 8: return drop_tombstones();
      case 0: {
        UpsertChannel upsert;
        upsert.channel = group;
        upsert.flags.ban = chance(20);
        upsert.revives = chance(50);
        upsert.reset_subscribers = chance(40);
        upsert.subscribers = {"u0", "u1", "u2"};
        what = upsert;
        break;
      }
      case 1: {
        UpsertChannel inbox;
        inbox.channel = ChannelKey(uid, ChannelType::person);
        inbox.flags.send_ban = chance(20);
        what = inbox;
        break;
      }
      case 2:
      case 3: {
        ChangeMembers members;
        members.channel = group;
        members.list = chance(70) ? MemberList::subscribers : MemberList::denylist;
        members.operation =
            chance(60) ? ChangeMembers::Operation::add : ChangeMembers::Operation::remove;
        members.uids = {uid};
        what = members;
        break;
      }
      case 9:
      case 10: {
        // Mostly longer than a slice.
        ChangeMembers members;
        members.channel = group;
        members.list = static_cast<MemberList>(chance(60) ? 0 : roll(3));
        members.operation = static_cast<ChangeMembers::Operation>(roll(3));
        for (auto n = roll(8); n > 0; --n) members.uids.push_back("u" + std::to_string(roll(8)));
        what = members;
        break;
      }
      case 4: {
        ClearMessages clear;
        clear.channel = group;
        clear.up_to = roll(30);
        clear.commands = chance(20);
        what = clear;
        break;
      }
      case 5: {
        DeleteMessages messages;
        messages.channel = group;
        for (auto n = roll(4); n > 0; --n) messages.seqs.push_back(1 + roll(40));
        for (const auto seq : messages.seqs) deleted_.insert({group, seq});
        what = messages;
        break;
      }
      case 6: {
        ChangeConversation conversation;
        conversation.channel = group;
        conversation.uids = {uid};
        conversation.operation = static_cast<ChangeConversation::Operation>(roll(5));
        conversation.value = roll(20);
        what = conversation;
        break;
      }
      case 7: {
        ReclaimExpired expired;
        expired.partition = static_cast<PartitionId>(roll(kPartitions));
        const auto prefix = store::expiry_prefix(expired.partition);
        const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                        [&](std::string_view key, std::string_view) {
                                          const auto expiry = store::expiry_of_key(key);
                                          deleted_.insert({expiry.log, raw(expiry.seq)});
                                          expired.keys.emplace_back(key);
                                          return expired.keys.size() < 3;
                                        });
        if (!scanned) fail("a scan fails");
        const auto& partition = partitions_[raw(expired.partition)];
        partition->execute(Change(std::move(expired)), [](const Result<void>&) {});
        return;
      }
      default: {
        if (!chance(30)) return;
        DeleteChannel gone;
        gone.channel = group;
        what = gone;
      }
    }
    const std::string owner = std::visit(
        [](const auto& value) -> std::string {
          if constexpr (requires { value.channel; }) return value.channel.id;
          return {};
        },
        what);
    const auto outcome = lists_.begin(what);
    partitions_[raw(partition_for(owner, kPartitions))]->execute(
        std::move(what), [outcome](const Result<void>& done) { outcome->answer(done); });
  }

  // All of a partition that are not from the last few seconds.
  void drop_tombstones() {
    DropTombstones drop;
    drop.partition = static_cast<PartitionId>(roll(kPartitions));
    drop.up_to_ns = clock_.wall_ns() - static_cast<std::int64_t>(roll(60'000)) * 1'000'000;
    const auto prefix = store::tombstone_prefix(drop.partition);
    const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                    [&](std::string_view key, std::string_view) {
                                      drop.keys.emplace_back(key);
                                      return true;
                                    });
    if (!scanned) fail("a scan fails");
    auto& partition = *partitions_[raw(drop.partition)];
    partition.execute(Change(std::move(drop)), [](const Result<void>&) {});
  }

  static std::string describe(const Attempt& attempt, const SendResult& result) {
    return attempt.log.id + " " + attempt.from_uid + " " + attempt.client_msg_no + " as " +
           std::to_string(raw(result.message_id)) + "@" + std::to_string(raw(result.message_seq));
  }

  static SendKey key_of(const Attempt& attempt) {
    return {attempt.log, attempt.from_uid, attempt.client_msg_no};
  }

  // What the caller was told must agree with what callers were told before.
  void judge(const Attempt& attempt, const SendResult& result) {
    const SendKey key = key_of(attempt);
    if (result.state == SendResult::State::unknown) {
      ++summary_.unknown;
      return;
    }
    const auto first = first_.find(key);
    if (result.state == SendResult::State::refused) {
      if (result.code == Errc::conflict && attempted_[key].size() < 2) {
        fail("a conflict although only one payload was ever sent");
      }
      return;
    }
    ++summary_.acknowledged;
    if (result.state == SendResult::State::duplicate) {
      ++summary_.duplicates;
      if (!attempt.idempotent) return fail("a duplicate without a key");
    } else if (attempt.idempotent && first != first_.end() && raw(first->second.seq) != 0 &&
               raw(result.message_seq) != 0 && first->second.id != result.message_id) {
      // The same id is fine: a repeat may hear of it before the first caller, whose batch still
      // waits for another partition.
      return fail("a key was stored twice: " + describe(attempt, result) + ", first " +
                  std::to_string(raw(first->second.id)) + "@" +
                  std::to_string(raw(first->second.seq)));
    } else if (!ids_.insert(raw(result.message_id)).second) {
      return fail("a message id was given out twice");
    }
    if (attempt.stored && raw(result.message_seq) == 0 &&
        result.state == SendResult::State::accepted) {
      return fail("a stored message without a seq");
    }
    if (attempt.idempotent) {
      if (first == first_.end()) {
        first_[key] = Known{result.message_id, result.message_seq, attempt.payload};
      } else if (raw(result.message_seq) == 0 && raw(first->second.seq) != 0) {
        // An answer to a send that was not to be stored, heard late: a stored one came after it.
      } else if (raw(first->second.seq) == 0 && raw(result.message_seq) != 0) {
        first->second = Known{result.message_id, result.message_seq, attempt.payload};
      } else if (first->second.id != result.message_id || first->second.seq != result.message_seq) {
        return fail("a repeat answered another result than the first");
      } else if (first->second.payload != attempt.payload) {
        return fail("a repeat with another payload was accepted");
      }
    }
    if (raw(result.message_seq) == 0) return;
    const Known known{result.message_id, result.message_seq, attempt.payload};
    const auto [it, fresh] = acknowledged_[attempt.log].emplace(raw(result.message_seq), known);
    if (!fresh && (it->second.id != known.id || it->second.payload != known.payload)) {
      fail("a seq was given out twice");
    }
  }

  void check_store() {
    check_conversations();
    const History history(disk_, clock_, kPartitions, kFingerprintSeed);
    std::map<ChannelKey, std::map<std::uint64_t, Message>> stored;
    collect(stored);
    std::set<SendKey> keys;
    for (const auto& [log, messages] : stored) {
      std::uint64_t expected = cleared_to(log);
      for (const auto& [seq, message] : messages) {
        if (seq <= expected) return fail("a cleared message is still there in " + log.id);
        while (++expected < seq) {
          if (!deleted_.contains({log, expected})) {
            return fail("a hole in the seqs of " + log.id);
          }
        }
        if (message.client_msg_no.starts_with("n") &&
            !keys.insert({log, message.from_uid, message.client_msg_no}).second) {
          return fail("two messages under one key in " + log.id);
        }
      }
    }
    for (const auto& [log, messages] : acknowledged_) {
      for (const auto& [seq, known] : messages) {
        const auto& there = stored[log];
        const auto it = there.find(seq);
        if (it == there.end()) {
          if (is_cleared(log, seq) || deleted_.contains({log, seq})) continue;
          return fail("an acknowledged message is missing in " + log.id);
        }
        if (it->second.id != known.id || it->second.payload != known.payload) {
          return fail("an acknowledged message was changed in " + log.id);
        }
        if (roll(20) != 0) continue;
        const auto by_id = history.load_by_id(known.id);
        if (!by_id) return fail("look-up by id fails");
        const bool cleared = is_cleared(log, seq) || it->second.expired_at(clock_.wall_seconds());
        if (by_id->has_value() == cleared) return fail("look-up by id disagrees in " + log.id);
        if (cleared || !first_.contains({log, it->second.from_uid, it->second.client_msg_no})) {
          continue;
        }
        const auto by_number = history.load_by_client_msg_no(log, it->second.client_msg_no);
        if (!by_number || !by_number->has_value()) {
          if (!any_gone(log)) return fail("look-up by client_msg_no misses in " + log.id);
        } else if ((*by_number)->client_msg_no != it->second.client_msg_no) {
          return fail("look-up by client_msg_no finds another message");
        }
      }
    }
  }

  std::uint64_t cleared_to(const ChannelKey& log) {
    std::string value;
    const auto found = disk_.get(
        store::Table::main, store::channel_key(partition_for(log.id, kPartitions), log), value);
    if (!found || !*found) return 0;
    return store::decode_channel(value)->cleared_to;
  }
  bool is_cleared(const ChannelKey& log, std::uint64_t seq) { return seq <= cleared_to(log); }
  // Of several messages with one number only the first is looked for; it may be gone.
  bool any_gone(const ChannelKey& log) {
    if (cleared_to(log) > 0 || may_expire_) return true;
    const auto first = deleted_.lower_bound({log, 0});
    return first != deleted_.end() && first->first == log;
  }

  // Who is a subscriber, and not denied, sees the channel; what he wrote himself is read.
  void check_conversations() {
    for (int i = 0; i < 7; ++i) {
      const ChannelKey group("g" + std::to_string(i), ChannelType::group);
      const PartitionId partition = partition_for(group.id, kPartitions);
      const History history(disk_, clock_, kPartitions, kFingerprintSeed);
      const auto subscribers = history.load_members(group, MemberList::subscribers);
      const auto denied = history.load_members(group, MemberList::denylist);
      const auto last = history.load_last_seq(group);
      check_tombstones(group);
      if (!subscribers || !denied || !last) return fail("a list cannot be read");
      lists_.settle(group, check_lists(group));
      if (is_changing(group)) {
        ++summary_.resumed;
        continue;  // conversations follow
      }
      for (const auto& uid : *subscribers) {
        if (std::find(denied->begin(), denied->end(), uid) != denied->end()) continue;
        std::string value;
        const auto found =
            disk_.get(store::Table::main, store::conversation_key(partition, uid, group), value);
        if (!found || !*found) return fail("a subscriber without conversation in " + group.id);
        const auto record = store::decode_conversation(value);
        if (!record) return fail("an unreadable conversation");
        if (record->read_to > raw(*last) || record->deleted_to > raw(*last) ||
            record->manual_count > raw(*last)) {
          return fail("a conversation ahead of its channel " + group.id);
        }
      }
    }
  }

  // Who had a conversation at the last check and has none has its tombstone, or an old one.
  void check_tombstones(const ChannelKey& group) {
    const PartitionId partition = partition_for(group.id, kPartitions);
    for (int i = 0; i < 4; ++i) {
      const std::string uid = "u" + std::to_string(i);
      std::string value;
      const auto row =
          disk_.get(store::Table::main, store::conversation_key(partition, uid, group), value);
      if (!row) return fail("a conversation cannot be read");
      std::int64_t& changed_at = conversation_changed_at_[{group, uid}];
      if (*row) {
        const auto record = store::decode_conversation(value);
        if (!record) return fail("an unreadable conversation");
        changed_at = record->updated_at_ns;
      } else if (changed_at != 0) {
        const auto tombstone =
            disk_.get(store::Table::main, store::tombstone_key(partition, uid, group), value);
        if (!tombstone) return fail("a tombstone cannot be read");
        if (!*tombstone) {
          const auto mark =
              disk_.get(store::Table::main, store::tombstones_dropped_key(partition), value);
          if (!mark) return fail("a mark cannot be read");
          if (!*mark || store::decode_tombstone(value)->deleted_at_ns <= changed_at) {
            return fail("a conversation went without a trace from " + group.id);
          }
        }
        changed_at = 0;
      }
    }
  }

  // Read at any time, also while a change is under way.
  ListModel::Lists check_lists(const ChannelKey& group) {
    const History history(disk_, clock_, kPartitions, kFingerprintSeed);
    ListModel::Lists lists;
    for (std::size_t list = 0; list < lists.size(); ++list) {
      const auto uids = history.load_members(group, static_cast<MemberList>(list));
      if (!uids) fail("a list cannot be read");
      if (uids) lists[list] = {uids->begin(), uids->end()};
      const std::string asked = "u" + std::to_string(roll(8));
      const auto member = history.has_member(group, static_cast<MemberList>(list), asked);
      if (!member || *member != lists[list].contains(asked)) fail("two looks at a list disagree");
    }
    if (!lists_.allows(group, lists)) {
      fail("the lists are not what they were changed to in " + group.id);
    }
    return lists;
  }

  bool is_changing(const ChannelKey& group) {
    const auto cursor = disk_.open_cursor(store::Table::main);
    const auto change =
        store::load_list_change(*cursor, partition_for(group.id, kPartitions), group);
    if (!change) fail("an unreadable change of a list");
    return change && change->has_value();
  }

  // Everything that was begun is done, and memory agrees with the store.
  void check_nothing_left() {
    const History history(disk_, clock_, kPartitions, kFingerprintSeed);
    for (int i = 0; i < 7; ++i) {
      const ChannelKey group("g" + std::to_string(i), ChannelType::group);
      const PartitionId partition = partition_for(group.id, kPartitions);
      if (is_changing(group)) return fail("a change of a list does not end in " + group.id);
      const auto recipients = partitions_[raw(partition)]->load_recipients(group);
      const auto subscribers = history.load_members(group, MemberList::subscribers);
      if (!recipients || !subscribers) return fail("a list cannot be read");
      std::vector<std::string> known;
      if (recipients->subscribers) {
        known.assign(recipients->subscribers->begin(), recipients->subscribers->end());
      }
      std::sort(known.begin(), known.end());
      if (known != *subscribers) return fail("memory disagrees with the rows in " + group.id);
    }
  }

  void collect(std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored) {
    std::set<ChannelKey> logs;
    for (const auto& [key, payloads] : attempted_) logs.insert(std::get<0>(key));
    for (const auto& log : logs) {
      const auto prefix = store::message_prefix(partition_for(log.id, kPartitions), log);
      const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                      [&](std::string_view key, std::string_view value) {
                                        const MessageSeq seq = store::seq_of_message_key(key);
                                        auto message = store::decode_message(value, log, seq);
                                        if (message)
                                          stored[log].emplace(raw(seq), std::move(*message));
                                        if (!message) fail("an unreadable message");
                                        return true;
                                      });
      if (!scanned) fail("a scan fails");
    }
  }

  std::mt19937_64 dice_;
  VirtualClock clock_;
  MemoryStore disk_;
  FailingReader reader_{disk_};  // of the partitions
  SystemAccounts accounts_;
  store::CommitHorizon horizon_{clock_, kPartitions};
  std::unique_ptr<InboxDirectory> inboxes_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  std::uint64_t generated_ = 0;

  std::set<std::pair<ChannelKey, std::uint64_t>> deleted_;  // asked to be deleted
  bool may_expire_ = false;
  ListModel lists_;
  Summary summary_;
  std::map<SendKey, std::set<std::string>> attempted_;
  std::map<SendKey, Known> first_;
  std::map<ChannelKey, std::map<std::uint64_t, Known>> acknowledged_;
  std::map<ChannelKey, std::uint64_t> delivered_;
  // Of the conversations that were there at the last check; 0: there was none.
  std::map<std::pair<ChannelKey, std::string>, std::int64_t> conversation_changed_at_;
  std::set<std::uint64_t> ids_;
};

}  // namespace

Summary run_simulation(std::uint64_t seed, int steps) {
  World world(seed);
  return world.run(steps);
}

}  // namespace jindou::partition::simulation
