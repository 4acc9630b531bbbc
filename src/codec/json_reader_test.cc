// A text that has room behind it is parsed where it is: the outcome is that of a copy, whatever the
// room holds, and the text may go afterwards.
#include "codec/json_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jindou::codec {
namespace {

constexpr std::size_t kRoom = simdjson::SIMDJSON_PADDING;

std::string outcome(const JsonText& json) {
  const auto parsed = parse_json(json);
  if (!parsed) return "error: " + parsed.error().detail();
  return simdjson::minify(*parsed);
}

// What could be taken for a part of the text: more digits, the rest of a word, an end.
std::vector<std::string> rooms() {
  std::vector<std::string> all;
  for (const std::string_view begin : {"", "234", "e", "ue", "\"", "]", "}", ",1]", "\\", "\xff"}) {
    for (const char rest : {' ', '\0', '9', '"', ']', '\xff'}) {
      std::string room(begin);
      room.resize(kRoom, rest);
      all.push_back(std::move(room));
    }
  }
  return all;
}

TEST(JsonText, IsPaddedFromTheRoomOnThatTheParserAsksFor) {
  const std::string_view view = "[1]";
  JsonText text(view);
  EXPECT_FALSE(text.is_padded());
  text.readable = view.size() + kRoom - 1;
  EXPECT_FALSE(text.is_padded());
  text.readable = view.size() + kRoom;
  EXPECT_TRUE(text.is_padded());
}

TEST(JsonText, OfAStringHasAllThatTheStringHasAllocated) {
  std::string string = "[1]";
  EXPECT_FALSE(JsonText(string).is_padded());
  EXPECT_FALSE(JsonText("[1]").is_padded());
  string.reserve(string.size() + kRoom);
  EXPECT_TRUE(JsonText(string).is_padded());
  EXPECT_EQ(JsonText(string).text, "[1]");
  string.resize(string.capacity(), ' ');
  EXPECT_FALSE(JsonText(string).is_padded());
}

TEST(JsonReader, ReadsTheSameInPlaceWhateverLiesBehindTheText) {
  const std::vector<std::string> texts = {
      R"({"a":[1,-2.5,"x\n\u00e9",true,false,null,{}]})",
      "1",
      "12",
      "1.5",
      "1e9",
      "\"text\"",
      "true",
      "null",
      "[]",
      " [ 1 ] \n",
      "\xef\xbb\xbf{\"a\":1}",
      // And what is not valid, which nothing behind it makes so.
      "tru",
      "[1",
      "[1,2",
      "{\"a\":12",
      "\"text",
      "\"text\\",
      "[1]]",
      "-",
      "1.",
      "\"\xc3",
      "",
      "  ",
      "[" + std::string(200, '1'),
      "[\"" + std::string(1000, 'x') + "\"]",
  };
  for (const std::string& text : texts) {
    const std::string copied = outcome(std::string_view(text));
    for (const std::string& room : rooms()) {
      const std::string all = text + room;
      JsonText in_place(std::string_view(all).substr(0, text.size()));
      in_place.readable = all.size();
      ASSERT_TRUE(in_place.is_padded());
      EXPECT_EQ(outcome(in_place), copied) << text << " before " << room;
    }
  }
}

TEST(JsonReader, ADocumentOutlivesTheTextThatItWasReadFrom) {
  for (const bool padded : {false, true}) {
    auto text = std::make_unique<std::string>(R"({"name":"a name that is long enough","list":[)");
    for (int i = 0; i < 1000; ++i) *text += R"("entry",)";
    *text += "7]}";
    if (padded) text->reserve(text->size() + kRoom);
    const auto parsed = parse_json(*text);
    ASSERT_TRUE(parsed.has_value());
    std::string_view name;
    ASSERT_EQ((*parsed)["name"].get(name), simdjson::SUCCESS);
    text->assign(text->size(), '?');
    text.reset();
    EXPECT_EQ(name, "a name that is long enough");
    simdjson::dom::array list;
    ASSERT_EQ((*parsed)["list"].get(list), simdjson::SUCCESS);
    EXPECT_EQ(list.size(), 1001U);
  }
}

// Texts in place and copied ones take turns on one parser, which grows and shrinks between them.
TEST(JsonReader, CopiesAndTextsInPlaceTakeTurns) {
  std::string large = "[" + std::string(3 << 20, ' ') + "1]";
  large.reserve(large.size() + kRoom);
  std::string small = R"({"a":"b"})";
  small.reserve(small.size() + kRoom);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(outcome(std::string_view(large)), "[1]");
    EXPECT_EQ(outcome(small), R"({"a":"b"})");
    EXPECT_EQ(outcome(large), "[1]");
    EXPECT_EQ(outcome(std::string_view(small)), R"({"a":"b"})");
  }
}

}  // namespace
}  // namespace jindou::codec
