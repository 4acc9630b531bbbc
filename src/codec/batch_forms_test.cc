// The object form with a payload table, defaults and variables; stored templates; one item by
// itself. An item is the same whatever form it comes in.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

#include "codec/json_reader.h"
#include "codec/message_json.h"

namespace jindou::codec {
namespace {

constexpr std::string_view kTo = R"("channel_id":"g1","channel_type":2)";

// What became of a body, as one text for each item: the payloads, or the problems with their index.
class BatchForms : public ::testing::Test {
 protected:
  BatchBody parse(const std::string& body) { return parse_batch(body, limits_, &templates_); }
  std::vector<BatchItem> items(const std::string& body) {
    auto parsed = parse(body);
    auto* list = std::get_if<std::vector<BatchItem>>(&parsed);
    EXPECT_NE(list, nullptr) << told(body);
    return list == nullptr ? std::vector<BatchItem>() : std::move(*list);
  }
  std::string told(const std::string& body) {
    const auto parsed = parse(body);
    std::string out;
    if (const auto* list = std::get_if<std::vector<BatchItem>>(&parsed)) {
      for (const BatchItem& item : *list) out += item.payload.str() + "\n";
    } else if (const auto* problems = std::get_if<std::vector<ItemProblem>>(&parsed)) {
      for (const ItemProblem& problem : *problems) {
        out += std::to_string(problem.index) + " " + problem.field + ": " + problem.text + "\n";
      }
    } else if (const auto* error = std::get_if<Error>(&parsed)) {
      out = error->text() + "\n";
    } else if (const auto* wanted = std::get_if<TemplatesWanted>(&parsed)) {
      for (const auto& ref : wanted->refs) {
        out += "wanted " + ref.name + " " + std::to_string(ref.version) + "\n";
      }
    }
    return out;
  }
  // `rest`: members of the one item.
  std::string with(const std::string& payloads, const std::string& rest) {
    return told(R"({"payloads":{)" + payloads + R"(},"defaults":{"from_uid":"u1"},"items":[{)" +
                std::string(kTo) + "," + rest + "}]}");
  }

  SendLimits limits_;
  TemplateSet templates_;
};

TEST_F(BatchForms, ItemsReferToPayloads) {
  // base64 of "hello"
  const auto list =
      items(R"({"payloads":{"a":{"type":1,"content":"A"},"b":"aGVsbG8="},)"
            R"("defaults":{"from_uid":"sys","header":{"red_dot":1},"expire":60,"topic":"t"},)"
            R"("items":[)"
            R"({"payload_ref":"a","channel_id":"g1","channel_type":2,"client_msg_no":"n1"},)"
            R"({"payload_ref":"b","channel_id":"u2","channel_type":1,"from_uid":"u1","expire":0,)"
            R"("header":{"red_dot":0,"no_persist":1},"topic":"own"},)"
            R"({"payload":{"own":1},"channel_id":"g2","channel_type":2,"subscribers":["x"]}]})");
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].payload, R"({"type":1,"content":"A"})");
  EXPECT_EQ(list[0].from_uid, "sys");
  EXPECT_TRUE(list[0].flags.red_dot);
  EXPECT_EQ(list[0].expire, 60U);
  EXPECT_EQ(list[0].topic, "t");
  EXPECT_EQ(list[0].client_msg_no, "n1");
  EXPECT_EQ(list[1].payload, "hello");
  EXPECT_EQ(list[1].from_uid, "u1");
  EXPECT_EQ(list[1].channel_type, ChannelType::person);
  EXPECT_FALSE(list[1].flags.red_dot);
  EXPECT_TRUE(list[1].flags.no_persist);
  EXPECT_EQ(list[1].expire, 0U);
  EXPECT_EQ(list[1].topic, "own");
  EXPECT_EQ(list[2].payload, R"({"own":1})");
  EXPECT_EQ(list[2].subscribers, std::vector<std::string>{"x"});
}

TEST_F(BatchForms, ItemsThatAreNotFilledInShareTheBytes) {
  const auto list = items(
      R"({"payloads":{"a":{"t":"{{n}}"}},"defaults":{"from_uid":"u1","channel_type":2,)"
      R"("channel_id":"g","payload":{"d":1}},"items":[{"payload_ref":"a"},{"payload_ref":"a"},)"
      R"({"payload_ref":"a","vars":{"n":1}},{},{}]})");
  ASSERT_EQ(list.size(), 5U);
  EXPECT_EQ(list[0].payload.view().data(), list[1].payload.view().data());
  EXPECT_EQ(list[2].payload, R"({"t":"1"})");
  EXPECT_EQ(list[3].payload.view().data(), list[4].payload.view().data());
}

TEST_F(BatchForms, ADefaultIsForWhoeverHasNone) {
  const auto list = items(
      R"({"defaults":{"sender_uid":"s","channel_id":"g1","channel_type":2,"payload":{"d":1},)"
      R"("subscribers":["a","b"],"client_msg_no":"c","sync_once":1,"setting":128,"is_stream":1},)"
      R"("items":[{},{"from_uid":"u1","channel_id":"g2","subscribers":[],"client_msg_no":"own",)"
      R"("header":{"sync_once":0},"setting":0,"is_stream":0},{"from_uid":null,"payload":null}]})");
  ASSERT_EQ(list.size(), 3U);
  for (const std::size_t i : {0U, 2U}) {
    EXPECT_EQ(list[i].from_uid, "s");
    EXPECT_EQ(list[i].channel_id, "g1");
    EXPECT_EQ(list[i].payload, R"({"d":1})");
    EXPECT_EQ(list[i].subscribers.size(), 2U);
    EXPECT_EQ(list[i].client_msg_no, "c");
    EXPECT_TRUE(list[i].client_msg_no_given);
    EXPECT_TRUE(list[i].flags.sync_once);
    EXPECT_EQ(list[i].setting, kSettingReceipt);
    EXPECT_TRUE(list[i].is_stream);
  }
  EXPECT_EQ(list[1].from_uid, "u1");
  EXPECT_EQ(list[1].channel_id, "g2");
  EXPECT_TRUE(list[1].subscribers.empty());
  EXPECT_EQ(list[1].client_msg_no, "own");
  EXPECT_FALSE(list[1].flags.sync_once);
  EXPECT_EQ(list[1].setting, 0);
  EXPECT_FALSE(list[1].is_stream);
}

TEST_F(BatchForms, VariablesAreFilledInForEachItem) {
  EXPECT_EQ(told(R"({"payloads":{"a":{"text":"Hi {{name}}, {{ad}}"}},)"
                 R"("defaults":{"from_uid":"u1","channel_type":2,"payload_ref":"a",)"
                 R"("vars":{"ad":"\"buy\"","name":"you"}},)"
                 R"("items":[{"channel_id":"g1","vars":{"name":"Ann"}},)"
                 R"({"channel_id":"g2","vars":{"name":7,"ad":null}},{"channel_id":"g3"},)"
                 R"({"channel_id":"g4","vars":{"name":"N"},"payload":{"own":"{{name}}"}}]})"),
            R"({"text":"Hi Ann, \"buy\""})"
            "\n"
            R"({"text":"Hi 7, \"buy\""})"
            "\n"
            R"({"text":"Hi you, \"buy\""})"
            "\n"
            R"({"own":"N"})"
            "\n");
  // base64 of [{{n}}]
  EXPECT_EQ(with(R"("a":"W3t7bn19XQ==")", R"("payload_ref":"a","vars":{"n":{"x":[1,true]}})"),
            R"([{"x":[1,true]}])"
            "\n");
  EXPECT_EQ(with(R"("a":"W3t7bn19XQ==")", R"("payload_ref":"a","vars":{"n":"s"})"), "[\"s\"]\n");
}

TEST_F(BatchForms, WithoutVariablesBracesAreBraces) {
  EXPECT_EQ(with(R"("a":{"t":"{{name"})", R"("payload_ref":"a")"), "{\"t\":\"{{name\"}\n");
  EXPECT_EQ(with("", R"("payload":{"t":"{{name}}"})"), "{\"t\":\"{{name}}\"}\n");
  // With them they are places, an empty object is enough.
  EXPECT_EQ(with("", R"("payload":{"t":"{{name}}"},"vars":{})"),
            "0 vars: vars has no \"name\", which payload names at byte 6\n");
}

TEST_F(BatchForms, EveryMistakeNamesItsItemAndPlace) {
  EXPECT_EQ(with("", R"("payload_ref":"b")"),
            "0 payload_ref: payload_ref names \"b\", which is not in payloads\n");
  EXPECT_EQ(with(R"("a":{"t":"{{x}}"})", R"("payload_ref":"a","vars":{"y":1})"),
            "0 vars: vars has no \"x\", which payloads.a names at byte 6\n");
  EXPECT_EQ(with(R"("a":{"t":"{{x"})", R"("payload_ref":"a","vars":{})"),
            "0 payload_ref: payload_ref is payloads.a, which has \"{{\" at byte 6 without \"}}\" "
            "behind it; two braces that are no place for a variable are written \"{{{{\"\n");
  EXPECT_TRUE(with("", R"("payload":{"t":"{{x"},"vars":{})")
                  .starts_with("0 payload: payload has \"{{\" at byte 6 without"));
  EXPECT_EQ(with(R"("a":"eA==")", R"("payload_ref":"a","payload":{})"),
            "0 payload: payload excludes payload_ref and template, and these exclude each other: "
            "give one of the three\n");
  EXPECT_EQ(with("", R"("client_msg_no":"n")"), "0 payload: payload is required\n");
  EXPECT_EQ(with("", R"("payload":{},"template_version":2)"),
            "0 template_version: template_version needs a template, whose version it is\n");
  EXPECT_EQ(with("", R"("payload":{},"vars":[1])"),
            "0 vars: vars must be an object with a value for each variable\n");
  EXPECT_EQ(with("", R"("payload":{},"vars":{"a":1,"a":2})"),
            "0 vars: vars must not have \"a\" twice\n");
  EXPECT_EQ(with("", R"("payload":{},"vars":{"a b":1})"),
            "0 vars: vars has a name that must not have spaces, braces, quotes or backslashes\n");
  EXPECT_EQ(with("", R"("payload":"e3t4fX0=","vars":{"x":""})"),  // {{x}}
            "0 payload: payload is empty when its variables are filled in\n");
  // All of them at once, with their index.
  EXPECT_EQ(told(R"({"defaults":{"from_uid":"u1","channel_type":2,"channel_id":"g"},)"
                 R"("items":[{"payload":{}},{"payload_ref":"x"},7,{"payload":"%"}]})"),
            "1 payload_ref: payload_ref names \"x\", which is not in payloads\n"
            "2 : the message must be an object\n"
            "3 payload: payload must be standard base64 with padding, or a JSON object or array "
            "instead of a string\n");
}

TEST_F(BatchForms, WhatIsWrongForAllItemsIsToldOnce) {
  const std::map<std::string, std::string> told_of = {
      {R"({"payloads":[],"items":[{}]})",
       "invalid: payloads must be an object with a payload under each name\n"},
      {R"({"payloads":{"a":"%"},"items":[{}]})",
       "invalid: payloads.a must be standard base64 with padding, or a JSON object or array "
       "instead of a string\n"},
      {R"({"payloads":{"a":null},"items":[{}]})",
       "invalid: payloads.a must be a string of base64, or a JSON object or array\n"},
      {R"({"payloads":{"a":{},"a":{}},"items":[{}]})",
       "invalid: payloads must not have \"a\" twice\n"},
      {R"({"payloads":{"":{}},"items":[{}]})", "invalid: payloads must not have an empty name\n"},
      {R"({"defaults":[],"items":[{}]})",
       "invalid: defaults must be an object with members of an item\n"},
      {R"({"defaults":{"expire":-1},"items":[{}]})",
       "invalid: defaults.expire must be from 0 to 4294967295\n"},
      {R"({"defaults":{"header":{"red_dot":2}},"items":[{}]})",
       "invalid: defaults.header.red_dot must be 0 or 1, true or false\n"},
      {R"({"defaults":{"from_uid":"a@b"},"items":[{}]})",
       "invalid: defaults.from_uid must not contain '@', '#' or '&'\n"},
      {R"({"defaults":{"payload":{},"payload_ref":"a"},"items":[{}]})",
       "invalid: defaults.payload excludes payload_ref and template, and these exclude each "
       "other: give one of the three\n"},
      {R"({"defaults":{"vars":{"a":1,"a":1}},"items":[{}]})",
       "invalid: defaults.vars must not have \"a\" twice\n"},
      {R"({"defaults":{"x":1,"x":1},"items":[{}]})",
       "invalid: defaults must not have a member twice\n"},
      {R"({"items":[],"items":[]})", "invalid: items must not be given twice\n"},
      {R"({"items":{}})", "invalid: items must be an array of messages\n"},
      {R"({"items":null})", "invalid: items is required: an array of messages\n"},
      {R"({"payloads":{}})", "invalid: items is required: an array of messages\n"},
      {R"({"items":[]})", "invalid: the batch is empty\n"},
  };
  for (const auto& [body, text] : told_of) EXPECT_EQ(told(body), text) << body;
}

TEST_F(BatchForms, BoundsCountAfterFillingIn) {
  limits_.items_max = 2;
  EXPECT_EQ(told(R"({"items":[{},{},{}]})"),
            "too_large: a batch must not have more than 2 items (api.maxBatch)\n");
  limits_.items_max = 100;
  limits_.payload_bytes_max = 10;
  EXPECT_EQ(with(R"("a":["{{x}}"])", R"("payload_ref":"a","vars":{"x":"123456"})"),
            "[\"123456\"]\n");
  EXPECT_EQ(with(R"("a":["{{x}}"])", R"("payload_ref":"a","vars":{"x":"1234567"})"),
            "0 payload_ref: payload_ref is longer than 10 bytes when its variables are filled "
            "in\n");
  EXPECT_EQ(with(R"("a":["{{x}}"])", R"("payload_ref":"a","vars":{"x":"12345\""})"),
            "0 payload_ref: payload_ref is longer than 10 bytes when its variables are filled "
            "in\n");
  // Shared ones count for each item; own ones are in the body already.
  limits_.expanded_bytes_max = 21;
  const std::string begin =
      R"({"payloads":{"a":[1,2,3]},"defaults":{"from_uid":"u1","channel_type":2,)"
      R"("channel_id":"g","payload_ref":"a"},"items":[{},{},{},)";
  EXPECT_EQ(items(begin + R"({"payload":{"b":1}}]})").size(), 4U);
  EXPECT_EQ(told(begin + "{},{}]}"),
            "3 : the message takes the payloads and lists of users of the batch beyond 21 bytes, "
            "shared ones counted for each message (api.maxExpandedBytes): split the batch\n");
}

// A list of ten thousand users that a thousand items share is ten million strings.
TEST_F(BatchForms, SharedSubscribersCountForEachItem) {
  const std::size_t list_bytes = 2 * (sizeof(std::string) + 1);
  limits_.expanded_bytes_max = 2 * list_bytes;
  const std::string defaults =
      R"({"from_uid":"u1","channel_type":2,"channel_id":"g","subscribers":["a","b","","a"]})";
  const std::string begin = R"({"defaults":)" + defaults + R"(,"items":[{"payload":{}},)";
  // One of its own is in the body already, and an empty one is everybody.
  const auto list = items(begin + R"({"payload":{},"subscribers":["c","d","e"]},)"
                                  R"({"payload":{},"subscribers":[]},{"payload":{}}]})");
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list[0].subscribers, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list[1].subscribers.size(), 3U);
  EXPECT_TRUE(list[2].subscribers.empty());
  EXPECT_EQ(list[3].subscribers, list[0].subscribers);
  EXPECT_EQ(told(begin + R"({"payload":{}},{"payload":{}},{"payload":{}}]})"),
            "2 : the message takes the payloads and lists of users of the batch beyond " +
                std::to_string(2 * list_bytes) +
                " bytes, shared ones counted for each message (api.maxExpandedBytes): split the "
                "batch\n");
  // Item by item, each is told; what waits for its template counts when it is read.
  BatchCommon common(limits_, &templates_);
  const auto head = read_head(R"({"defaults":)" + defaults + "}", common);
  ASSERT_TRUE(head && *head);
  EXPECT_GT(common.held_bytes(), list_bytes);
  const std::string by_template = R"({"template":"t"})";
  EXPECT_TRUE(std::holds_alternative<TemplatesWanted>(parse_item(by_template, 0, common)));
  EXPECT_EQ(common.expanded_bytes(), 0U);
  for (int i = 0; i < 2; ++i) {
    const auto read = parse_item(R"({"payload":{}})", 0, common);
    EXPECT_TRUE(std::holds_alternative<BatchItem>(read)) << i;
  }
  EXPECT_EQ(common.expanded_bytes(), 2 * list_bytes);
  for (int i = 0; i < 2; ++i) {
    const auto read = parse_item(R"({"payload":{}})", 0, common);
    const auto* problems = std::get_if<std::vector<ItemProblem>>(&read);
    ASSERT_NE(problems, nullptr) << i;
    EXPECT_EQ(problems->front().code, Errc::too_large) << i;
  }
}

TEST_F(BatchForms, HasABoundedNumberOfVariables) {
  std::string vars = R"("payload":{},"vars":{)";
  for (int i = 0; i < 101; ++i) vars += (i == 0 ? "\"v" : ",\"v") + std::to_string(i) + "\":1";
  EXPECT_EQ(with("", vars + "}"), "0 vars: vars must not have more than 100 members\n");
}

TEST_F(BatchForms, TemplatesAreLookedUpBetweenTwoReadings) {
  const std::string body =
      R"({"defaults":{"from_uid":"u1","channel_type":2,"channel_id":"g","template":"hi"},)"
      R"("items":[{"vars":{"name":"A"}},{"template_version":2,"vars":{"name":"B"}},)"
      R"({"template":"bye"},{"payload":{"own":1}},{"template":"bye","template_version":7},{}]})";
  EXPECT_EQ(told(body), "wanted bye 0\nwanted bye 7\nwanted hi 0\nwanted hi 2\n");
  templates_.put({"hi", 0}, "{\"t\":\"3 {{name}}\"}");
  templates_.put({"hi", 2}, "{\"t\":\"2 {{name}}\"}");
  templates_.put({"bye", 0}, "bye {{{{");
  EXPECT_EQ(told(body), "wanted bye 7\n");
  templates_.put({"bye", 7}, std::nullopt);
  EXPECT_EQ(told(body),
            "4 template: template \"bye\" has no version 7\n"
            "5 vars: vars has no \"name\", which template \"hi\" names at byte 8\n");
  templates_.put({"bye", 7}, "gone");
  templates_.put({"hi", 0}, "fixed");
  EXPECT_EQ(told(body), "fixed\n{\"t\":\"2 B\"}\nbye {{\n{\"own\":1}\ngone\nfixed\n");
}

TEST_F(BatchForms, ATemplateThatIsGoneIsNamed) {
  templates_.put({"hi", 0}, std::nullopt);
  const auto parsed = parse(R"([{"from_uid":"u1","channel_id":"g","channel_type":2,)"
                            R"("template":"hi","client_msg_no":"n"}])");
  const auto& problems = std::get<std::vector<ItemProblem>>(parsed);
  EXPECT_EQ(problems[0].text, "template \"hi\" does not exist");
  EXPECT_EQ(problems[0].field, "template");
  EXPECT_EQ(problems[0].client_msg_no, "n");
  EXPECT_EQ(problems[0].code, Errc::not_found);
  EXPECT_EQ(with("", R"("template":"a/b")"),
            "0 template: template must have only letters, digits, '.', '_' and '-'\n");
}

TEST_F(BatchForms, ABatchNamesABoundedNumberOfTemplates) {
  std::string body = R"({"defaults":{"from_uid":"u1","channel_type":2,"channel_id":"g"},"items":[)";
  for (std::size_t i = 0; i <= kTemplatesOfABatchMax; ++i) {
    body += (i == 0 ? "{\"template\":\"t" : ",{\"template\":\"t") + std::to_string(i) + "\"}";
    templates_.put({"t" + std::to_string(i), 0}, "x");
  }
  EXPECT_EQ(items(body + "]}").size(), kTemplatesOfABatchMax + 1);
  templates_ = TemplateSet();
  auto wanted = parse(body + "]}");
  for (const auto& ref : std::get<TemplatesWanted>(wanted).refs) templates_.put(ref, "x");
  EXPECT_EQ(told(body + "]}"),
            "100 template: template is one too many: a batch must not name more than 100 "
            "templates\n");
}

TEST_F(BatchForms, TheArrayHasTheSameItems) {
  templates_.put({"hi", 0}, "Hi {{name}}");
  const std::string item = R"({"from_uid":"u1",)" + std::string(kTo) + ",";
  EXPECT_EQ(told("[" + item + R"("template":"hi","vars":{"name":"A"}},)" + item +
                 R"("payload":["{{x}}"],"vars":{"x":"\""}}])"),
            "Hi A\n[\"\\\"\"]\n");
  EXPECT_EQ(told("[" + item + R"("payload_ref":"a"}])"),
            "0 payload_ref: payload_ref names \"a\", which is not in payloads\n");
}

// A body that is one message, as text: its payload, or what is wrong, or what is wanted.
std::string told_of_one(const SendBody& parsed) {
  if (const auto* item = std::get_if<BatchItem>(&parsed)) return item->payload.str();
  if (const auto* error = std::get_if<Error>(&parsed)) return error->detail();
  const auto& wanted = std::get<TemplatesWanted>(parsed);
  return "wanted " + wanted.refs.front().name + ' ' + std::to_string(wanted.refs.front().version);
}

std::string told_of_many(const BatchBody& parsed) {
  if (const auto* batch = std::get_if<LegacyBatch>(&parsed)) return batch->message.payload.str();
  if (const auto* error = std::get_if<Error>(&parsed)) return error->detail();
  const auto* wanted = std::get_if<TemplatesWanted>(&parsed);
  if (wanted == nullptr) return "something else";
  return "wanted " + wanted->refs.front().name + ' ' + std::to_string(wanted->refs.front().version);
}

// What an item may have of variables and templates, a message by itself and one for many users have
// as well.
TEST_F(BatchForms, AMessageByItselfAndOneForManyAreFilledInLikeAnItem) {
  templates_.put({"hi", 0}, "Hi {{name}}");
  templates_.put({"gone", 0}, std::nullopt);
  const std::pair<const char*, const char*> expected[] = {
      {R"("payload":{"t":"Hi {{name}}"},"vars":{"name":"\"A\""})", R"({"t":"Hi \"A\""})"},
      {R"("payload":{"t":"Hi {{name}}"})", R"({"t":"Hi {{name}}"})"},
      {R"("payload":["{{a}}"],"vars":{})", "vars has no \"a\", which payload names at byte 2"},
      {R"("payload":["{{a"],"vars":{"a":1})", nullptr},
      {R"("template":"hi","vars":{"name":"A"})", "Hi A"},
      {R"("template":"hi")", "vars has no \"name\", which template \"hi\" names at byte 3"},
      {R"("template":"hi","template_version":2)", "wanted hi 2"},
      {R"("template":"gone")", "template \"gone\" does not exist"},
      {R"("template":"hi","payload":{})",
       "payload excludes payload_ref and template, and these exclude each other: give one of the "
       "three"},
      {R"("payload":{},"template_version":2)",
       "template_version needs a template, whose version it is"},
      {R"("payload_ref":"a")",
       "payload_ref has nothing to refer to: only an object with items has payloads under names. "
       "Give payload or template instead"},
      {R"("payload_ref":"a","payload":{})",
       "payload_ref has nothing to refer to: only an object with items has payloads under names. "
       "Give payload or template instead"},
      {R"("payload":{},"vars":7)", "vars must be an object with a value for each variable"},
      {R"("template":["x"])", "template must be a string"},
      {R"("topic":"t")", nullptr},
  };
  for (const auto& [members, text] : expected) {
    const std::string rest = std::string(members) + "}";
    const std::string one =
        told_of_one(parse_send("{" + std::string(kTo) + "," + rest, limits_, &templates_));
    const std::string many =
        told_of_many(parse(R"({"from_uid":"u1","subscribers":["u2","u3"],)" + rest));
    if (text != nullptr) {
      EXPECT_EQ(one, text) << members;
      EXPECT_EQ(many, text) << members;
    } else {
      EXPECT_EQ(one.find("payload "), 0U) << one;
    }
  }
}

// What is wrong otherwise is told before templates are looked up.
TEST_F(BatchForms, AMessageByItselfIsRefusedBeforeItsTemplateIsWanted) {
  const auto parsed =
      parse_send(R"({"channel_id":"a@b","channel_type":2,"template":"x"})", limits_);
  EXPECT_EQ(told_of_one(parsed), "channel_id must not contain '@', '#' or '&'");
}

// Each is told: none of them passes without a payload.
TEST_F(BatchForms, ItemsBeyondTheBoundAreRefusedOneByOne) {
  limits_.expanded_bytes_max = 10;
  templates_.put({"t", 0}, "{{n}}");
  BatchCommon common(limits_, &templates_);
  const auto parsed = parse_json(R"({"payloads":{"a":[1,2,3]}})");
  ASSERT_TRUE(common.read_payloads((*parsed)["payloads"].value()).has_value());
  const std::string to = R"({"from_uid":"u1",)" + std::string(kTo) + ",";
  const std::string stored = to + R"("template":"t","vars":{"n":"12345678"}})";
  EXPECT_EQ(std::get<BatchItem>(parse_item(stored, 0, common)).payload, "12345678");
  for (const std::string& item :
       {stored, stored, to + R"("payload_ref":"a"})", to + R"("payload":["{{n}}"],"vars":{"n":1}})",
        to + R"("template":"t","client_msg_no":"no vars"})"}) {
    const auto read = parse_item(item, 1, common);
    const auto* problems = std::get_if<std::vector<ItemProblem>>(&read);
    ASSERT_NE(problems, nullptr) << item;
    EXPECT_EQ(problems->size(), 1U);
    EXPECT_EQ(problems->front().code, Errc::too_large) << item;
  }
  EXPECT_EQ(std::get<BatchItem>(parse_item(to + R"("payload":"eA=="})", 2, common)).payload, "x");
  common.begin_portion();
  EXPECT_EQ(std::get<BatchItem>(parse_item(stored, 3, common)).payload, "12345678");
}

TEST_F(BatchForms, OneItemByItself) {
  BatchCommon common(limits_, &templates_);
  {
    const auto parsed = parse_json(R"({"payloads":{"a":["{{n}}"]},"defaults":{"from_uid":"u1",)"
                                   R"("channel_type":2,"vars":{"n":"default"}}})");
    ASSERT_TRUE(common.read_payloads((*parsed)["payloads"].value()).has_value());
    ASSERT_TRUE(common.read_defaults((*parsed)["defaults"].value()).has_value());
  }
  // What is common outlives the text that it was read from.
  for (const char* name : {"g1", "g2"}) {
    const auto item =
        parse_item(R"({"channel_id":")" + std::string(name) + R"(","payload_ref":"a"})", 3, common);
    EXPECT_EQ(std::get<BatchItem>(item).payload, "[\"default\"]");
    EXPECT_EQ(std::get<BatchItem>(item).channel_id, name);
  }
  const auto own = parse_item(R"({"channel_id":"g","payload_ref":"a","vars":{"n":1}})", 4, common);
  EXPECT_EQ(std::get<BatchItem>(own).payload, "[\"1\"]");
  EXPECT_EQ(common.expanded_bytes(), 2 * 11U + 5U);
  const auto none = parse_item(R"({"channel_id":)", 5, common);
  const auto& problem = std::get<std::vector<ItemProblem>>(none)[0];
  EXPECT_EQ(problem.index, 5U);
  EXPECT_TRUE(problem.text.starts_with("the message is no item: the body is not valid JSON"))
      << problem.text;
  const std::string by_template = R"({"channel_id":"g","template":"t"})";
  const auto wanted = parse_item(by_template, 6, common);
  EXPECT_EQ(std::get<TemplatesWanted>(wanted).refs[0].name, "t");
  templates_.put({"t", 0}, "T");
  EXPECT_EQ(std::get<BatchItem>(parse_item(by_template, 6, common)).payload, "T");
}

TEST(ReadHead, IsWhatTheItemsBehindItShare) {
  const SendLimits limits;
  BatchCommon common(limits);
  const auto read = read_head(
      R"({"payloads":{"p":"aGk="},"defaults":{"from_uid":"u1",)" + std::string(kTo) + "}}", common);
  ASSERT_TRUE(read && *read);
  EXPECT_GT(common.held_bytes(), 16U);
  const auto item = parse_item(R"({"payload_ref":"p"})", 0, common);
  ASSERT_TRUE(std::holds_alternative<BatchItem>(item));
  EXPECT_EQ(std::get<BatchItem>(item).payload.str(), "hi");
  // With these defaults it might pass for an item.
  const auto late = parse_item(R"({"payload_ref":"p","defaults":{}})", 7, common);
  ASSERT_TRUE(std::holds_alternative<std::vector<ItemProblem>>(late));
  const ItemProblem& problem = std::get<std::vector<ItemProblem>>(late).front();
  EXPECT_EQ(problem.text, "payloads and defaults are for the first line of the body");
  EXPECT_EQ(problem.index, 7U);
}

TEST(ReadHead, TellsAHeadFromAnItem) {
  SendLimits limits;
  limits.head_bytes_max = 60;
  const auto told = [&limits](const std::string& text) {
    BatchCommon common(limits);
    const auto read = read_head(text, common);
    if (!read) return read.error().detail();
    return std::string(*read ? "head" : "item");
  };
  for (const char* text : {"{}", "[]", "not", R"({"payload":"defaults"})", R"(["defaults"])",
                           R"({"payload":{"defaults":1}})"}) {
    EXPECT_EQ(told(text), "item") << text;
  }
  EXPECT_EQ(told(R"({"defaults":null})"), "head");
  EXPECT_EQ(told(R"({"payloads":{}})"), "head");
  EXPECT_EQ(told(R"({"payloads":{},"x":1})"),
            "the first line, the head of the others: beside payloads and defaults it must not have "
            "anything, such as x");
  EXPECT_NE(told(R"({"defaults":)").find("the first line, the head of the others: "),
            std::string::npos);
  EXPECT_NE(told(R"({"defaults":{"topic":")" + std::string(60, 'x') + "\"}}")
                .find("longer than 60 bytes (api.maxHeadLineBytes)"),
            std::string::npos);
}

}  // namespace
}  // namespace jindou::codec
