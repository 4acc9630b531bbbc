// The permission rules in their order, one row per rule and origin.
#include "partition/permission.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace jindou::partition {
namespace {

class FakeFacts final : public PermissionFacts {
 public:
  bool is_system_account(std::string_view uid) const override {
    return uid == kSystemUid || uid == "robot";
  }
  const ChannelFlags& flags() const override { return channel_flags; }
  bool is_set_up() const override { return set_up; }
  Result<std::shared_ptr<const Inbox>> inbox(std::string_view uid) override {
    const auto it = inboxes.find(std::string(uid));
    if (it == inboxes.end()) return std::shared_ptr<const Inbox>();
    return std::shared_ptr<const Inbox>(std::make_shared<Inbox>(it->second));
  }
  Result<bool> is_listed(MemberList list, std::string_view uid) override {
    return lists[list].contains(uid);
  }
  Result<bool> is_empty(MemberList list) override { return lists[list].empty(); }

  ChannelFlags channel_flags;
  bool set_up = true;
  std::map<std::string, Inbox> inboxes;
  std::map<MemberList, UidSet> lists;
};

struct Row {
  const char* name;
  ChannelType type;
  void (*arrange)(FakeFacts&);
  const char* from = "u1";
  // What a socket, and HTTP under each api.sendCheck, are told.
  Reason socket = Reason::success;
  Reason channel = Reason::success;
  Reason trusted = Reason::success;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

void member(FakeFacts& facts) { facts.lists[MemberList::subscribers].insert("u1"); }

const Row kRows[] = {
    {"type_0_is_unsupported", ChannelType::none, [](FakeFacts&) {}, "u1",
     Reason::not_support_channel_type, Reason::not_support_channel_type,
     Reason::not_support_channel_type},
    {"disband_stops_everybody", ChannelType::group,
     [](FakeFacts& f) { f.channel_flags.disband = true; }, "____system", Reason::disband,
     Reason::disband, Reason::disband},
    {"the_system_account_passes_ban", ChannelType::group,
     [](FakeFacts& f) { f.channel_flags.ban = true; }, "____system"},
    {"a_banned_sender", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.inboxes["u1"].flags.ban = true;
     },
     "u1", Reason::ban, Reason::success, Reason::ban},
    {"a_sender_with_send_ban", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.inboxes["u1"].flags.send_ban = true;
     },
     "u1", Reason::send_ban, Reason::success, Reason::send_ban},
    {"a_banned_channel", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.channel_flags.ban = true;
     },
     "u1", Reason::ban, Reason::ban, Reason::ban},
    {"a_silenced_group", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.channel_flags.send_ban = true;
     },
     "u1", Reason::send_ban, Reason::success, Reason::send_ban},
    {"a_banned_receiver", ChannelType::person,
     [](FakeFacts& f) { f.inboxes["u2"].flags.ban = true; }, "u1", Reason::ban, Reason::success,
     Reason::ban},
    {"info_channels_are_open", ChannelType::info, [](FakeFacts&) {}},
    {"an_agent_channel_of_others", ChannelType::agent, [](FakeFacts&) {}, "u9",
     Reason::not_allow_send, Reason::success, Reason::not_allow_send},
    {"an_agent_that_takes_strangers", ChannelType::agent,
     [](FakeFacts& f) { f.inboxes["bot"].flags.allow_stranger = true; }},
    {"a_stranger_to_an_agents_allowlist", ChannelType::agent, [](FakeFacts&) {}, "u1",
     Reason::not_in_allowlist},
    {"a_friend_of_an_agent", ChannelType::agent,
     [](FakeFacts& f) { f.inboxes["bot"].allowlist.insert("u1"); }},
    {"the_denylist_of_the_other_half_of_an_agent_channel", ChannelType::agent,
     [](FakeFacts& f) { f.inboxes["bot"].denylist.insert("u1"); }, "u1", Reason::in_denylist,
     Reason::success, Reason::in_denylist},
    {"a_visitor_asks_for_service", ChannelType::customer_service, [](FakeFacts&) {}, "visitor"},
    {"who_serves_a_visitor", ChannelType::customer_service, member},
    {"a_stranger_writes_to_the_visitor_of_a_service", ChannelType::customer_service,
     [](FakeFacts&) {}, "u1", Reason::not_in_allowlist},
    {"the_denylist_of_the_visitor_of_a_service", ChannelType::customer_service,
     [](FakeFacts& f) {
       member(f);
       f.inboxes["visitor"].denylist.insert("u1");
     },
     "u1", Reason::in_denylist, Reason::success, Reason::in_denylist},
    {"a_banned_visitor_of_a_service", ChannelType::customer_service,
     [](FakeFacts& f) {
       member(f);
       f.inboxes["visitor"].flags.ban = true;
     },
     "u1", Reason::ban, Reason::success, Reason::ban},
    {"the_receivers_denylist", ChannelType::person,
     [](FakeFacts& f) { f.inboxes["u2"].denylist.insert("u1"); }, "u1", Reason::in_denylist,
     Reason::success, Reason::in_denylist},
    {"a_stranger_to_an_allowlist", ChannelType::person, [](FakeFacts&) {}, "u1",
     Reason::not_in_allowlist},
    {"a_stranger_who_is_let_in", ChannelType::person,
     [](FakeFacts& f) { f.inboxes["u2"].flags.allow_stranger = true; }},
    {"a_friend", ChannelType::person, [](FakeFacts& f) { f.inboxes["u2"].allowlist.insert("u1"); }},
    {"a_groups_denylist_even_for_members", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.lists[MemberList::denylist].insert("u1");
     },
     "u1", Reason::in_denylist, Reason::success, Reason::in_denylist},
    {"a_non_member", ChannelType::group, [](FakeFacts&) {}, "u1", Reason::subscriber_not_exist},
    {"a_member", ChannelType::group, member},
    {"a_member_not_on_the_allowlist", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.lists[MemberList::allowlist].insert("u7");
     },
     "u1", Reason::not_in_allowlist},
    {"a_member_on_the_allowlist", ChannelType::group,
     [](FakeFacts& f) {
       member(f);
       f.lists[MemberList::allowlist].insert("u1");
     }},
    {"the_visitor_of_a_visitors_channel", ChannelType::visitors, [](FakeFacts&) {}, "visitor"},
    {"the_denylist_of_the_visitor", ChannelType::visitors,
     [](FakeFacts& f) {
       member(f);
       f.inboxes["visitor"].denylist.insert("u1");
     },
     "u1", Reason::in_denylist, Reason::success, Reason::in_denylist},
    {"a_member_of_a_visitors_channel", ChannelType::visitors, member},
    {"a_stranger_in_a_visitors_channel", ChannelType::visitors, [](FakeFacts&) {}, "u1",
     Reason::subscriber_not_exist},
    {"an_unknown_type_behaves_like_a_group", static_cast<ChannelType>(200), [](FakeFacts&) {}, "u1",
     Reason::subscriber_not_exist},
};

class PermissionRules : public ::testing::TestWithParam<Row> {};

TEST_P(PermissionRules, DecideAsDocumented) {
  const Row& row = GetParam();
  FakeFacts facts;
  row.arrange(facts);
  SendCommand command;
  command.from_uid = row.from;
  switch (row.type) {
    case ChannelType::person: command.channel = ChannelKey("u2@u1", row.type); break;
    case ChannelType::agent: command.channel = ChannelKey("u1@bot", row.type); break;
    case ChannelType::visitors: command.channel = ChannelKey("visitor", row.type); break;
    case ChannelType::customer_service:
      command.channel = ChannelKey("visitor|sales", row.type);
      break;
    default: command.channel = ChannelKey("g1", row.type);
  }
  PermissionPolicy policy;
  policy.person_allowlist_enforced = true;
  command.origin = Origin::socket;
  EXPECT_EQ(*check_send(command, policy, facts), row.socket) << "socket";
  command.origin = Origin::http;
  policy.http_check = SendCheck::strict;
  EXPECT_EQ(*check_send(command, policy, facts), row.socket) << "strict";
  policy.http_check = SendCheck::channel;
  EXPECT_EQ(*check_send(command, policy, facts), row.channel) << "channel";
  policy.http_check = SendCheck::trusted;
  EXPECT_EQ(*check_send(command, policy, facts), row.trusted) << "trusted";
  command.origin = Origin::server;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success) << "server";
}

INSTANTIATE_TEST_SUITE_P(EveryRow, PermissionRules, ::testing::ValuesIn(kRows),
                         [](const auto& row_info) { return std::string(row_info.param.name); });

TEST(UnknownGroups, AreRefusedOverHttpWhereTheyMustExist) {
  FakeFacts facts;
  facts.set_up = false;
  SendCommand command;
  command.from_uid = "u1";
  command.channel = ChannelKey("g1", ChannelType::group);
  command.origin = Origin::http;
  PermissionPolicy policy;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  policy.http_group_must_exist = true;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::channel_not_exist);
  policy.http_check = SendCheck::strict;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::channel_not_exist);
  command.origin = Origin::socket;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::subscriber_not_exist);
  command.origin = Origin::http;
  policy.http_check = SendCheck::channel;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  policy.http_check = SendCheck::trusted;
  command.from_uid = kSystemUid;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  command.from_uid = "u1";
  command.channel = ChannelKey("u2@u1", ChannelType::person);
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  command.channel = ChannelKey("g1", ChannelType::group);
  facts.set_up = true;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
}

TEST(TargetedCommands, ToOneUserAreBoundByThatUsersInbox) {
  FakeFacts facts;
  facts.inboxes["u2"].denylist.insert("u1");
  SendCommand command;
  command.from_uid = "u1";
  command.channel = ChannelKey("v|g", ChannelType::customer_service);
  command.flags.sync_once = true;
  command.subscribers = {"u2"};
  PermissionPolicy policy;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::in_denylist);
  command.subscribers = {"u3"};
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  command.subscribers = {"u1"};
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  policy.person_allowlist_enforced = true;
  policy.http_check = SendCheck::strict;
  command.subscribers = {"u3"};
  EXPECT_EQ(*check_send(command, policy, facts), Reason::not_in_allowlist);
  policy.http_check = SendCheck::channel;
  command.subscribers = {"u2"};
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
}

TEST(TargetedCommands, ToSeveralAreBoundByTheSendersOwnFlagsOnly) {
  FakeFacts facts;
  facts.channel_flags.ban = true;
  SendCommand command;
  command.from_uid = "u1";
  command.channel = ChannelKey("g1", ChannelType::group);
  command.flags.sync_once = true;
  command.subscribers = {"u2", "u3"};
  PermissionPolicy policy;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
  facts.inboxes["u1"].flags.send_ban = true;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::send_ban);
  policy.http_check = SendCheck::channel;
  EXPECT_EQ(*check_send(command, policy, facts), Reason::success);
}

class ListedUsers : public ::testing::Test {
 protected:
  using Lists = std::vector<std::vector<std::string>>;

  // What HTTP is told under api.sendCheck.
  Reason told(SendCheck check = SendCheck::trusted) {
    policy_.http_check = check;
    return *check_send(command_, policy_, facts_);
  }
  void SetUp() override {
    command_.from_uid = "u1";
    command_.channel = ChannelKey("g1", ChannelType::group);
    member(facts_);
  }

  FakeFacts facts_;
  SendCommand command_;
  PermissionPolicy policy_;
};

TEST_F(ListedUsers, TheOnlyOneDecidesWhateverTheChannel) {
  facts_.inboxes["u2"].denylist.insert("u1");
  const ChannelKey channels[] = {
      ChannelKey("g1", ChannelType::group), ChannelKey("v1", ChannelType::visitors),
      ChannelKey("v1|g", ChannelType::customer_service), ChannelKey("i1", ChannelType::info),
      ChannelKey("t1", ChannelType::temp)};
  Lists lists;
  lists.push_back({"u2"});
  lists.push_back({"u2", "u1"});
  lists.push_back({"u1", "u2", "u2"});
  for (const ChannelKey& channel : channels) {
    command_.channel = channel;
    for (const auto& list : lists) {
      command_.subscribers = list;
      EXPECT_EQ(told(), Reason::in_denylist) << channel.id;
      EXPECT_EQ(told(SendCheck::channel), Reason::success) << channel.id;
    }
    command_.subscribers = {"u3"};
    EXPECT_EQ(told(), Reason::success) << channel.id;
    command_.subscribers = {"u1"};
    EXPECT_EQ(told(), Reason::success) << channel.id;
  }
  facts_.inboxes["u3"].flags.ban = true;
  command_.subscribers = {"u3"};
  EXPECT_EQ(told(), Reason::ban);
  command_.subscribers = {"u2"};
  command_.from_uid = "robot";
  EXPECT_EQ(told(), Reason::success) << "a system account writes to everybody";
}

TEST_F(ListedUsers, OfSeveralTheRulesOfTheChannelHold) {
  facts_.inboxes["u2"].denylist.insert("u1");
  command_.subscribers = {"u2", "u3"};
  EXPECT_EQ(told(), Reason::success);
  facts_.lists[MemberList::denylist].insert("u1");
  EXPECT_EQ(told(), Reason::in_denylist);
  command_.channel = ChannelKey("u2|g", ChannelType::customer_service);
  EXPECT_EQ(told(), Reason::in_denylist) << "the visitor, of whom the channel is";
}

TEST_F(ListedUsers, AllowlistsDoNotBindInChannelsOfMany) {
  policy_.person_allowlist_enforced = true;
  command_.subscribers = {"u2"};
  EXPECT_EQ(told(SendCheck::strict), Reason::success);
  command_.channel = ChannelKey("u2|g", ChannelType::customer_service);
  facts_.lists.clear();
  EXPECT_EQ(told(SendCheck::strict), Reason::not_in_allowlist) << "whose channel it is";
  command_.channel = ChannelKey("u1|g", ChannelType::customer_service);
  EXPECT_EQ(told(SendCheck::strict), Reason::success) << "a visitor to one who serves";
  command_.channel = ChannelKey("u3|g", ChannelType::customer_service);
  EXPECT_EQ(told(SendCheck::strict), Reason::not_in_allowlist) << "nobody who serves there";
  member(facts_);
  EXPECT_EQ(told(SendCheck::strict), Reason::success) << "one who serves to another";
}

TEST_F(ListedUsers, OfAPairAreItsTwoUsers) {
  const ChannelKey pairs[] = {ChannelKey("u2@u1", ChannelType::person),
                              ChannelKey("u1@u2", ChannelType::agent)};
  Lists wrong;
  wrong.push_back({"u3"});
  wrong.push_back({"u2", "u3"});
  wrong.push_back({"u1", "u2@u1"});
  Lists right;
  right.push_back({"u2"});
  right.push_back({"u1"});
  right.push_back({"u1", "u2"});
  for (const ChannelKey& pair : pairs) {
    command_.channel = pair;
    for (const auto& list : wrong) {
      command_.subscribers = list;
      EXPECT_EQ(told(), Reason::not_allow_send);
      EXPECT_EQ(told(SendCheck::strict), Reason::not_allow_send);
      EXPECT_EQ(told(SendCheck::channel), Reason::success);
    }
    for (const auto& list : right) {
      command_.subscribers = list;
      EXPECT_EQ(told(), Reason::success);
      facts_.inboxes["u2"].denylist.insert("u1");
      EXPECT_EQ(told(), Reason::in_denylist) << "whoever of the two is listed";
      facts_.inboxes.clear();
    }
    // A command to a list of users is no message of the channel.
    command_.subscribers = {"u3"};
    command_.flags.sync_once = true;
    EXPECT_EQ(told(), Reason::success);
    command_.flags.sync_once = false;
    command_.from_uid = kSystemUid;
    EXPECT_EQ(told(), Reason::success);
    command_.from_uid = "u1";
  }
}

TEST(TargetedCommands, ToOneUserAndTheSenderAreBoundByThatUsersInbox) {
  FakeFacts facts;
  facts.inboxes["u2"].denylist.insert("u1");
  SendCommand command;
  command.from_uid = "u1";
  command.flags.sync_once = true;
  command.subscribers = {"u1", "u2"};
  EXPECT_EQ(*check_send(command, PermissionPolicy(), facts), Reason::in_denylist);
}

}  // namespace
}  // namespace jindou::partition
