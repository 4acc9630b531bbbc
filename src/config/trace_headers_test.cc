#include "config/trace_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::config {
namespace {

using TraceHeaderEntries = std::vector<std::string>;

TEST(TraceHeaders, AreNamesAndValuesWithoutEscapes) {
  const auto headers = parse_trace_headers(
      {"Authorization=Bearer%20abc=", "x-scope-orgid=team%2b1", "X-Percent=100%25"});
  ASSERT_TRUE(headers) << headers.error().text();
  EXPECT_EQ(*headers, (TraceHeaderEntries{"Authorization: Bearer abc=", "x-scope-orgid: team+1",
                                          "X-Percent: 100%"}));
  EXPECT_TRUE(parse_trace_headers({})->empty());
}

TEST(TraceHeaders, WhatIsNoneIsNamedWithoutItsValue) {
  for (const char* entry : {"hidden", "=hidden", "na me=hidden", "X-A=hidden%", "X-A=hidden%2",
                            "X-A=hidden%2x", "X-A=hidden%0d%0aX-B: c", "X-A=hidden%00",
                            "X-A=hidden\xc3\xa9", "Host=hidden", "content-type=hidden", "X-A="}) {
    const auto headers = parse_trace_headers({"X-Good=1", entry});
    ASSERT_FALSE(headers) << entry;
    EXPECT_EQ(headers.error().code(), Errc::invalid);
    EXPECT_NE(headers.error().detail().find("entry 2"), std::string::npos);
    EXPECT_EQ(headers.error().detail().find("hidden"), std::string::npos)
        << headers.error().detail();
  }
}

}  // namespace
}  // namespace jindou::config
