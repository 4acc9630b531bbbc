#include <variant>

#include "partition/simulation/world.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

void World::change() {
  const ChannelKey group("g" + std::to_string(roll(7)), ChannelType::group);
  const std::string uid = "u" + std::to_string(roll(4));
  Change what;
  switch (roll(18)) {
    case 8: return drop_tombstones();
    case 11:
    case 12: return change_tokens(uid);
    case 13:
    case 14: return change_outbox(uid);
    case 15: return change_settings(group);
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

namespace {

PartitionId partition_of(const Change& change) {
  return std::visit(
      [](const auto& command) {
        if constexpr (requires { command.partition; }) {
          return command.partition;
        } else if constexpr (requires { command.channel; }) {
          return partition_for(command.channel.id, kPartitions);
        } else if constexpr (requires { command.uid; }) {
          return partition_for(command.uid, kPartitions);
        } else {
          return partition_for(kSystemUid, kPartitions);
        }
      },
      change);
}

}  // namespace

SharedOutcome World::ask(Change what) {
  auto outcome = std::make_shared<Outcome>();
  lists_.begin(what, outcome);
  facts_.begin(what, outcome);
  ++summary_.changes[what.index()];
  partitions_[raw(partition_of(what))]->execute(
      std::move(what), [outcome](const Result<void>& done) { outcome->answer(done); });
  return outcome;
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

// What the webhook and the synchronisation of commands remember.
void World::change_outbox(const std::string& uid) {
  switch (roll(4)) {
    case 0: {
      AdvanceWebhook webhook;
      webhook.partition = static_cast<PartitionId>(roll(kPartitions));
      if (chance(70)) webhook.notified_to = roll(200);
      if (chance(70)) webhook.offline_to = roll(200);
      ask(webhook);
      break;
    }
    case 1: {
      RecordPresenceEvent presence;
      presence.uid = uid;
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
