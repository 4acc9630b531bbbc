// One test for each rule of conversation lists, unread counts and commands.
#include "conversation/conversation_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "conversation/test_store.h"

namespace jindou::conversation {
namespace {

const ChannelKey kGroup("g1", ChannelType::group);
const ChannelKey kOther("g2", ChannelType::group);
const ChannelKey kThird("g3", ChannelType::group);

ChannelKey person(const std::string& a, const std::string& b) {
  return ChannelKey(person_channel_id(a, b), ChannelType::person);
}

ListQuery query_of(const std::string& uid, std::size_t recents = 0) {
  ListQuery query;
  query.uid = uid;
  query.recents = recents;
  return query;
}

ListQuery::KnownChannel known(const std::string& id, ChannelType type, std::uint64_t seq) {
  ListQuery::KnownChannel channel;
  channel.channel_id = id;
  channel.type = type;
  channel.seq = seq;
  return channel;
}

std::vector<std::uint64_t> seqs(const std::vector<Message>& messages) {
  std::vector<std::uint64_t> out;
  for (const auto& message : messages) out.push_back(raw(message.seq));
  return out;
}

using Seqs = std::vector<std::uint64_t>;
using Ids = std::vector<std::string>;

class ConversationList : public ::testing::Test {
 protected:
  std::vector<Conversation> list(const ListQuery& query) {
    auto result = store_.reader.load_list(query);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : std::vector<Conversation>();
  }
  Ids ids(const ListQuery& query) {
    Ids out;
    for (const auto& conversation : list(query)) out.push_back(conversation.channel.id);
    return out;
  }
  // The only conversation of a user.
  Conversation only(const ListQuery& query) {
    auto all = list(query);
    EXPECT_EQ(all.size(), 1U);
    return all.size() == 1 ? std::move(all.front()) : Conversation();
  }
  void send(const ChannelKey& channel, const std::string& from, int count) {
    for (int i = 0; i < count; ++i) store_.send(channel, from);
  }

  TestStore store_;
};

// A message that leaves the list of its sender alone.
SendOptions unlisted() {
  SendOptions options;
  options.sender_conversation = false;
  return options;
}

TEST_F(ConversationList, OfTheSenderStaysAsItWasWhenHeSaysSo) {
  store_.join("u1", kGroup);
  store_.join("u2", kGroup);
  store_.send(kGroup, "u2");
  store_.send(kGroup, "u1");
  store_.send(kGroup, "u2");
  // A version is below what is stored last, as long as that may have company.
  store_.send({"elsewhere", ChannelType::group}, "u2");
  const Conversation before = only(query_of("u1", 10));
  EXPECT_EQ(before.last_seq, 3U);
  EXPECT_EQ(before.unread, 1U);
  for (int i = 0; i < 3; ++i) store_.send(kGroup, "u1", unlisted());
  const Conversation after = only(query_of("u1", 10));
  EXPECT_EQ(after.last_seq, 3U);
  EXPECT_EQ(after.unread, 1U);
  EXPECT_EQ(after.read_to, before.read_to);
  EXPECT_EQ(after.version, before.version);
  EXPECT_EQ(after.timestamp, before.timestamp);
  EXPECT_EQ(seqs(after.recents), (Seqs{3, 2, 1}));
  ListQuery since = query_of("u1");
  since.version = before.version;
  EXPECT_TRUE(ids(since).empty());
  EXPECT_EQ(only(query_of("u2")).last_seq, 6U);
  EXPECT_EQ(only(query_of("u2")).unread, 3U);
  // What comes behind them counts as ever, and they do not.
  store_.send(kGroup, "u2");
  EXPECT_EQ(only(query_of("u1")).last_seq, 7U);
  EXPECT_EQ(only(query_of("u1")).unread, 2U);
  EXPECT_EQ(seqs(only(query_of("u1", 10)).recents), (Seqs{7, 3, 2, 1}));
  store_.send(kGroup, "u1");
  EXPECT_EQ(only(query_of("u1")).unread, 0U);
}

// However many they are: what is between the last one and the first is not looked at.
TEST_F(ConversationList, PassesOverARunOfMessagesThatAreNotInIt) {
  store_.join("u1", kGroup);
  store_.join("u2", kGroup);
  store_.send(kGroup, "u2");
  for (int i = 0; i < 50; ++i) store_.send(kGroup, "u1", unlisted());
  store_.send(kGroup, "u2");
  for (int i = 0; i < 50; ++i) store_.send(kGroup, "u1", unlisted());
  const auto break_rows = [this](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t seq = from; seq <= to; ++seq) {
      const PartitionId partition = store_.partition(kGroup);
      const MessageSeq at{seq};
      store_.store.put(store::Table::main, store::message_key(partition, kGroup, at), "broken");
      store_.store.put(store::Table::main, store::gap_key(partition, kGroup, at), "broken");
    }
  };
  break_rows(2, 50);
  break_rows(53, 101);
  const Conversation listed = only(query_of("u1", 10));
  EXPECT_EQ(listed.last_seq, 52U);
  EXPECT_EQ(listed.unread, 2U);
  EXPECT_EQ(seqs(listed.recents), (Seqs{52, 1}));
}

// Deleted ones among them, and the end of the run, change nothing.
TEST_F(ConversationList, PassesOverARunThatHasBeenChanged) {
  store_.join("u1", kGroup);
  store_.join("u2", kGroup);
  store_.send(kGroup, "u2");
  for (int i = 0; i < 6; ++i) store_.send(kGroup, "u1", unlisted());
  store_.erase_message(kGroup, 4);
  store_.erase_message(kGroup, 7);
  EXPECT_EQ(only(query_of("u1")).last_seq, 1U);
  EXPECT_EQ(only(query_of("u1")).unread, 1U);
  EXPECT_EQ(only(query_of("u2")).unread, 4U);
  // A run may have begun before what he has read.
  store_.read("u1", kGroup, 3);
  EXPECT_EQ(only(query_of("u1")).unread, 0U);
}

TEST_F(ConversationList, HasNothingOfAChannelWithNothingElse) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u1", unlisted());
  EXPECT_TRUE(ids(query_of("u1")).empty());
  MessagesQuery query;
  query.channel = kGroup;
  query.limit = 10;
  const auto history = store_.reader.load_messages("u1", query);
  ASSERT_TRUE(history.has_value());
  EXPECT_EQ(seqs(history->messages), Seqs{1});
}

TEST_F(ConversationList, WorkedExample) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 7);
  store_.read("u1", kGroup, 6);
  store_.send(kGroup, "u1");
  send(kGroup, "u2", 2);

  auto conversation = only(query_of("u1", 2));
  EXPECT_EQ(conversation.unread, 2U);
  EXPECT_EQ(conversation.read_to, 8U);
  EXPECT_EQ(conversation.last_seq, 10U);
  EXPECT_EQ(seqs(conversation.recents), (Seqs{10, 9}));

  store_.read("u1", kGroup, 10);
  EXPECT_EQ(only(query_of("u1", 2)).unread, 0U);

  store_.remove("u1", kGroup);
  EXPECT_TRUE(list(query_of("u1", 2)).empty());
  store_.send(kGroup, "u2");
  conversation = only(query_of("u1", 2));
  EXPECT_EQ(conversation.unread, 1U);
  EXPECT_EQ(seqs(conversation.recents), (Seqs{11}));
}

TEST_F(ConversationList, DescribesTheNewestMessage) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.channel, kGroup);
  EXPECT_EQ(conversation.last_seq, 3U);
  EXPECT_EQ(conversation.last_client_msg_no, "g1#3");
  EXPECT_EQ(conversation.timestamp, store_.clock.wall_seconds());
  EXPECT_TRUE(conversation.recents.empty());
}

// ---- rule 1: which conversations there are ---------------------------------------------------

TEST_F(ConversationList, OfAUserWithoutRowsIsEmpty) {
  store_.send(kGroup, "u2");
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST_F(ConversationList, DoesNotMixUpUsersWhoseIdsBeginAlike) {
  store_.join("u1", kGroup);
  store_.join("u11", kOther);
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  EXPECT_EQ(ids(query_of("u1")), Ids{"g1"});
  EXPECT_EQ(ids(query_of("u11")), Ids{"g2"});
}

TEST_F(ConversationList, LeavesOutTypesWithoutConversations) {
  for (const auto type : {ChannelType::data, ChannelType::temp, ChannelType::live}) {
    const ChannelKey channel("c", type);
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST_F(ConversationList, ListsAllOtherTypes) {
  const std::vector<ChannelKey> channels = {person("u1", "u2"),
                                            ChannelKey("u1|g", ChannelType::customer_service),
                                            ChannelKey("c", ChannelType::community),
                                            ChannelKey("c@t", ChannelType::community_topic),
                                            ChannelKey("i", ChannelType::info),
                                            ChannelKey("u1", ChannelType::visitors),
                                            ChannelKey("u1@bot", ChannelType::agent),
                                            ChannelKey("ag", ChannelType::agent_group),
                                            ChannelKey("x", static_cast<ChannelType>(200))};
  for (const auto& channel : channels) {
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  EXPECT_EQ(list(query_of("u1")).size(), channels.size());
}

TEST_F(ConversationList, LeavesOutTheLogsOfTargetedCommands) {
  store_.send_targeted(ChannelKey("17____cmd", ChannelType::temp), "u2", {"u1"});
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST_F(ConversationList, IsNotMovedByCommands) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  SendOptions command;
  command.command = true;
  store_.send(kGroup, "u2", command);
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.last_seq, 1U);
  EXPECT_EQ(conversation.unread, 1U);
}

TEST_F(ConversationList, LeavesOutWhatTheSystemAccountSays) {
  store_.join("u1", person("u1", std::string(kSystemUid)));
  store_.send(person("u1", std::string(kSystemUid)), std::string(kSystemUid));
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST_F(ConversationList, LeavesOutDisbandedChannels) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  store_.change_channel(kGroup, [](store::ChannelRecord& record) { record.flags.disband = true; });
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST(ConversationLimit, KeepsTheMostRecentlyActive) {
  TestStore store(2);
  for (const auto& channel : {kGroup, kOther, kThird}) {
    store.join("u1", channel);
    store.send(channel, "u2");
  }
  auto found = store.reader.load_list(query_of("u1"));
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].channel, kThird);
  EXPECT_EQ((*found)[1].channel, kOther);

  // An action of the user counts too, though the list is ordered by messages.
  store.clock.advance_seconds(1);
  store.read("u1", kGroup, 1);
  found = store.reader.load_list(query_of("u1"));
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].channel, kThird);
  EXPECT_EQ((*found)[1].channel, kGroup);

  // A hidden one takes no place.
  store.clock.advance_seconds(1);
  store.remove("u1", kGroup);
  found = store.reader.load_list(query_of("u1"));
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1].channel, kOther);
}

// ---- rule 2: excluded types ------------------------------------------------------------------

TEST_F(ConversationList, LeavesOutExcludedTypesUnlessTheChannelIsKnown) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  store_.join("u1", person("u1", "u2"));
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  store_.send(person("u1", "u2"), "u2");
  ListQuery query = query_of("u1");
  query.exclude_types = {ChannelType::group};
  EXPECT_EQ(ids(query), Ids{person("u1", "u2").id});
  query.known = {known("g1", ChannelType::group, 0)};
  EXPECT_EQ(ids(query), (Ids{person("u1", "u2").id, "g1"}));
}

// ---- rule 3: the newest readable message -----------------------------------------------------

TEST_F(ConversationList, LeavesOutChannelsWithoutMessages) {
  store_.join("u1", kGroup);
  EXPECT_TRUE(list(query_of("u1")).empty());
}

TEST_F(ConversationList, PassesOverExpiredMessagesAtTheHead) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  SendOptions expiring;
  expiring.expire = 10;
  store_.send(kGroup, "u2", expiring);
  store_.clock.advance_seconds(10);
  EXPECT_EQ(only(query_of("u1")).last_seq, 2U);
  store_.clock.advance_seconds(1);
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.last_seq, 1U);
  EXPECT_EQ(conversation.unread, 1U);
}

TEST_F(ConversationList, PassesOverMessagesForOthersAtTheHead) {
  store_.join("u1", kGroup);
  store_.join("u2", kGroup);
  store_.join("u3", kGroup);
  store_.send(kGroup, "u2");
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  EXPECT_EQ(only(query_of("u1")).last_seq, 1U);
  EXPECT_EQ(only(query_of("u2")).last_seq, 2U);
  EXPECT_EQ(only(query_of("u3")).last_seq, 2U);
}

TEST_F(ConversationList, HidesADeletedConversationUntilANewReadableMessage) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 2);
  store_.remove("u1", kGroup);
  EXPECT_TRUE(list(query_of("u1")).empty());
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  EXPECT_TRUE(list(query_of("u1")).empty());
  store_.send(kGroup, "u2");
  EXPECT_EQ(only(query_of("u1")).unread, 1U);
}

TEST_F(ConversationList, LeavesOutClearedMessages) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  store_.change_channel(kGroup, [](store::ChannelRecord& record) { record.cleared_to = 2; });
  const auto conversation = only(query_of("u1", 10));
  EXPECT_EQ(conversation.unread, 1U);
  EXPECT_EQ(conversation.read_to, 2U);
  EXPECT_EQ(seqs(conversation.recents), Seqs{3});
  store_.change_channel(kGroup, [](store::ChannelRecord& record) { record.cleared_to = 3; });
  EXPECT_TRUE(list(query_of("u1")).empty());
}

// ---- rule 4: what the client knows -----------------------------------------------------------

TEST_F(ConversationList, LeavesOutWhatTheClientHas) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 5);
  ListQuery query = query_of("u1", 10);
  query.known = {known("g1", ChannelType::group, 5)};
  EXPECT_TRUE(list(query).empty());
  query.known = {known("g1", ChannelType::group, 3)};
  EXPECT_EQ(seqs(only(query).recents), (Seqs{5, 4}));
  query.known = {known("g1", ChannelType::group, 0)};
  EXPECT_EQ(only(query).recents.size(), 5U);
  query.known = {known("g1", ChannelType::community, 5)};
  EXPECT_EQ(only(query).recents.size(), 5U);
}

TEST_F(ConversationList, KnowsPairChannelsByTheIdTheClientIsShown) {
  const ChannelKey agent("u1@bot", ChannelType::agent);
  for (const auto& channel : {person("u1", "u2"), agent}) {
    store_.join("u1", channel);
    store_.send(channel, "x");
  }
  ListQuery query = query_of("u1");
  query.known = {known("u2", ChannelType::person, 1), known("bot", ChannelType::agent, 1)};
  EXPECT_TRUE(list(query).empty());
}

TEST_F(ConversationList, OfAKnownChannelIgnoresTheVersion) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 2);
  ListQuery query = query_of("u1");
  query.version = store_.clock.ns;
  EXPECT_TRUE(list(query).empty());
  query.known = {known("g1", ChannelType::group, 1)};
  EXPECT_EQ(list(query).size(), 1U);
  query.known = {known("g1", ChannelType::group, 0)};
  EXPECT_TRUE(list(query).empty());
}

// ---- rule 5: versions ------------------------------------------------------------------------

TEST_F(ConversationList, OfALaterVersionHoldsWhatChangedSince) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  store_.clock.advance_seconds(1);
  ListQuery query = query_of("u1");
  for (const auto& conversation : list(query)) {
    query.version = std::max(query.version, conversation.version);
  }
  EXPECT_TRUE(list(query).empty());
  store_.read("u1", kGroup, 1);  // on another device
  EXPECT_EQ(ids(query), Ids{"g1"});
  store_.send(kOther, "u2");
  EXPECT_EQ(ids(query), (Ids{"g2", "g1"}));
}

TEST_F(ConversationList, OfALaterVersionHoldsWhereAMessageWasEditedOrRecalled) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  store_.clock.advance_seconds(1);
  ListQuery query = query_of("u1");
  for (const auto& conversation : list(query)) {
    query.version = std::max(query.version, conversation.version);
  }
  EXPECT_TRUE(list(query).empty());
  const std::int64_t revised = store_.clock.ns;
  store_.change_channel(kGroup,
                        [&](store::ChannelRecord& record) { record.revised_at_ns = revised; });
  store_.clock.ns += 5;
  EXPECT_EQ(only(query).channel, kGroup);
  EXPECT_EQ(only(query).version, revised);
}

TEST_F(ConversationList, ReportsTheTimeOfTheNewestMessageOrTheLastActionAsVersion) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  const std::int64_t sent = store_.clock.ns;
  store_.clock.ns += 5;
  EXPECT_EQ(only(query_of("u1")).version, sent);
  store_.read("u1", kGroup, 1);
  const std::int64_t read = store_.clock.ns;
  store_.clock.ns += 5;
  EXPECT_EQ(only(query_of("u1")).version, read);
}

TEST_F(ConversationList, TellsWhatWasDeletedSinceAVersion) {
  const ChannelKey chat = person("u1", "u2");
  for (const auto& channel : {kGroup, kOther, kThird, chat}) {
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  store_.clock.advance_seconds(1);
  ListQuery query = query_of("u1");
  for (const auto& conversation : list(query)) {
    query.version = std::max(query.version, conversation.version);
  }
  query.deleted = true;
  EXPECT_TRUE(list(query).empty());
  store_.lose("u1", kGroup);
  const std::int64_t lost = store_.clock.ns;
  store_.clock.advance_seconds(1);
  store_.remove("u1", chat);
  const std::int64_t removed = store_.clock.ns;
  store_.clock.advance_seconds(1);
  store_.send(kOther, "u2");

  const auto news = list(query);
  ASSERT_EQ(news.size(), 3U);
  EXPECT_EQ(news[0].channel, kOther);
  EXPECT_FALSE(news[0].deleted);
  EXPECT_EQ(news[1].channel, chat);
  EXPECT_TRUE(news[1].deleted);
  EXPECT_EQ(news[1].version, removed);
  EXPECT_EQ(news[2].channel, kGroup);
  EXPECT_TRUE(news[2].deleted);
  EXPECT_EQ(news[2].version, lost);
  query.deleted = false;
  EXPECT_EQ(ids(query), Ids{"g2"}) << "nobody is told who has not asked";
  query.deleted = true;
  query.page = 2;
  EXPECT_TRUE(list(query).empty());
  query.page = 1;
  query.exclude_types = {ChannelType::group};
  EXPECT_EQ(ids(query), Ids{chat.id});
  query.exclude_types.clear();
  query.version = removed;
  EXPECT_EQ(ids(query), Ids{"g2"});
  // What he got back is not gone.
  query.version = 1;
  store_.join("u1", kGroup);
  store_.send(chat, "u2");
  for (const auto& conversation : list(query)) EXPECT_FALSE(conversation.deleted);
}

TEST_F(ConversationList, WithoutAVersionTellsWhichKnownOnesAreDeleted) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  store_.lose("u1", kGroup);
  store_.lose("u1", kThird);
  store_.change_channel(kOther,
                        [](store::ChannelRecord& channel) { channel.flags.disband = true; });
  ListQuery query = query_of("u1");
  query.deleted = true;
  EXPECT_TRUE(list(query).empty()) << "a client without conversations has none to delete";
  query.known = {known("g1", ChannelType::group, 1), known("g2", ChannelType::group, 1)};
  const auto gone = list(query);
  ASSERT_EQ(gone.size(), 2U);
  EXPECT_EQ(gone[0].channel, kOther);
  EXPECT_EQ(gone[0].version, 0) << "it is not recorded when it was disbanded";
  EXPECT_EQ(gone[1].channel, kGroup);
}

TEST_F(ConversationList, TellsOnceThatAChannelWasDisbandedAndOnceThatItIsBack) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  store_.clock.advance_seconds(1);
  ListQuery query = query_of("u1");
  query.deleted = true;
  query.version = only(query).version;
  EXPECT_TRUE(list(query).empty());

  store_.set_disband(kGroup, true);
  store_.clock.advance_seconds(1);
  const auto gone = list(query);
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_TRUE(gone[0].deleted);
  EXPECT_GT(gone[0].version, query.version);
  const std::int64_t before = query.version;
  query.version = gone[0].version;
  EXPECT_TRUE(list(query).empty()) << "it is not told again";

  store_.set_disband(kGroup, false);
  store_.clock.advance_seconds(1);
  const auto back = only(query);
  EXPECT_FALSE(back.deleted);
  EXPECT_GT(back.version, query.version);
  query.version = before;
  EXPECT_FALSE(only(query).deleted) << "a device that missed both";
  query.version = back.version;
  EXPECT_TRUE(list(query).empty());
  EXPECT_EQ(store_.reader.load_some("u1", {kGroup}, 0)->front().version, back.version);
}

// A device that saw it before hears that it is gone, though its user has it again.
TEST_F(ConversationList, TellsOfAConversationThatIsBackWithNothingToShow) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  store_.clock.advance_seconds(1);
  ListQuery query = query_of("u1");
  query.deleted = true;
  query.version = only(query).version;
  store_.lose("u1", kGroup);
  store_.clock.advance_seconds(1);
  store_.change_channel(kGroup, [](store::ChannelRecord& channel) { channel.cleared_to = 1; });
  store_.join("u1", kGroup, 1);
  store_.clock.advance_seconds(1);
  EXPECT_TRUE(only(query).deleted);
  query.version = only(query).version;
  EXPECT_TRUE(list(query).empty()) << "told once";
  store_.send(kGroup, "u2");
  EXPECT_FALSE(only(query).deleted);
}

TEST_F(ConversationList, NeverReportsAVersionThatAnEarlierChangeMayStillComeBefore) {
  store_.join("u1", kGroup);
  store_.clock.advance_seconds(10);
  const std::int64_t pending = store_.clock.ns;
  store_.horizon.begin(PartitionId{1});
  store_.send(kGroup, "u2");
  store_.clock.advance_seconds(10);
  const auto conversation = only(query_of("u1"));
  EXPECT_LT(conversation.version, pending);
  // And so it is told again, together with what comes late.
  ListQuery query = query_of("u1");
  query.version = conversation.version;
  EXPECT_EQ(list(query).size(), 1U);
  store_.horizon.finish(PartitionId{1});
  query.version = only(query).version;
  EXPECT_TRUE(list(query).empty());
}

// ---- rule 6: only unread ---------------------------------------------------------------------

TEST_F(ConversationList, OfUnreadOnesLeavesOutThoseThatAreRead) {
  for (const auto& channel : {kGroup, kOther, kThird}) store_.join("u1", channel);
  store_.send(kGroup, "u2");
  store_.send(kOther, "u1");
  store_.send(kThird, "u2");
  store_.set_unread("u1", kThird, 1);
  ListQuery query = query_of("u1");
  query.only_unread = true;
  EXPECT_EQ(ids(query), (Ids{"g3", "g1"}));
  // Unread are only messages the user cannot read.
  store_.send(kOther, "u1");
  store_.read("u1", kGroup, 1);
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kOther, "u2", restricted);
  EXPECT_EQ(ids(query), Ids{"g3"});
}

TEST_F(ConversationList, OfUnreadOnesLeavesOutAHeadBehindGapsOnly) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  store_.read("u1", kGroup, 1);
  store_.erase_message(kGroup, 2);
  store_.erase_message(kGroup, 3);
  ListQuery query = query_of("u1", 5);
  query.only_unread = true;
  EXPECT_TRUE(list(query).empty());
}

// ---- rule 7: recents -------------------------------------------------------------------------

TEST_F(ConversationList, HasTheAskedNumberOfRecentsNewestFirst) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 60);
  EXPECT_TRUE(only(query_of("u1", 0)).recents.empty());
  EXPECT_EQ(seqs(only(query_of("u1", 1)).recents), Seqs{60});
  EXPECT_EQ(seqs(only(query_of("u1", 3)).recents), (Seqs{60, 59, 58}));
  EXPECT_EQ(only(query_of("u1", 50)).recents.size(), 50U);
  EXPECT_EQ(only(query_of("u1", 51)).recents.size(), 50U);
  ListQuery paged = query_of("u1", 3);
  paged.page = 1;
  EXPECT_EQ(seqs(only(paged).recents), (Seqs{60, 59, 58}));
}

TEST_F(ConversationList, HasOnlyReadableRecents) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  SendOptions expiring;
  expiring.expire = 1;
  store_.send(kGroup, "u2", expiring);
  store_.send(kGroup, "u2");
  restricted.subscribers = {"u1"};
  store_.send(kGroup, "u2", restricted);
  EXPECT_EQ(seqs(only(query_of("u1", 10)).recents), (Seqs{5, 4, 1}));
}

TEST_F(ConversationList, HasNoRecentsOfBeforeADeletion) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  store_.remove("u1", kGroup);
  send(kGroup, "u2", 2);
  EXPECT_EQ(seqs(only(query_of("u1", 10)).recents), (Seqs{5, 4}));
  ListQuery query = query_of("u1", 10);
  query.known = {known("g1", ChannelType::group, 1)};
  EXPECT_EQ(seqs(only(query).recents), (Seqs{5, 4}));
}

TEST_F(ConversationList, LeavesOutTheOldestRecentsWhenTheyOutgrowTheAnswer) {
  SendOptions large;
  large.payload = std::string(std::size_t{1} << 20, 'x');
  for (int i = 0; i < 40; ++i) {
    const ChannelKey channel("g" + std::to_string(i), ChannelType::group);
    store_.join("u1", channel);
    store_.send(channel, "u2", large);
  }
  for (const std::size_t page : {0, 1}) {
    ListQuery query = query_of("u1", 1);
    query.page = page;
    const auto all = list(query);
    ASSERT_EQ(all.size(), 40U);
    EXPECT_EQ(all.front().recents.size(), 1U);
    EXPECT_EQ(all[30].recents.size(), 1U);
    EXPECT_TRUE(all.back().recents.empty());
    EXPECT_EQ(all.back().last_seq, 1U);
  }
}

// ---- rule 8: order and pages -----------------------------------------------------------------

TEST_F(ConversationList, IsOrderedByTheTimeOfTheNewestMessage) {
  for (const auto& channel : {kGroup, kOther, kThird}) store_.join("u1", channel);
  store_.send(kOther, "u2");
  store_.send(kGroup, "u2");
  store_.send(kThird, "u2");
  store_.send(kOther, "u2");
  store_.read("u1", kGroup, 1);  // does not bring it to the front
  EXPECT_EQ(ids(query_of("u1")), (Ids{"g2", "g3", "g1"}));
}

TEST_F(ConversationList, IsOrderedWithinOneSecond) {
  const std::vector<ChannelKey> channels = {kThird, kGroup, person("u1", "zz"), person("u1", "aa"),
                                            person("u1", "mm")};
  for (const auto& channel : channels) {
    store_.join("u1", channel);
    store_.clock.ns -= 999'999'999;  // send() adds a second
    store_.send(channel, "x");
  }
  EXPECT_EQ(ids(query_of("u1")),
            (Ids{person("u1", "mm").id, person("u1", "aa").id, person("u1", "zz").id, "g1", "g3"}));
}

TEST_F(ConversationList, OrdersMessagesOfOneCommitByTheirIds) {
  for (int i = 0; i < 20; ++i) {
    const ChannelKey channel("c" + std::to_string(i), ChannelType::group);
    store_.join("u1", channel);
    store_.clock.ns -= 1'000'000'000;
    store_.send(channel, "x");
  }
  ListQuery query = query_of("u1");
  query.recents = 1;
  std::vector<MessageId> shown;
  for (const auto& conversation : list(query)) shown.push_back(conversation.recents.at(0).id);
  EXPECT_EQ(shown.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(shown, std::greater()));
}

TEST_F(ConversationList, IsCutIntoPagesAfterSorting) {
  for (int i = 0; i < 120; ++i) {
    const ChannelKey channel("p" + std::to_string(1000 + i), ChannelType::group);
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  const Ids all = ids(query_of("u1"));
  ASSERT_EQ(all.size(), 120U);
  EXPECT_EQ(all.front(), "p1119");
  ListQuery query = query_of("u1");
  query.page = 1;
  EXPECT_EQ(ids(query), Ids(all.begin(), all.begin() + 100));
  query.page = 2;
  EXPECT_EQ(ids(query), Ids(all.begin() + 100, all.end()));
  query.page_size = 50;
  EXPECT_EQ(ids(query), Ids(all.begin() + 50, all.begin() + 100));
  query.page = 4;
  EXPECT_TRUE(list(query).empty());
  query.page = std::numeric_limits<std::size_t>::max();
  EXPECT_TRUE(list(query).empty());
}

TEST_F(ConversationList, GoesOnBelowAPlaceWhateverComesBeforeIt) {
  for (int i = 0; i < 7; ++i) {
    const ChannelKey channel("p" + std::to_string(i), ChannelType::group);
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  ListQuery query = query_of("u1");
  query.page = 1;
  query.page_size = 3;
  const auto first = list(query);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_GT(first[0].place, first[1].place);
  query.below = first.back().place;
  EXPECT_EQ(ids(query), (Ids{"p3", "p2", "p1"}));
  // One that was behind it is before it now, and one is new; what is left follows.
  store_.send({"p2", ChannelType::group}, "u2");
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  EXPECT_EQ(ids(query), (Ids{"p3", "p1", "p0"}));
  query.only_unread = true;
  store_.read("u1", {"p1", ChannelType::group}, 1);
  EXPECT_EQ(ids(query), (Ids{"p3", "p0"}));
  query.below = ListPlace{};
  EXPECT_TRUE(list(query).empty());
}

TEST_F(ConversationList, HasPagesOf500AtMost) {
  for (int i = 0; i < 501; ++i) {
    const ChannelKey channel("p" + std::to_string(i), ChannelType::group);
    store_.join("u1", channel);
    store_.send(channel, "u2");
  }
  ListQuery query = query_of("u1");
  query.page = 1;
  query.page_size = 100'000;
  EXPECT_EQ(list(query).size(), 500U);
  query.page = 2;
  EXPECT_EQ(list(query).size(), 1U);
}

// ---- unread counts ---------------------------------------------------------------------------

TEST_F(ConversationList, CountsFromTheReadPosition) {
  send(kGroup, "u2", 3);
  store_.join("u1", kGroup, 3);
  EXPECT_EQ(only(query_of("u1")).unread, 0U);
  send(kGroup, "u2", 4);
  auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 4U);
  EXPECT_EQ(conversation.read_to, 3U);
  store_.read("u1", kGroup, 5);
  conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 2U);
  EXPECT_EQ(conversation.read_to, 5U);
}

TEST_F(ConversationList, CountsNothingBeforeADeletion) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 5);
  store_.remove("u1", kGroup);
  send(kGroup, "u2", 2);
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 2U);
  EXPECT_EQ(conversation.read_to, 5U);
}

TEST_F(ConversationList, CountsNoMessagesForOthersAndNoDeletedOnes) {
  store_.join("u1", kGroup);
  store_.join("u3", kGroup);
  store_.send(kGroup, "u2");
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  send(kGroup, "u2", 3);
  store_.erase_message(kGroup, 4);
  EXPECT_EQ(only(query_of("u1")).unread, 3U);
  EXPECT_EQ(only(query_of("u3")).unread, 4U);
  // Gaps before the read position have nothing to do with it.
  store_.read("u1", kGroup, 2);
  EXPECT_EQ(only(query_of("u1")).unread, 2U);
}

TEST_F(ConversationList, ShowsExactlyTheUnreadCountSetByHand) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 10);
  store_.read("u1", kGroup, 10);
  store_.set_unread("u1", kGroup, 5);
  auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 5U);
  EXPECT_EQ(conversation.read_to, 5U);
  store_.send(kGroup, "u2");
  conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 6U);
  EXPECT_EQ(conversation.read_to, 5U);
  store_.read("u1", kGroup, 11);
  EXPECT_EQ(only(query_of("u1")).unread, 0U);
}

TEST_F(ConversationList, AddsNewMessagesToACountSetByHandOnlyAfterWhatTheUserSent) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 4);
  store_.set_unread("u1", kGroup, 1);
  send(kGroup, "u2", 2);
  EXPECT_EQ(only(query_of("u1")).unread, 3U);
  store_.send(kGroup, "u1");
  EXPECT_EQ(only(query_of("u1")).unread, 1U);
  store_.send(kGroup, "u2");
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  store_.send(kGroup, "u2");
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 3U);
  EXPECT_EQ(conversation.read_to, 7U);
}

TEST_F(ConversationList, NeverReportsAReadPositionBelowZero) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  store_.set_unread("u1", kGroup, 3);
  store_.erase_message(kGroup, 3);
  const auto conversation = only(query_of("u1"));
  EXPECT_EQ(conversation.unread, 3U);
  EXPECT_EQ(conversation.last_seq, 2U);
  EXPECT_EQ(conversation.read_to, 0U);
}

// ---- the other queries -----------------------------------------------------------------------

TEST_F(ConversationList, OfNamedChannelsKeepsTheirOrderAndAnswersZerosForUnknownOnes) {
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  store_.send(kThird, "u2");  // no row: nothing was read
  store_.send(kThird, "u2");
  const auto some = store_.reader.load_some("u1", {kThird, kOther, kGroup, kOther}, 15);
  ASSERT_TRUE(some.has_value());
  ASSERT_EQ(some->size(), 4U);
  EXPECT_EQ((*some)[0].channel, kThird);
  EXPECT_EQ((*some)[0].unread, 2U);
  EXPECT_EQ((*some)[0].last_seq, 2U);
  EXPECT_EQ(seqs((*some)[0].recents), (Seqs{2, 1}));
  EXPECT_EQ((*some)[1].channel, kOther);
  EXPECT_EQ((*some)[1].unread, 0U);
  EXPECT_EQ((*some)[1].last_seq, 0U);
  EXPECT_EQ((*some)[1].read_to, 0U);
  EXPECT_EQ((*some)[1].version, 0);
  EXPECT_TRUE((*some)[1].recents.empty());
  EXPECT_EQ((*some)[2].channel, kGroup);
  EXPECT_EQ((*some)[2].unread, 1U);
}

TEST_F(ConversationList, OfNamedChannelsShowsDeletedOnesAsRead) {
  store_.join("u1", kGroup);
  send(kGroup, "u2", 3);
  store_.remove("u1", kGroup);
  const auto some = store_.reader.load_some("u1", {kGroup}, 15);
  ASSERT_EQ(some->size(), 1U);
  EXPECT_EQ(some->front().unread, 0U);
  EXPECT_EQ(some->front().last_seq, 3U);
  EXPECT_TRUE(some->front().recents.empty());
}

TEST_F(ConversationList, OfNamedChannelsSaysNothingAboutCommandLogs) {
  const ChannelKey log("17____cmd", ChannelType::temp);
  store_.send_targeted(log, "u2", {"u1"});
  const auto some = store_.reader.load_some("u1", {log}, 15);
  ASSERT_EQ(some->size(), 1U);
  EXPECT_EQ(some->front().last_seq, 0U);
}

TEST_F(ConversationList, OfChannelsNamesThoseOfTheUserMostRecentlyActiveFirst) {
  const ChannelKey disbanded("d", ChannelType::group);
  for (const auto& channel : {kGroup, kOther, kThird, disbanded}) store_.join("u1", channel);
  store_.join("u1", person("u1", std::string(kSystemUid)));
  store_.change_channel(disbanded,
                        [](store::ChannelRecord& record) { record.flags.disband = true; });
  store_.send(kGroup, "u2");
  store_.send(kOther, "u2");
  store_.clock.advance_seconds(1);
  store_.remove("u1", kOther);
  const auto channels = store_.reader.load_channels("u1");
  ASSERT_TRUE(channels.has_value());
  EXPECT_EQ(*channels, (std::vector<ChannelKey>{kOther, kGroup, kThird}));
}

TEST(ConversationLimit, HoldsForChannelsToo) {
  TestStore store(1);
  store.join("u1", kGroup);
  store.clock.advance_seconds(1);
  store.join("u1", kOther);
  EXPECT_EQ(*store.reader.load_channels("u1"), std::vector<ChannelKey>{kOther});
}

class MessagesOfAChannel : public ConversationList {
 protected:
  ChannelMessages load(std::uint64_t from, std::size_t limit, bool newest_first) {
    MessagesQuery query;
    query.channel = kGroup;
    query.from_seq = from;
    query.limit = limit;
    query.newest_first = newest_first;
    auto result = store_.reader.load_messages("u1", query);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : ChannelMessages();
  }
};

TEST_F(MessagesOfAChannel, AreTheNewestOrTheOldestFromASeqOn) {
  send(kGroup, "u2", 10);
  EXPECT_EQ(seqs(load(0, 3, true).messages), (Seqs{10, 9, 8}));
  EXPECT_EQ(seqs(load(9, 3, true).messages), (Seqs{10, 9}));
  EXPECT_EQ(seqs(load(0, 3, false).messages), (Seqs{1, 2, 3}));
  EXPECT_EQ(seqs(load(4, 3, false).messages), (Seqs{4, 5, 6}));
  EXPECT_EQ(seqs(load(9, 15, false).messages), (Seqs{9, 10}));
  EXPECT_TRUE(load(11, 15, false).messages.empty());
  EXPECT_TRUE(load(11, 15, true).messages.empty());
  EXPECT_TRUE(load(0, 0, true).messages.empty());
  EXPECT_TRUE(load(0, 0, false).messages.empty());
  EXPECT_TRUE(load(std::numeric_limits<std::uint64_t>::max(), 5, false).messages.empty());
}

TEST_F(MessagesOfAChannel, AreThoseTheUserCanRead) {
  send(kGroup, "u2", 2);
  SendOptions restricted;
  restricted.subscribers = {"u3"};
  store_.send(kGroup, "u2", restricted);
  SendOptions expiring;
  expiring.expire = 1;
  store_.send(kGroup, "u2", expiring);
  store_.send(kGroup, "u2");
  store_.clock.advance_seconds(1);
  store_.change_channel(kGroup, [](store::ChannelRecord& record) { record.cleared_to = 1; });
  EXPECT_EQ(seqs(load(0, 15, false).messages), (Seqs{2, 5}));
  EXPECT_EQ(seqs(load(0, 15, true).messages), (Seqs{5, 2}));
}

TEST_F(MessagesOfAChannel, ComeWithTheLastSeqOfTheUsersOwn) {
  store_.send(kGroup, "u2");
  EXPECT_EQ(load(0, 15, true).user_last_seq, 0U);
  store_.send(kGroup, "u1");
  store_.send(kGroup, "u1");
  store_.send(kGroup, "u2");
  EXPECT_EQ(load(4, 15, true).user_last_seq, 3U);
}

TEST_F(MessagesOfAChannel, EndWhenTheAnswerGetsLarge) {
  SendOptions large;
  large.payload = std::string(std::size_t{3} << 20, 'x');
  for (int i = 0; i < 8; ++i) store_.send(kGroup, "u2", large);
  const auto some = seqs(load(0, 15, false).messages);
  EXPECT_LT(some.size(), 8U);
  EXPECT_GE(some.size(), 2U);
  EXPECT_EQ(some.front(), 1U);
}

// ---- commands --------------------------------------------------------------------------------

class Commands : public ConversationList {
 protected:
  std::uint64_t command(const ChannelKey& channel, const std::string& from,
                        std::uint32_t expire = 0, std::vector<std::string> subscribers = {}) {
    SendOptions options;
    options.command = true;
    options.expire = expire;
    options.subscribers = std::move(subscribers);
    return store_.send(channel, from, options);
  }
  CommandBacklog load(std::size_t limit = 200) {
    auto result = store_.reader.load_commands("u1", limit);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : CommandBacklog();
  }
  // What a client does: takes what it is given and says so, until nothing is left.
  std::vector<std::string> drain(std::size_t limit) {
    std::vector<std::string> got;
    for (int i = 0; i < 100; ++i) {
      const auto backlog = load(limit);
      if (backlog.messages.empty()) return got;
      EXPECT_LE(backlog.messages.size(), limit);
      for (const auto& message : backlog.messages) got.push_back(message.client_msg_no);
      for (const auto& position : backlog.positions) {
        auto row = store_.find_row("u1", position.channel).value();
        EXPECT_GT(position.seq, row.command_read_to);
        row.command_read_to = position.seq;
        store_.put_row("u1", position.channel, row);
      }
    }
    ADD_FAILURE() << "does not end";
    return got;
  }
};

TEST_F(Commands, OfAllLogsComeInTheOrderOfTime) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  command(kGroup, "u2");
  command(kOther, "u2");
  command(kGroup, "u2");
  store_.send(kGroup, "u2");
  const auto backlog = load();
  ASSERT_EQ(backlog.messages.size(), 3U);
  EXPECT_EQ(backlog.messages[0].channel, kGroup);
  EXPECT_EQ(backlog.messages[1].channel, kOther);
  EXPECT_EQ(backlog.messages[2].channel, kGroup);
  EXPECT_EQ(seqs(backlog.messages), (Seqs{1, 1, 2}));
  ASSERT_EQ(backlog.positions.size(), 2U);
  for (const auto& position : backlog.positions) {
    EXPECT_EQ(position.seq, position.channel == kGroup ? 2U : 1U);
  }
}

TEST_F(Commands, WaitForEveryChannelOfTheUserWhateverItsList) {
  const ChannelKey live("l", ChannelType::live);
  const ChannelKey system = person("u1", std::string(kSystemUid));
  for (const auto& channel : {kGroup, live, system}) {
    store_.join("u1", channel);
    command(channel, std::string(kSystemUid));
  }
  store_.change_channel(kGroup, [](store::ChannelRecord& record) { record.flags.disband = true; });
  EXPECT_EQ(load().messages.size(), 3U);
  command(kOther, "u2");  // not his channel
  EXPECT_EQ(load().messages.size(), 3U);
}

TEST_F(Commands, ThatAreTargetedComeFromALogOfTheirOwn) {
  const ChannelKey log("17____cmd", ChannelType::temp);
  store_.send_targeted(log, "u2", {"u1", "u3"});
  const auto backlog = load();
  ASSERT_EQ(backlog.messages.size(), 1U);
  EXPECT_EQ(backlog.messages[0].channel, ChannelKey("shown", ChannelType::group));
  ASSERT_EQ(backlog.positions.size(), 1U);
  EXPECT_EQ(backlog.positions[0].channel, log);
}

TEST_F(Commands, BeginBehindThePositionAndWhatWasCleared) {
  store_.join("u1", kGroup);
  for (int i = 0; i < 5; ++i) command(kGroup, "u2");
  store_.change_row("u1", kGroup, [](store::ConversationRecord& row) { row.command_read_to = 2; });
  EXPECT_EQ(seqs(load().messages), (Seqs{3, 4, 5}));
  store_.change_channel(store::command_log_of(kGroup),
                        [](store::ChannelRecord& record) { record.cleared_to = 4; });
  EXPECT_EQ(seqs(load().messages), Seqs{5});
  store_.change_row("u1", kGroup, [](store::ConversationRecord& row) { row.command_read_to = 5; });
  EXPECT_TRUE(load().messages.empty());
  EXPECT_TRUE(load().positions.empty());
}

TEST_F(Commands, ThatCannotBeReadArePassedOver) {
  store_.join("u1", kGroup);
  command(kGroup, "u2", 1);
  command(kGroup, "u2", 0, {"u3"});
  command(kGroup, "u2");
  command(kGroup, "u2", 1);
  store_.clock.advance_seconds(2);
  const auto backlog = load();
  EXPECT_EQ(seqs(backlog.messages), Seqs{3});
  ASSERT_EQ(backlog.positions.size(), 1U);
  EXPECT_EQ(backlog.positions[0].seq, 3U);
}

TEST_F(Commands, BeyondTheLimitComeWithTheNextSync) {
  std::vector<std::string> sent;
  const ChannelKey targeted("17____cmd", ChannelType::temp);
  for (const auto& channel : {kGroup, kOther, kThird}) store_.join("u1", channel);
  for (int i = 0; i < 7; ++i) {
    for (const auto& channel : {kThird, kGroup, kOther}) {
      const auto seq = command(channel, "u2");
      sent.push_back(store::command_log_of(channel).id + "#" + std::to_string(seq));
      if (i % 2 == 0) break;
    }
    const auto seq = store_.send_targeted(targeted, "u2", {"u1"});
    sent.push_back(targeted.id + "#" + std::to_string(seq));
  }
  EXPECT_EQ(drain(1), sent);
  for (const auto& channel : {kGroup, kOther, kThird, targeted}) {
    store_.change_row("u1", channel,
                      [](store::ConversationRecord& row) { row.command_read_to = 0; });
  }
  EXPECT_EQ(drain(4), sent);
  EXPECT_TRUE(load(0).messages.empty());
}

TEST_F(Commands, StayInTheOrderOfTheirLogWhenTheClockWasSetBack) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  command(kGroup, "u2");
  store_.clock.advance_seconds(-100);
  command(kGroup, "u2");
  command(kOther, "u2");
  const auto backlog = load(2);
  EXPECT_EQ(seqs(backlog.messages), (Seqs{1, 1}));
  EXPECT_EQ(drain(1), (Ids{"g2____cmd#1", "g1____cmd#1", "g1____cmd#2"}));
}

TEST_F(Commands, OfManyBytesComeInSeveralAnswers) {
  store_.join("u1", kGroup);
  store_.join("u1", kOther);
  SendOptions large;
  large.command = true;
  large.payload = std::string(std::size_t{3} << 20, 'x');
  std::vector<std::string> sent;
  for (int i = 1; i <= 3; ++i) {
    store_.send(kGroup, "u2", large);
    command(kGroup, "u2");
    store_.send(kOther, "u2", large);
    sent.push_back("g1____cmd#" + std::to_string(2 * i - 1));
    sent.push_back("g1____cmd#" + std::to_string(2 * i));
    sent.push_back("g2____cmd#" + std::to_string(i));
  }
  EXPECT_LT(load().messages.size(), sent.size());
  EXPECT_EQ(drain(200), sent);
}

// ---- errors ----------------------------------------------------------------------------------

TEST_F(ConversationList, DamagedRecordsAreErrors) {
  const auto fails = [this] {
    const auto result = store_.reader.load_list(query_of("u1", 1));
    return !result && result.error().code() == Errc::storage;
  };
  const PartitionId partition = TestStore::partition(kGroup);
  const auto table = store::Table::main;
  store_.join("u1", kGroup);
  store_.send(kGroup, "u2");
  EXPECT_FALSE(fails());
  const std::vector<std::string> keys = {store::conversation_key(partition, "u1", kGroup),
                                         store::channel_key(partition, kGroup),
                                         store::message_key(partition, kGroup, MessageSeq{1})};
  for (const auto& key : keys) {
    std::string value;
    const bool existed = store_.store.get(table, key, value).value();
    store_.store.put(table, key, "\x7f");
    EXPECT_TRUE(fails());
    if (existed) {
      store_.store.put(table, key, value);
    } else {
      store_.store.erase(table, key);
    }
  }
  EXPECT_FALSE(fails());
}

}  // namespace
}  // namespace jindou::conversation
