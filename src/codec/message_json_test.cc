// Request bodies of the send endpoints: what is accepted, and for each rule what is refused, with
// the index and the member named.
#include "codec/message_json.h"

#include <gtest/gtest.h>

#include <memory>

#include "codec/base64.h"

namespace jindou::codec {
namespace {

// The batch of the published API description.
constexpr std::string_view kPublishedBatch = R"([
  {
    "header": { "no_persist": 0, "red_dot": 1, "sync_once": 0 },
    "client_msg_no": "batch_msg_1",
    "from_uid": "system",
    "channel_id": "group123",
    "channel_type": 2,
    "expire": 0,
    "payload": "SGVsbG8gR3JvdXAgMQ==",
    "tag_key": "notification"
  },
  {
    "header": { "no_persist": 0, "red_dot": 1, "sync_once": 0 },
    "client_msg_no": "batch_msg_2",
    "from_uid": "system",
    "channel_id": "group456",
    "channel_type": 2,
    "expire": 0,
    "payload": "SGVsbG8gR3JvdXAgMg==",
    "tag_key": "notification"
  }
])";

constexpr std::string_view kGoodItem =
    R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":"YQ=="})";

// A good item with `members` in place of, or besides, its own.
std::string item_with(std::string_view members, std::string_view without = {}) {
  std::string json = "{";
  const std::pair<std::string_view, std::string_view> base[] = {
      {"client_msg_no", R"("client_msg_no":"c7")"}, {"from_uid", R"("from_uid":"u1")"},
      {"channel_id", R"("channel_id":"g1")"},       {"channel_type", R"("channel_type":2)"},
      {"payload", R"("payload":"YQ==")"},
  };
  for (const auto& [name, text] : base) {
    if (name == without) continue;
    if (json.size() > 1) json += ',';
    json += text;
  }
  if (!members.empty()) json += ',' + std::string(members);
  return json + '}';
}

std::string array_of(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const auto& item : items) json += (json.size() > 1 ? "," : "") + item;
  return json + "]";
}

Result<BatchItem> send_of(std::string_view body, const SendLimits& limits = {}) {
  auto parsed = parse_send(body, limits);
  if (auto* item = std::get_if<BatchItem>(&parsed)) return std::move(*item);
  if (auto* error = std::get_if<Error>(&parsed)) return std::move(*error);
  return Error(Errc::internal, "a template is wanted");
}

std::vector<BatchItem> items_of(std::string_view body, const SendLimits& limits = {}) {
  auto parsed = parse_batch(body, limits);
  if (const auto* problems = std::get_if<std::vector<ItemProblem>>(&parsed)) {
    ADD_FAILURE() << problems->front().text;
  }
  if (const auto* error = std::get_if<Error>(&parsed)) ADD_FAILURE() << error->text();
  if (auto* items = std::get_if<std::vector<BatchItem>>(&parsed)) return std::move(*items);
  return {};
}

std::vector<ItemProblem> problems_of(std::string_view body, const SendLimits& limits = {}) {
  auto parsed = parse_batch(body, limits);
  auto* problems = std::get_if<std::vector<ItemProblem>>(&parsed);
  if (problems == nullptr) {
    ADD_FAILURE() << "no list of problems for " << body;
    return {};
  }
  return std::move(*problems);
}

void expect_one_problem(std::string_view members, std::string_view without, std::string_view field,
                        Errc code = Errc::invalid) {
  SCOPED_TRACE(std::string(members) + " without " + std::string(without));
  const std::string good(kGoodItem);
  const auto problems = problems_of(array_of({good, item_with(members, without), good}));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].index, 1U);
  EXPECT_EQ(problems[0].field, field);
  EXPECT_EQ(problems[0].code, code);
  EXPECT_NE(problems[0].text.find(field), std::string::npos);
}

Errc body_error(std::string_view body, const SendLimits& limits = {}) {
  const auto parsed = parse_batch(body, limits);
  const auto* error = std::get_if<Error>(&parsed);
  if (error == nullptr) {
    ADD_FAILURE() << "accepted: " << body.substr(0, 100);
    return Errc::internal;
  }
  EXPECT_FALSE(error->detail().empty());
  return error->code();
}

TEST(BatchArray, ReadInPlaceKeepsNothingOfTheBody) {
  auto body = std::make_unique<std::string>(
      array_of({item_with(R"("topic":"t1","tag_key":"notification of the second kind")"),
                R"({"from_uid":"a_sender_with_a_long_name","channel_id":"a_group_of_a_long_name",)"
                R"("channel_type":2,"payload":{"text":"of some length"}})"}));
  body->reserve(body->size() + simdjson::SIMDJSON_PADDING);
  ASSERT_TRUE(JsonText(*body).is_padded());
  const auto copied = items_of(std::string_view(*body));
  auto parsed = parse_batch(*body, {});
  body->assign(body->size(), '?');
  body.reset();
  const auto* items = std::get_if<std::vector<BatchItem>>(&parsed);
  ASSERT_NE(items, nullptr);
  ASSERT_EQ(items->size(), 2U);
  ASSERT_EQ(copied.size(), 2U);
  for (std::size_t i = 0; i < items->size(); ++i) {
    EXPECT_EQ((*items)[i].payload, copied[i].payload);
    EXPECT_EQ((*items)[i].from_uid, copied[i].from_uid);
    EXPECT_EQ((*items)[i].channel_id, copied[i].channel_id);
    EXPECT_EQ((*items)[i].client_msg_no, copied[i].client_msg_no);
    EXPECT_EQ((*items)[i].topic, copied[i].topic);
    EXPECT_EQ((*items)[i].tag_key, copied[i].tag_key);
  }
  EXPECT_EQ((*items)[1].payload, R"({"text":"of some length"})");
}

TEST(BatchArray, TakesThePublishedExample) {
  const auto items = items_of(kPublishedBatch);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].payload, "Hello Group 1");
  EXPECT_EQ(items[1].payload, "Hello Group 2");
  EXPECT_EQ(items[0].from_uid, "system");
  EXPECT_EQ(items[1].channel_id, "group456");
  EXPECT_EQ(items[0].channel_type, ChannelType::group);
  EXPECT_EQ(items[0].client_msg_no, "batch_msg_1");
  EXPECT_TRUE(items[0].client_msg_no_given);
  EXPECT_TRUE(items[0].flags.red_dot);
  EXPECT_FALSE(items[0].flags.no_persist);
  EXPECT_EQ(items[0].tag_key, "notification");
  EXPECT_FALSE(items[0].is_stream);
}

TEST(BatchArray, ReadsEveryMember) {
  const auto items = items_of(array_of({item_with(
      R"("header":{"no_persist":1,"red_dot":true,"sync_once":1,"other":[]},"expire":316224000,)"
      R"("subscribers":["b"," ","a","b",""],"stream_no":"s1","tag_key":"k","topic":"t","x":{"y":1})")}));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_TRUE(items[0].flags.no_persist);
  EXPECT_TRUE(items[0].flags.red_dot);
  EXPECT_TRUE(items[0].flags.sync_once);
  EXPECT_EQ(items[0].expire, 316224000U);
  EXPECT_EQ(items[0].subscribers, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(items[0].stream_no, "s1");
  EXPECT_TRUE(items[0].is_stream);
  EXPECT_EQ(items[0].topic, "t");
}

TEST(BatchArray, ALastSeqOfZeroIsNotNone) {
  EXPECT_FALSE(items_of(array_of({item_with("")}))[0].if_last_seq);
  EXPECT_FALSE(items_of(array_of({item_with(R"("if_last_seq":null)")}))[0].if_last_seq);
  EXPECT_EQ(items_of(array_of({item_with(R"("if_last_seq":0)")}))[0].if_last_seq, 0U);
  EXPECT_EQ(items_of(array_of({item_with(R"("if_last_seq":4294967295)")}))[0].if_last_seq,
            4294967295U);
  expect_one_problem(R"("if_last_seq":-1)", "", "if_last_seq");
  expect_one_problem(R"("if_last_seq":4294967296)", "", "if_last_seq");
  expect_one_problem(R"("if_last_seq":"1")", "", "if_last_seq");
}

TEST(BatchArray, TheListOfTheSenderIsLeftAloneWhereItOrTheRequestSaysSo) {
  SendLimits limits;
  for (const bool by_request : {true, false}) {
    limits.sender_conversation = by_request;
    const auto read = [&](const std::string& members) {
      auto body = parse_batch(array_of({item_with(members)}), limits);
      return std::get<std::vector<BatchItem>>(body)[0].sender_conversation;
    };
    EXPECT_EQ(read(""), by_request);
    EXPECT_EQ(read(R"("sender_conversation":null)"), by_request);
    EXPECT_FALSE(read(R"("sender_conversation":false)"));
    EXPECT_TRUE(read(R"("sender_conversation":1)"));
    auto body =
        parse_batch(R"({"defaults":{"sender_conversation":false},"items":[)" + item_with("") + "," +
                        item_with(R"("sender_conversation":true)") + "]}",
                    limits);
    const auto& items = std::get<std::vector<BatchItem>>(body);
    EXPECT_FALSE(items[0].sender_conversation);
    EXPECT_TRUE(items[1].sender_conversation);
  }
}

TEST(BatchArray, NullAndEmptyMeanAbsent) {
  const auto items = items_of(array_of({item_with(
      R"("header":null,"expire":null,"subscribers":null,"stream_no":null,"is_stream":null,)"
      R"("client_msg_no":"  ","tag_key":null,"topic":"")",
      "client_msg_no")}));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].flags, MessageFlags{});
  EXPECT_FALSE(items[0].client_msg_no_given);
  EXPECT_TRUE(items[0].client_msg_no.empty());
  EXPECT_TRUE(items[0].subscribers.empty());
  EXPECT_TRUE(items_of(array_of({item_with(R"("subscribers":[])")}))[0].subscribers.empty());
}

TEST(BatchArray, TakesFlagsAsNumbersAndWords) {
  const std::pair<const char*, bool> cases[] = {
      {"0", false}, {"1", true}, {"true", true}, {"false", false}, {"null", false}};
  for (const auto& [value, on] : cases) {
    SCOPED_TRACE(value);
    const auto items = items_of(array_of({item_with(R"("is_stream":)" + std::string(value) +
                                                    R"(,"header":{"red_dot":)" + value + "}")}));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].is_stream, on);
    EXPECT_EQ(items[0].flags.red_dot, on);
  }
}

TEST(BatchArray, RequiresFourMembers) {
  expect_one_problem("", "payload", "payload");
  expect_one_problem("", "from_uid", "from_uid");
  expect_one_problem("", "channel_id", "channel_id");
  expect_one_problem("", "channel_type", "channel_type");
  expect_one_problem(R"("payload":null)", "payload", "payload");
  expect_one_problem(R"("from_uid":" ")", "from_uid", "from_uid");
  expect_one_problem(R"("channel_id":"")", "channel_id", "channel_id");
  expect_one_problem(R"("channel_type":null)", "channel_type", "channel_type");
}

TEST(BatchArray, RefusesWrongTypes) {
  expect_one_problem(R"("payload":5)", "payload", "payload");
  expect_one_problem(R"("from_uid":["u"])", "from_uid", "from_uid");
  expect_one_problem(R"("channel_id":49)", "channel_id", "channel_id");
  expect_one_problem(R"("channel_type":"2")", "channel_type", "channel_type");
  expect_one_problem(R"("channel_type":true)", "channel_type", "channel_type");
  expect_one_problem(R"("header":[])", "", "header");
  expect_one_problem(R"("header":{"red_dot":"1"})", "", "header.red_dot");
  expect_one_problem(R"("client_msg_no":5)", "client_msg_no", "client_msg_no");
  expect_one_problem(R"("subscribers":"u1")", "", "subscribers");
  expect_one_problem(R"("subscribers":["u1",2])", "", "subscribers");
  expect_one_problem(R"("tag_key":{})", "", "tag_key");
  expect_one_problem(R"("is_stream":"")", "", "is_stream");
}

TEST(BatchArray, RefusesNumbersOutOfRangeAndFractions) {
  for (const char* type : {"0", "256", "-1", "2.0", "1e0", "9223372036854775808"}) {
    expect_one_problem(R"("channel_type":)" + std::string(type), "channel_type", "channel_type");
  }
  for (const char* expire :
       {"4294967296", "1700000000", "316224001", "-1", "0.5", "true", "\"5\""}) {
    expect_one_problem(R"("expire":)" + std::string(expire), "", "expire");
  }
  for (const char* flag : {"-1", "256", "0.0"}) {
    expect_one_problem(R"("header":{"no_persist":)" + std::string(flag) + "}", "",
                       "header.no_persist");
  }
}

TEST(BatchArray, RefusesBadBase64AndEmptyPayloads) {
  for (const char* payload : {"", "YQ", "YQ=", "-_-_", "YR==", "\\r\\n", "Y Q=", "\\u0000"}) {
    expect_one_problem(R"("payload":")" + std::string(payload) + '"', "payload", "payload");
  }
  EXPECT_EQ(items_of(array_of({item_with(R"("payload":"Y\r\nQ==")", "payload")}))[0].payload, "a");
}

TEST(BatchArray, TakesAPayloadThatIsAnObjectOrArrayAsItsCompactText) {
  const auto payload = [](std::string_view value) {
    const auto items =
        items_of(array_of({item_with(R"("payload":)" + std::string(value), "payload")}));
    return items.empty() ? std::string() : items[0].payload.str();
  };
  EXPECT_EQ(payload(R"({ "type" : 1, "content" : "\u4f60\n\"好" })"),
            R"({"type":1,"content":"你\n\"好"})");
  EXPECT_EQ(payload("[ 1, 2.5, null, true, {} ]"), "[1,2.5,null,true,{}]");
  EXPECT_EQ(payload("{}"), "{}");
  // What is inside is the sender's: it is not looked at, and stays as it is.
  EXPECT_EQ(payload(R"({"b":1,"a":2,"b":3})"), R"({"b":1,"a":2,"b":3})");
  // A lone surrogate would make it text that no receiver can read.
  EXPECT_EQ(body_error(array_of({item_with(R"("payload":{"content":"\ud800"})", "payload")})),
            Errc::invalid);
  for (const char* value : {"5", "1.5", "true", "false"}) {
    expect_one_problem(R"("payload":)" + std::string(value), "payload", "payload");
  }
}

TEST(BatchArray, LimitsTheCompactTextOfAPayload) {
  SendLimits limits;
  limits.payload_bytes_max = 14;
  const auto parsed = [&limits](std::string_view value) {
    return send_of(R"({"channel_id":"g","channel_type":2,"payload":)" + std::string(value) + "}",
                   limits);
  };
  EXPECT_TRUE(parsed(R"({   "a":   "123456"})"));
  const auto longer = parsed(R"({"a":"1234567"})");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code(), Errc::too_large);
}

TEST(BatchArray, LimitsPayloadsOnBothSides) {
  SendLimits limits;
  limits.payload_bytes_max = 10;
  const auto body = [](std::size_t size) {
    std::string text;
    base64_append(text, std::string(size, 'p'));
    return array_of({item_with(R"("payload":")" + text + '"', "payload")});
  };
  EXPECT_EQ(items_of(body(10), limits).size(), 1U);
  const auto problems = problems_of(body(11), limits);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, Errc::too_large);
  EXPECT_EQ(problems[0].field, "payload");
  EXPECT_EQ(problems[0].client_msg_no, "c7");
}

TEST(BatchArray, RefusesBadIds) {
  const std::string too_long(257, 'i');
  for (const std::string id : {"a@b", "a#b", "a&b", "a\\u0000b", "a\\nb", "x____cmd"}) {
    expect_one_problem(R"("channel_id":")" + id + '"', "channel_id", "channel_id");
    expect_one_problem(R"("from_uid":")" + id + '"', "from_uid", "from_uid");
    expect_one_problem(R"("subscribers":["ok",")" + id + "\"]", "", "subscribers");
  }
  expect_one_problem(R"("channel_id":")" + too_long + '"', "channel_id", "channel_id",
                     Errc::too_large);
  for (const std::string id : {"49", "a", "😀", "v___vstr", "____system", "用户"}) {
    const auto items = items_of(array_of({item_with(R"("from_uid":")" + id + '"', "from_uid")}));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].from_uid, id);
  }
}

TEST(BatchArray, LimitsLabelsOnBothSides) {
  for (const char* name : {"client_msg_no", "stream_no", "tag_key", "topic"}) {
    const auto member = [name](std::size_t size) {
      return '"' + std::string(name) + "\":\"" + std::string(size, 'l') + '"';
    };
    EXPECT_EQ(items_of(array_of({item_with(member(256), name)})).size(), 1U);
    expect_one_problem(member(257), name, name, Errc::too_large);
  }
}

TEST(BatchArray, RefusesARepeatedMemberHoweverItIsSpelled) {
  expect_one_problem(R"("payload":"Yg==")", "", "payload");
  expect_one_problem(R"("payl\u006fad":"Yg==")", "", "payload");
  expect_one_problem(R"("header":{"red_dot":1,"red_dot":0})", "", "header.red_dot");
  expect_one_problem(R"("expire":1,"expire":1)", "", "expire");
  expect_one_problem(R"("other":1,"more":2,"other":3)", "", "");
  expect_one_problem(R"("header":{"x":1,"x":1})", "", "header");
}

TEST(BatchArray, RefusesSubscribersThatNameNobodyInsteadOfSendingToAll) {
  expect_one_problem(R"("subscribers":[""])", "", "subscribers");
  expect_one_problem(R"("subscribers":[" ","\t"])", "", "subscribers");
}

TEST(BatchArray, LimitsSubscribers) {
  SendLimits limits;
  limits.subscribers_max = 2;
  EXPECT_EQ(items_of(array_of({item_with(R"("subscribers":["a","b"])")}), limits).size(), 1U);
  const auto problems =
      problems_of(array_of({item_with(R"("subscribers":["a","b","a"])")}), limits);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, Errc::too_large);
}

TEST(BatchArray, NamesEveryBadItemAndMemberInOrder) {
  const std::string good(kGoodItem);
  std::vector<std::string> list(100, good);
  list[7] = item_with(R"("payload":"?","channel_id":"a@b")", "payload");
  list[7] =
      R"({"client_msg_no":"c7","from_uid":"u","channel_id":"a@b","channel_type":0,"payload":"?"})";
  list[50] = "null";
  list[99] =
      R"({"from_uid":"u","channel_id":"g","payload":"YQ==","channel_type":2.5,"client_msg_no":"last"})";
  const auto problems = problems_of(array_of(list));
  ASSERT_EQ(problems.size(), 5U);
  const std::tuple<std::size_t, const char*, const char*> expected[] = {
      {7, "payload", "c7"},
      {7, "channel_id", "c7"},
      {7, "channel_type", "c7"},
      {50, "", ""},
      {99, "channel_type", "last"}};
  for (std::size_t i = 0; i < problems.size(); ++i) {
    EXPECT_EQ(problems[i].index, std::get<0>(expected[i]));
    EXPECT_EQ(problems[i].field, std::get<1>(expected[i]));
    EXPECT_EQ(problems[i].client_msg_no, std::get<2>(expected[i]));
  }
}

TEST(BatchArray, StopsReportingAtTheLimit) {
  const std::vector<std::string> list(500, "{}");
  EXPECT_EQ(problems_of(array_of(list)).size(), 100U);
}

TEST(BatchArray, LimitsItemsOnBothSides) {
  SendLimits limits;
  limits.items_max = 3;
  const std::string good(kGoodItem);
  EXPECT_EQ(items_of(array_of({good, good, good}), limits).size(), 3U);
  EXPECT_EQ(body_error(array_of({good, good, good, good}), limits), Errc::too_large);
  EXPECT_EQ(body_error("[]"), Errc::invalid);
}

TEST(BatchBodies, RefuseWhatIsNotOneOfTheTwoForms) {
  for (const char* body : {"", "  ", "5", "\"x\"", "null", "true", "nonsense", "[", "[{]",
                           "{\"a\":}", "[{}] x", "[1,]", "\xef\xbb\xbf[]"}) {
    EXPECT_EQ(body_error(body), Errc::invalid) << body;
  }
  const std::string published(kPublishedBatch);
  for (std::size_t size = 0; size + 1 < published.size(); ++size) {
    const auto parsed = parse_batch(published.substr(0, size), {});
    EXPECT_TRUE(std::holds_alternative<Error>(parsed)) << size;
  }
}

TEST(BatchBodies, RefuseInvalidUtf8AndDeepNesting) {
  EXPECT_EQ(body_error(array_of({item_with("\"tag_key\":\"\xff\"")})), Errc::invalid);
  EXPECT_EQ(body_error(array_of({item_with("\"unknown\":\"\xc3\"")})), Errc::invalid);
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_EQ(body_error(array_of({item_with("\"unknown\":" + deep)})), Errc::invalid);
  EXPECT_EQ(body_error(std::string(1000000, '[')), Errc::invalid);
  // Escapes for half a surrogate pair would become invalid UTF-8.
  for (const char* escape : {"\\ud800", "\\udc00", "\\ud800\\u0041", "\\udc00\\ud800"}) {
    const auto body =
        array_of({item_with("\"from_uid\":\"a" + std::string(escape) + '"', "from_uid")});
    const auto parsed = parse_batch(body, {});
    EXPECT_FALSE(std::holds_alternative<std::vector<BatchItem>>(parsed)) << escape;
  }
}

LegacyBatch legacy_of(std::string_view body) {
  auto parsed = parse_batch(body, {});
  if (auto* batch = std::get_if<LegacyBatch>(&parsed)) return std::move(*batch);
  ADD_FAILURE() << body;
  return {};
}

TEST(BatchObject, TakesOnePayloadForManyPersons) {
  const auto batch = legacy_of(
      R"( {"from_uid":"u0","subscribers":["u1","u2","u1","bad@uid",""],"payload":"YWI=","header":{"red_dot":1}})");
  EXPECT_EQ(batch.message.from_uid, "u0");
  EXPECT_EQ(batch.message.payload, "ab");
  EXPECT_TRUE(batch.message.flags.red_dot);
  EXPECT_FALSE(batch.message.client_msg_no_given);
  EXPECT_EQ(batch.subscribers, (std::vector<std::string>{"u1", "u2", "bad@uid"}));
  EXPECT_EQ(batch.places, (std::vector<std::size_t>{0, 1, 3}));
}

TEST(BatchObject, TakesTheOptionalMembersOfAnItem) {
  const auto batch = legacy_of(
      R"({"from_uid":"u0","subscribers":["u1"],"payload":"YWI=","client_msg_no":"job7",
          "expire":60,"topic":"t","stream_no":"s"})");
  EXPECT_EQ(batch.message.client_msg_no, "job7");
  EXPECT_TRUE(batch.message.client_msg_no_given);
  EXPECT_EQ(batch.message.expire, 60U);
  EXPECT_EQ(batch.message.topic, "t");
  EXPECT_TRUE(batch.message.is_stream);
  EXPECT_EQ(
      body_error(R"({"from_uid":"u0","subscribers":["u1"],"payload":"YQ==","client_msg_no":")" +
                 std::string(257, 'n') + "\"}"),
      Errc::too_large);
}

// Who posts one message as an object is told what to do with it.
TEST(BatchObject, IsNoSingleMessage) {
  const auto parsed = parse_batch(item_with({}), {});
  const auto* error = std::get_if<Error>(&parsed);
  ASSERT_NE(error, nullptr);
  EXPECT_NE(error->detail().find("into an array, with [ and ]"), std::string::npos);
  EXPECT_NE(error->detail().find("/message/send"), std::string::npos);
}

TEST(BatchObject, RequiresSenderReceiversAndPayload) {
  const char* const bad[] = {
      R"({})",
      R"({"from_uid":" ","subscribers":["u1"],"payload":"YQ=="})",
      R"({"from_uid":"u","subscribers":[],"payload":"YQ=="})",
      R"({"from_uid":"u","subscribers":[" "],"payload":"YQ=="})",
      R"({"from_uid":"u","subscribers":[1],"payload":"YQ=="})",
      R"({"from_uid":"u","subscribers":"u1","payload":"YQ=="})",
      R"({"from_uid":"u","subscribers":["u1"]})",
      R"({"from_uid":"u","subscribers":["u1"],"payload":""})",
      R"({"from_uid":"u","subscribers":["u1"],"payload":"?"})",
      R"({"from_uid":"a@b","subscribers":["u1"],"payload":"YQ=="})",
      R"({"from_uid":"u","from_uid":"u","subscribers":["u1"],"payload":"YQ=="})",
  };
  for (const char* body : bad) EXPECT_EQ(body_error(body), Errc::invalid) << body;
}

std::string send_error(std::string_view body) {
  const auto parsed = send_of(body);
  if (parsed) {
    ADD_FAILURE() << "accepted: " << body;
    return {};
  }
  return parsed.error().detail();
}

TEST(SingleSend, TakesTheMembersOfTheBatchWithDefaults) {
  const auto item =
      send_of(R"({"channel_id":"g1","channel_type":2,"payload":"YQ==","from_uid":""})", {});
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->from_uid, kSystemUid);
  EXPECT_EQ(item->channel_id, "g1");
  EXPECT_FALSE(item->client_msg_no_given);
}

TEST(SingleSend, TakesACommandForListedUsers) {
  const auto item =
      send_of(R"({"payload":"YQ==","header":{"sync_once":1},"subscribers":["a","a","b"]})", {});
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->subscribers, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(item->channel_id.empty());
  EXPECT_EQ(item->channel_type, ChannelType::none);
}

TEST(Batch, AnObjectWithoutPayloadAndReceiversIsToldToBeAnArray) {
  for (const auto* text : {R"({"messages":[{"from_uid":"u1"}]})", "{}", "7"}) {
    const auto parsed = parse_batch(text, {});
    const auto* error = std::get_if<Error>(&parsed);
    ASSERT_NE(error, nullptr) << text;
    EXPECT_TRUE(error->detail().starts_with("the body must be an array of messages")) << text;
  }
}

TEST(SingleSend, TakesTheFlagsBesideTheHeaderToo) {
  const auto flags = [](std::string_view members) {
    const auto item = send_of(
        R"({"payload":"YQ==","channel_id":"g","channel_type":2,)" + std::string(members) + "}", {});
    return item ? item->flags : MessageFlags();
  };
  EXPECT_TRUE(flags(R"("sync_once":1)").sync_once);
  EXPECT_TRUE(flags(R"("no_persist":true)").no_persist);
  EXPECT_TRUE(flags(R"("red_dot":1,"header":{"red_dot":0})").red_dot);
  EXPECT_TRUE(flags(R"("header":{"red_dot":1},"red_dot":0)").red_dot);
  for (const auto* value : {"2", "255", "256", "-1", "1.0", "\"1\"", "[]", "{}"}) {
    for (const auto* name : {"sync_once", "no_persist", "red_dot", "is_stream", "header.sync_once",
                             "header.no_persist", "header.red_dot"}) {
      const std::string_view in_header = "header.";
      const bool nested = std::string_view(name).starts_with(in_header);
      const std::string member =
          "\"" + std::string(nested ? name + in_header.size() : name) + "\":" + value;
      EXPECT_EQ(send_error(R"({"payload":"YQ==","channel_id":"g","channel_type":2,)" +
                           (nested ? "\"header\":{" + member + "}" : member) + "}"),
                std::string(name) + " must be 0 or 1, true or false")
          << value;
    }
  }
  EXPECT_TRUE(send_of(R"({"payload":"YQ==","sync_once":1,"subscribers":["a"]})", {}));
}

TEST(SingleSend, TakesTheSettingByte) {
  const auto send = [](std::string_view setting) {
    return send_of(R"({"payload":"YQ==","channel_id":"g","channel_type":2,"setting":)" +
                       std::string(setting) + "}",
                   {});
  };
  const auto item = send("254");
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->setting, kSettingReceipt | kSettingSignal);
  EXPECT_TRUE(item->is_stream);
  EXPECT_FALSE(send("128")->is_stream);
  EXPECT_FALSE(send("256"));
  EXPECT_FALSE(send("-1"));
  EXPECT_FALSE(send(R"("128")"));
}

TEST(SingleSend, TakesTheSenderByItsOldName) {
  const auto sender = [](std::string_view members) {
    const auto item = send_of(
        R"({"payload":"YQ==","channel_id":"g","channel_type":2,)" + std::string(members) + "}", {});
    return item ? item->from_uid : item.error().detail();
  };
  EXPECT_EQ(sender(R"("sender_uid":"a")"), "a");
  EXPECT_EQ(sender(R"("from_uid":"","sender_uid":"a")"), "a");
  EXPECT_EQ(sender(R"("from_uid":"b","sender_uid":"a")"), "b");
  EXPECT_EQ(sender(R"("sender_uid":"")"), kSystemUid);
  EXPECT_EQ(sender(R"("sender_uid":7)").find("sender_uid must be"), 0U);
}

TEST(SingleSend, TakesAMessageThatOnlySomeRead) {
  const auto item =
      send_of(R"({"payload":"YQ==","channel_id":"g","channel_type":2,"subscribers":["a"]})", {});
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->channel_id, "g");
  EXPECT_EQ(item->subscribers, (std::vector<std::string>{"a"}));
  EXPECT_EQ(send_error(R"({"payload":"YQ==","subscribers":["a"]})"), "channel_id is required");
}

TEST(SingleSend, ReportsTheFirstProblemInTheContractsOrder) {
  EXPECT_EQ(send_error("[]"),
            "the body must be an object: several messages go to /message/sendbatch");
  EXPECT_EQ(send_error("5"), "the body must be an object, with the members of one message");
  // Each body also breaks the rules that come later.
  EXPECT_EQ(send_error(R"({"subscribers":["a"]})"), "payload is required");
  EXPECT_EQ(send_error(R"({"payload":"?"})"),
            "payload must be standard base64 with padding, or a JSON object or array instead of a "
            "string");
  EXPECT_EQ(send_error(R"({"payload":"YQ=="})"), "channel_id is required");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","subscribers":["a"],"channel_id":"a@b"})"),
            "channel_type is required, from 1 to 255");
  EXPECT_EQ(
      send_error(
          R"({"payload":"YQ==","subscribers":["a"],"channel_id":"a@b","header":{"sync_once":1}})"),
      "subscribers with sync_once and channel_id exclude each other");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","channel_id":"a@b"})"),
            "channel_type is required, from 1 to 255");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","channel_id":"a@b","channel_type":2})"),
            "channel_id must not contain '@', '#' or '&'");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","channel_id":"a","channel_type":2,"from_uid":"a@b"})"),
            "from_uid must not contain '@', '#' or '&'");
}

TEST(SingleSend, RefusesWrongTypesAndRepeats) {
  EXPECT_EQ(send_error(R"({"payload":"YQ==","channel_id":5,"channel_type":2})"),
            "channel_id must be a string");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","payload":"YQ==","channel_id":"g","channel_type":2})"),
            "payload must not be given twice");
  EXPECT_EQ(send_error(R"({"payload":"YQ==","header":{"sync_once":1},"subscribers":["  "]})"),
            "subscribers must name at least one user");
}

}  // namespace
}  // namespace jindou::codec
