// No false "never", few false "maybe", and a bound on memory.
#include "partition/number_filter.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace jindou::partition {
namespace {

TEST(NumberFilter, NeverDeniesWhatWasAddedAndSeldomAffirmsTheRest) {
  std::mt19937_64 dice(1);
  NumberFilter filter(std::size_t{64} << 20);
  std::vector<store::Fingerprint> added;
  for (int i = 0; i < 300'000; ++i) added.push_back({dice(), dice()});
  for (const auto& fingerprint : added) filter.add(fingerprint);
  for (const auto& fingerprint : added) ASSERT_TRUE(filter.may_contain(fingerprint));
  int wrong = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (filter.may_contain({dice(), dice()})) ++wrong;
  }
  EXPECT_LT(wrong, 4'000);
}

TEST(NumberFilter, DeniesEverythingWhileEmpty) {
  const NumberFilter filter(1 << 20);
  EXPECT_FALSE(filter.may_contain({1, 2}));
}

TEST(NumberFilter, AnswersMaybeOnceItsMemoryIsUsedUp) {
  std::mt19937_64 dice(1);
  NumberFilter filter(64 << 10);
  for (int i = 0; i < 100'000; ++i) filter.add({dice(), dice()});
  EXPECT_TRUE(filter.gave_up());
  EXPECT_EQ(filter.bytes(), 0U);
  EXPECT_TRUE(filter.may_contain({1, 2}));
}

}  // namespace
}  // namespace jindou::partition
