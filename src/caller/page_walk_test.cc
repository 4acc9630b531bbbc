#include "caller/page_walk.h"

#include <gtest/gtest.h>

#include "caller/shown_text.h"

namespace jindou::caller {
namespace {

TEST(PageWalk, APageSaysWhereItGoesOn) {
  const auto page =
      parse_list_page(R"({"items":[{"uid":"a"},{"uid":"b"}],"has_more":true,"next_cursor":"xyz"})");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(text_member(page->items[1], "uid"), "b");
  EXPECT_EQ(page->next, "xyz");
  const auto last = parse_list_page(R"({"items":[],"has_more":false})");
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->items.empty());
  EXPECT_EQ(last->next, "");
}

TEST(PageWalk, WhatIsNoPageIsRefused) {
  for (const char* json :
       {"", "[]", "{}", R"({"items":7,"has_more":false})", R"({"items":[7],"has_more":false})",
        R"({"items":[]})", R"({"items":[],"has_more":true})",
        R"({"items":[],"has_more":true,"next_cursor":""})"}) {
    EXPECT_FALSE(parse_list_page(json)) << json;
  }
}

}  // namespace
}  // namespace jindou::caller
