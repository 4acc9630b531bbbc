#include "base/byte_budget.h"

#include <gtest/gtest.h>

namespace jindou {
namespace {

TEST(ByteBudget, IsSharedAndGivenBack) {
  auto budget = std::make_shared<ByteBudget>(100);
  BudgetShare first(budget);
  {
    BudgetShare second(budget);
    EXPECT_TRUE(first.resize(60));
    EXPECT_FALSE(second.resize(41));
    EXPECT_EQ(second.held(), 0U);
    EXPECT_TRUE(second.resize(40));
    EXPECT_FALSE(first.resize(61));
    EXPECT_EQ(first.held(), 60U);
    EXPECT_TRUE(first.resize(10));
    EXPECT_EQ(budget->used(), 50U);
  }
  EXPECT_EQ(budget->used(), 10U);
  EXPECT_TRUE(budget->has_room(90));
  EXPECT_FALSE(budget->has_room(91));
  first.release();
  EXPECT_EQ(budget->used(), 0U);
}

TEST(ByteBudget, WithoutOneNothingIsCounted) {
  BudgetShare share(nullptr);
  EXPECT_TRUE(share.resize(1000));
  EXPECT_EQ(share.held(), 0U);
}

}  // namespace
}  // namespace jindou
