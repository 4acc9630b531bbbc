// Cursors of lists come back as they were given out and count for their own list; what a query for
// a page may say.
#include "api/listing_pages.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::api {
namespace {

Result<PageRequest> read_page_request(const std::string& query, const std::string& name = "list") {
  Request request;
  request.set_line(Verb::get, "GET", "/list?" + query, 11);
  return PageRequest::read(request, name, PageLimits{10, 20});
}

std::string problem_of_page(const std::string& query) {
  const auto page = read_page_request(query);
  EXPECT_FALSE(page.has_value()) << query;
  return page ? std::string() : std::string(page.error().detail());
}

TEST(ListingPages, ACursorComesBackForItsOwnList) {
  for (const std::string& place :
       {std::string("a"), std::string("\x02\x00\x01g", 4), std::string("\xff\x00", 2)}) {
    const std::string text = encode_place("list", place);
    EXPECT_EQ(text.find_first_of("+/=&? "), std::string::npos) << text;
    EXPECT_EQ(decode_place("list", text).value(), place);
    EXPECT_FALSE(decode_place("lis", text).has_value());
    EXPECT_FALSE(decode_place("list2", text).has_value());
    EXPECT_FALSE(decode_place("list", text + "A").has_value());
    EXPECT_FALSE(decode_place("list", text + "=").has_value());
    EXPECT_FALSE(decode_place("list", text.substr(0, text.size() - 1)).has_value());
  }
  for (const std::string wrong : {"x", "17", "AQAAAAA", "no cursor", "\xff"}) {
    const auto decoded = decode_place("list", wrong);
    ASSERT_FALSE(decoded.has_value()) << wrong;
    EXPECT_EQ(decoded.error().code(), Errc::invalid);
  }
}

TEST(ListingPages, AQueryMayLeaveOutEverything) {
  const auto page = read_page_request("");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->query().limit, 10U);
  EXPECT_EQ(page->query().prefix, "");
  EXPECT_EQ(page->query().from, "");
}

TEST(ListingPages, ANextPageIsAskedForWithItsCursor) {
  const auto first = read_page_request("prefix=a%20b&limit=20");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->query().limit, 20U);
  EXPECT_EQ(first->query().prefix, "a b");
  std::string end;
  codec::JsonWriter json(end);
  json.begin_object();
  first->write_end(json, "place");
  json.end_object();
  const std::string begin = R"({"has_more":true,"next_cursor":")";
  ASSERT_TRUE(end.starts_with(begin)) << end;
  const std::string cursor = end.substr(begin.size(), end.size() - begin.size() - 2);
  EXPECT_EQ(read_page_request("prefix=a+b&cursor=" + cursor)->query().from, "place");
  const std::string refused =
      "cursor is none that this server gave out for this list; leave it out to begin anew";
  EXPECT_EQ(problem_of_page("cursor=" + cursor), refused);
  EXPECT_EQ(problem_of_page("prefix=a&cursor=" + cursor), refused);
  EXPECT_FALSE(read_page_request("prefix=a+b&cursor=" + cursor, "other").has_value());
  std::string last;
  codec::JsonWriter ending(last);
  ending.begin_object();
  first->write_end(ending, "");
  ending.end_object();
  EXPECT_EQ(last, R"({"has_more":false})");
}

TEST(ListingPages, LimitsAndPrefixesAreBounded) {
  for (const std::string limit : {"0", "21", "-1", "x", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(problem_of_page("limit=" + limit), "limit must be a number from 1 to 20");
  }
  EXPECT_TRUE(read_page_request("prefix=" + std::string(513, 'x')).has_value());
  EXPECT_EQ(problem_of_page("prefix=" + std::string(514, 'x')),
            "prefix is longer than any id: at most 513 bytes");
}

TEST(ListingPages, PartsOfAPathAreDecoded) {
  EXPECT_EQ(decode_path_part("a%2Fb%20c+d"), "a/b c+d");
  EXPECT_EQ(decode_path_part("%"), "%");
}

TEST(ListingPages, ChannelsAreNamedAsTheyAreStored) {
  EXPECT_EQ(stored_channel("g", ChannelType::group)->id, "g");
  EXPECT_EQ(stored_channel("u", ChannelType::person)->id, "u");
  const std::string pair = person_channel_id("u1", "u2");
  EXPECT_EQ(stored_channel("u1@u2", ChannelType::person)->id, pair);
  EXPECT_EQ(stored_channel("u2@u1", ChannelType::person)->id, pair);
  EXPECT_EQ(stored_channel("u2@u1", ChannelType::agent)->id, "u2@u1");
  EXPECT_FALSE(stored_channel("u1@u2", ChannelType::group).has_value());
  EXPECT_FALSE(stored_channel("", ChannelType::group).has_value());
  EXPECT_FALSE(stored_channel("g", ChannelType::none).has_value());
}

}  // namespace
}  // namespace jindou::api
