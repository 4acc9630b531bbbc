// The table of client_msg_no gets further and further, by counters that rise; and the memory of a
// generation.
#include "partition/client_number_index.h"

#include <gtest/gtest.h>

#include "base/assert.h"
#include "partition/partition_deps.h"
#include "partition/simulation/memory_store.h"
#include "store/index_progress.h"
#include "store/partition_reader.h"

namespace jindou::partition {
namespace {

// Whatever share of the default a smaller memory has: halves are made of powers of two.
TEST(ClientNumberGeneration, FillsTheTableThatIsReservedForIt) {
  const std::size_t by_default = PartitionOptions().index_generation_entries;
  for (const std::size_t share : {1U, 2U, 4U, 8U}) {
    const std::size_t entries = by_default / share;
    ClientNumberIndex::Generation generation;
    generation.reserve(entries);
    const std::size_t places = generation.bucket_count();
    EXPECT_LT(places, entries + entries / 3);
    // A generation is frozen between two commits: those of the last one must not double the table.
    const std::size_t more = entries / 16;
    for (std::size_t i = 0; i < entries + more; ++i) {
      generation.emplace(store::Fingerprint{i, i * 0x9e3779b97f4a7c15ULL}, store::ClientNumber());
    }
    EXPECT_EQ(generation.size(), entries + more);
    EXPECT_EQ(generation.bucket_count(), places);
  }
}

constexpr PartitionId kOwn{0};

class ClientNumberIndexTest : public ::testing::Test {
 protected:
  ClientNumberIndexTest() { EXPECT_TRUE(index_.open().has_value()); }

  void insert(std::uint64_t counter) {
    store::ClientNumber number;
    number.counter = counter;
    index_.insert({counter, 1}, number, txn_);
  }
  // Everything evaluated is durable; what is full goes to the table.
  void load() {
    index_.advance(1, 1);
    memory_.finish_load(/*well=*/true);
    index_.advance(1, 1);
  }
  std::uint64_t progress() const {
    return store::load_index_progress(store::PartitionReader(memory_, kOwn)).value();
  }

  const SlowAssertions on_{true};
  simulation::MemoryStore memory_;
  Txn txn_{1};
  ClientNumberIndex index_{store::PartitionReader(memory_, kOwn), memory_, 2, 1 << 20};
};
using ClientNumberIndexDeathTest = ClientNumberIndexTest;

TEST_F(ClientNumberIndexTest, GetsFurtherWithEachGeneration) {
  insert(5);
  load();
  EXPECT_EQ(progress(), 0U) << "one is not enough";
  insert(6);
  load();
  EXPECT_EQ(progress(), 6U);
  insert(9);
  insert(12);
  load();
  EXPECT_EQ(progress(), 12U);
}

TEST_F(ClientNumberIndexTest, GivesACounterAgainThatWasTakenBack) {
  insert(5);
  const Txn::SavePoint point = txn_.save();
  insert(6);
  insert(7);
  txn_.roll_back(point);
  insert(6);
  load();
  EXPECT_EQ(progress(), 6U);
}

TEST_F(ClientNumberIndexDeathTest, CountersRise) {
  insert(5);
  EXPECT_DEATH(insert(5), "number.counter > inserted_to_");
  EXPECT_DEATH(insert(4), "number.counter > inserted_to_");
}

}  // namespace
}  // namespace jindou::partition
