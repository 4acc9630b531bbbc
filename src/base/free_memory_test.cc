#include "base/free_memory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou {
namespace {

TEST(FreeMemory, LeavesNothingBehind) {
  std::string text(10'000, 'x');
  free_memory(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.capacity(), std::string().capacity());

  std::vector<int> numbers(10'000);
  free_memory(numbers);
  EXPECT_EQ(numbers.capacity(), 0U);
}

}  // namespace
}  // namespace jindou
