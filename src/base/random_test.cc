#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace jindou {
namespace {

class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    std::iota(out.begin(), out.end(), next_);
    next_ = static_cast<unsigned char>(next_ + out.size());
  }

 private:
  unsigned char next_ = 0;
};

TEST(Random, HexHasTwoLowerCaseDigitsPerByte) {
  CountingRandom random;
  EXPECT_EQ(random.hex(4), "00010203");
  EXPECT_EQ(random.hex(0), "");
  EXPECT_EQ(random.hex(12), "0405060708090a0b0c0d0e0f");
}

TEST(SystemRandom, DoesNotRepeatItselfAcrossPoolRefillsAndThreads) {
  SystemRandom random;
  std::vector<std::vector<std::uint64_t>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& values : drawn) {
    threads.emplace_back([&random, &values] {
      for (int i = 0; i < 1000; ++i) values.push_back(random.next_u64());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> seen;
  for (const auto& values : drawn) seen.insert(values.begin(), values.end());
  EXPECT_EQ(seen.size(), 4000U);
}

TEST(SystemRandom, FillsRequestsOfEverySize) {
  SystemRandom random;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{255}, std::size_t{256}, std::size_t{257}, std::size_t{4096}}) {
    // The last byte is still zero after 8 tries once in 2^64 runs, if it is written at all.
    bool touched = false;
    for (int tries = 0; tries < 8 && !touched; ++tries) {
      std::vector<unsigned char> bytes(size);
      random.fill(bytes);
      touched = bytes.back() != 0;
    }
    EXPECT_TRUE(touched) << size;
  }
}

TEST(AssertDeathTest, StopsTheProcessAndNamesTheCondition) {
  const int two = 2;
  JD_ASSERT(two == 2);
  EXPECT_DEATH(JD_ASSERT(two == 3), "assertion failed: two == 3 at .*random_test.cc");
}

}  // namespace
}  // namespace jindou
