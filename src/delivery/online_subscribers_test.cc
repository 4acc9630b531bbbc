// What is remembered of large channels, and when it is forgotten.
#include "delivery/online_subscribers.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::delivery {
namespace {

using Handles = OnlineSubscribers::Handles;

std::shared_ptr<const UidSet> online_uids(std::initializer_list<const char*> list) {
  auto set = std::make_shared<UidSet>();
  for (const char* uid : list) set->emplace(uid);
  return set;
}

Handles handles(std::uint32_t count) {
  Handles out;
  for (std::uint32_t slot = 0; slot < count; ++slot) out.push_back({slot, 1});
  return out;
}

constexpr auto kAllAlive = [](SinkHandle) { return true; };

TEST(OnlineSubscribers, FollowsSessionsThatComeAndDropsThoseThatLeft) {
  OnlineSubscribers online({});
  const auto set = online_uids({"a", "b"});
  EXPECT_EQ(online.find(set, kAllAlive), nullptr);
  EXPECT_FALSE(online.count(set));
  online.keep(set, {{1, 1}});
  online.add_session("b", {2, 1});
  online.add_session("stranger", {3, 1});
  const Handles* known = online.find(set, kAllAlive);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(*known, (Handles{{1, 1}, {2, 1}}));
  EXPECT_EQ(online.count(set), 2U);
  known = online.find(set, [](SinkHandle handle) { return handle.slot != 1; });
  EXPECT_EQ(*known, (Handles{{2, 1}}));
  EXPECT_EQ(online.handles(), 1U);
}

TEST(OnlineSubscribers, AnotherSetAtTheSameAddressIsAnotherSet) {
  OnlineSubscribers online({});
  UidSet members;
  members.emplace("a");
  // Two owners of one address, one after the other.
  auto first = std::shared_ptr<const UidSet>(&members, [](const UidSet*) {});
  online.keep(first, handles(1));
  first.reset();
  const auto second = std::shared_ptr<const UidSet>(&members, [](const UidSet*) {});
  EXPECT_EQ(online.find(second, kAllAlive), nullptr);
  EXPECT_FALSE(online.count(second));
  online.keep(second, handles(3));
  EXPECT_EQ(online.count(second), 3U);
  EXPECT_EQ(online.sets(), 1U);
}

TEST(OnlineSubscribers, SetsThatNobodyHasAreForgotten) {
  OnlineSubscribers online({});
  auto gone = online_uids({"a"});
  const auto kept = online_uids({"a"});
  online.keep(gone, handles(5));
  online.keep(kept, handles(2));
  gone.reset();
  online.add_session("a", {9, 1});
  EXPECT_EQ(online.sets(), 1U);
  EXPECT_EQ(online.count(kept), 3U);
}

TEST(OnlineSubscribers, TheSetUsedLongestAgoMakesRoom) {
  OnlineSubscribers::Limits limits;
  limits.sets = 2;
  limits.handles = 10;
  OnlineSubscribers online(limits);
  const auto a = online_uids({"a"});
  const auto b = online_uids({"b"});
  const auto c = online_uids({"c"});
  online.keep(a, handles(2));
  online.keep(b, handles(2));
  online.find(a, kAllAlive);
  online.keep(c, handles(2));
  EXPECT_TRUE(online.count(a));
  EXPECT_FALSE(online.count(b));
  EXPECT_TRUE(online.count(c));
  // One with more than all may have is kept alone.
  online.keep(b, handles(50));
  EXPECT_EQ(online.sets(), 1U);
  EXPECT_EQ(online.count(b), 50U);
}

TEST(OnlineSubscribers, ASetThatNobodyUsesDoesNotGrowForEver) {
  OnlineSubscribers online({});
  const auto set = online_uids({"a"});
  online.keep(set, handles(10));
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    online.add_session("a", {i, 2});
    most = std::max(most, online.handles());
  }
  EXPECT_LE(most, 2000U);
  EXPECT_FALSE(online.count(set));
}

}  // namespace
}  // namespace jindou::delivery
