#include "api/answers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace jindou::api {
namespace {

SendResult accepted(std::uint64_t id, std::uint64_t seq) {
  SendResult result;
  result.state = SendResult::State::accepted;
  result.message_id = static_cast<MessageId>(id);
  result.message_seq = static_cast<MessageSeq>(seq);
  result.reason = Reason::success;
  return result;
}
SendResult duplicate(std::uint64_t id, std::uint64_t seq) {
  SendResult result = accepted(id, seq);
  result.state = SendResult::State::duplicate;
  return result;
}
const SendResult kDenied = SendResult::refuse(Reason::in_denylist, Errc::denied);
const SendResult kBanned = SendResult::refuse(Reason::ban, Errc::denied);
const SendResult kConflict = SendResult::refuse(Reason::not_allow_send, Errc::conflict);
const SendResult kStorage = SendResult::refuse(Reason::system_error, Errc::storage);
const SendResult kOverloaded = SendResult::refuse(Reason::rate_limit, Errc::overloaded);
const SendResult kUnavailable = SendResult::refuse(Reason::system_error, Errc::unavailable);
const SendResult kNotOwner = SendResult::refuse(Reason::system_error, Errc::not_owner);
const SendResult kType = SendResult::refuse(Reason::not_support_channel_type, Errc::invalid);
const SendResult kUnknown;

SendResult last_seq_differs(std::uint64_t last_seq) {
  SendResult result = SendResult::refuse(Reason::last_seq_differs, Errc::conflict);
  result.last_seq = last_seq;
  return result;
}

unsigned status(std::vector<SendResult> results) { return status_of_failures(results); }

TEST(Answers, MapsBatchesOfFailuresToOneStatus) {
  EXPECT_EQ(status({kDenied}), 403U);
  EXPECT_EQ(status({kDenied, kBanned}), 403U);
  EXPECT_EQ(status({kConflict}), 400U);
  EXPECT_EQ(status({kConflict, kDenied}), 400U);
  EXPECT_EQ(status({kConflict, kOverloaded}), 400U);
  EXPECT_EQ(status({kType}), 400U);
  EXPECT_EQ(status({kConflict, kStorage}), 500U);
  EXPECT_EQ(status({kConflict, kUnknown}), 500U);
  EXPECT_EQ(status({kDenied, kStorage}), 500U);
  EXPECT_EQ(status({kDenied, kOverloaded}), 500U);
  EXPECT_EQ(status({kStorage}), 500U);
  EXPECT_EQ(status({kUnknown}), 500U);
  EXPECT_EQ(status({kOverloaded, kOverloaded}), 429U);
  EXPECT_EQ(status({kUnavailable}), 503U);
  EXPECT_EQ(status({kUnavailable, kOverloaded}), 503U);
  EXPECT_EQ(status({kNotOwner}), 503U);
  EXPECT_EQ(status({kNotOwner, kUnavailable, kOverloaded}), 503U);
}

TEST(Answers, TellTheLastSeqThatWasAnotherOne) {
  EXPECT_EQ(status({last_seq_differs(7)}), 400U);
  const std::string told =
      R"("msg":"the last message_seq of the channel is another one than if_last_seq: read )"
      R"(what came behind it, then repeat with the last_seq of this answer")";
  Response batch;
  answer_batch(batch, std::vector<SendResult>{accepted(1, 1), last_seq_differs(0)},
               std::vector<std::string>{"a", "b"});
  EXPECT_NE(batch.body.find(R"("reason":101,"code":"conflict",)" + told +
                            R"(,"retriable":false,"last_seq":0})"),
            std::string::npos)
      << batch.body;
  Response single;
  answer_send(single, last_seq_differs(7), "a", {}, {});
  EXPECT_EQ(single.status, 400U);
  EXPECT_NE(single.body.find(R"("last_seq":7)"), std::string::npos) << single.body;
  EXPECT_NE(single.body.find(told), std::string::npos) << single.body;
  // As an error on its way through a transaction, too.
  EXPECT_EQ(result_of(error_of(last_seq_differs(7))).last_seq, 7U);
}

TEST(Answers, BatchKeepsTheOrderAndMarksFailures) {
  Response response;
  answer_batch(response,
               std::vector<SendResult>{accepted(12345, 7), kDenied, duplicate(99, 1), kUnknown},
               std::vector<std::string>{"a", "b", "c", "d\""});
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.extra_headers, "X-Batch-Failed: 2\r\n");
  const std::string text(send_failure_text(kUnknown));
  EXPECT_EQ(
      response.body,
      "[{\"message_id\":12345,\"message_idstr\":\"12345\",\"message_seq\":7,\"client_msg_no\":"
      "\"a\","
      "\"reason\":1},"
      "{\"message_id\":0,\"message_idstr\":\"0\",\"message_seq\":0,\"client_msg_no\":\"b\","
      "\"reason\":4,\"code\":\"denied\",\"msg\":\"" +
          std::string(reason_text(Reason::in_denylist)) +
          "\",\"retriable\":false},"
          "{\"message_id\":99,\"message_idstr\":\"99\",\"message_seq\":1,\"client_msg_no\":\"c\","
          "\"reason\":1,\"duplicate\":true},"
          "{\"message_id\":0,\"message_idstr\":\"0\",\"message_seq\":0,\"client_msg_no\":\"d\\\"\","
          "\"reason\":15,\"code\":\"unknown_outcome\",\"msg\":\"" +
          text + "\",\"retriable\":true,\"state\":\"unknown\"}]");
}

TEST(Answers, WhollyFailedBatchIsAnErrorWithItems) {
  Response response;
  answer_batch(response, std::vector<SendResult>{kDenied, kBanned},
               std::vector<std::string>{"a", "b"});
  EXPECT_EQ(response.status, 403U);
  EXPECT_EQ(response.extra_headers, "X-Batch-Failed: 2\r\n");
  EXPECT_TRUE(response.body.starts_with("{\"status\":403,\"msg\":\"all 2 messages failed"));
  EXPECT_NE(response.body.find("\"reason\":4,\"items\":[{\"message_id\":0"), std::string::npos);
}

TEST(Answers, WhollyFailedBatchTellsWhatTheCallerHasToKnow) {
  const auto answer = [](std::vector<SendResult> results) {
    Response response;
    answer_batch(response, results, std::vector<std::string>(results.size(), "n"));
    return response;
  };
  const auto tells = [](const Response& response, unsigned status, const std::string& item,
                        const std::string& code) {
    const std::string head = response.body.substr(0, response.body.find("\"items\""));
    EXPECT_EQ(response.status, status) << head;
    EXPECT_NE(head.find("; item " + item + ": "), std::string::npos) << head;
    EXPECT_NE(head.find("\"code\":\"" + code + "\""), std::string::npos) << head;
  };
  tells(answer({kUnavailable, kUnknown}), 500, "1", "unknown_outcome");
  tells(answer({kConflict, kDenied, kUnknown}), 500, "2", "unknown_outcome");
  tells(answer({kDenied, kConflict}), 400, "1", "conflict");
  tells(answer({kOverloaded, kUnavailable}), 503, "1", "unavailable");
  tells(answer({kDenied, kOverloaded}), 500, "1", "overloaded");
  tells(answer({kDenied, kNotOwner}), 500, "1", "not_owner");
  const Response moving = answer({kNotOwner, kNotOwner});
  tells(moving, 503, "0", "not_owner");
  EXPECT_NE(moving.body.find("retry in a moment"), std::string::npos);
  EXPECT_NE(moving.body.find("\"retriable\":true"), std::string::npos);
  EXPECT_NE(moving.extra_headers.find("Retry-After: 1\r\n"), std::string::npos);
}

TEST(Answers, OverloadAsksToRetryLater) {
  Response response;
  answer_batch(response, std::vector<SendResult>{kOverloaded}, std::vector<std::string>{"a"});
  EXPECT_EQ(response.status, 429U);
  EXPECT_NE(response.extra_headers.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_TRUE(response.overloaded);
  response.clear();
  EXPECT_FALSE(response.overloaded);
}

TEST(Answers, ThatTheServerHadNoRoomIsNotedOfEveryKindOfAnswer) {
  const SendResult limited = SendResult::refuse(Reason::rate_limit, Errc::rate_limited);
  const auto batch = [](const SendResult& first, const SendResult& second) {
    Response response;
    answer_batch(response, std::vector<SendResult>{first, second},
                 std::vector<std::string>{"a", "b"});
    return response.overloaded;
  };
  EXPECT_TRUE(batch(accepted(5, 6), kOverloaded)) << "of some of it";
  EXPECT_TRUE(batch(limited, kOverloaded));
  EXPECT_TRUE(batch(kDenied, kOverloaded));
  EXPECT_FALSE(batch(accepted(5, 6), accepted(6, 7)));
  EXPECT_FALSE(batch(accepted(5, 6), limited));
  EXPECT_FALSE(batch(limited, limited));
  EXPECT_FALSE(batch(kDenied, kUnavailable));
  for (const auto& [result, wanted] : {std::pair(kOverloaded, true), std::pair(limited, false)}) {
    Response single;
    answer_send(single, result, "n", config::StatusStyle::number, config::RefusalStyle::status);
    EXPECT_EQ(single.overloaded, wanted);
    Response together;
    answer_nothing_sent(together, 0, result, "why", "a");
    EXPECT_EQ(together.overloaded, wanted);
    Response whole;
    answer_error(whole, Error(result.code, "why"));
    EXPECT_EQ(whole.status, 429U);
    EXPECT_EQ(whole.overloaded, wanted);
  }
}

TEST(Answers, SingleSendCarriesBothForms) {
  Response response;
  answer_send(response, accepted(5, 6), "n", config::StatusStyle::number,
              config::RefusalStyle::status);
  EXPECT_EQ(
      response.body,
      "{\"status\":200,\"message_id\":5,\"message_idstr\":\"5\",\"message_seq\":6,"
      "\"client_msg_no\":\"n\",\"reason\":1,\"data\":{\"message_id\":5,\"message_idstr\":\"5\","
      "\"message_seq\":6,\"client_msg_no\":\"n\"}}");
}

TEST(Answers, SingleSendFailuresHaveAStatusAndAReason) {
  Response response;
  answer_send(response, kDenied, "n", config::StatusStyle::number, config::RefusalStyle::status);
  EXPECT_EQ(response.status, 403U);
  EXPECT_NE(response.body.find("\"code\":\"denied\",\"reason\":4,\"retriable\":false"),
            std::string::npos);
  Response conflict;
  answer_send(conflict, kConflict, "n", config::StatusStyle::number, config::RefusalStyle::status);
  EXPECT_EQ(conflict.status, 400U);
  Response unknown;
  answer_send(unknown, kUnknown, "n", config::StatusStyle::number, config::RefusalStyle::status);
  EXPECT_EQ(unknown.status, 500U);
  EXPECT_NE(unknown.body.find("\"state\":\"unknown\""), std::string::npos);
}

TEST(Answers, RefusalsMayBeA200WithTheReason) {
  const auto answer = [](const SendResult& result) {
    Response response;
    answer_send(response, result, "n", config::StatusStyle::number, config::RefusalStyle::reason);
    return response;
  };
  const Response denied = answer(kDenied);
  EXPECT_EQ(denied.status, 200U);
  EXPECT_TRUE(denied.body.starts_with(
      "{\"message_id\":0,\"message_idstr\":\"0\",\"message_seq\":0,\"client_msg_no\":\"n\","
      "\"reason\":4,\"code\":\"denied\",\"msg\":\""))
      << denied.body;
  EXPECT_EQ(answer(SendResult::refuse(Reason::channel_not_exist, Errc::denied)).status, 200U);
  // What no rule refused keeps its status.
  EXPECT_EQ(answer(kType).status, 400U);
  EXPECT_EQ(answer(kConflict).status, 400U);
  EXPECT_EQ(answer(kOverloaded).status, 429U);
  EXPECT_EQ(answer(kUnavailable).status, 503U);
  EXPECT_EQ(answer(kStorage).status, 500U);
  EXPECT_EQ(answer(kUnknown).status, 500U);
  EXPECT_EQ(answer(accepted(5, 6)).status, 200U);
}

TEST(Answers, ErrorBodyHasItsTextUnderBothNames) {
  Response response;
  answer_error(response, Error(Errc::overloaded, "busy"));
  EXPECT_EQ(response.status, 429U);
  EXPECT_EQ(response.extra_headers, "Retry-After: 1\r\n");
  EXPECT_EQ(response.body,
            "{\"status\":429,\"msg\":\"busy\",\"error\":\"busy\",\"code\":\"overloaded\"}");
}

TEST(Answers, StatusStyleChoosesBetweenNumberAndWord) {
  Response number;
  answer_ok(number, config::StatusStyle::number);
  EXPECT_EQ(number.body, "{\"status\":200}");
  Response text;
  answer_ok(text, config::StatusStyle::text);
  EXPECT_EQ(text.body, "{\"status\":\"ok\"}");
}

TEST(Answers, ProblemsNameEveryItemAndField) {
  std::vector<codec::ItemProblem> problems(2);
  problems[0].index = 1;
  problems[0].field = "payload";
  problems[0].client_msg_no = "n1";
  problems[0].text = "payload is required";
  problems[1].index = 4;
  problems[1].field = "channel_type";
  problems[1].text = "channel_type is required";
  Response response;
  answer_problems(response, problems);
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(
      response.body,
      "{\"status\":400,\"msg\":\"item 1: payload is required\",\"error\":\"item 1: payload is "
      "required\",\"code\":\"invalid\",\"items\":[{\"index\":1,\"field\":\"payload\","
      "\"client_msg_no\":\"n1\",\"code\":\"invalid\",\"msg\":\"payload is required\"},"
      "{\"index\":4,\"field\":\"channel_type\",\"client_msg_no\":\"\",\"code\":\"invalid\","
      "\"msg\":\"channel_type is required\"}]}");
}

TEST(Answers, PersonChannelIsShownAsTheOtherUser) {
  Message message;
  message.channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  message.from_uid = "u1";
  EXPECT_EQ(shown_channel_id(message, "u1"), "u2");
  EXPECT_EQ(shown_channel_id(message, "u2"), "u1");
  EXPECT_EQ(shown_channel_id(message, ""), "u2");
  EXPECT_EQ(shown_channel_id(message, "stranger"), "u2");
  message.channel = ChannelKey("g1____cmd", ChannelType::group);
  EXPECT_EQ(shown_channel_id(message, "u1"), "g1");
}

TEST(Answers, MessageObjectHidesTheSystemAccount) {
  Message message;
  message.id = static_cast<MessageId>(9);
  message.seq = static_cast<MessageSeq>(3);
  message.channel = ChannelKey("g1", ChannelType::group);
  message.from_uid = std::string(kSystemUid);
  message.client_msg_no = "n";
  message.payload = "hi";
  message.timestamp = 17;
  message.flags.red_dot = true;
  std::string out;
  codec::JsonWriter json(out);
  write_message(json, message, "u1");
  EXPECT_EQ(out,
            "{\"header\":{\"no_persist\":0,\"red_dot\":1,\"sync_once\":0},\"setting\":0,"
            "\"message_id\":9,\"message_idstr\":\"9\",\"client_msg_no\":\"n\",\"message_seq\":3,"
            "\"from_uid\":\"\",\"channel_id\":\"g1\",\"channel_type\":2,\"expire\":0,"
            "\"timestamp\":17,\"payload\":\"aGk=\"}");
}

TEST(Answers, MessageObjectTellsWhatBecameOfTheMessage) {
  Message message;
  message.id = static_cast<MessageId>(9);
  message.seq = static_cast<MessageSeq>(3);
  message.channel = ChannelKey("g1", ChannelType::group);
  message.payload = std::string(kRecalledPayload);
  message.revision = Revision{0, true, 18, 5, "admin"};
  const auto told = [&message] {
    std::string out;
    codec::JsonWriter json(out);
    write_message(json, message, "u1");
    return out.substr(out.find("\"payload\""));
  };
  EXPECT_EQ(told(),
            "\"payload\":\"e30=\",\"revoke\":1,\"revoker\":\"admin\",\"message_extra\":{"
            "\"message_id\":9,\"message_id_str\":\"9\",\"message_seq\":3,\"revoke\":1,"
            "\"revoker\":\"admin\",\"revoked_at\":18,\"extra_version\":5}}");
  message.revision = Revision{2, false, 18, 5, ""};
  EXPECT_EQ(told(),
            "\"payload\":\"e30=\",\"edit_version\":2,\"message_extra\":{\"message_id\":9,"
            "\"message_id_str\":\"9\",\"message_seq\":3,\"editor\":\"\",\"edited_at\":18,"
            "\"extra_version\":5}}");
}

}  // namespace
}  // namespace jindou::api
