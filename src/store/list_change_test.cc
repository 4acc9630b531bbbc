// What the store says of a long change of lists: read back as it was written, nothing before it is
// decided, and an error when a part of it is missing or damaged.
#include "store/list_change.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/memory_reader.h"

namespace jindou::store {
namespace {

constexpr PartitionId kListChangePartition{3};
const ChannelKey kListChangeGroup("g", ChannelType::group);
const ChannelKey kOther("g1", ChannelType::group);

ListChange replacing() {
  ListChange change;
  change.kind = ListChange::Kind::replace;
  change.list = KeyKind::denylist;
  change.read_to = 300;
  change.command_read_to = 7;
  change.uids = {"a", "b", "c"};
  return change;
}

void put_parts(MemoryReader& store, const ChannelKey& channel) {
  const std::vector<std::vector<std::string>> parts = {{"a", "b"}, {"c"}};
  for (std::uint32_t n = 0; n < parts.size(); ++n) {
    std::string value;
    for (const auto& uid : parts[n]) add_to_list_change_part(value, uid);
    store.put(Table::main, list_change_key(kListChangePartition, channel, n + 1), value);
  }
}

Result<std::optional<ListChange>> load(const MemoryReader& store, const ChannelKey& channel) {
  auto cursor = PartitionReader(store, kListChangePartition).open_cursor(Table::main);
  return load_list_change(cursor, channel);
}

TEST(ListChange, IsReadAsItWasWritten) {
  MemoryReader store;
  put_parts(store, kListChangeGroup);
  store.put(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 0),
            encode_list_change(replacing(), 2));
  put_parts(store, kOther);
  const auto change = load(store, kListChangeGroup);
  ASSERT_TRUE(change.has_value());
  ASSERT_TRUE(change->has_value());
  EXPECT_EQ((*change)->kind, ListChange::Kind::replace);
  EXPECT_EQ((*change)->list, KeyKind::denylist);
  EXPECT_EQ((*change)->read_to, 300U);
  EXPECT_EQ((*change)->command_read_to, 7U);
  EXPECT_EQ((*change)->uids, replacing().uids);
  EXPECT_TRUE((*change)->concerns(KeyKind::denylist));
  EXPECT_FALSE((*change)->concerns(KeyKind::subscriber));
}

TEST(ListChange, IsNothingBeforeItIsDecided) {
  MemoryReader store;
  put_parts(store, kListChangeGroup);
  EXPECT_FALSE(load(store, kListChangeGroup)->has_value());
  store.put(Table::main, list_change_key(kListChangePartition, kOther, 0),
            encode_list_change(ListChange(), 0));
  const auto all = load_list_changes({store, kListChangePartition});
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 2U);
  for (const auto& [channel, change] : *all) EXPECT_EQ(change.has_value(), channel == kOther);
}

TEST(ListChange, WithAMissingOrDamagedPartIsAnError) {
  MemoryReader store;
  put_parts(store, kListChangeGroup);
  store.put(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 0),
            encode_list_change(replacing(), 3));
  EXPECT_EQ(load(store, kListChangeGroup).error().code(), Errc::storage);
  EXPECT_EQ(load_list_changes({store, kListChangePartition}).error().code(), Errc::storage);
  store.put(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 3), "\1\5no");
  EXPECT_EQ(load(store, kListChangeGroup).error().code(), Errc::storage);
  store.erase(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 3));
  const std::string whole = encode_list_change(replacing(), 2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    store.put(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 0),
              whole.substr(0, size));
    EXPECT_EQ(load(store, kListChangeGroup).error().code(), Errc::storage) << size;
  }
  std::string unknown = whole;
  unknown[1] = 9;
  store.put(Table::main, list_change_key(kListChangePartition, kListChangeGroup, 0), unknown);
  EXPECT_EQ(load(store, kListChangeGroup).error().code(), Errc::storage);
}

}  // namespace
}  // namespace jindou::store
