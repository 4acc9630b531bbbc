// Every fault is found where it is, and nothing is a fault that the parser takes.
#include "codec/json_fault.h"

#include <gtest/gtest.h>

#include "codec/json_reader.h"

namespace jindou::codec {
namespace {

// "line:column what"
std::string fault(std::string_view text) {
  const JsonFault found = find_json_fault(text, kJsonDepthMax);
  if (found.what.empty()) return {};
  return std::to_string(found.line) + ":" + std::to_string(found.column) + " " + found.what;
}

TEST(JsonFault, IsWhereTheAuthorMadeIt) {
  EXPECT_EQ(fault("[1,\n 2,\n]"), "3:1 there is a comma behind the last entry");
  EXPECT_EQ(fault("{\"a\":1,}"), "1:8 there is a comma behind the last entry");
  EXPECT_EQ(fault("{\"a\":1 \"b\":2}"), "1:8 a comma or } was expected");
  EXPECT_EQ(fault("[1 2]"), "1:4 a comma or ] was expected");
  EXPECT_EQ(fault("{'a':1}"), "1:2 names of members need double quotes");
  EXPECT_EQ(fault("{a:1}"), "1:2 names of members need double quotes");
  EXPECT_EQ(fault("{\"a\":'x'}"), "1:6 strings need double quotes, not single ones");
  EXPECT_EQ(fault("{\"a\" 1}"), "1:6 a colon was expected behind the name of a member");
  EXPECT_EQ(fault("{1:2}"), "1:2 the name of a member was expected, in double quotes");
  EXPECT_EQ(fault("{\"a\":True}"),
            "1:6 text needs double quotes; the only words are true, false and null");
  EXPECT_EQ(fault("{\"你\":\"好\" x"), "1:10 a comma or } was expected");
  EXPECT_EQ(fault("{\"a\":}"), "1:6 a value is missing, or a comma is too many");
  EXPECT_EQ(fault("[,1]"), "1:2 a value was expected");
  EXPECT_EQ(fault("{\"a\":[1,2"), "1:10 the text ends too early");
  EXPECT_EQ(fault("[1] [2]"), "1:5 there is something behind the value");
  EXPECT_EQ(fault("[1] // c"), "1:5 there is something behind the value");
  EXPECT_EQ(fault("// c\n[]"), "1:1 JSON has no comments");
  EXPECT_EQ(fault(""), "1:1 the text ends too early");
}

TEST(JsonFault, InStringsAndNumbers) {
  EXPECT_EQ(fault("[\"a\n\"]"),
            "1:4 a string has an unescaped control character, such as a line break (\\n)");
  EXPECT_EQ(fault("[\"abc]"), "1:2 a string has no closing quote");
  EXPECT_EQ(fault("[\"\\x\"]"), "1:3 a string has an escape that JSON does not know");
  EXPECT_EQ(fault("[\"\\u12g4\"]"), "1:3 a string has \\u without four hex digits");
  EXPECT_EQ(fault("[\"\\u12"), "1:3 a string has \\u without four hex digits");
  for (const char* half : {"\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800\\ud800"}) {
    EXPECT_EQ(fault("[\"" + std::string(half) + "\"]"),
              "1:3 a string has half of a surrogate pair");
  }
  EXPECT_EQ(fault("[\"a\xff\"]"), "1:4 the text is not valid UTF-8");
  EXPECT_EQ(fault("[01]"), "1:2 a number must not begin with 0");
  EXPECT_EQ(fault("[-]"), "1:3 a number needs digits");
  EXPECT_EQ(fault("[1.]"), "1:4 a number needs digits behind its point");
  EXPECT_EQ(fault("[1e]"), "1:4 a number needs digits in its exponent");
  EXPECT_EQ(fault("[1x]"), "1:3 a number has something behind its digits");
  EXPECT_EQ(fault("[18446744073709551616]"), "1:2 a number is out of range (64 bits)");
  EXPECT_EQ(fault("[-9223372036854775809]"), "1:2 a number is out of range (64 bits)");
  EXPECT_EQ(fault("[1e400]"), "1:2 a number is out of range (64 bits)");
}

TEST(JsonFault, DepthIsLimitedOnBothSides) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(fault(nested(kJsonDepthMax)), "");
  EXPECT_EQ(fault(nested(kJsonDepthMax + 1)), "1:33 objects and arrays are nested too deep");
  EXPECT_EQ(fault(std::string(1'000'000, '[')), "1:33 objects and arrays are nested too deep");
}

// The two readers of the same grammar agree.
TEST(JsonFault, AgreesWithTheParser) {
  const std::string_view texts[] = {"{}",
                                    "[]",
                                    "0",
                                    "-0",
                                    "1.5e3",
                                    "1E-2",
                                    "1e-400",
                                    "\"\"",
                                    "\"\\ud83d\\ude00\"",
                                    "true",
                                    "null",
                                    " [ 1 , { \"a\" : [ ] , \"b\" : { } } ] ",
                                    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
                                    "[18446744073709551615,-9223372036854775808]",
                                    "\xef\xbb\xbf{}",
                                    "nul",
                                    "truex",
                                    "[1,]",
                                    "{\"a\"}",
                                    "{,}",
                                    "[[]",
                                    "]",
                                    "}",
                                    "--1",
                                    "+1",
                                    ".5",
                                    "1.5.5",
                                    "\x01",
                                    "[\"\x7f\"]",
                                    "{\"a\":1,\"a\":2}",
                                    "NaN",
                                    "Infinity",
                                    "\"a",
                                    "'a'",
                                    "[1}",
                                    "{\"a\":1]",
                                    "\"\\u00e9\"",
                                    "\xc0\x80",
                                    "\"\xed\xa0\x80\"",
                                    "\"\xf4\x90\x80\x80\"",
                                    "\"\xf0\x9f\x98\x80\""};
  for (const std::string_view text : texts) {
    const std::string_view plain = text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
    EXPECT_EQ(parse_json(text).has_value(), fault(plain).empty()) << text << ": " << fault(plain);
  }
}

TEST(JsonReader, SaysWhereAndWhy) {
  const auto problem = [](std::string_view body) {
    const auto parsed = parse_json(body);
    return parsed ? std::string() : parsed.error().detail();
  };
  EXPECT_EQ(problem("{\"a\":1,\n \"b\":2,}"),
            "the body is not valid JSON: line 2, column 8: there is a comma behind the last entry");
  EXPECT_EQ(
      problem("uid=u1&token=t"),
      "the body is form fields (a=1&b=2), but must be JSON in UTF-8, such as {\"uid\":\"u1\"}");
  EXPECT_NE(problem("<xml/>").find("XML"), std::string::npos);
  EXPECT_NE(problem("--x\r\nContent-Disposition: form-data").find("multipart"), std::string::npos);
  EXPECT_NE(problem(std::string_view("\xff\xfe{\0}\0", 6)).find("UTF-16"), std::string::npos);
  EXPECT_EQ(problem("  "), "the body is empty");
}

// Editors and shells of Windows put one in front of what they save.
TEST(JsonReader, AByteOrderMarkInFrontIsSkipped) {
  EXPECT_TRUE(parse_json("\xef\xbb\xbf{\"a\":1}"));
  EXPECT_FALSE(parse_json("\xef\xbb\xbf\xef\xbb\xbf{}"));
  EXPECT_FALSE(parse_json("{}\xef\xbb\xbf"));
  const auto empty = parse_json("\xef\xbb\xbf ");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().detail(), "the body is empty");
}

TEST(JsonFault, AGrammarHasNoBounds) {
  EXPECT_TRUE(is_json("[18446744073709551616,-1e400]"));
  EXPECT_TRUE(is_json(std::string(1000, '[') + std::string(1000, ']')));
  EXPECT_TRUE(is_json(" \"text\" "));
  EXPECT_FALSE(is_json("[1null]"));
  EXPECT_FALSE(is_json("[01]"));
  EXPECT_FALSE(is_json("[\"\xff\"]"));
  EXPECT_FALSE(is_json(""));
}

}  // namespace
}  // namespace jindou::codec
