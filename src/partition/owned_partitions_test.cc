#include "partition/owned_partitions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::partition {
namespace {

TEST(OwnedPartitions, KnowsWhichThereAreAndSinceWhichTerm) {
  OwnedPartitions owned(4);
  EXPECT_TRUE(owned.list().empty());
  owned.begin(PartitionId{2});
  owned.begin(PartitionId{0});
  EXPECT_EQ(owned.list(), (std::vector<PartitionId>{PartitionId{0}, PartitionId{2}}));
  EXPECT_FALSE(owned.owns(PartitionId{1}));
  EXPECT_EQ(owned.term(PartitionId{1}), 0U);
  const auto term = owned.term(PartitionId{2});
  EXPECT_NE(term, 0U);
  owned.end(PartitionId{2});
  EXPECT_FALSE(owned.owns(PartitionId{2}));
  owned.begin(PartitionId{2});
  EXPECT_NE(owned.term(PartitionId{2}), term) << "it was away in between";
  EXPECT_EQ(owned.partitions(), 4);
}

TEST(OwnedPartitions, TellsWhoeverListensInTheOrderOfTheirComing) {
  OwnedPartitions owned(4);
  std::vector<std::string> heard;
  const auto listen = [&](const std::string& name) {
    owned.add_listener([&, name](PartitionId partition, bool is_owned) {
      EXPECT_EQ(owned.owns(partition), is_owned);
      heard.push_back(name + (is_owned ? " has " : " lost ") + std::to_string(raw(partition)));
    });
  };
  listen("first");
  listen("second");
  owned.begin(PartitionId{3});
  owned.end(PartitionId{3});
  EXPECT_EQ(heard, (std::vector<std::string>{"first has 3", "second has 3", "first lost 3",
                                             "second lost 3"}));
}

}  // namespace
}  // namespace jindou::partition
