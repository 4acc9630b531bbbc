// The memory of a generation.
#include "partition/client_number_index.h"

#include <gtest/gtest.h>

#include "partition/partition_deps.h"

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

}  // namespace
}  // namespace jindou::partition
