#include "codec/csv_items.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "codec/send_fields.h"

namespace jindou::codec {
namespace {

using Fields = std::vector<std::string_view>;

CsvDefaults defaults() {
  CsvDefaults all;
  all.from_uid = "sys";
  all.channel_type = 1;
  all.payload = R"({"content":"Hi {{name}}"})";
  return all;
}

std::string problem_of(const CsvDefaults& all, const Fields& columns) {
  auto items = CsvItems::create(all);
  if (!items) return items.error().detail();
  const auto set = items->set_columns(columns);
  return set ? "" : set.error().detail();
}

TEST(CsvItems, ColumnsAreMembersOrVariables) {
  auto items = CsvItems::create(defaults());
  ASSERT_TRUE(items);
  const Fields columns = {"name", "channel_id", "client_msg_no", "city"};
  ASSERT_TRUE(items->set_columns(columns));
  EXPECT_EQ(items->item_of({"A \"b\"", "u1", "n1", ""}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys",)"
            R"("payload":{"content":"Hi {{name}}"},"vars":{"name":"A \"b\""},)"
            R"("client_msg_no":"n1"})");
  EXPECT_EQ(items->item_of({"", "", "", ""}, "").value(),
            R"({"channel_id":"","channel_type":1,"from_uid":"sys",)"
            R"("payload":{"content":"Hi {{name}}"},"vars":{"name":""}})");
}

TEST(CsvItems, TheLastSeqIsANumber) {
  auto items = CsvItems::create(defaults());
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "name", "if_last_seq"}));
  EXPECT_NE(items->item_of({"u1", "a", "0"}, "").value().find(R"("if_last_seq":0,)"),
            std::string::npos);
  EXPECT_EQ(items->item_of({"u1", "a", ""}, "").value().find("if_last_seq"), std::string::npos);
  for (const char* text : {"-1", "1x", "01", "4294967296", " "}) {
    const auto item = items->item_of({"u1", "a", text}, "");
    ASSERT_FALSE(item) << text;
    EXPECT_NE(item.error().detail().find("within 0..4294967295"), std::string::npos) << text;
  }
}

TEST(CsvItems, ColumnsTakeThePlaceOfDefaults) {
  CsvDefaults all = defaults();
  all.payload.clear();
  all.template_name = "we\"lcome";
  all.template_version = 3;
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_type", "channel_id", "from_uid"}));
  EXPECT_EQ(items->item_of({"2", "g1", "ann"}, "").value(),
            R"({"channel_id":"g1","channel_type":2,"from_uid":"ann",)"
            R"("template":"we\"lcome","template_version":3,"vars":{}})");
  EXPECT_EQ(items->item_of({"", "u1", ""}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys",)"
            R"("template":"we\"lcome","template_version":3,"vars":{}})");
}

TEST(CsvItems, TextIsAPayloadToo) {
  CsvDefaults all = defaults();
  all.payload = "hi";
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id"}));
  EXPECT_TRUE(items->item_of({"u1"}, "").value().ends_with(R"("payload":"aGk=","vars":{}})"));
}

// An item is a line.
TEST(CsvItems, PayloadsOfSeveralLinesAreOne) {
  EXPECT_EQ(payload_member("{\"text\":\r\n\"{{n}}\"}"), R"("payload":{"text":  "{{n}}"})");
  EXPECT_EQ(payload_member("a\nb"), R"("payload":"YQpi")");
}

TEST(CsvItems, ColumnsOfAStoredTemplateAreAllVariables) {
  CsvDefaults all = defaults();
  all.payload.clear();
  all.template_name = "welcome";
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "a", "b"}));
  EXPECT_TRUE(items->item_of({"u", "1", "2"}, "")
                  .value()
                  .ends_with(R"("template":"welcome","vars":{"a":"1","b":"2"}})"));
}

TEST(CsvItems, ARowWithoutANumberGetsTheOneThatIsMadeForIt) {
  auto items = CsvItems::create(defaults());
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "name", "client_msg_no"}));
  std::string seen;
  const auto number = [&seen](std::string_view members) {
    seen = members;
    return std::string("made");
  };
  const std::string members = R"({"channel_id":"u","channel_type":1,"from_uid":"sys",)"
                              R"("payload":{"content":"Hi {{name}}"},"vars":{"name":"A"})";
  EXPECT_EQ(items->item_of({"u", "A", ""}, "", number).value(),
            members + R"(,"client_msg_no":"made"})");
  EXPECT_EQ(seen, members);
  EXPECT_TRUE(items->item_of({"u", "A", "own"}, "", number).value().ends_with(R"(:"own"})"));
}

// What a row says of the message counts: none of it is left out.
TEST(CsvItems, PlainMembersAreColumns) {
  auto items = CsvItems::create(defaults());
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns(
      {"expire", "name", "channel_id", "no_persist", "topic", "sender_conversation", "setting"}));
  EXPECT_EQ(items->item_of({"60", "A", "u1", "1", "a \"t\"", "false", "128"}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys","expire":60,"no_persist":1,)"
            R"("topic":"a \"t\"","sender_conversation":false,"setting":128,)"
            R"("payload":{"content":"Hi {{name}}"},"vars":{"name":"A"}})");
  EXPECT_EQ(items->item_of({"", "A", "u1", "", "", "", ""}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys",)"
            R"("payload":{"content":"Hi {{name}}"},"vars":{"name":"A"}})");
  const auto told = [&items](const char* expire, const char* flag) {
    const auto made = items->item_of({expire, "A", "u1", flag, "", "", ""}, "");
    return made ? "" : made.error().detail();
  };
  EXPECT_EQ(told("316224000", "true"), "");
  EXPECT_EQ(told("1700000000", ""), "expire is \"1700000000\"; it is a number within 0..316224000");
  EXPECT_EQ(told("1h", ""), "expire is \"1h\"; it is a number within 0..316224000");
  EXPECT_EQ(told("", "yes"), "no_persist is \"yes\"; it is 0 or 1, true or false");
}

TEST(CsvItems, AMemberThatThePayloadNamesIsAVariable) {
  CsvDefaults all = defaults();
  all.payload = R"({"content":"{{topic}} {{template}}"})";
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "topic", "template", "expire"}));
  EXPECT_EQ(items->item_of({"u1", "t", "x", "9"}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys","expire":9,)"
            R"("payload":{"content":"{{topic}} {{template}}"},)"
            R"("vars":{"topic":"t","template":"x"}})");
}

// A stored template may have a place of that name, and so may the payloads of a head.
TEST(CsvItems, WherePlacesAreNotKnownAMemberIsAVariableToo) {
  CsvDefaults all = defaults();
  all.payload.clear();
  all.template_name = "welcome";
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "topic", "expire"}));
  EXPECT_EQ(items->item_of({"u1", "News", "60"}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys","topic":"News","expire":60,)"
            R"("template":"welcome","vars":{"topic":"News","expire":"60"}})");
  EXPECT_EQ(items->item_of({"u1", "", ""}, "").value(),
            R"({"channel_id":"u1","channel_type":1,"from_uid":"sys",)"
            R"("template":"welcome","vars":{"topic":"","expire":""}})");
}

TEST(CsvItems, MembersThatNoColumnCanBeAreRefused) {
  CsvDefaults stored = defaults();
  stored.payload.clear();
  stored.template_name = "welcome";
  for (const char* name : {"payload", "payload_ref", "template", "template_version", "vars",
                           "header", "subscribers", "sender_uid"}) {
    for (const CsvDefaults& all : {defaults(), stored}) {
      EXPECT_EQ(problem_of(all, {"channel_id", "name", name}),
                "the column \"" + std::string(name) +
                    "\" has the name of a member that rows do not take: say it in the query "
                    "(payload, template, template_version) or in the defaults of a line before "
                    "the columns, or give the column another name");
    }
  }
  // Without effect as members, they may be variables.
  EXPECT_EQ(problem_of(stored, {"channel_id", "tag_key", "device_id"}), "");
}

// Each member of an item is a column, or is refused as one, or has no effect anyway.
TEST(CsvItems, NoMemberOfAnItemIsLeftOut) {
  const auto columns = csv_member_columns();
  for (const SendField& field : send_fields()) {
    const bool is_column = std::find(columns.begin(), columns.end(), field.name) != columns.end();
    const bool is_refused = !problem_of(defaults(), {"channel_id", "name", field.name}).empty();
    const bool without_effect =
        field.member == SendMember::tag_key || field.member == SendMember::device_id;
    EXPECT_TRUE(is_column || is_refused || without_effect) << field.name;
  }
}

TEST(CsvItems, SomeColumnsArePassedOver) {
  static constexpr std::string_view kPassed[] = {"why", "not a name"};
  CsvDefaults all = defaults();
  all.passed_over = kPassed;
  auto items = CsvItems::create(all);
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"not a name", "channel_id", "why", "name"}));
  EXPECT_TRUE(items->passes_over());
  EXPECT_EQ(items->own_columns(), "channel_id,name");
  EXPECT_EQ(items->own_fields({"1", "u", "2", "A,B"}), "u,\"A,B\"");
  EXPECT_EQ(items->item_of({"1", "u", "2", "A"}, "").value(),
            R"({"channel_id":"u","channel_type":1,"from_uid":"sys",)"
            R"("payload":{"content":"Hi {{name}}"},"vars":{"name":"A"}})");
}

TEST(CsvItems, WrongColumnsAreToldOf) {
  EXPECT_EQ(problem_of(defaults(), {"channel_id", "name"}), "");
  EXPECT_NE(problem_of(defaults(), {"id", "name"}).find("no column has the name channel_id"),
            std::string::npos);
  EXPECT_NE(problem_of(defaults(), {"channel_id"}).find("{{name}}"), std::string::npos);
  EXPECT_NE(problem_of(defaults(), {"channel_id", "name", "name"}).find("two columns"),
            std::string::npos);
  EXPECT_NE(problem_of(defaults(), {"channel_id", "na me"}).find("cannot be a variable"),
            std::string::npos);
  EXPECT_NE(problem_of(defaults(), {"channel_id", "name\xff"}).find("UTF-8"), std::string::npos);
  CsvDefaults all = defaults();
  all.channel_type = 0;
  EXPECT_NE(problem_of(all, {"channel_id", "name"}).find("channel_type"), std::string::npos);
  all = defaults();
  all.from_uid.clear();
  EXPECT_NE(problem_of(all, {"channel_id", "name"}).find("from_uid"), std::string::npos);
  all = defaults();
  all.payload.clear();
  EXPECT_NE(problem_of(all, {"channel_id", "name"}).find("payload or template"), std::string::npos);
  all = defaults();
  all.payload = "{{name";
  EXPECT_NE(problem_of(all, {"channel_id", "name"}), "");
  std::vector<std::string> many;
  for (int i = 0; i < 101; ++i) many.push_back("v" + std::to_string(i));
  Fields columns = {"channel_id", "name"};
  columns.insert(columns.end(), many.begin(), many.end());
  // Those that the payload does not name are no variables.
  EXPECT_EQ(problem_of(defaults(), columns), "");
  all = defaults();
  all.payload.clear();
  all.template_name = "welcome";
  EXPECT_NE(problem_of(all, columns).find("102 columns for variables"), std::string::npos);
}

TEST(CsvItems, WrongRowsAreToldOf) {
  auto items = CsvItems::create(defaults());
  ASSERT_TRUE(items);
  ASSERT_TRUE(items->set_columns({"channel_id", "name", "channel_type"}));
  const auto told = [&items](const Fields& fields, std::string_view text = "") {
    const auto made = items->item_of(fields, text);
    return made ? "" : made.error().detail();
  };
  EXPECT_EQ(told({"a", "b", "1"}), "");
  EXPECT_EQ(told({"a"}), "the row has 1 field, the first row names 3 columns");
  EXPECT_EQ(told({"a", "b", "1", "d"}), "the row has 4 fields, the first row names 3 columns");
  EXPECT_NE(told({"a", "b", "1"}, "a,\xff,1").find("UTF-8"), std::string::npos);
  for (const char* type : {"0", "256", "x", "-1", "1 ", "1.0"}) {
    EXPECT_NE(told({"a", "b", type}).find("within 1..255"), std::string::npos) << type;
  }
}

TEST(CsvItems, WhatAHeadHasNobodyElseHasToSay) {
  CsvShared shared;
  shared.has_head = true;
  auto items = CsvItems::create(CsvDefaults());
  ASSERT_TRUE(items);
  items->set_shared(shared);
  EXPECT_FALSE(items->set_columns({"name"}));
  shared.channel_id = shared.channel_type = shared.from_uid = shared.payload = true;
  auto all = CsvItems::create(CsvDefaults());
  ASSERT_TRUE(all);
  all->set_shared(shared);
  ASSERT_TRUE(all->set_columns({"name", "payload_ref"}));
  const auto plain = all->item_of({"Ann", ""}, "Ann,");
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, R"({"channel_id":"","from_uid":"","vars":{"name":"Ann"}})");
  const auto chosen = all->item_of({"Bob", "bye"}, "Bob,bye");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(*chosen,
            R"({"channel_id":"","from_uid":"","payload_ref":"bye","vars":{"name":"Bob"}})");
}

}  // namespace
}  // namespace jindou::codec
