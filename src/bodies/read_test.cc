// A table reads what it says and refuses the rest, with a sentence that names the member.
#include "bodies/read.h"

#include <gtest/gtest.h>

#include <array>

namespace jindou::bodies {
namespace {

struct Entry {
  std::string name;
  std::string problem;
  static Fields<Entry> fields();
};

struct Inner {
  bool on = false;
  static Fields<Inner> fields();
};

struct Everything {
  std::string text = "as before";
  std::string id;
  std::string word;
  std::uint64_t number = 7;
  std::uint64_t clamped = 0;
  std::optional<std::uint64_t> perhaps;
  std::int64_t signed_number = -1;
  std::uint64_t message_id = 0;
  ChannelType channel_type = ChannelType::group;
  std::vector<std::string> uids;
  std::vector<std::uint64_t> seqs;
  std::vector<std::uint8_t> types;
  std::string payload;
  std::string json;
  Inner inner;
  std::vector<Entry> entries;
  std::vector<Entry> loose;
  static Fields<Everything> fields();
};

constexpr std::array<std::string_view, 2> kWords = {"red", "green"};

constexpr std::array kEntry = {
    Field{.name = "name", .to = at<&Entry::name>, .meaning = "m", .required = true}};
constexpr std::array kInner = {
    Field{.name = "on", .type = FieldType::flag, .to = at<&Inner::on>, .meaning = "m"},
    Field{.name = "off", .type = FieldType::flag, .meaning = "m", .refused = "it is never off"}};

constexpr std::array kEverything = {
    Field{.name = "text", .to = at<&Everything::text>, .meaning = "m", .bytes_max = 5},
    Field{.name = "id",
          .type = FieldType::id,
          .to = at<&Everything::id>,
          .meaning = "m",
          .required = true},
    Field{.name = "word",
          .type = FieldType::word,
          .to = at<&Everything::word>,
          .meaning = "m",
          .words = kWords},
    Field{.name = "number",
          .type = FieldType::number,
          .to = at<&Everything::number>,
          .meaning = "m",
          .most = 10},
    Field{.name = "clamped",
          .type = FieldType::number,
          .to = at<&Everything::clamped>,
          .meaning = "m",
          .standard = 15,
          .cap = 50,
          .forgiving = true},
    Field{.name = "perhaps",
          .type = FieldType::number,
          .to = at<&Everything::perhaps>,
          .meaning = "m"},
    Field{.name = "signed",
          .type = FieldType::number,
          .to = at<&Everything::signed_number>,
          .meaning = "m",
          .least = -1,
          .most = 255},
    Field{.name = "message_id",
          .type = FieldType::message_id,
          .to = at<&Everything::message_id>,
          .meaning = "m"},
    Field{.name = "channel_type",
          .type = FieldType::channel_type,
          .to = at<&Everything::channel_type>,
          .meaning = "m"},
    Field{.name = "uids", .type = FieldType::uids, .to = at<&Everything::uids>, .meaning = "m"},
    Field{.name = "seqs", .type = FieldType::seqs, .to = at<&Everything::seqs>, .meaning = "m"},
    Field{.name = "types",
          .type = FieldType::types,
          .to = at<&Everything::types>,
          .meaning = "m",
          .entries_max = 2},
    Field{.name = "payload",
          .type = FieldType::payload,
          .to = at<&Everything::payload>,
          .meaning = "m",
          .required = true},
    Field{.name = "json", .type = FieldType::json, .to = at<&Everything::json>, .meaning = "m"},
    Field{.name = "headers", .type = FieldType::map, .meaning = "m"},
    Field{.name = "ignored", .type = FieldType::number, .meaning = "m"},
    Field{.name = "inner", .type = FieldType::object, .to = at<&Everything::inner>, .meaning = "m"},
    Field{.name = "entries",
          .type = FieldType::objects,
          .to = at<&Everything::entries>,
          .meaning = "m",
          .entries_limit = &Limits::lookups},
    Field{.name = "loose",
          .type = FieldType::objects,
          .to = at<&Everything::loose>,
          .meaning = "m",
          .entries_max = 2,
          .problem_in = at<&Entry::problem>},
};

Fields<Entry> Entry::fields() { return kTable<Entry, kEntry>; }
Fields<Inner> Inner::fields() { return kTable<Inner, kInner>; }
Fields<Everything> Everything::fields() { return kTable<Everything, kEverything>; }

constexpr Limits kLimits = {.payload_bytes = 8, .lookups = 3};

// With the members that have to be there.
std::string with(const std::string& members) {
  return R"({"id":"u1","payload":"aGk=")" + (members.empty() ? "" : "," + members) + "}";
}

Everything good(const std::string& members) {
  BodyReader reader(with(members));
  auto body = read<Everything>(reader, kLimits);
  EXPECT_EQ(reader.problem(), "") << members;
  return body;
}

std::string problem(const std::string& body) {
  BodyReader reader(body);
  const auto ignored = read<Everything>(reader, kLimits);
  return reader.problem();
}
std::string problem_with(const std::string& members) { return problem(with(members)); }

TEST(Read, AbsentAndNullAreTheSame) {
  for (const char* members : {"", R"("signed":null,"perhaps":null,"channel_type":null)"}) {
    const Everything body = good(members);
    EXPECT_EQ(body.id, "u1");
    EXPECT_EQ(body.payload, "hi");
    EXPECT_EQ(body.signed_number, -1);
    EXPECT_EQ(body.perhaps, std::nullopt);
    EXPECT_EQ(body.clamped, 15U);
    EXPECT_EQ(body.channel_type, ChannelType::group);
  }
}

TEST(Read, EveryTypeReachesItsMember) {
  const Everything body =
      good(R"("text":"hello","word":"green","number":10,"clamped":51,"perhaps":0,"signed":255,)"
           R"("message_id":"1037","channel_type":4,"uids":["a"," ","a","b"],"seqs":[1,"2"],)"
           R"("types":[0,255],"json":{"a": [1]},"headers":{"x":1},"ignored":3,"inner":{"on":true},)"
           R"("entries":[{"name":"n1"},{"name":"n2"}])");
  EXPECT_EQ(body.text, "hello");
  EXPECT_EQ(body.word, "green");
  EXPECT_EQ(body.number, 10U);
  EXPECT_EQ(body.clamped, 50U);
  EXPECT_EQ(body.perhaps, 0U);
  EXPECT_EQ(body.signed_number, 255);
  EXPECT_EQ(body.message_id, 1037U);
  EXPECT_EQ(body.channel_type, ChannelType::community);
  EXPECT_EQ(body.uids, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(body.seqs, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(body.types, (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(body.json, R"({"a":[1]})");
  EXPECT_TRUE(body.inner.on);
  ASSERT_EQ(body.entries.size(), 2U);
  EXPECT_EQ(body.entries[1].name, "n2");
  EXPECT_EQ(good(R"("clamped":-3)").clamped, 15U);
}

TEST(Read, WhatIsWrongIsNamed) {
  EXPECT_EQ(problem("{}"), "id is required");
  EXPECT_EQ(problem(R"({"id":"u1"})"), "payload is required");
  EXPECT_EQ(problem(R"({"id":"a@b"})"), "id must not contain '@', '#' or '&'");
  EXPECT_EQ(problem_with(R"("text":"longer")"), "text must not be longer than 5 bytes");
  EXPECT_EQ(problem_with(R"("text":1)"), "text must be a string");
  EXPECT_EQ(problem_with(R"("word":"blue")"), "word must be red or green");
  EXPECT_EQ(problem_with(R"("number":11)"), "number must be from 0 to 10");
  EXPECT_EQ(problem_with(R"("number":-1)"), "number must be from 0 to 10");
  EXPECT_EQ(problem_with(R"("number":"1")"), "number must be an integer, without quotes");
  EXPECT_EQ(problem_with(R"("perhaps":-1)"), "perhaps must not be negative");
  EXPECT_EQ(problem_with(R"("signed":-2)"), "signed must be from -1 to 255");
  EXPECT_EQ(problem_with(R"("signed":256)"), "signed must be from -1 to 255");
  EXPECT_EQ(problem_with(R"("channel_type":256)"), "channel_type must be from 1 to 255");
  EXPECT_EQ(problem_with(R"("uids":"a")"),
            "uids must be an array of strings: put a single one in [ and ]");
  EXPECT_EQ(problem_with(R"("headers":"x")"), "headers must be an object");
  EXPECT_EQ(problem_with(R"("ignored":1.5)"), "ignored must be an integer");
  EXPECT_EQ(problem_with(R"("inner":{"on":2})"), "inner: on must be 0 or 1, true or false");
  EXPECT_EQ(problem_with(R"("inner":{"off":1})"), "inner: it is never off");
  EXPECT_EQ(problem_with(R"("entries":[{}])"), "entries: name is required");
}

TEST(Read, EntriesHaveABound) {
  EXPECT_EQ(problem_with(R"("entries":[{"name":"a"},{"name":"a"},{"name":"a"}])"), "");
  EXPECT_EQ(problem_with(R"("entries":[{},{},{},{}])"),
            "entries must not have more than 3 entries");
  EXPECT_EQ(problem_with(R"("loose":[{},{},{}])"), "loose must not have more than 2 entries");
  EXPECT_EQ(problem_with(R"("types":[1,2,3])"), "types must not have more than 2 entries");
}

TEST(Read, ABadEntryMayStandAlone) {
  const Everything body = good(R"("loose":[{},{"name":"n2"}])");
  ASSERT_EQ(body.loose.size(), 2U);
  EXPECT_EQ(body.loose[0].problem, "name is required");
  EXPECT_EQ(body.loose[1].problem, "");
  EXPECT_EQ(body.loose[1].name, "n2");
}

}  // namespace
}  // namespace jindou::bodies
