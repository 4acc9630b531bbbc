#include <algorithm>
#include <type_traits>
#include <variant>

#include "partition/command_variant.h"
#include "partition/history.h"
#include "partition/simulation/world.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition::simulation {

void World::change() {
  const ChannelKey group("g" + std::to_string(roll(7)), ChannelType::group);
  const std::string uid = "u" + std::to_string(roll(4));
  Change what;
  switch (roll(38)) {
    case 19: return drop_commit_records();
    case 34:
    case 35:
    case 36: return change_letters();
    case 37: return import_messages();
    case 21:
    case 22: return change_requests();
    case 33: return change_bulk_counts();
    case 8: return drop_tombstones();
    case 11:
    case 12: return change_tokens(uid);
    case 13:
    case 14: return change_outbox(uid);
    case 15:
      // Between now and its turn a long change of the lists may begin.
      if (gathering_ == nullptr) change_settings(group);
      return;
    case 23:
    case 24:
    case 31:
    case 32: return change_templates();
    case 25:
    case 26:
    case 27:
    case 28: return change_jobs();
    case 29:
    case 30: return revise(group);
    case 17: {
      what = AdvanceCommandPosition{group, uid, roll(10)};
      break;
    }
    case 18: {
      CloseIdleStreams idle;
      idle.partition = static_cast<PartitionId>(roll(kPartitions));
      idle.idle_ms = static_cast<std::int64_t>(roll(20'000));
      what = idle;
      break;
    }
    case 16: {
      ChangeSystemAccounts accounts;
      accounts.add = chance(50);
      for (auto n = roll(3); n > 0; --n) accounts.uids.push_back("u" + std::to_string(roll(4)));
      what = accounts;
      break;
    }
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
      const ChannelKey inbox(uid, ChannelType::person);
      if (chance(50)) {
        ChangeMembers denied;
        denied.channel = inbox;
        denied.list = MemberList::denylist;
        denied.operation = static_cast<ChangeMembers::Operation>(roll(3));
        denied.uids = {"u" + std::to_string(roll(4))};
        what = denied;
        break;
      }
      UpsertChannel flags;
      flags.channel = inbox;
      flags.flags.send_ban = chance(20);
      what = flags;
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
      what = messages;
      break;
    }
    case 6: {
      ChangeConversation conversation;
      // In a pair no list takes conversations away.
      conversation.channel =
          chance(70) ? group : ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
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
                                        expired.keys.emplace_back(key);
                                        return expired.keys.size() < 3;
                                      });
      if (!scanned) fail("a scan fails");
      what = expired;
      break;
    }
    default: {
      if (!chance(30)) return;
      DeleteChannel gone;
      gone.channel = group;
      what = gone;
    }
  }
  ask(std::move(what));
}

PartitionId home_of(const Change& change) {
  return std::visit(
      [](const auto& command) {
        if constexpr (requires { command.partition; }) {
          return command.partition;
        } else if constexpr (requires { command.channel; }) {
          return partition_for(command.channel.id, kPartitions);
        } else if constexpr (requires { command.uid; }) {
          return partition_for(command.uid, kPartitions);
        } else if constexpr (requires { command.job; }) {
          return partition_for(command.job, kPartitions);
        } else if constexpr (is_command_of<std::decay_t<decltype(command)>, TemplateCommand>) {
          return partition_for(command.name, kPartitions);
        } else {
          return partition_for(kSystemUid, kPartitions);
        }
      },
      change);
}

SharedOutcome World::ask(Change what) {
  if (gathering_ != nullptr) {
    gathering_->emplace_back(std::move(what));
    return std::make_shared<Outcome>();
  }
  if (!failing_reads_) return ask_at_once(std::move(what));
  failing_reads_ = false;
  // It may not come to be asked for.
  auto last = std::make_shared<Outcome>();
  fail_each_read(home_of(what), [&] { return last = ask_at_once(what); });
  return last;
}

SharedOutcome World::ask_at_once(Change what) {
  Server& server = known_owner(home_of(what));
  return ask(server, std::move(what));
}

SharedOutcome World::ask(Server& server, Change what) {
  auto outcome = std::make_shared<Outcome>();
  const PartitionId partition = home_of(what);
  note(what, outcome, server);
  server.host(partition).execute(what, [this, what, partition, outcome](const Result<void>& done) {
    outcome->answer(done);
    // Each server reserves time for itself.
    if (!outcome->is_elsewhere() || std::holds_alternative<ReserveTime>(what)) return;
    repeat(partition, [this, what] { ask_again(what); });
  });
  return outcome;
}

void World::ask_again(Change what) {
  const auto* settings = std::get_if<SetRetention>(&what);
  if (settings != nullptr && lists_.is_open(settings->channel)) return;  // see change_settings()
  ask_at_once(std::move(what));
}

void World::note(const Change& what, const SharedOutcome& outcome, Server& server) {
  lists_.begin(what, outcome);
  judges_.begin(what, outcome);
  facts_.begin(what, outcome);
  jobs_.begin(what, outcome);
  note_removal(what, outcome, server);
  note_view(what, outcome);
  if (const auto* idle = std::get_if<CloseIdleStreams>(&what)) {
    lanes_.begin_closing(idle->partition, kPartitions);
  }
  if (const auto* recall = std::get_if<RecallMessage>(&what)) note_revision(*recall, outcome);
  if (const auto* edit = std::get_if<EditMessage>(&what)) note_revision(*edit, outcome);
  if (const auto* time = std::get_if<ReserveTime>(&what)) reserved_.emplace_back(*time, outcome);
  ++summary_.changes[what.index()];
}

std::uint64_t World::told_last(const ChannelKey& log) const {
  const auto told = acknowledged_.find(log);
  return told == acknowledged_.end() ? 0 : told->second.rbegin()->first;
}

template <class Command>
void World::note_revision(const Command& command, const SharedOutcome& outcome) {
  const auto sent = sent_payload(command.channel, command.seq);
  if (sent) revisions_.begin(command, *sent, outcome);
}

std::optional<std::string> World::sent_payload(const ChannelKey& log, std::uint64_t seq) {
  const auto told = acknowledged_.find(log);
  if (told != acknowledged_.end()) {
    const auto known = told->second.find(seq);
    if (known != told->second.end()) return known->second.payload;
  }
  // Of one that nobody was told of yet only a job asks, which sends each with one payload.
  const History history(readers(), clock_, kFingerprintSeed);
  const auto message = history.load_by_seq(log, MessageSeq{seq});
  if (!message) fail("a message cannot be read");
  if (!message || !*message) return std::nullopt;  // it is gone, and nothing becomes of it
  const auto attempted = attempted_.find({log, (*message)->from_uid, (*message)->client_msg_no});
  if (attempted == attempted_.end() || attempted->second.size() != 1) {
    fail("a message that nobody has sent");
    return std::nullopt;
  }
  return *attempted->second.begin();
}

void World::note_removal(const Change& what, const SharedOutcome& outcome, Server& server) {
  const auto begin = [&](const ChannelKey& log, Removals::Removal removal) {
    removal.known_last = told_last(log);
    removals_.begin(log, std::move(removal));
  };
  if (const auto* clear = std::get_if<ClearMessages>(&what)) {
    begin(clear->commands ? store::command_log_of(clear->channel) : clear->channel,
          {clear->up_to, {}, 0, outcome});
  } else if (const auto* gone = std::get_if<DeleteChannel>(&what)) {
    begin(gone->channel, {Removals::kAll, {}, 0, outcome});
    begin(store::command_log_of(gone->channel), {Removals::kAll, {}, 0, outcome});
  } else if (const auto* messages = std::get_if<DeleteMessages>(&what)) {
    begin(messages->channel, {0, {messages->seqs.begin(), messages->seqs.end()}, 0, outcome});
  } else if (const auto* expired = std::get_if<ReclaimExpired>(&what)) {
    // The clock goes on while it waits.
    const bool waits = server.host(expired->partition).is_held();
    for (const auto& key : expired->keys) {
      const auto expiry = store::expiry_of_key(key);
      if (waits || expiry.over_at(server.clock().wall_seconds()))
        begin(expiry.log, {0, {raw(expiry.seq)}, 0, {}});
    }
  }
}

void World::note_view(const Change& what, const SharedOutcome& outcome) {
  if (const auto* command = std::get_if<ChangeConversation>(&what)) {
    if (lists_.is_open(command->channel) || is_changing(command->channel)) return;
    views_.begin(*command, {told_last(command->channel), 0}, outcome);
  } else if (const auto* position = std::get_if<AdvanceCommandPosition>(&what)) {
    if (lists_.is_open(position->channel) || is_changing(position->channel)) return;
    // Whoever has no conversation has no position.
    std::string row;
    const auto key = store::conversation_key(home_of(what), position->uid, position->channel);
    const auto found = disk_.get(store::Table::main, key, row);
    if (!found) return fail("a conversation cannot be read");
    if (!*found) return;
    views_.begin(*position, {0, told_last(store::command_log_of(position->channel))}, outcome);
  } else {
    std::visit(
        [this](const auto& list) {
          if constexpr (is_command_of<std::decay_t<decltype(list)>, ListCommand>) {
            views_.forget(list.channel);
          }
        },
        what);
  }
}

// Those of messages that are gone and that nobody can repeat.
void World::drop_commit_records() {
  DropCommitRecords drop;
  drop.partition = static_cast<PartitionId>(roll(kPartitions));
  const auto prefix = store::commit_record_prefix(drop.partition);
  const auto scanned = disk_.scan(
      store::Table::main, prefix, store::after_prefix(prefix),
      [&](std::string_view key, std::string_view value) {
        const std::uint64_t first = store::counter_of_commit_record_key(key);
        const auto record = store::decode_commit_record(value, first);
        if (!record) fail("an unreadable commit record");
        const bool gone = record && std::none_of(record->entries.begin(), record->entries.end(),
                                                 [&](const auto& entry) {
                                                   return entry.idempotent || is_there(entry);
                                                 });
        if (gone) drop.first_counters.push_back(first);
        return true;
      });
  if (!scanned) fail("a scan fails");
  const auto outcome = ask(drop);
  for (const auto first : drop.first_counters) {
    dropped_records_.emplace_back(store::commit_record_key(drop.partition, first), outcome);
  }
}

bool World::is_there(const store::CommitEntry& entry) {
  std::string value;
  if (entry.seq == 0) return false;
  const auto found = disk_.get(store::Table::main,
                               store::message_key(partition_for(entry.log.id, kPartitions),
                                                  entry.log, MessageSeq{entry.seq}),
                               value);
  if (!found) fail("a message cannot be read");
  return !found || *found;
}

void World::drop_tombstones() {
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
  ask(std::move(drop));
}

void World::change_tokens(const std::string& uid) {
  const auto device = static_cast<DeviceFlag>(roll(3));
  if (chance(30)) {
    ClearTokens clear;
    clear.uid = uid;
    if (chance(50)) clear.device_flag = device;
    ask(clear);
  } else {
    ask(StoreToken{uid, device, chance(50) ? DeviceLevel::master : DeviceLevel::slave,
                   "t" + std::to_string(roll(3)), chance(30)});
  }
}

// A few messages of another server, most often the next ones of a channel that nobody else writes
// to. Each has an id and a content that follow from its seq.
void World::import_messages() {
  ImportMessages command;
  command.channel = chance(50)
                        ? ChannelKey("imported" + std::to_string(roll(3)), ChannelType::group)
                        : ChannelKey(person_channel_id("i1", "i2"), ChannelType::person);
  const auto prefix =
      store::message_prefix(partition_for(command.channel.id, kPartitions), command.channel);
  const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view) {
                                    command.after_seq = raw(store::seq_of_message_key(key));
                                    return true;
                                  });
  if (!scanned) fail("a scan fails");
  if (chance(20)) command.after_seq = roll(10);
  command.after_id = static_cast<MessageId>(kForeignIdMin + command.after_seq);
  std::uint64_t seq = command.after_seq;
  for (auto n = 1 + roll(3); n > 0; --n) {
    seq += chance(80) ? 1 : 1 + roll(3);
    Message& message = command.messages.emplace_back();
    message.id = static_cast<MessageId>(kForeignIdMin + seq);
    message.seq = static_cast<MessageSeq>(seq);
    message.from_uid = seq % 2 == 0 ? "i1" : "i2";
    message.client_msg_no = "imported" + std::to_string(seq);
    message.timestamp = 1'000;
    message.payload = message.client_msg_no;
  }
  ask(std::move(command));
}

// Few users, messages and days, so that they meet each other.
void World::change_bulk_counts() {
  const auto day = static_cast<std::uint32_t>(20'000 + roll(4));
  const auto partition = static_cast<PartitionId>(roll(kPartitions));
  if (chance(30)) return static_cast<void>(ask(ForgetBulkCounts{partition, day}));
  CountBulk count;
  count.partition = partition;
  count.day = day;
  count.most = static_cast<std::uint32_t>(2 + roll(3));
  for (auto n = 1 + roll(4); n > 0; --n) {
    count.messages.push_back({"u" + std::to_string(roll(3)), 1 + roll(6)});
  }
  ask(std::move(count));
}

// Few keys and claims, so that they meet each other.
void World::change_requests() {
  const auto partition = static_cast<PartitionId>(roll(kPartitions));
  const std::string key(store::kRequestKeyBytes, static_cast<char>('a' + roll(3)));
  const std::uint64_t claim = 1 + roll(3);
  switch (roll(8)) {
    case 0: {
      ask(ReleaseRequest{partition, key, claim});
      return;
    }
    case 1: {
      ReclaimRequests reclaim;
      reclaim.partition = partition;
      reclaim.now_s = clock_.wall_seconds() + static_cast<std::int64_t>(roll(30));
      const auto prefix = store::request_expiry_prefix(partition);
      const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                      [&](std::string_view row, std::string_view) {
                                        reclaim.keys.emplace_back(row);
                                        return true;
                                      });
      if (!scanned) fail("a scan fails");
      ask(std::move(reclaim));
      return;
    }
    case 2:
    case 3:
    case 4: {
      const std::string answer = "answer " + std::to_string(++generated_);
      ask(FinishRequest{partition, key, claim, 200, "", answer});
      return;
    }
    default: break;
  }
  ClaimRequest wanted;
  wanted.partition = partition;
  wanted.key = key;
  wanted.fingerprint = std::string(store::kRequestKeyBytes, static_cast<char>('x' + roll(2)));
  wanted.claim = claim;
  wanted.now_ms = clock_.wall_ms();
  wanted.until_ms = wanted.now_ms + static_cast<std::int64_t>(roll(3'000));
  wanted.expires_s = wanted.now_ms / 1000 + 1 + static_cast<std::int64_t>(roll(30));
  wanted.numbers = 1 + roll(2);
  ask(std::move(wanted));
}

store::WebhookLetterRecord World::random_letter() {
  store::WebhookLetterRecord letter;
  letter.log = ChannelKey("g1", ChannelType::group);
  letter.seq = 1 + roll(9);
  letter.error = "e" + std::to_string(++generated_);
  return letter;
}

// What the webhook gives up, and what becomes of it. The position goes on in small steps, so that
// there is always something that it may still pass.
void World::change_letters() {
  const auto partition = static_cast<PartitionId>(chance(70) ? 0 : roll(kPartitions));
  std::vector<std::uint64_t> known;
  std::uint64_t redrives = 0;
  const auto prefix = store::webhook_letter_prefix(partition);
  const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    if (chance(50))
                                      known.push_back(store::counter_of_webhook_letter_key(key));
                                    redrives = store::decode_webhook_letter(value)->redrives;
                                    return true;
                                  });
  if (!scanned) fail("a scan fails");
  if (chance(20)) known.push_back(roll(40));
  // Most often something new is given up, so that rows are counted that are not kept any more.
  switch (roll(5)) {
    case 0:
    case 1:
    case 2: {
      AdvanceWebhook webhook;
      webhook.partition = partition;
      const std::uint64_t to = ++letters_to_;
      webhook.notified_to = to;
      for (std::uint64_t n = roll(3); n > 0; --n) {
        webhook.letters.push_back({to >= n ? to - n + 1 : 1, random_letter()});
      }
      if (chance(60)) webhook.letters_dropped = 1 + roll(3);
      ask(std::move(webhook));
      break;
    }
    case 3: ask(RedriveWebhook{partition, known}); break;
    default: {
      SettleRedrives settle;
      settle.partition = partition;
      for (const std::uint64_t counter : known) {
        settle.settled.push_back({counter, chance(80) ? redrives : roll(3), {}});
        if (chance(50)) settle.settled.back().again = random_letter();
      }
      ask(std::move(settle));
    }
  }
}

// What the webhook and the synchronisation of commands remember.
void World::change_outbox(const std::string& uid) {
  switch (roll(4)) {
    case 0: {
      AdvanceWebhook webhook;
      webhook.partition = static_cast<PartitionId>(roll(kPartitions));
      if (chance(70)) webhook.notified_to = roll(20);
      if (chance(70)) webhook.offline_to = roll(200);
      ask(webhook);
      break;
    }
    case 1: {
      RecordPresenceEvent presence;
      presence.uid = uid;
      presence.start = {static_cast<std::uint16_t>(roll(3)), roll(2)};
      presence.session_id = 1 + roll(3);
      presence.online = chance(50);
      presence.at_ns = static_cast<std::int64_t>(++generated_);
      presence.text = "p" + std::to_string(generated_);
      ask(presence);
      break;
    }
    case 2: {
      ForgetPresenceEvents forget;
      forget.partition = static_cast<PartitionId>(roll(kPartitions));
      const auto prefix = store::presence_event_prefix(forget.partition);
      const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                      [&](std::string_view key, std::string_view) {
                                        if (chance(70)) forget.keys.emplace_back(key);
                                        return true;
                                      });
      if (!scanned) fail("a scan fails");
      ask(forget);
      break;
    }
    default: {
      RecordCommandSync sync;
      sync.uid = uid;
      for (auto n = roll(3); n > 0; --n) {
        sync.positions.push_back(
            {ChannelKey("g" + std::to_string(roll(7)), ChannelType::group), roll(20)});
      }
      ask(sync);
    }
  }
}

void World::change_templates() {
  // Few names and many ends, each of which moves the number that new templates begin behind.
  const std::string name = "t" + std::to_string(roll(2));
  if (chance(50)) {
    return static_cast<void>(ask(DeleteTemplate{name, chance(75) ? 0 : 1 + roll(8)}));
  }
  // What is durable may be behind what was asked for.
  const auto next = RecordReader(readers()).load_next_template_version(name);
  if (!next) return fail("the next version of a template cannot be read");
  StoreTemplate version;
  version.name = name;
  version.version = *next + (chance(20) ? roll(3) : 0);
  version.payload = "p" + std::to_string(++generated_);
  version.created_at = clock_.wall_seconds();
  ask(std::move(version));
}

// Edits or recalls one of the messages that somebody was told of.
void World::revise(const ChannelKey& group) {
  const ChannelKey pair(person_channel_id("u1", "u2"), ChannelType::person);
  const ChannelKey& log = chance(70) ? group : pair;
  const auto told = acknowledged_.find(log);
  if (told == acknowledged_.end()) return;
  const auto lately = std::min<std::size_t>(told->second.size(), 8);
  const auto it = std::prev(told->second.end(), static_cast<std::ptrdiff_t>(1 + roll(lately)));
  const std::uint64_t seq = it->first;
  // Of these, others do that, or nobody.
  const std::string& payload = it->second.payload;
  if (payload.starts_with(kJobPayload) || payload.starts_with(kKeyedPayload)) return;
  if (revisions_.open(log, seq) > 5) return;  // of each both outcomes would be tried
  const std::string who = "u" + std::to_string(roll(4));
  if (chance(40)) return static_cast<void>(ask(RecallMessage{log, seq, it->second.id, who}));
  // What is durable may be behind what was asked for.
  const History history(readers(), clock_, kFingerprintSeed);
  const auto message = history.load_by_seq(log, MessageSeq{seq});
  if (!message) return fail("a message cannot be read");
  EditMessage edit;
  edit.channel = log;
  edit.seq = seq;
  edit.id = it->second.id;
  edit.version = 1 + (chance(10) ? roll(3) : 0);
  if (*message && (*message)->revision) edit.version += (*message)->revision->version;
  edit.payload = "edit " + std::to_string(++generated_);
  edit.operator_uid = who;
  ask(std::move(edit));
}

void World::change_settings(const ChannelKey& group) {
  // It does not wait behind a long change of the lists, which may set flags at its decision.
  if (lists_.is_open(group)) return;
  SetRetention retention;
  retention.channel = group;
  if (chance(50)) retention.max_age_seconds = roll(100);
  if (chance(50)) retention.max_count = roll(100);
  ask(retention);
}

}  // namespace jindou::partition::simulation
