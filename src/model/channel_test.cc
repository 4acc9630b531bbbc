#include "model/channel.h"

#include <gtest/gtest.h>

#include <vector>

namespace jindou {
namespace {

// Golden values: clients and stored data depend on them for ever.
TEST(Crc32, MatchesIeee) {
  EXPECT_EQ(crc32_ieee(""), 0U);
  EXPECT_EQ(crc32_ieee("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32_ieee("u1"), 1112514422U);
  EXPECT_EQ(crc32_ieee("u2"), 3678850764U);
  EXPECT_EQ(crc32_ieee("alice"), 663665735U);
  EXPECT_EQ(crc32_ieee("bob"), 4123767104U);
  EXPECT_EQ(crc32_ieee("1001"), 3273692033U);
  EXPECT_EQ(crc32_ieee("1002"), 1512686139U);
  EXPECT_EQ(crc32_ieee("l98cu"), 1392825221U);
  EXPECT_EQ(crc32_ieee("pvdba"), 1392825221U);
  EXPECT_EQ(crc32_ieee("筋斗"), 3966986221U);
}

TEST(PersonChannelId, IsTheSameFromBothSides) {
  const struct {
    const char* a;
    const char* b;
    const char* id;
  } golden[] = {
      {"u1", "u2", "u2@u1"},
      {"alice", "bob", "bob@alice"},
      {"1001", "1002", "1001@1002"},
      {"l98cu", "pvdba", "pvdba@l98cu"},  // equal CRCs: the larger string first
      {"me", "me", "me@me"},
  };
  for (const auto& row : golden) {
    EXPECT_EQ(person_channel_id(row.a, row.b), row.id);
    EXPECT_EQ(person_channel_id(row.b, row.a), row.id);
  }
}

TEST(PairId, SplitsAtTheFirstSign) {
  using Halves = std::pair<std::string_view, std::string_view>;
  EXPECT_EQ(split_pair_id("a@b"), Halves("a", "b"));
  EXPECT_EQ(split_pair_id("a@b@c"), Halves("a", "b@c"));
  EXPECT_EQ(split_pair_id("@b"), Halves("", "b"));
  EXPECT_EQ(split_pair_id("a@"), Halves("a", ""));
  EXPECT_EQ(split_pair_id("ab"), Halves("", ""));
  EXPECT_EQ(split_pair_id(""), Halves("", ""));
}

TEST(PairId, PeerIsTheOtherHalf) {
  EXPECT_EQ(peer_in_pair("a@b", "a"), "b");
  EXPECT_EQ(peer_in_pair("a@b", "b"), "a");
  EXPECT_EQ(peer_in_pair("a@a", "a"), "a");
  EXPECT_EQ(peer_in_pair("a@b", "c"), "");
  EXPECT_EQ(peer_in_pair("ab", "a"), "");
}

// XXH64 with seed 0 of "" is ef46db3751d8e999 and of "a" d24ec4f1a98c6e5b: stores depend on it.
TEST(PartitionFor, IsTheHashOfTheIdAlone) {
  EXPECT_EQ(raw(partition_for("", 512)), 0x199);
  EXPECT_EQ(raw(partition_for("a", 512)), 0x05b);
  EXPECT_EQ(raw(partition_for("anything", 1)), 0);
}

TEST(PartitionFor, SpreadsIds) {
  std::vector<int> hits(16);
  for (int i = 0; i < 16'000; ++i) ++hits[raw(partition_for("user" + std::to_string(i), 16))];
  for (const int count : hits) {
    EXPECT_GT(count, 800);
    EXPECT_LT(count, 1200);
  }
}

TEST(ChannelKey, EqualKeysHashEqually) {
  const ChannelKey a("id", ChannelType::group);
  const ChannelKey b("id", ChannelType::group);
  const ChannelKey c("id", ChannelType::person);
  EXPECT_EQ(a, b);
  EXPECT_EQ(ChannelKeyHash{}(a), ChannelKeyHash{}(b));
  EXPECT_NE(a, c);
  EXPECT_NE(ChannelKeyHash{}(a), ChannelKeyHash{}(c));
}

}  // namespace
}  // namespace jindou
