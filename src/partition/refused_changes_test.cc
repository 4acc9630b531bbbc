// A command that is refused because the store cannot be read leaves nothing behind: not in the
// store, not in the partition's memory, not in ids and effects. Every kind of command is run with
// the first, the second, the third ... of its reads failing, until one passes without a failure.
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "partition/simulation/lone_partition.h"

namespace jindou::partition {
namespace {

using simulation::Command;
using simulation::kPartition;
using simulation::LonePartition;
using simulation::MemoryStore;

const ChannelKey kGroup("g1", ChannelType::group);
const ChannelKey kPair("u1@u2", ChannelType::person);
const ChannelKey kAgent("u1@bot", ChannelType::agent);

SendCommand message(const ChannelKey& channel, const std::string& from, const std::string& text) {
  SendCommand command;
  command.channel = channel;
  command.from_uid = from;
  command.client_msg_no = text;
  command.idempotent = true;
  command.payload = text;
  return command;
}

SendCommand with_expiry(SendCommand command) {
  command.expire = 1;
  return command;
}

SendCommand stream(const std::string& number) {
  SendCommand command = message(kGroup, "u1", number);
  command.setting = kSettingStream;
  return command;
}

SendCommand as_command(SendCommand command, std::vector<std::string> users) {
  command.flags.sync_once = true;
  command.subscribers = std::move(users);
  return command;
}

AppendEvent event(const std::string& anchor, AppendEvent::Effect effect, const std::string& id) {
  AppendEvent event;
  event.channel = kGroup;
  event.client_msg_no = anchor;
  event.effect = effect;
  event.event_id = id;
  event.event_type = "stream";
  event.event_key = std::string(kMainLane);
  event.text = effect == AppendEvent::Effect::text_delta ? id : "";
  return event;
}

AppendEvent begins(AppendEvent event) {
  event.begins_stream = true;
  return event;
}

UpsertChannel upsert(const ChannelKey& channel, bool reset, std::vector<std::string> subscribers) {
  UpsertChannel change;
  change.channel = channel;
  change.flags.large = reset;
  change.reset_subscribers = reset;
  change.subscribers = std::move(subscribers);
  return change;
}

ChangeMembers members(const ChannelKey& channel, MemberList list,
                      ChangeMembers::Operation operation, std::vector<std::string> uids) {
  ChangeMembers change;
  change.channel = channel;
  change.list = list;
  change.operation = operation;
  change.uids = std::move(uids);
  return change;
}

ChangeConversation conversation(const ChannelKey& channel, ChangeConversation::Operation operation,
                                std::uint64_t value) {
  ChangeConversation change;
  change.channel = channel;
  change.uids = {"u1", "u2", "u9"};
  change.operation = operation;
  change.value = value;
  return change;
}

std::string expiry_key(std::uint64_t seq) {
  return store::expiry_key(kPartition, 1'700'000'001, kGroup, MessageSeq{seq});
}

// The store that every run begins with.
MemoryStore furnished() {
  using Operation = ChangeMembers::Operation;
  LonePartition world((MemoryStore()));
  const std::vector<Command> history = {
      upsert(kGroup, false, {"u1", "u2", "u3"}),
      members(kGroup, MemberList::denylist, Operation::add, {"u3", "d1"}),
      members(kGroup, MemberList::allowlist, Operation::add, {"u1"}),
      message(kGroup, "u1", "one"),
      with_expiry(message(kGroup, "u2", "two")),
      stream("anchor"),
      stream("running"),
      event("anchor", AppendEvent::Effect::text_delta, "e1"),
      begins(event("running", AppendEvent::Effect::text_delta, "e2")),
      with_expiry(stream("expiring")),
      event("expiring", AppendEvent::Effect::text_delta, "e3"),
      as_command(message(kGroup, "u1", "order"), {}),
      as_command(message(ChannelKey(), "u1", "targeted"), {"u1", "u2"}),
      message(kPair, "u1", "hello"),
      message(kAgent, "u1", "ask"),
      StoreToken{"u1", DeviceFlag::app, DeviceLevel::master, "t1"},
      StoreToken{"u1", DeviceFlag::web, DeviceLevel::slave, "t2"},
      members(ChannelKey("u2", ChannelType::person), MemberList::denylist, Operation::add, {"d1"}),
  };
  for (const Command& command : history) {
    const auto failed = world.run(command);
    EXPECT_FALSE(failed.has_value());
  }
  return world.memory;
}

struct Kind {
  std::string name;
  Command command;
};

std::vector<Kind> changes_of_channels() {
  using Operation = ChangeMembers::Operation;
  using What = ChangeConversation::Operation;
  const ChannelKey inbox("u2", ChannelType::person);
  const ChannelKey agent_backwards("bot@u1", ChannelType::agent);
  return {
      {"upsert", upsert(kGroup, false, {})},
      {"upsert with members", upsert(kGroup, false, {"u1", "u4"})},
      {"upsert with reset", upsert(kGroup, true, {"u1", "u4"})},
      {"upsert of a new channel", upsert(ChannelKey("g2", ChannelType::group), true, {"u1"})},
      {"add", members(kGroup, MemberList::subscribers, Operation::add, {"u3", "u5"})},
      {"remove", members(kGroup, MemberList::subscribers, Operation::remove, {"u2", "u5"})},
      {"replace", members(kGroup, MemberList::subscribers, Operation::replace, {"u5"})},
      {"deny", members(kGroup, MemberList::denylist, Operation::add, {"u1"})},
      {"readmit", members(kGroup, MemberList::denylist, Operation::remove, {"u3", "d1"})},
      {"readmit all", members(kGroup, MemberList::denylist, Operation::replace, {"d2"})},
      {"allow", members(kGroup, MemberList::allowlist, Operation::replace, {"u2"})},
      {"inbox", members(inbox, MemberList::denylist, Operation::add, {"u9"})},
      {"delete channel", DeleteChannel{kGroup}},
      {"open", conversation(kGroup, What::open, 0)},
      {"read", conversation(kGroup, What::read, 0)},
      {"unread", conversation(kPair, What::set_unread, 1)},
      {"remove conversation", conversation(agent_backwards, What::remove, 0)},
      {"command position", AdvanceCommandPosition{kGroup, "u2", 1}},
      {"command position, agent", AdvanceCommandPosition{agent_backwards, "u1", 1}},
      {"clear", ClearMessages{kGroup, 100, false}},
      {"clear commands", ClearMessages{kGroup, 100, true}},
      {"delete messages", DeleteMessages{kGroup, {1, 3, 4, 5}}},
      {"retention", SetRetention{kGroup, 10, 10}},
      {"reclaim", ReclaimExpired{kPartition, {expiry_key(2), expiry_key(5)}}},
      {"close streams", CloseIdleStreams{kPartition, 0}},
  };
}

std::vector<Kind> other_commands() {
  using Effect = AppendEvent::Effect;
  AdvanceWebhook webhook;
  webhook.partition = kPartition;
  webhook.notified_to = 3;
  DropTombstones tombstones;
  tombstones.partition = kPartition;
  for (const char* uid : {"u3", "u1", "d1"}) {
    tombstones.keys.push_back(store::tombstone_key(kPartition, uid, kGroup));
  }
  tombstones.up_to_ns = std::numeric_limits<std::int64_t>::max();
  RecordCommandSync sync;
  sync.uid = "u1";
  sync.positions = {{kGroup, 1}};
  RecordPresenceEvent online;
  online.uid = "u1";
  online.session_id = 7;
  online.at_ns = 1;
  online.text = "x";
  const auto presence_key = store::presence_event_key(kPartition, 1, 7, true);
  const ChannelKey visitors("v1", ChannelType::visitors);
  const ChannelKey service("v1|g", ChannelType::customer_service);
  return {
      {"token", StoreToken{"u1", DeviceFlag::app, DeviceLevel::master, "t9"}},
      {"clear tokens", ClearTokens{"u1", {}}},
      {"system accounts", ChangeSystemAccounts{true, {"s1", "s2"}}},
      {"command sync", sync},
      {"time", ReserveTime{kPartition, 1}},
      {"commit records", DropCommitRecords{kPartition, {1}}},
      {"tombstones", tombstones},
      {"webhook", webhook},
      {"presence", online},
      {"forget presence", ForgetPresenceEvents{kPartition, {presence_key}}},
      {"delta", event("anchor", Effect::text_delta, "e7")},
      {"end", event("running", Effect::close, "e8")},
      {"begin stream", begins(event("running", Effect::snapshot, "e9"))},
      {"send", message(kGroup, "u1", "three")},
      {"send as a stranger", message(kGroup, "u9", "four")},
      {"first send of a pair", message(ChannelKey("u7@u8", ChannelType::person), "u7", "a")},
      {"first send of a visitor", message(visitors, "v1", "b")},
      {"first send to a service", message(service, "v1", "c")},
      {"first send to an agent", message(ChannelKey("u7@bot", ChannelType::agent), "u7", "d")},
      {"command", as_command(message(kGroup, "u2", "do"), {})},
      {"targeted command", as_command(message(ChannelKey(), "u1", "now"), {"u1", "u2", "u3"})},
  };
}

// What makes memory differ from the store when the command comes.
void add_unsettled(LonePartition& world) {
  world.begin(message(kGroup, "u2", "unsettled"));
  world.begin(event("anchor", AppendEvent::Effect::text_delta, "unsettled"));
  world.begin(members(kGroup, MemberList::subscribers, ChangeMembers::Operation::add, {"u6"}));
  world.begin(StoreToken{"u1", DeviceFlag{2}, DeviceLevel::slave, "unsettled"});
}

// Shows what is in memory: all of it goes to the store or to somebody.
void follow_up(LonePartition& world) {
  using What = ChangeConversation::Operation;
  const Command commands[] = {
      message(kGroup, "u1", "after"),
      message(kPair, "u2", "after"),
      message(ChannelKey("u7@u8", ChannelType::person), "u8", "after"),
      event("anchor", AppendEvent::Effect::text_delta, "after"),
      event("anchor", AppendEvent::Effect::close, "end"),
      conversation(kGroup, What::set_unread, 2),
      members(kGroup, MemberList::subscribers, ChangeMembers::Operation::remove, {"u6", "u2"}),
      as_command(message(kGroup, "u1", "after, as a command"), {}),
      CloseIdleStreams{kPartition, 0},
      ClearTokens{"u1", {}},
  };
  for (const Command& command : commands) {
    ++world.clock.now_ms;
    world.run(command);
  }
}

class Refused : public ::testing::TestWithParam<bool> {
 protected:
  // Runs `kind` with its n-th read failing; false when it has fewer.
  bool check(const Kind& kind, int nth, bool unsettled) {
    SCOPED_TRACE(kind.name + ", read " + std::to_string(nth) + (unsettled ? ", unsettled" : ""));
    LonePartition world(base_);
    LonePartition control(base_);
    for (LonePartition* each : {&world, &control}) {
      // Also those that expire are over.
      each->clock.now_ms += 5000;
      if (unsettled) add_unsettled(*each);
    }
    world.reader.arm(nth);
    const auto failed = world.begin(kind.command);
    const bool reached = world.reader.disarm();
    world.settle();
    control.settle();
    // Of several streams, those that can be read are ended.
    const auto* change = std::get_if<Change>(&kind.command);
    const bool goes_on = change != nullptr && std::holds_alternative<CloseIdleStreams>(*change);
    if (reached && !goes_on) {
      EXPECT_EQ(*failed, Errc::storage);
      EXPECT_EQ(world.rows(), control.rows());
      EXPECT_EQ(world.effects, control.effects);
    }
    if (reached) {
      ++world.clock.now_ms;
      ++control.clock.now_ms;
      EXPECT_FALSE(world.run(kind.command).has_value());
      EXPECT_FALSE(control.run(kind.command).has_value());
      follow_up(world);
      follow_up(control);
      EXPECT_EQ(world.rows(), control.rows());
      EXPECT_EQ(world.effects, control.effects);
    }
    return reached;
  }

  void check_all(const std::vector<Kind>& kinds) {
    for (const Kind& kind : kinds) {
      for (int nth = 1; check(kind, nth, GetParam()); ++nth) {
        ASSERT_LT(nth, 200) << kind.name;
        if (HasFailure()) return;
      }
    }
  }

  MemoryStore base_ = furnished();
};

TEST_P(Refused, ChangesOfChannelsLeaveNothingBehind) { check_all(changes_of_channels()); }

TEST_P(Refused, OtherCommandsLeaveNothingBehind) { check_all(other_commands()); }

INSTANTIATE_TEST_SUITE_P(Store, Refused, ::testing::Values(false, true));

TEST(RefusedKinds, EveryKindOfChangeIsTried) {
  std::set<std::size_t> kinds;
  for (const auto& list : {changes_of_channels(), other_commands()}) {
    for (const Kind& kind : list) {
      if (const auto* change = std::get_if<Change>(&kind.command)) kinds.insert(change->index());
    }
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Change>);
}

}  // namespace
}  // namespace jindou::partition
