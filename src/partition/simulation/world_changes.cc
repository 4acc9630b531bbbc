#include <variant>

#include "partition/simulation/world.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

void World::change() {
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
  auto& partition = *partitions_[raw(drop.partition)];
  partition.execute(Change(std::move(drop)), [](const Result<void>&) {});
}

}  // namespace jindou::partition::simulation
