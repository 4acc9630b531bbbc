// A pass through the directory: its order, what each page holds, and what is told of deletions.
#include "conversation/directory.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "conversation/test_store.h"

namespace jindou::conversation {
namespace {

const ChannelKey kListedGroup("g1", ChannelType::group);
const ChannelKey kListedOther("g2", ChannelType::group);
const ChannelKey kListedThird("g3", ChannelType::group);

using Channels = std::vector<ChannelKey>;

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryPage page(const DirectoryQuery& query) {
    auto result = directory_.load_page(query);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : DirectoryPage();
  }
  DirectoryPage some(const Channels& channels) {
    auto result = directory_.load_some("u1", channels);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : DirectoryPage();
  }
  static DirectoryQuery of(std::size_t limit = 50) {
    DirectoryQuery query;
    query.uid = "u1";
    query.limit = limit;
    return query;
  }
  static Channels channels(const DirectoryPage& page) {
    Channels out;
    for (const auto& entry : page.entries) out.push_back(entry.channel);
    return out;
  }
  // All pages of a pass, as one.
  DirectoryPage whole(DirectoryQuery query) {
    DirectoryPage all;
    for (int i = 0; i < 100 && !all.done; ++i) {
      DirectoryPage next = page(query);
      for (auto& entry : next.entries) all.entries.push_back(std::move(entry));
      all.deleted.insert(all.deleted.end(), next.deleted.begin(), next.deleted.end());
      EXPECT_TRUE(next.done || next.last) << "no way on";
      query.after = next.last;
      all.done = next.done;
      if (i > 0) {
        EXPECT_EQ(next.coverage_ns, all.coverage_ns) << "one of the whole pass";
      }
      all.coverage_ns = next.coverage_ns;
    }
    EXPECT_TRUE(all.done);
    return all;
  }
  void join_and_send(const Channels& channels) {
    for (const auto& channel : channels) {
      store_.join("u1", channel);
      store_.send(channel, "u2");
    }
  }
  void activate(const ChannelKey& channel) {
    store_.clock.advance_seconds(1);
    auto row = *store_.find_row("u1", channel);
    row.activated_at_ns = store_.clock.ns;
    store_.put_row("u1", channel, row);
  }

  TestStore store_;
  Directory directory_{store_.readers(), store_.horizon, store_.clock};
};

TEST_F(DirectoryTest, HasNotWhatIsToLeaveTheListOfItsSenderAlone) {
  store_.join("u1", kListedGroup);
  SendOptions unlisted;
  unlisted.sender_conversation = false;
  store_.send(kListedGroup, "u1", unlisted);
  EXPECT_TRUE(page(of()).entries.empty());
  store_.send(kListedGroup, "u2");
  store_.send(kListedGroup, "u1", unlisted);
  const DirectoryPage shown = page(of());
  ASSERT_EQ(shown.entries.size(), 1U);
  EXPECT_EQ(raw(shown.entries[0].last_message->seq), 2U);
  EXPECT_EQ(shown.entries[0].unread, 1U);
}

TEST_F(DirectoryTest, DescribesAConversation) {
  store_.join("u1", kListedGroup);
  store_.send(kListedGroup, "u2");
  store_.remove("u1", kListedGroup);
  store_.send(kListedGroup, "u2");
  store_.send(kListedGroup, "u2");
  store_.read("u1", kListedGroup, 2);
  activate(kListedGroup);
  const auto got = page(of());
  EXPECT_TRUE(got.done);
  ASSERT_EQ(got.entries.size(), 1U);
  const DirectoryEntry& entry = got.entries[0];
  EXPECT_EQ(entry.channel, kListedGroup);
  EXPECT_EQ(entry.active_at_ns, store_.clock.ns);
  EXPECT_EQ(entry.read_to, 2U);
  EXPECT_EQ(entry.deleted_to, 1U);
  EXPECT_EQ(entry.unread, 1U);
  ASSERT_TRUE(entry.last_message.has_value());
  EXPECT_EQ(raw(entry.last_message->seq), 3U);
  EXPECT_EQ(entry.last_message->payload, "p");
  EXPECT_EQ(got.coverage_ns % 1'024, 0);
  EXPECT_LE(got.coverage_ns, store_.clock.ns);
  EXPECT_GE(got.coverage_ns, store_.clock.ns - 1'024);
  EXPECT_EQ(got.deletions_since_ns, 0);
}

TEST_F(DirectoryTest, IsEmptyForAUserWithoutRows) {
  const auto got = page(of());
  EXPECT_TRUE(got.done);
  EXPECT_TRUE(got.entries.empty());
  EXPECT_FALSE(got.last.has_value());
}

TEST_F(DirectoryTest, IsInOneOrderWhateverThePages) {
  Channels by_id;
  for (int i = 0; i < 9; ++i) by_id.emplace_back("g" + std::to_string(i), ChannelType::group);
  by_id.emplace_back("g8", ChannelType::community);
  join_and_send(by_id);
  activate(by_id[7]);
  activate(by_id[2]);
  Channels expected = {by_id[2], by_id[7]};
  for (const std::size_t i : {0, 1, 3, 4, 5, 6, 8, 9}) expected.push_back(by_id[i]);
  for (std::size_t limit = 1; limit <= 11; ++limit) {
    EXPECT_EQ(channels(whole(of(limit))), expected) << limit;
  }
  EXPECT_FALSE(page(of(9)).done);
  EXPECT_TRUE(page(of(10)).done);
}

TEST_F(DirectoryTest, MissesNothingThatIsOpenedMeanwhile) {
  join_and_send({kListedGroup, kListedOther, kListedThird});
  activate(kListedThird);
  activate(kListedOther);
  DirectoryQuery query = of(1);
  const auto first = page(query);
  EXPECT_EQ(channels(first), Channels{kListedOther});
  // What is next would go to the front, behind which nobody looks again.
  activate(kListedThird);
  query.after = first.last;
  query.limit = 50;
  const auto rest = page(query);
  EXPECT_EQ(channels(rest), (Channels{kListedGroup, kListedThird}));
  EXPECT_EQ(rest.coverage_ns, first.coverage_ns);
}

TEST_F(DirectoryTest, ShowsAnOpenedConversationWithoutMessages) {
  store_.join("u1", kListedGroup);
  store_.join("u1", kListedOther);
  activate(kListedOther);
  const auto got = page(of());
  ASSERT_EQ(got.entries.size(), 1U);
  EXPECT_EQ(got.entries[0].channel, kListedOther);
  EXPECT_FALSE(got.entries[0].last_message.has_value());
  EXPECT_TRUE(got.deleted.empty()) << "what was never shown is not gone";
}

TEST_F(DirectoryTest, TellsWhatWasDeletedSinceACompletePass) {
  join_and_send({kListedGroup, kListedOther, kListedThird});
  const ChannelKey fourth("g4", ChannelType::group);
  join_and_send({fourth});
  store_.lose("u1", kListedGroup);
  store_.clock.advance_seconds(1);
  const auto first = whole(of(1));
  EXPECT_EQ(first.deleted, Channels{kListedGroup}) << "a client may have it from an earlier life";
  store_.clock.advance_seconds(1);
  store_.lose("u1", kListedOther);
  store_.remove("u1", kListedThird);
  store_.set_disband(fourth, true);
  DirectoryQuery query = of(1);
  query.covered_ns = first.coverage_ns;
  EXPECT_EQ(whole(query).deleted, (Channels{kListedOther, kListedThird, fourth}));
  // Back again.
  store_.join("u1", kListedOther);
  store_.send(kListedThird, "u2");
  const auto again = whole(query);
  EXPECT_EQ(channels(again), (Channels{kListedOther, kListedThird}));
  EXPECT_EQ(again.deleted, Channels{fourth});
}

TEST_F(DirectoryTest, TellsOnceThatAChannelWasDisbanded) {
  join_and_send({kListedGroup, kListedOther});
  store_.set_disband(kListedGroup, true);
  // By a version that did not record when.
  store_.change_channel(kListedOther, [](auto& channel) { channel.flags.disband = true; });
  store_.clock.advance_seconds(1);
  DirectoryQuery query = of();
  const auto first = whole(query);
  EXPECT_EQ(first.deleted, (Channels{kListedGroup, kListedOther}));
  query.covered_ns = first.coverage_ns;
  EXPECT_EQ(whole(query).deleted, Channels{kListedOther});
  EXPECT_EQ(some({kListedGroup}).deleted, Channels{kListedGroup}) << "whoever asks about it";
  store_.set_disband(kListedGroup, false);
  EXPECT_EQ(channels(whole(query)), Channels{kListedGroup});
}

TEST_F(DirectoryTest, TellsOfAnOpenedConversationWithoutMessagesThatItIsGone) {
  // One that its user deleted, and one that he lost and has again.
  for (const auto& channel : {kListedGroup, kListedOther}) {
    store_.join("u1", channel);
    activate(channel);
  }
  store_.clock.advance_seconds(1);
  DirectoryQuery query = of(1);
  const auto first = whole(query);
  EXPECT_EQ(channels(first), (Channels{kListedOther, kListedGroup}));
  query.covered_ns = first.coverage_ns;
  store_.clock.advance_seconds(1);
  for (const auto& channel : {kListedGroup, kListedOther}) {
    store_.change_row("u1", channel, [](auto& row) { row.activated_at_ns = 0; });
    store_.leave_tombstone("u1", channel);
  }
  store_.clock.advance_seconds(1);
  const auto second = whole(query);
  EXPECT_TRUE(second.entries.empty());
  EXPECT_EQ(second.deleted, (Channels{kListedGroup, kListedOther}));
  query.covered_ns = second.coverage_ns;
  EXPECT_TRUE(whole(query).deleted.empty()) << "told once";
  store_.send(kListedGroup, "u2");
  query.covered_ns = first.coverage_ns;
  const auto third = whole(query);
  EXPECT_EQ(channels(third), Channels{kListedGroup});
  EXPECT_EQ(third.deleted, Channels{kListedOther});
}

TEST_F(DirectoryTest, TellsUpToWhenDeletionsMayBeForgotten) {
  for (const PartitionId partition : {PartitionId{1}, PartitionId{3}}) {
    const store::TombstoneRecord dropped{raw(partition) * 1'000};
    store_.store.put(store::Table::main, store::tombstones_dropped_key(partition),
                     store::encode(dropped));
  }
  EXPECT_EQ(page(of()).deletions_since_ns, 3'000);
}

TEST_F(DirectoryTest, EndsAPageEarlyWhenItsMessagesAreLarge) {
  SendOptions large;
  large.payload.assign(std::size_t{3} << 20, 'x');
  const Channels all = {kListedGroup, kListedOther, kListedThird,
                        ChannelKey("g4", ChannelType::group)};
  for (const auto& channel : all) {
    store_.join("u1", channel);
    store_.send(channel, "u2", large);
  }
  const auto first = page(of());
  EXPECT_EQ(channels(first), (Channels{kListedGroup, kListedOther}));
  EXPECT_FALSE(first.done);
  EXPECT_EQ(channels(whole(of())), all);
}

TEST_F(DirectoryTest, HasNoChannelsWithoutConversations) {
  join_and_send(
      {ChannelKey("d", ChannelType::data), ChannelKey("l", ChannelType::live),
       ChannelKey(person_channel_id("u1", std::string(kSystemUid)), ChannelType::person)});
  store_.lose("u1", ChannelKey("t", ChannelType::temp));
  const auto got = page(of());
  EXPECT_TRUE(got.entries.empty());
  EXPECT_TRUE(got.deleted.empty());
}

TEST_F(DirectoryTest, OfSomeChannelsTellsEachOnce) {
  join_and_send({kListedGroup, kListedOther});
  store_.lose("u1", kListedOther);
  const ChannelKey unknown("unknown", ChannelType::group);
  store_.join("u1", kListedThird);  // nothing to be shown
  const auto got = some({kListedGroup, kListedOther, kListedGroup, unknown, kListedThird});
  EXPECT_TRUE(got.done);
  EXPECT_EQ(channels(got), Channels{kListedGroup});
  EXPECT_EQ(got.deleted, (Channels{kListedOther, unknown, kListedThird}));
  EXPECT_TRUE(got.unresolved.empty());
  EXPECT_EQ(got.coverage_ns, 0) << "it is no pass";
}

TEST_F(DirectoryTest, OfSomeChannelsLeavesWhatIsTooLargeForTheNextCall) {
  SendOptions large;
  large.payload.assign(std::size_t{5} << 20, 'x');
  for (const auto& channel : {kListedGroup, kListedOther}) {
    store_.join("u1", channel);
    store_.send(channel, "u2", large);
  }
  const auto got = some({kListedGroup, kListedOther});
  EXPECT_EQ(channels(got), Channels{kListedGroup});
  EXPECT_EQ(got.unresolved, Channels{kListedOther});
  EXPECT_EQ(channels(some({kListedOther})), Channels{kListedOther});
}

TEST_F(DirectoryTest, DamagedRecordsAreErrors) {
  store_.store.put(store::Table::main,
                   store::tombstone_key(TestStore::partition(kListedGroup), "u1", kListedGroup),
                   "\x07");
  const auto got = directory_.load_page(of());
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Errc::storage);
}

}  // namespace
}  // namespace jindou::conversation
