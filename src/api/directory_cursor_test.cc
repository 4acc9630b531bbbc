// A cursor comes back as it was given out, and nothing else is taken for one.
#include "api/directory_cursor.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::api {
namespace {

using conversation::DirectoryCursor;

TEST(DirectoryCursor, ComesBackAsItWas) {
  for (const std::string id : {"g", "g1", "b@a", "\xe7\xbe\xa4", "\x7f?>~"}) {
    for (const std::int64_t at : {std::int64_t{0}, std::int64_t{1'700'000'000'123'456'789}}) {
      const DirectoryCursor cursor{at, at / 3, at / 2, ChannelKey(id, ChannelType::agent_group)};
      const std::string text = encode_cursor(cursor);
      EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
                std::string::npos)
          << text;
      const auto again = decode_cursor(text);
      ASSERT_TRUE(again.has_value()) << text;
      EXPECT_EQ(*again, cursor);
    }
  }
}

TEST(DirectoryCursor, NothingElseIsOne) {
  const std::string text =
      encode_cursor(DirectoryCursor{1, 3, 2, ChannelKey("g1", ChannelType::group)});
  EXPECT_EQ(text, "AQAAAAAAAAABAAAAAAAAAAMAAAAAAAAAAgJnMQ");
  ASSERT_TRUE(decode_cursor(text).has_value());
  const std::string nobody = encode_cursor(DirectoryCursor{1, 3, 2, ChannelKey()});
  const std::string negative =
      encode_cursor(DirectoryCursor{1, 3, -2, ChannelKey("g1", ChannelType::group)});
  for (const std::string& wrong :
       {std::string(), std::string("x"), text + "=", text + "!", "B" + text.substr(1),
        text.substr(0, 32), text + "\n", std::string("no cursor"), nobody, negative}) {
    const auto decoded = decode_cursor(wrong);
    ASSERT_FALSE(decoded.has_value()) << wrong;
    EXPECT_EQ(decoded.error().code(), Errc::invalid);
  }
}

}  // namespace
}  // namespace jindou::api
