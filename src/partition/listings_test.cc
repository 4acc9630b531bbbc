// Lists of channels, users and members: their order, what they leave out, and walks over them while
// others write.
#include "partition/listings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/partition_map.h"
#include "store/keys.h"
#include "store/list_change.h"
#include "store/memory_reader.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

using Names = std::vector<std::string>;

class ListingsTest : public testing::Test {
 protected:
  static constexpr std::uint16_t kListingPartitions = 4;
  static constexpr store::Table kMain = store::Table::main;

  void put(const std::string& key, const std::string& value = {}) { store_.put(kMain, key, value); }

  void create(const std::string& id, ChannelType type = ChannelType::group,
              const ChannelFlags& flags = {}) {
    const ChannelKey channel(id, type);
    store::ChannelRecord record;
    record.flags = flags;
    record.created_at = 7;
    put(store::channel_key(map_.of_channel(channel), channel), store::encode(record));
  }
  void send(const ChannelKey& log, std::uint64_t seq) {
    put(store::message_key(map_.of_channel(log), log, MessageSeq{seq}));
  }
  void register_device(const std::string& uid, DeviceFlag flag, const std::string& token,
                       DeviceLevel level = DeviceLevel::slave) {
    store::TokenRecord record;
    record.token = token;
    record.level = level;
    put(store::device_token_key(map_.of_user(uid), uid, flag), store::encode(record));
  }
  void converse(const std::string& uid, const std::string& group) {
    const ChannelKey channel(group, ChannelType::group);
    put(store::conversation_key(map_.of_channel(channel), uid, channel),
        store::encode(store::ConversationRecord()));
  }
  void add_member(const std::string& uid, store::KeyKind kind = store::KeyKind::subscriber) {
    put(store::member_key(map_.of_channel(group_), kind, group_, uid));
  }

  Listings listings(std::size_t steps_max = Listings::kSteps) {
    return Listings(store::PartitionReaders(store_, map_), steps_max);
  }
  // "2/group" for each channel of a walk.
  Names walk_channels(ListingQuery query, std::optional<ChannelType> type = {},
                      std::size_t steps_max = Listings::kSteps) {
    Names seen;
    do {
      const auto page = listings(steps_max).load_channels(query, type);
      EXPECT_TRUE(page.has_value());
      if (!page) break;
      EXPECT_LE(page->entries.size(), query.limit);
      for (const ListedChannel& listed : page->entries) {
        seen.push_back(std::to_string(raw(listed.channel.type)) + '/' + listed.channel.id);
      }
      query.from = page->next;
    } while (!query.from.empty());
    return seen;
  }
  Names walk_users(ListingQuery query) {
    Names seen;
    do {
      const auto page = listings().load_users(query);
      EXPECT_TRUE(page.has_value());
      if (!page) break;
      for (const ListedUser& user : page->entries) seen.push_back(user.uid);
      query.from = page->next;
    } while (!query.from.empty());
    return seen;
  }
  Names walk_members(ListingQuery query, MemberList list = MemberList::subscribers) {
    Names seen;
    do {
      const auto page = listings().load_members(group_, list, query);
      EXPECT_TRUE(page.has_value());
      if (!page) break;
      EXPECT_LE(page->entries.size(), query.limit);
      seen.insert(seen.end(), page->entries.begin(), page->entries.end());
      query.from = page->next;
    } while (!query.from.empty());
    return seen;
  }
  void change_list(store::ListChange::Kind kind, const Names& uids) {
    store::ListChange change;
    change.kind = kind;
    change.list = store::KeyKind::subscriber;
    const PartitionId partition = map_.of_channel(group_);
    const std::string row = store::list_change_key(partition, group_, 1);
    store_.erase(kMain, row);
    std::string part;
    for (const std::string& uid : uids) store::add_to_list_change_part(part, uid);
    if (!part.empty()) put(row, part);
    put(store::list_change_key(partition, group_, 0),
        store::encode_list_change(change, part.empty() ? 0 : 1));
  }

  store::MemoryReader store_;
  const PartitionMap map_{kListingPartitions};
  const ChannelKey group_{"group", ChannelType::group};
};

TEST_F(ListingsTest, NothingIsAnEmptyPage) {
  EXPECT_EQ(walk_channels({}), Names());
  EXPECT_EQ(walk_users({}), Names());
  EXPECT_EQ(walk_members({}), Names());
  EXPECT_FALSE(listings().load_channel(group_)->has_value());
  EXPECT_FALSE(listings().load_user("u")->has_value());
}

TEST_F(ListingsTest, ChannelsComeByTypeThenLengthThenId) {
  for (const std::string id : {"bb", "a", "ab", "c", "abc"}) create(id);
  create("zz", ChannelType::community);
  create("x@y", ChannelType::person);
  const Names all = {"1/x@y", "2/a", "2/c", "2/ab", "2/bb", "2/abc", "4/zz"};
  for (const std::size_t limit : {1U, 2U, 3U, 100U}) {
    EXPECT_EQ(walk_channels({.prefix = "", .from = "", .limit = limit}), all) << limit;
  }
  EXPECT_EQ(walk_channels({}, ChannelType::group), (Names{"2/a", "2/c", "2/ab", "2/bb", "2/abc"}));
  EXPECT_EQ(walk_channels({.prefix = "a"}), (Names{"2/a", "2/ab", "2/abc"}));
  EXPECT_EQ(walk_channels({.prefix = "ab"}, ChannelType::group), (Names{"2/ab", "2/abc"}));
  EXPECT_EQ(walk_channels({.prefix = "x@"}), Names{"1/x@y"});
  EXPECT_EQ(walk_channels({.prefix = "d"}), Names());
  EXPECT_EQ(walk_channels({}, ChannelType::live), Names());
}

TEST_F(ListingsTest, ChannelsWithMessagesAloneAreListedAndLogsOfCommandsAreNot) {
  ChannelFlags flags;
  flags.ban = true;
  create("made", ChannelType::group, flags);
  const ChannelKey said("said", ChannelType::group);
  for (const std::uint64_t seq : {1U, 2U, 3U}) send(said, seq);
  send(ChannelKey("made", ChannelType::group), 1);
  send(store::command_log_of(said), 1);
  EXPECT_EQ(walk_channels({.prefix = "", .from = "", .limit = 1}), (Names{"2/made", "2/said"}));
  const auto page = listings().load_channels({}, std::nullopt);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->entries.size(), 2U);
  EXPECT_TRUE(page->entries[0].flags.ban);
  EXPECT_EQ(page->entries[0].created_at, 7);
  EXPECT_EQ(page->entries[1].created_at, 0);
  EXPECT_EQ(page->entries[1].flags, ChannelFlags());
  EXPECT_TRUE(listings().load_channel(page->entries[0].channel)->has_value());
  EXPECT_TRUE(listings().load_channel(said)->has_value());
}

TEST_F(ListingsTest, UsersHaveADeviceAConversationOrFlags) {
  register_device("dev", DeviceFlag::web, "secret", DeviceLevel::master);
  register_device("dev", DeviceFlag::app, "");
  converse("talker", "g1");
  converse("talker", "g2");
  converse("talker", "g3");
  ChannelFlags flags;
  flags.ban = true;
  create("banned", ChannelType::person, flags);
  create("dev@talker", ChannelType::person);
  EXPECT_EQ(walk_users({.prefix = "", .from = "", .limit = 1}), (Names{"dev", "banned", "talker"}));
  EXPECT_EQ(walk_users({.prefix = "t"}), Names{"talker"});
  const auto dev = listings().load_user("dev");
  ASSERT_TRUE(dev.has_value() && dev->has_value());
  ASSERT_EQ((*dev)->devices.size(), 2U);
  EXPECT_EQ((*dev)->devices[0].flag, DeviceFlag::app);
  EXPECT_FALSE((*dev)->devices[0].token_set);
  EXPECT_EQ((*dev)->devices[1].flag, DeviceFlag::web);
  EXPECT_EQ((*dev)->devices[1].level, DeviceLevel::master);
  EXPECT_TRUE((*dev)->devices[1].token_set);
  EXPECT_FALSE((*dev)->banned);
  EXPECT_FALSE((*dev)->system_account);
  put(store::system_account_key(map_.of_system_accounts(), "dev"));
  EXPECT_TRUE(listings().load_user("dev")->value().system_account);
  EXPECT_TRUE(listings().load_user("banned")->value().banned);
  EXPECT_TRUE(listings().load_user("talker")->has_value());
  EXPECT_FALSE(listings().load_user("tal")->has_value());
}

TEST_F(ListingsTest, MembersComeByUid) {
  for (const std::string uid : {"b", "aa", "c", "ab", "a"}) add_member(uid);
  add_member("enemy", store::KeyKind::denylist);
  const Names all = {"a", "aa", "ab", "b", "c"};
  for (const std::size_t limit : {1U, 2U, 4U, 5U, 6U}) {
    EXPECT_EQ(walk_members({.prefix = "", .from = "", .limit = limit}), all) << limit;
  }
  EXPECT_EQ(walk_members({.prefix = "a", .from = "", .limit = 2}), (Names{"a", "aa", "ab"}));
  EXPECT_EQ(walk_members({}, MemberList::denylist), Names{"enemy"});
  EXPECT_EQ(walk_members({}, MemberList::allowlist), Names());
}

TEST_F(ListingsTest, AListThatIsBeingChangedIsWhatItIsToBecome) {
  using Change = store::ListChange::Kind;
  for (const std::string uid : {"a", "c", "e"}) add_member(uid);
  const auto pages_of = [this](std::size_t limit) {
    return walk_members({.prefix = "", .from = "", .limit = limit});
  };
  change_list(Change::add, {"d", "b", "f"});
  EXPECT_EQ(pages_of(2), (Names{"a", "b", "c", "d", "e", "f"}));
  change_list(Change::remove, {"c", "a"});
  EXPECT_EQ(pages_of(1), Names{"e"});
  change_list(Change::replace, {"y", "x"});
  EXPECT_EQ(pages_of(1), (Names{"x", "y"}));
  change_list(Change::dissolve, {});
  EXPECT_EQ(pages_of(1), Names());
}

// Between two pages others write; what is there all the time is seen once.
TEST_F(ListingsTest, AWalkSeesOnceWhatIsThereThroughout) {
  std::mt19937 random(5);
  const auto name = [&random] {
    std::string id = "g";
    for (auto length = random() % 9; length > 0; --length) {
      id.push_back(static_cast<char>('a' + random() % 3));
    }
    return id;
  };
  std::set<std::string> lasting;
  for (int i = 0; i < 2000; ++i) lasting.insert("2/" + name());
  for (const std::string& id : lasting) create(id.substr(2));
  for (const std::string prefix : {"", "g", "ga", "gab", "x"}) {
    ListingQuery query{.prefix = prefix, .from = "", .limit = 37};
    std::map<std::string, int> seen;
    std::set<std::string> came;
    do {
      // Few steps, so that pages end between two names, too.
      const auto page = listings(40).load_channels(query, std::nullopt);
      ASSERT_TRUE(page.has_value());
      for (const auto& listed : page->entries) ++seen["2/" + listed.channel.id];
      query.from = page->next;
      for (int i = 0; i < 5; ++i) {
        const std::string id = name();
        if (!lasting.contains("2/" + id)) came.insert(id);
        create(id);
      }
      if (!came.empty()) {
        const ChannelKey gone(*came.begin(), ChannelType::group);
        store_.erase(kMain, store::channel_key(map_.of_channel(gone), gone));
        came.erase(came.begin());
      }
    } while (!query.from.empty());
    for (const auto& [id, times] : seen) EXPECT_EQ(times, 1) << id;
    for (const std::string& id : lasting) {
      EXPECT_EQ(seen.contains(id), id.substr(2).starts_with(prefix)) << id;
    }
    for (const std::string& id : came) {
      const ChannelKey gone(id, ChannelType::group);
      store_.erase(kMain, store::channel_key(map_.of_channel(gone), gone));
    }
  }
}

// Ids that no page shows cost steps, not an answer that takes as long as there are such ids.
TEST_F(ListingsTest, AWalkThatFindsNothingEndsItsPagesWithAPlace) {
  for (int i = 0; i < 500; ++i)
    send(ChannelKey("g" + std::to_string(i) + "____cmd", ChannelType::group), 1);
  create("last", ChannelType::community);
  const auto first = listings(10).load_channels({}, std::nullopt);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->entries.empty());
  EXPECT_FALSE(first->next.empty());
  EXPECT_EQ(walk_channels({}, {}, 10), Names{"4/last"});
}

TEST_F(ListingsTest, PlacesThatNobodyGaveOutAreHarmless) {
  for (const std::string id : {"a", "b"}) create(id);
  EXPECT_EQ(walk_channels({.prefix = "", .from = std::string(1, '\0')}), (Names{"2/a", "2/b"}));
  EXPECT_EQ(walk_channels({.prefix = "", .from = "\xff\xff\xff\xff"}), Names());
  add_member("m");
  EXPECT_EQ(walk_members({.prefix = "", .from = "\xff"}), Names());
  EXPECT_EQ(walk_members({.prefix = "m", .from = "a"}), Names{"m"});
}

}  // namespace
}  // namespace jindou::partition
