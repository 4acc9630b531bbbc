// Batches as streams of lines: what each line is answered, in which order, what is sent and what is
// not when the stream ends early, and that a full core makes it wait.
#include "api/send_stream.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/routes_fixture.h"
#include "api/scripted_stream.h"

namespace jindou::api {
namespace {

using namespace std::chrono_literals;
using Part = http::Stream::Part;

class SendStreamTest : public RoutesTest {
 protected:
  // The lines of the answer.
  std::vector<std::string> send(ScriptedStream& stream, const std::string& query = "",
                                Headers headers = {}) {
    headers.emplace_back("Content-Type", "Application/X-NDJSON ; charset=utf-8");
    const Answer answer = call(Verb::post, "/message/sendbatch" + query, "", "", headers, &stream);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(answer.body, "");
    std::vector<std::string> lines;
    std::size_t at = 0;
    const std::string& text = stream.written();
    while (at < text.size()) {
      const auto end = text.find('\n', at);
      EXPECT_NE(end, std::string::npos);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }
  static std::string end_line(std::uint64_t items, std::uint64_t accepted,
                              std::uint64_t duplicate = 0, std::uint64_t refused = 0) {
    return "{\"done\":true,\"items\":" + std::to_string(items) +
           ",\"accepted\":" + std::to_string(accepted) +
           ",\"duplicate\":" + std::to_string(duplicate) +
           ",\"refused\":" + std::to_string(refused) + ",\"unknown\":0}";
  }
  std::string last_payload(const std::string& group) {
    return call(Verb::get, "/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
  static bool begins(const std::string& text, const std::string& part) {
    return text.starts_with(part);
  }
};

TEST_F(SendStreamTest, EachLineIsAnsweredInItsPlace) {
  ScriptedStream stream({"\xef\xbb\xbf" + item("n0", "g1") + "\r\n\n", item("n1", "g2") + "\n",
                         "  \n[]\n{\"from_uid\":\"u1\",\"client_msg_no\":\"n3\"}\n",
                         item("n4", "g1").substr(0, 20), item("n4", "g1").substr(20) + "\nnot\n",
                         item("n0", "g1") + "\n" + item("n7", "g1")});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_TRUE(begins(lines[0], "{\"index\":0,\"message_id\":")) << lines[0];
  EXPECT_TRUE(has(lines[0], "\"message_seq\":1,\"client_msg_no\":\"n0\",\"reason\":1}"))
      << lines[0];
  EXPECT_TRUE(has(lines[1], "\"index\":1,")) << lines[1];
  EXPECT_EQ(
      lines[2],
      "{\"index\":2,\"message_id\":0,\"message_idstr\":\"0\",\"message_seq\":0,"
      "\"client_msg_no\":\"\",\"reason\":0,\"code\":\"invalid\",\"msg\":\"the message must be "
      "an object\",\"retriable\":false,\"field\":\"\"}");
  EXPECT_TRUE(has(lines[3], "\"client_msg_no\":\"n3\"")) << lines[3];
  EXPECT_TRUE(has(lines[3], "\"msg\":\"payload is required\"")) << lines[3];
  EXPECT_TRUE(has(lines[3], "\"field\":\"payload\"")) << lines[3];
  EXPECT_TRUE(has(lines[4], "\"message_seq\":2,\"client_msg_no\":\"n4\"")) << lines[4];
  EXPECT_TRUE(has(lines[5], "the body is not valid JSON")) << lines[5];
  EXPECT_TRUE(has(lines[6],
                  "\"message_seq\":1,\"client_msg_no\":\"n0\",\"reason\":1,"
                  "\"duplicate\":true}"))
      << lines[6];
  EXPECT_TRUE(has(lines[7], "\"index\":7,")) << lines[7];
  EXPECT_EQ(lines[8], end_line(8, 4, 1, 3));
}

TEST_F(SendStreamTest, NothingIsNothing) {
  ScriptedStream stream({"\n", "  "});
  EXPECT_EQ(send(stream), std::vector<std::string>{end_line(0, 0)});
}

TEST_F(SendStreamTest, ItemsAreWhatIsOfUse) {
  const std::string good = item("n1", "g1");
  ScriptedStream stream({"\n \n" + good + "\n\n{}\n", item("n2", "g1")});
  EXPECT_EQ(send(stream).back(), end_line(3, 2, 0, 1));
  EXPECT_EQ(stream.useful(), 2 * (good.size() + 1));
}

TEST_F(SendStreamTest, ManyItemsGoInGroups) {
  std::vector<std::string> pieces;
  std::string text;
  constexpr std::size_t kItems = 5000;
  for (std::size_t i = 0; i < kItems; ++i) text += item("n" + std::to_string(i), "g1") + "\n";
  for (std::size_t at = 0; at < text.size(); at += 65'536)
    pieces.push_back(text.substr(at, 65'536));
  ScriptedStream stream(pieces);
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), kItems + 1);
  for (std::size_t i = 0; i < kItems; ++i) {
    ASSERT_TRUE(begins(lines[i], "{\"index\":" + std::to_string(i) + ",")) << lines[i];
    ASSERT_TRUE(has(lines[i], "\"message_seq\":" + std::to_string(i + 1) + ",")) << lines[i];
  }
  EXPECT_EQ(lines.back(), end_line(kItems, kItems));
}

// What is filled in for one batch is bounded, and a stream is many of them.
TEST_F(SendStreamTest, FilledInPayloadsMakeGroupsNotRefusals) {
  ApiOptions options;
  options.send.payload_bytes_max = 32;
  options.send.expanded_bytes_max = 100;
  configure(options);
  std::string text;
  for (int i = 100; i < 150; ++i) {
    text += R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":["{{a}} {{n}}"],)"
            R"("vars":{"a":"0123456789012345","n":)" +
            std::to_string(i) + "}}\n";
  }
  ScriptedStream stream({text});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), 51U);
  EXPECT_EQ(lines.back(), end_line(50, 50));
  EXPECT_TRUE(has(call(Verb::get, "/channel/last_message?channel_type=2&channel_id=g1").body,
                  "WyIwMTIzNDU2Nzg5MDEyMzQ1IDE0OSJd"));  // ["0123456789012345 149"]
  // Where not even one fits it is told, of each.
  options.send.expanded_bytes_max = 10;
  configure(options);
  ScriptedStream none({text});
  const auto refused = send(none);
  ASSERT_EQ(refused.size(), 51U);
  EXPECT_TRUE(has(refused[49], "\"code\":\"too_large\"")) << refused[49];
  EXPECT_EQ(refused.back(), end_line(50, 0, 0, 50));
}

// As many as it likes: each group is a batch, which has those of the moment.
TEST_F(SendStreamTest, TemplatesAreLookedUpForEachGroup) {
  const auto store = [this](const std::string& name) {
    return status("/templates", R"({"name":")" + name + R"(","payload":["{{n}}"]})");
  };
  const auto by = [](const std::string& name) {
    return R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"vars":{"n":1},"template":")" +
           name + "\"}\n";
  };
  std::string text;
  for (int i = 0; i < 150; ++i) {
    const std::string name = "t" + std::to_string(i);
    ASSERT_EQ(store(name), 200U);
    text += by(name);
  }
  ScriptedStream stream({text});
  EXPECT_EQ(send(stream).back(), end_line(150, 150));
  // One that is stored while the stream runs is there for the next group.
  ScriptedStream late({by("late"), by("late")});
  late.make_slow();
  late.hold(1);
  std::thread stores([&] {
    while (late.writes() == 0) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(store("late"), 200U);
    late.release();
  });
  const auto lines = send(late);
  stores.join();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(has(lines[0], "\"code\":\"not_found\"")) << lines[0];
  EXPECT_EQ(lines[2], end_line(2, 1, 0, 1));
}

// Short lines may be long messages.
TEST_F(SendStreamTest, FilledInPayloadsCountInTheirGroup) {
  ASSERT_EQ(
      status("/templates", R"({"name":"long","payload":[")" + std::string(30'000, 'x') + R"("]})"),
      200U);
  std::string text;
  constexpr std::size_t kItems = 200;
  for (std::size_t i = 0; i < kItems; ++i) {
    text += R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"template":"long"})"
            "\n";
  }
  ScriptedStream stream({text});
  EXPECT_EQ(send(stream).back(), end_line(kItems, kItems));
  // 6 MB.
  EXPECT_GE(stream.writes(), 11U);
  // With a budget they wait for room: what goes at a time is little more than a payload.
  ApiOptions options;
  options.http.body_budget = std::make_shared<ByteBudget>(std::size_t{100'000});
  configure(options);
  ScriptedStream slow({text});
  EXPECT_EQ(send(slow).back(), end_line(kItems, kItems));
  EXPECT_GE(slow.writes(), kItems / 4);
  EXPECT_EQ(options.http.body_budget->used(), 0U);
}

// Lines of two bytes may be messages to many users.
TEST_F(SendStreamTest, SharedSubscribersCountInTheirGroup) {
  std::string text =
      R"({"defaults":{"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":["x"],)"
      R"("subscribers":["u2")";
  for (int i = 1000; i < 2000; ++i) {
    text += ",\"" + std::string(90, 'x') + std::to_string(i) + '"';
  }
  text += "]}}\n";
  constexpr std::size_t kItems = 40;
  for (std::size_t i = 0; i < kItems; ++i) text += "{}\n";
  ScriptedStream stream({text});
  EXPECT_EQ(send(stream).back(), end_line(kItems, kItems));
  // 94 bytes and a string for each user: 5 MB.
  EXPECT_GE(stream.writes(), 10U);
  // Where one batch may have one such list and not two, a group ends with each.
  ApiOptions options;
  options.send.expanded_bytes_max = 200'000;
  configure(options);
  ScriptedStream tight({text});
  EXPECT_EQ(send(tight).back(), end_line(kItems, kItems));
  EXPECT_GE(tight.writes(), kItems);
}

// Who sends a line and waits is answered before the next one.
TEST_F(SendStreamTest, ASlowCallerGetsEachLineAtOnce) {
  std::vector<std::string> pieces;
  for (int i = 0; i < 5; ++i) pieces.push_back(item("n" + std::to_string(i), "g1") + "\n");
  ScriptedStream stream(pieces);
  stream.make_slow();
  EXPECT_EQ(send(stream).back(), end_line(5, 5));
  EXPECT_GE(stream.writes(), 3U);
  // Meanwhile he may be waiting.
  EXPECT_TRUE(stream.was_due());
  EXPECT_FALSE(stream.is_due());
}

TEST_F(SendStreamTest, StopsAtABadLineIfToldTo) {
  ScriptedStream stream(
      {item("n0", "g1") + "\n" + "{}\n" + item("n2", "g1") + "\n", item("n3", "g1") + "\n"});
  const auto lines = send(stream, "?on_error=stop");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(has(lines[0], "\"reason\":1"));
  EXPECT_TRUE(has(lines[1], "\"code\":\"invalid\""));
  EXPECT_EQ(
      lines[2],
      "{\"done\":false,\"items\":2,\"accepted\":1,\"duplicate\":0,\"refused\":1,\"unknown\":0,"
      "\"code\":\"stopped\",\"msg\":\"item 1 failed, and on_error is stop: what follows it "
      "was not sent\"}");
  EXPECT_TRUE(has(max_seq("g1"), ":1")) << max_seq("g1");
}

TEST_F(SendStreamTest, StopsAtWhatTheCoreRefusesToo) {
  ScriptedStream stream({item("n0", "g1", "YQ==") + "\n" + item("n0", "g1", "Yg==") + "\n" +
                         item("n2", "g1") + "\n"});
  const auto lines = send(stream, "?on_error=stop");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(has(lines[1], "\"code\":\"conflict\"")) << lines[1];
  EXPECT_TRUE(has(lines[2], "\"code\":\"stopped\"")) << lines[2];
  EXPECT_TRUE(has(max_seq("g1"), ":1")) << max_seq("g1");
  ScriptedStream all({item("n0", "g2", "YQ==") + "\n" + item("n0", "g2", "Yg==") + "\n" +
                      item("n2", "g2") + "\n"});
  EXPECT_EQ(send(all, "?on_error=continue").back(), end_line(3, 2, 0, 1));
}

TEST_F(SendStreamTest, OnErrorIsOneOfTwo) {
  ScriptedStream stream({item("n0", "g1") + "\n"});
  const Answer answer = call(Verb::post, "/message/sendbatch?on_error=maybe", "", "",
                             {{"Content-Type", "application/x-ndjson"}}, &stream);
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "the query parameter on_error takes continue or stop"))
      << answer.body;
  EXPECT_EQ(stream.pieces_read(), 0U);
}

TEST_F(SendStreamTest, TheFirstLineMayHoldWhatTheOthersShare) {
  const std::string head =
      R"({"payloads":{"hi":["Hi {{name}}"],"plain":["x"]},)"
      R"("defaults":{"from_uid":"u1","channel_type":2,"payload_ref":"hi","vars":{"name":"you"}}})";
  const std::string items = R"({"channel_id":"g1","vars":{"name":"Ann"}})"
                            "\n"
                            R"({"channel_id":"g2","payload_ref":"plain"})"
                            "\n"
                            R"({"channel_id":"g3","payload_ref":"none"})"
                            "\n"
                            R"({"channel_id":"g1"})";
  const std::string text = "\xef\xbb\xbf\n" + head + "\r\n" + items;
  for (const std::size_t bytes : {text.size(), std::size_t{1}, std::size_t{50}}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += bytes)
      pieces.push_back(text.substr(at, bytes));
    ScriptedStream stream(pieces);
    const auto lines = send(stream);
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_TRUE(has(lines[0], R"("index":0,"message_id":)")) << lines[0];
    EXPECT_TRUE(has(lines[2], R"(payload_ref names \"none\", which is not in payloads)"))
        << lines[2];
    EXPECT_EQ(lines[4], end_line(4, 3, 0, 1));
  }
  // ["Hi you"], ["x"]
  EXPECT_TRUE(has(last_payload("g1"), "WyJIaSB5b3UiXQ==")) << last_payload("g1");
  EXPECT_TRUE(has(last_payload("g2"), "WyJ4Il0=")) << last_payload("g2");
}

TEST_F(SendStreamTest, AHeadAloneIsNoItem) {
  for (const std::string end : {"", "\n"}) {
    ScriptedStream stream({R"({"defaults":{}})" + end});
    EXPECT_EQ(send(stream), std::vector<std::string>{end_line(0, 0)});
  }
  // Null is absent, and an item with a member that nobody knows is an item.
  ScriptedStream stream({"{\"defaults\":null,\"payloads\":null}\n" + item("n0", "g1") + "\n"});
  EXPECT_EQ(send(stream).back(), end_line(1, 1));
}

TEST_F(SendStreamTest, WithOneAtATimeTheFirstItemStandsAlone) {
  ScriptedStream stream({"{}\n" + item("n1", "g1") + "\n"});
  const auto lines = send(stream, "?on_error=stop");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(has(lines[1], R"("code":"stopped")")) << lines[1];
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
}

// What stands behind it is not meant to be sent without it.
TEST_F(SendStreamTest, WithoutASoundHeadNothingIsSent) {
  ApiOptions options;
  options.send.head_bytes_max = 100;
  options.http.limits.body_bytes = 1000;
  configure(options);
  const auto refused = [&](const std::string& head, unsigned status, const std::string& why,
                           const Headers& more = {}) {
    Headers headers = {{"Content-Type", "application/x-ndjson"}};
    headers.insert(headers.end(), more.begin(), more.end());
    ScriptedStream stream({head + "\n" + item("n0", "g1") + "\n"});
    const Answer answer =
        call(Verb::post, "/message/sendbatch?keep=true", "", "", headers, &stream);
    EXPECT_EQ(answer.status, status) << head.substr(0, 100) << answer.body;
    EXPECT_TRUE(has(answer.body, "nothing was sent: ")) << answer.body;
    EXPECT_TRUE(has(answer.body, why)) << answer.body;
    EXPECT_EQ(stream.written(), "");
  };
  refused(R"({"defaults":{"expire":5})", 400, "the head of the others: the body is not valid JSON");
  refused(R"({"defaults":[]})", 400, "defaults must be an object with members of an item");
  refused(R"({"defaults":{"expire":"5"}})", 400, "defaults.expire");
  refused(R"({"payloads":{"a":""}})", 400, "payloads.a");
  refused(R"({"payloads":{},"payloads":{}})", 400, "payloads must not be given twice");
  refused(R"({"payloads":{},"items":[]})", 400, "it must not have anything, such as items");
  refused(R"({"defaults":{},"channel_id":"g1"})", 400, "such as channel_id");
  refused(R"({"defaults":{"topic":")" + std::string(100, 'x') + "\"}}", 413,
          "it is longer than 100 bytes (api.maxHeadLineBytes)");
  refused(std::string(1001, ' ') + "x", 413, "is longer than 1000 bytes (api.maxBodyBytes)");
  refused(R"({"defaults":{"exipre":5}})", 400, "did you mean \\\"expire\\\"?",
          {{"Jindou-Strict", "1"}});
  options.http.body_budget = std::make_shared<ByteBudget>(std::size_t{50});
  configure(options);
  refused(R"({"defaults":{"topic":"longer than there is room for"}})", 429, "find no memory");
  EXPECT_EQ(options.http.body_budget->used(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  EXPECT_TRUE(has(call(Verb::get, "/jobs").body, "\"jobs\":[]"));
}

TEST_F(SendStreamTest, AHeadBehindOtherLinesIsNone) {
  ScriptedStream stream({item("n0", "g1") + "\n{\"defaults\":{\"expire\":5}}\n"});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(has(lines[1], R"("msg":"payloads and defaults are for the first line of the body")"))
      << lines[1];
}

TEST_F(SendStreamTest, ChoicesThatExcludeEachOtherAreRefused) {
  for (const std::string query :
       {"?ack=received&on_error=stop", "?ack=received&dry_run=1", "?dry_run=1&keep=1"}) {
    ScriptedStream stream({item("n0", "g1") + "\n"});
    const Answer answer = call(Verb::post, "/message/sendbatch" + query, "", "",
                               {{"Content-Type", "application/x-ndjson"}}, &stream);
    EXPECT_EQ(answer.status, 400U) << query;
    EXPECT_EQ(stream.pieces_read(), 0U);
  }
}

TEST_F(SendStreamTest, ADryRunTellsOfEachLineAndSendsNone) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,)"
                               R"("subscribers":["u1","a","b"]})"),
            200U);
  ASSERT_EQ(status("/channel", R"({"channel_id":"g2","channel_type":2,"ban":1})"), 200U);
  ScriptedStream stream({item("n0", "g1") + "\n" + item("n1", "g2") + "\n{}\n",
                         R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":["x"]})"
                         "\n"});
  // Also with a choice that would end it at the second one.
  const auto lines = send(stream, "?dry_run=true&on_error=stop");
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_TRUE(has(lines[0], R"("client_msg_no":"n0","reason":1,"bytes":2,"receivers":2})"))
      << lines[0];
  EXPECT_TRUE(has(lines[1], R"("client_msg_no":"n1","reason":19,"code":"denied")")) << lines[1];
  EXPECT_FALSE(has(lines[1], "receivers")) << lines[1];
  EXPECT_TRUE(has(lines[2], R"("code":"invalid")")) << lines[2];
  // A number that would be made up tells nothing.
  EXPECT_TRUE(has(lines[3], R"("client_msg_no":"","reason":1,"bytes":5,)")) << lines[3];
  EXPECT_TRUE(has(lines[4], R"({"done":true,"items":4,"accepted":2,"duplicate":0,"refused":2,)"
                            R"("unknown":0,"dry_run":true,"bytes":7,"receivers":4)"))
      << lines[4];
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  EXPECT_FALSE(has(metrics_.render(), R"(jindou_send_refused_total{reason="19"})"));
  // Its numbers are free.
  ScriptedStream other({item("n0", "g1", "b3RoZXI=") + "\n"});
  EXPECT_EQ(send(other).back(), end_line(1, 1));
}

TEST_F(SendStreamTest, LinesMayBeAnsweredBeforeTheyAreDurable) {
  gate_->keep();
  ScriptedStream stream({item("n0", "g1") + "\n{}\n", item("n2", "g1") + "\n"});
  std::thread release([&] {
    while (stream.writes() == 0) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
    gate_->release();
  });
  const Answer answer = call(Verb::post, "/message/sendbatch?ack=received", "", "",
                             {{"Content-Type", "application/x-ndjson"}}, &stream);
  release.join();
  EXPECT_EQ(answer.status, 202U);
  EXPECT_TRUE(has(answer.headers, "Jindou-Applied: ack=received")) << answer.headers;
  EXPECT_TRUE(begins(stream.written(), R"({"index":0,"client_msg_no":"n0","state":"received"})"
                                       "\n{\"index\":1,"))
      << stream.written();
  EXPECT_TRUE(has(stream.written(), R"({"index":2,"client_msg_no":"n2","state":"received"})"))
      << stream.written();
  // At the end it is known what became of all.
  EXPECT_TRUE(stream.written().ends_with(end_line(3, 2, 0, 1) + "\n")) << stream.written();
  EXPECT_TRUE(has(max_seq("g1"), ":2")) << max_seq("g1");
}

// Between the line that says so and the core others may take the room.
TEST_F(SendStreamTest, WhatIsReceivedIsSentThoughItsCallerHasGone) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 1;
  limits.delay_max = 60s;
  limit_core(limits);
  partition::CommandRouter::ReservationPtr others;
  ScriptedStream stream({item("n0", "g1") + "\n"});
  stream.at_write([&] {
    others = core_->reserve(1, 1);
    stream.make_deaf();
  });
  std::thread frees([&] {
    while (stream.is_open()) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(100ms);
    EXPECT_TRUE(others != nullptr);
    others.reset();
  });
  const Answer answer = call(Verb::post, "/message/sendbatch?ack=received", "", "",
                             {{"Content-Type", "application/x-ndjson"}}, &stream);
  frees.join();
  EXPECT_EQ(answer.status, 202U);
  EXPECT_TRUE(has(stream.written(), R"("state":"received")")) << stream.written();
  EXPECT_TRUE(has(max_seq("g1"), ":1")) << max_seq("g1");
}

TEST_F(SendStreamTest, WhatIsReceivedHasItsTimeForRoomBehindTheAnswer) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 1;
  limits.delay_max = 60s;
  limit_core(limits);
  ApiOptions options;
  options.http.stream_timeout = 1s;
  configure(options);
  partition::CommandRouter::ReservationPtr others;
  std::atomic<bool> taken{false};
  ScriptedStream stream({item("n0", "g1") + "\n"});
  // Its caller takes as long to read it as a stream may stand still.
  stream.at_write([&] {
    others = core_->reserve(1, 1);
    std::this_thread::sleep_for(1100ms);
    taken = true;
  });
  std::thread frees([&] {
    while (!taken) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(50ms);
    others.reset();
  });
  const Answer answer = call(Verb::post, "/message/sendbatch?ack=received", "", "",
                             {{"Content-Type", "application/x-ndjson"}}, &stream);
  frees.join();
  EXPECT_EQ(answer.status, 202U);
  EXPECT_TRUE(stream.written().ends_with(end_line(1, 1) + "\n")) << stream.written();
}

TEST_F(SendStreamTest, WhatWasTakenAndNotSentIsTold) {
  core_->close();
  ScriptedStream stream({item("n0", "g1") + "\n"});
  const Answer answer = call(Verb::post, "/message/sendbatch?ack=received", "", "",
                             {{"Content-Type", "application/x-ndjson"}}, &stream);
  EXPECT_EQ(answer.status, 202U);
  EXPECT_TRUE(has(stream.written(), R"("done":false)")) << stream.written();
  const bool was_answered = has(stream.written(), R"("state":"received")");
  EXPECT_EQ(has(stream.written(), "the last 1 items that are answered as received were not sent"),
            was_answered)
      << stream.written();
}

// What was whole lines is sent and answered.
TEST_F(SendStreamTest, ACutBodyIsSentAsFarAsItCame) {
  for (const Part part : {Part::lost, Part::broken}) {
    const std::string group = part == Part::lost ? "g1" : "g2";
    ScriptedStream stream({item("n0", group) + "\n" + item("n1", group) + "\n", item("n2", group)},
                          part);
    const auto lines = send(stream);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_TRUE(has(lines[2], "{\"done\":false,\"items\":2,\"accepted\":2,")) << lines[2];
    EXPECT_TRUE(has(lines[2], part == Part::lost ? "\"incomplete\"" : "\"invalid\"")) << lines[2];
    EXPECT_TRUE(has(lines[2], "\"msg\":\"it went wrong\"")) << lines[2];
    EXPECT_TRUE(has(max_seq(group), ":2")) << max_seq(group);
  }
}

TEST_F(SendStreamTest, NobodyWhoTakesTheAnswerEndsIt) {
  std::vector<std::string> pieces;
  for (int i = 0; i < 100; ++i) pieces.push_back(item("n" + std::to_string(i), "g1") + "\n");
  ScriptedStream stream(pieces);
  stream.make_slow();
  stream.make_deaf();
  EXPECT_TRUE(send(stream).empty());
  EXPECT_LT(stream.pieces_read(), 100U);
}

// The last line says so, because nobody may take the answer for complete.
TEST_F(SendStreamTest, AFaultOfTheServerIsTold) {
  ScriptedStream stream({item("n0", "g1") + "\n", item("n1", "g1") + "\n"});
  stream.make_slow();
  stream.make_broken();
  EXPECT_THROW(call(Verb::post, "/message/sendbatch", "", "",
                    {{"Content-Type", "application/x-ndjson"}}, &stream),
               std::runtime_error);
  EXPECT_TRUE(has(stream.written(), "\n{\"done\":false,\"items\":")) << stream.written();
  EXPECT_TRUE(has(stream.written(), "\"code\":\"internal\"")) << stream.written();
  EXPECT_FALSE(has(stream.written(), "\"done\":true")) << stream.written();
}

TEST_F(SendStreamTest, LongLinesAreRefusedByThemselves) {
  ApiOptions options;
  options.http.limits.body_bytes = 1000;
  configure(options);
  ScriptedStream stream({item("n0", "g1") + "\n" + std::string(600, 'x'), std::string(600, 'x'),
                         "\n" + item("n2", "g1")});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(has(lines[1], "\"code\":\"too_large\",\"msg\":\"the line is longer than 1000 bytes"))
      << lines[1];
  EXPECT_EQ(lines[3], end_line(3, 2, 0, 1));
}

// A full core is waited for.
TEST_F(SendStreamTest, OverloadMakesItWait) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 1;
  limits.delay_max = 60s;
  limit_core(limits);
  gate_->keep();
  std::thread other([this] { EXPECT_EQ(status("/message/send", item("m", "g1")), 200U); });
  while (core_->items_in_flight() == 0) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(status("/message/sendbatch", "[" + item("m2", "g1") + "]"), 429U);
  std::thread release([this] {
    std::this_thread::sleep_for(100ms);
    gate_->release();
  });
  ScriptedStream stream({item("n0", "g2") + "\n" + item("n1", "g2") + "\n"});
  EXPECT_EQ(send(stream).back(), end_line(2, 2));
  other.join();
  release.join();
}

// So are reads: of templates that lines name, and of users whom the core does not know yet.
TEST_F(SendStreamTest, ReadsThatWaitMakeItWait) {
  ASSERT_EQ(status("/templates", R"({"name":"hi","payload":["hi"]})"), 200U);
  std::promise<void> may_read;
  std::shared_future<void> freed = may_read.get_future().share();
  // All that may wait.
  while (blocking_.post([freed] { freed.wait(); })) {
  }
  std::thread frees([&may_read] {
    std::this_thread::sleep_for(100ms);
    may_read.set_value();
  });
  ScriptedStream stream({item("n0", "g1") + "\n" + item("n1", "g2") + "\n",
                         R"({"from_uid":"u2","channel_id":"g1","channel_type":2,"template":"hi"})"
                         "\n"});
  stream.make_slow();
  EXPECT_EQ(send(stream).back(), end_line(3, 3));
  frees.join();
}

TEST_F(SendStreamTest, ALineWhoseTemplateIsNotReadIsRefusedByItsName) {
  ApiOptions options;
  options.http.stream_timeout = 50ms;
  configure(options);
  std::promise<void> may_read;
  std::shared_future<void> freed = may_read.get_future().share();
  while (blocking_.post([freed] { freed.wait(); })) {
  }
  ScriptedStream stream(
      {R"({"client_msg_no":"n7","from_uid":"u1","channel_id":"g1","channel_type":2,"template":"t"})"
       "\n"});
  const auto lines = send(stream);
  may_read.set_value();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(has(lines[0], "\"client_msg_no\":\"n7\"")) << lines[0];
  EXPECT_TRUE(has(lines[0], "\"code\":\"overloaded\"")) << lines[0];
  EXPECT_TRUE(has(lines[0], "\"retriable\":true")) << lines[0];
}

class FullCore : public SendStreamTest {
 protected:
  // Until release(), with streams that wait for so long.
  void fill(std::chrono::milliseconds stream_timeout) {
    partition::RouterLimits limits;
    limits.items_in_flight_max = 1;
    limits.delay_max = 60s;
    limit_core(limits);
    ApiOptions options;
    options.http.stream_timeout = stream_timeout;
    configure(options);
    gate_->keep();
    other_ = std::thread([this] { EXPECT_EQ(status("/message/send", item("m", "g1")), 200U); });
    while (core_->items_in_flight() == 0) std::this_thread::sleep_for(1ms);
  }
  void release() {
    gate_->release();
    other_.join();
  }

 private:
  std::thread other_;
};

TEST_F(FullCore, IsNotWaitedForForEver) {
  fill(50ms);
  ScriptedStream stream({item("n0", "g2") + "\n" + item("n1", "g2") + "\n"});
  const double before = metrics_.overload_refusals.with("http").Value();
  const auto lines = send(stream);
  release();
  EXPECT_EQ(metrics_.overload_refusals.with("http").Value(), before + 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(begins(lines[0], "{\"done\":false,\"items\":0,")) << lines[0];
  EXPECT_TRUE(has(lines[0], "\"code\":\"overloaded\"")) << lines[0];
  EXPECT_TRUE(has(max_seq("g2"), ":0")) << max_seq("g2");
}

TEST_F(FullCore, IsNotWaitedForForNobody) {
  fill(60s);
  ScriptedStream left({item("n0", "g2") + "\n"});
  std::thread leaves([&left] {
    std::this_thread::sleep_for(50ms);
    left.make_deaf();
  });
  EXPECT_TRUE(send(left).empty());
  release();
  leaves.join();
  EXPECT_TRUE(has(max_seq("g2"), ":0")) << max_seq("g2");
}

// What others have taken of the memory for bodies does not hold up a stream: it goes in portions of
// what is its own.
TEST_F(SendStreamTest, ABudgetWithoutRoomMakesSmallGroups) {
  ApiOptions options;
  options.http.body_budget = std::make_shared<ByteBudget>(std::size_t{0});
  configure(options);
  std::string text;
  constexpr std::size_t kItems = 3000;
  for (std::size_t i = 0; i < kItems; ++i) text += item("n" + std::to_string(i), "g1") + "\n";
  ScriptedStream stream({text.substr(0, 150'000), text.substr(150'000)});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), kItems + 1);
  EXPECT_EQ(lines.back(), end_line(kItems, kItems));
  EXPECT_GT(stream.writes(), 10U);
  // A long line is refused rather than waited for: who waits may not hold the half of one.
  ScriptedStream other(
      {item("n0", "g2") + "\n" + std::string(60'000, 'x'), "\n", item("n2", "g2") + "\n"});
  const auto few = send(other);
  ASSERT_EQ(few.size(), 4U);
  EXPECT_TRUE(has(few[1], "\"code\":\"overloaded\"")) << few[1];
  EXPECT_EQ(few[3], end_line(3, 2, 0, 1));
  EXPECT_EQ(options.http.body_budget->used(), 0U);
}

TEST_F(SendStreamTest, AClosedCoreEndsIt) {
  core_->close();
  ScriptedStream stream({item("n0", "g1") + "\n"});
  const auto lines = send(stream);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(begins(lines[0], "{\"done\":false,\"items\":0,")) << lines[0];
  EXPECT_TRUE(has(lines[0], "\"code\":\"unavailable\"")) << lines[0];
}

TEST_F(SendStreamTest, TheStrictModeLooksAtEachLine) {
  std::string wrong = item("n1", "g1");
  wrong.insert(1, "\"exipre\":5,");
  ScriptedStream stream({item("n0", "g1") + "\n" + wrong + "\n" + item("n2", "g1")});
  const auto lines = send(stream, "", {{"Jindou-Strict", "1"}});
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(has(lines[1], "did you mean \\\"expire\\\"?")) << lines[1];
  EXPECT_TRUE(has(lines[1], "\"client_msg_no\":\"n1\"")) << lines[1];
  EXPECT_EQ(lines[3], end_line(3, 2, 0, 1));
}

TEST(IsItemStream, GoesByTheContentType) {
  const auto is = [](std::string_view type) {
    Request request;
    request.add_header(Field::content_type, "Content-Type", type);
    return is_item_stream(request);
  };
  EXPECT_TRUE(is("application/x-ndjson"));
  EXPECT_TRUE(is("application/X-NDJSON; charset=utf-8"));
  EXPECT_FALSE(is("application/json"));
  EXPECT_FALSE(is("application/x-ndjson2"));
  EXPECT_FALSE(is(""));
}

}  // namespace
}  // namespace jindou::api
