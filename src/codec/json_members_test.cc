#include "codec/json_members.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::codec {
namespace {

// "name=value|name=value", or "none".
std::string members_of(std::string_view text) {
  const auto members = json_members(text);
  if (!members) return "none";
  std::string found;
  for (const JsonMember& member : *members) {
    if (!found.empty()) found += '|';
    found += std::string(member.name) + '=' + std::string(member.value);
  }
  return found;
}

TEST(JsonMembers, AreAsTheyAreWritten) {
  EXPECT_EQ(members_of("{}"), "");
  EXPECT_EQ(members_of(" { } "), "");
  EXPECT_EQ(members_of(R"({"a":1,"b" : "x,}]\"" , "c":1.50e2})"), R"(a=1|b="x,}]\""|c=1.50e2)");
  EXPECT_EQ(members_of(R"({"a":{"b":[1, {"c":"}"}]},"d":[ ],"e":null })"),
            R"(a={"b":[1, {"c":"}"}]}|d=[ ]|e=null)");
  EXPECT_EQ(members_of(R"({"a":123456789012345678901234567890,"a":2})"),
            "a=123456789012345678901234567890|a=2");
  EXPECT_EQ(members_of("\xef\xbb\xbf{\"a\":\"\\\\\"}\r"), "a=\"\\\\\"");
}

TEST(JsonMembers, WhatIsNoObjectHasNone) {
  for (const char* text : {"", "[1]", "\"a\"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}",
                           "{a:1}", "{\"a\":\"x}", "{\"a\":1}x", "{\"a\":}", "{\"a\":[1}",
                           "{\"a\":1]}", "{\"a\":\"\\", "{,}", "{\"a\" 1}"}) {
    EXPECT_EQ(members_of(text), "none") << text;
  }
}

TEST(JsonMembers, NamesAndAbsence) {
  const auto members = json_members(R"({"client\u005fmsg_no":null,"b":"","c":" ","d":"null"})");
  ASSERT_TRUE(members);
  EXPECT_TRUE((*members)[0].is("client_msg_no"));
  EXPECT_FALSE((*members)[0].is("client\\u005fmsg_no"));
  EXPECT_TRUE((*members)[1].is("b"));
  EXPECT_TRUE((*members)[0].is_absent());
  EXPECT_TRUE((*members)[1].is_absent());
  EXPECT_FALSE((*members)[2].is_absent());
  EXPECT_FALSE((*members)[3].is_absent());
}

}  // namespace
}  // namespace jindou::codec
