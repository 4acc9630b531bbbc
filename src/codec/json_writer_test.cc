// What the writer produces is read back by a parser: well-formed, valid UTF-8, nothing lost.
#include "codec/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "codec/json_reader.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

TEST(JsonWriter, WritesNestedContainersWithCommasInPlace) {
  std::string out = "HTTP body: ";
  JsonWriter json(out);
  json.begin_object();
  json.number("status", 200);
  json.begin_object("data");
  json.end_object();
  json.begin_array("items");
  json.begin_object();
  json.number("message_id", std::uint64_t{1} << 52);
  json.number_string("message_idstr", std::uint64_t{1} << 52);
  json.flag("red_dot", true);
  json.boolean("duplicate", false);
  json.base64("payload", "Hello Group 1");
  json.end_object();
  json.number(-5);
  json.null();
  json.boolean(true);
  json.raw("[1]");
  json.begin_array();
  json.end_array();
  json.string("x");
  json.end_array();
  json.string("msg", "");
  json.end_object();
  EXPECT_EQ(out, R"(HTTP body: {"status":200,"data":{},"items":[{"message_id":4503599627370496,)"
                 R"("message_idstr":"4503599627370496","red_dot":1,"duplicate":false,)"
                 R"("payload":"SGVsbG8gR3JvdXAgMQ=="},-5,null,true,[1],[],"x"],"msg":""})");
}

TEST(JsonWriter, WritesAnObjectForEachEntry) {
  std::string out;
  JsonWriter json(out);
  const auto write = [](JsonWriter& one, int entry) { one.number("n", entry); };
  json.begin_object();
  json.objects("none", std::vector<int>(), write);
  json.objects("two", std::vector<int>{1, 2}, write);
  json.boolean("more", false);
  json.end_object();
  EXPECT_EQ(out, R"({"none":[],"two":[{"n":1},{"n":2}],"more":false})");
}

TEST(JsonWriter, PrintsTheExtremesOfIntegersExactly) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.number(std::numeric_limits<std::uint64_t>::max());
  json.number(std::numeric_limits<std::int64_t>::min());
  json.number(std::uint8_t{255});
  json.end_array();
  EXPECT_EQ(out, "[18446744073709551615,-9223372036854775808,255]");
}

TEST(JsonWriter, EscapesAsShortAsPossible) {
  std::string out;
  json_append_string(out, std::string_view("a\"b\\c\b\f\n\r\t\x01\x1f\0z/", 15));
  EXPECT_EQ(out, R"("a\"b\\c\b\f\n\r\t\u0001\u001f\u0000z/")");
  out.clear();
  json_append_string(out, "筋斗 \"云\" 😀");
  EXPECT_EQ(out, R"("筋斗 \"云\" 😀")");
}

TEST(JsonWriter, ReplacesInvalidUtf8) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xff", "\xef\xbf\xbd"},
      {"a\xc3", "a\xef\xbf\xbd"},
      {"\xc3\"", "\xef\xbf\xbd\\\""},
      {"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},  // a surrogate
      {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},                    // overlong NUL
      {"\xe7\xad\x8b\xe7\xad", "筋\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (const auto& [text, expected] : cases) {
    std::string out;
    json_append_string(out, text);
    EXPECT_EQ(out, '"' + expected + '"');
  }
}

TEST(JsonWriter, EveryPairOfBytesStaysParsable) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; b += a < 0x80 ? 5 : 1) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      std::string out;
      json_append_string(out, text);
      const auto parsed = parse_json(out);
      ASSERT_TRUE(parsed.has_value()) << a << ' ' << b;
      if (is_valid_utf8(text)) {
        EXPECT_EQ(std::string_view(*parsed), text);
      }
    }
  }
}

TEST(JsonReader, SaysWhatIsWrong) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + '1' + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(kJsonDepthMax)).has_value());
  EXPECT_FALSE(parse_json(nested(kJsonDepthMax + 1)).has_value());
  EXPECT_FALSE(parse_json(std::string(100000, '[')).has_value());
  EXPECT_FALSE(parse_json("").has_value());
  EXPECT_FALSE(parse_json(" \r\n").has_value());
  EXPECT_FALSE(parse_json("\"\xff\"").has_value());
  EXPECT_FALSE(parse_json("{} {}").has_value());
  EXPECT_FALSE(parse_json("[1").has_value());
  EXPECT_FALSE(parse_json("99999999999999999999").has_value());
  EXPECT_FALSE(parse_json("1e999").has_value());
  EXPECT_FALSE(parse_json("\"\\x\"").has_value());
  EXPECT_FALSE(parse_json(std::string("\"a\0b\"", 5)).has_value());
  EXPECT_EQ(parse_json("[1,").error().code(), Errc::invalid);
}

TEST(JsonReader, StillWorksAfterAGiantBody) {
  const std::string giant = "[\"" + std::string(3 * 1024 * 1024, 'x') + "\"]";
  EXPECT_TRUE(parse_json(giant).has_value());
  EXPECT_TRUE(parse_json("[1]").has_value());
  EXPECT_FALSE(parse_json("[1").has_value());
  EXPECT_TRUE(parse_json("[1]").has_value());
}

}  // namespace
}  // namespace jindou::codec
