#include "base/edit_distance.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace jindou {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("expire", "expire"), 0U);
  EXPECT_EQ(edit_distance("exipre", "expire"), 2U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
}

TEST(EditDistance, NearestIsTheOneMeantOrNone) {
  constexpr std::array<std::string_view, 3> kKnown = {"expire", "payload", "from_uid"};
  EXPECT_EQ(nearest_of(kKnown, "exipre"), "expire");
  EXPECT_EQ(nearest_of(kKnown, "fromUid"), "from_uid");
  EXPECT_EQ(nearest_of(kKnown, "colour"), "");
  EXPECT_EQ(nearest_of(kKnown, "load"), "");
  EXPECT_EQ(nearest_of(std::array<std::string_view, 2>{"/", "/tag"}, "/x"), "");
  EXPECT_EQ(nearest_of(std::array<std::string_view, 2>{"/", "/tag"}, "/tagg"), "/tag");
  EXPECT_EQ(nearest_of(kKnown, std::string(1000, 'e')), "");
}

}  // namespace
}  // namespace jindou
