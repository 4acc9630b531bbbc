#include "http/query.h"

#include <gtest/gtest.h>

namespace jindou::http {
namespace {

TEST(Query, FindsDecodedValuesByName) {
  const std::string_view query = "channel_id=g%201&channel_type=2&login_uid=%E7%BE%A4&x";
  EXPECT_EQ(find_query_value(query, "channel_id"), "g 1");
  EXPECT_EQ(find_query_value(query, "channel_type"), "2");
  EXPECT_EQ(find_query_value(query, "login_uid"), "群");
  EXPECT_EQ(find_query_value(query, "x"), "");
  EXPECT_EQ(find_query_value(query, "absent"), "");
}

TEST(Query, TakesTheFirstOfRepeatedNamesAndDecodesNames) {
  EXPECT_EQ(find_query_value("a=1&a=2", "a"), "1");
  EXPECT_EQ(find_query_value("%61=1", "a"), "1");
}

TEST(Query, LeavesBrokenEscapesAndRawTextAlone) {
  EXPECT_EQ(decode_query_text("100%"), "100%");
  EXPECT_EQ(decode_query_text("%4"), "%4");
  EXPECT_EQ(decode_query_text("%zz"), "%zz");
  EXPECT_EQ(decode_query_text("a+b%2Bc"), "a b+c");
  EXPECT_EQ(decode_query_text("%00"), std::string(1, '\0'));
}

TEST(Query, TreatsUnparsableNumbersAsZero) {
  EXPECT_EQ(query_number("17"), 17U);
  EXPECT_EQ(query_number(""), 0U);
  EXPECT_EQ(query_number("-1"), 0U);
  EXPECT_EQ(query_number("1x"), 0U);
  EXPECT_EQ(query_number("99999999999999999999999"), 0U);
}

}  // namespace
}  // namespace jindou::http
