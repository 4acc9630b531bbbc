// GET /message/trace: what it tells of a message, and what it does not know.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class TraceRoutes : public ReadBackTest {
 protected:
  std::string sent_to_group(const std::string& number, const std::string& more = "") {
    return sent(R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":"aGk=",)"
                R"("client_msg_no":")" +
                number + "\"" + more + "}");
  }
  Answer trace(const std::string& query) { return get("/message/trace?" + query); }
  std::string trace_of(const std::string& id, const std::string& more = "") {
    return read("/message/trace?message_id=" + id + more);
  }
  std::string problem(const std::string& query, unsigned status) {
    return refused("/message/trace?" + query, status);
  }
  void add_subscribers() {
    must_post("/channel/subscriber_add",
              R"({"channel_id":"g1","channel_type":2,"subscribers":["u1","u2","u3"]})");
  }
};

TEST_F(TraceRoutes, AMessageIsNamedByItsIdOrByItsNumber) {
  const std::string id = sent_to_group("n1");
  const std::string place = "channel_id=g1&channel_type=2&client_msg_no=n1";
  const std::string known = trace_of(id);
  EXPECT_EQ(trace(place).body, known);
  EXPECT_EQ(text_of(known, "state"), "stored");
  EXPECT_EQ(text_of(known, "message_idstr"), id);
  EXPECT_EQ(number_of(known, "message_seq"), 1U);
  EXPECT_EQ(text_of(known, "channel_id"), "g1");
  EXPECT_EQ(text_of(known, "from_uid"), "u1");
  EXPECT_EQ(text_of(known, "client_msg_no"), "n1");
  EXPECT_GE(number_of(known, "committed_at"), 1'700'000'000U);
  EXPECT_TRUE(has(known, R"("changes":[],"changes_complete":1)")) << known;
  EXPECT_FALSE(has(known, "payload")) << known;
  const std::string either =
      "name the message by message_id, or by channel_id, channel_type and client_msg_no";
  EXPECT_EQ(problem("", 400), either);
  EXPECT_EQ(problem("message_id=" + id + "&" + place, 400), either + ", not by both");
  EXPECT_EQ(problem("message_id=" + id + "&client_msg_no=n1", 400), either + ", not by both");
  EXPECT_EQ(problem("message_id=x", 400), "message_id must be the id of a message");
  EXPECT_EQ(problem("message_id=0", 400), "message_id must be the id of a message");
  EXPECT_EQ(problem("channel_id=g1&channel_type=2", 400), "client_msg_no is required");
  EXPECT_EQ(problem("channel_id=g1&client_msg_no=n1", 400), "channel_type is required");
  EXPECT_EQ(problem("message_id=" + id + "&limit=1001", 400),
            "limit must be a number of receivers, at most 1000");
  for (const std::string query : {"message_id=12345678", "message_id=18446744073709551615",
                                  "channel_id=g1&channel_type=2&client_msg_no=n2"}) {
    EXPECT_TRUE(has(problem(query, 404), "nothing is known of such a message")) << query;
  }
}

TEST_F(TraceRoutes, WhatBecameOfItIsTold) {
  const std::string id = sent_to_group("n1");
  must_post("/message/edit",
            R"({"message_id":)" + id + R"(,"payload":{"a":1},"operator_uid":"ed"})");
  std::string known = trace_of(id);
  EXPECT_EQ(text_of(known, "state"), "stored");
  EXPECT_EQ(number_of(known, "edit_version"), 1U);
  EXPECT_EQ(text_of(known, "edited_by"), "ed");
  EXPECT_TRUE(has(known, R"("changes":[{"kind":"edit","at":)")) << known;
  must_post("/message/recall", R"({"message_id":)" + id + R"(,"operator_uid":"admin"})");
  known = trace_of(id);
  EXPECT_EQ(text_of(known, "state"), "recalled");
  EXPECT_EQ(text_of(known, "recalled_by"), "admin");
  EXPECT_TRUE(has(known, R"({"kind":"recall","at":)")) << known;
  must_post("/message/delete", R"({"channel_id":"g1","channel_type":2,"message_id":)" + id + "}");
  known = trace_of(id);
  EXPECT_EQ(text_of(known, "state"), "deleted");
  EXPECT_TRUE(has(known, R"({"kind":"delete","at":)")) << known;
  EXPECT_FALSE(has(known, "from_uid")) << known;
  EXPECT_FALSE(has(known, "receivers")) << known;
  EXPECT_EQ(trace("channel_id=g1&channel_type=2&client_msg_no=n1").body, known);
  const std::string cleared = sent_to_group("n2");
  must_post("/channel/clear_messages", R"({"channel_id":"g1","channel_type":2})");
  EXPECT_EQ(text_of(trace_of(cleared), "state"), "cleared");
  const std::string fleeting = sent_to_group("n3", R"(,"header":{"no_persist":1})");
  known = trace_of(fleeting);
  EXPECT_EQ(text_of(known, "state"), "unstored");
  EXPECT_FALSE(has(known, "webhook")) << known;
}

TEST_F(TraceRoutes, ReceiversAreCountedAndTheFirstOnesListed) {
  add_subscribers();
  const std::string id = sent_to_group("n1");
  services_->deps.online_flags = [](std::string_view uid) {
    return uid == "u2" ? std::vector<DeviceFlag>{DeviceFlag::app, DeviceFlag::web}
                       : std::vector<DeviceFlag>();
  };
  must_post("/conversations/clearUnread", R"({"uid":"u3","channel_id":"g1","channel_type":2})");
  EXPECT_TRUE(has(trace_of(id), R"("receivers":{"count":2,"online":1,"listed":[)"
                                R"({"uid":"u2","device_flags":[0,1],"read":0},)"
                                R"({"uid":"u3","device_flags":[],"read":1}]})"))
      << trace_of(id);
  EXPECT_TRUE(has(trace_of(id, "&limit=1"), R"("count":2,"online":1,"listed":[{"uid":"u2",)"));
  EXPECT_TRUE(has(trace_of(id, "&limit=0"), R"("count":2,"online":1,"listed":[]})"));
  EXPECT_TRUE(has(trace_of(id, "&uid=u3"), R"("count":2,"online":1,"listed":[{"uid":"u3",)"));
  EXPECT_TRUE(has(trace_of(id, "&uid=u1"), R"("count":2,"online":1,"listed":[]})"))
      << "the sender is no receiver";
  const std::string few = sent_to_group("n2", R"(,"subscribers":["u3"])");
  EXPECT_TRUE(has(trace_of(few), R"("count":1,"online":0,"listed":[{"uid":"u3",)"))
      << trace_of(few);
  EXPECT_EQ(trace("message_id=" + few + "&login_uid=u3").status, 200U);
  EXPECT_EQ(trace("message_id=" + few + "&login_uid=u2").status, 404U);
}

TEST_F(TraceRoutes, InAPersonChannelTheOtherOneReceives) {
  const std::string id = sent(R"({"from_uid":"u1","channel_id":"u2","channel_type":1,)"
                              R"("payload":"aGk=","client_msg_no":"p1"})");
  const std::string known = trace_of(id);
  EXPECT_EQ(text_of(known, "channel_id"), "u2");
  EXPECT_TRUE(has(known, R"("receivers":{"count":1,"listed":[{"uid":"u2",)")) << known;
  const std::string place = "channel_type=1&client_msg_no=p1&channel_id=";
  EXPECT_EQ(trace(place + "u1&login_uid=u2").status, 200U);
  EXPECT_EQ(trace(place + "u1@u2").status, 200U);
  EXPECT_EQ(problem(place + "u2", 400), "login_uid is required");
}

TEST_F(TraceRoutes, CommandsHaveALogOfTheirOwn) {
  add_subscribers();
  const std::string id = sent_to_group("c1", R"(,"header":{"sync_once":1})");
  EXPECT_EQ(number_of(trace_of(id), "command"), 1U);
  EXPECT_TRUE(has(trace_of(id), R"({"uid":"u2","device_flags":[],"read":0})"));
  ASSERT_EQ(post("/message/sync", R"({"uid":"u2"})").status, 200U);
  must_post("/message/syncack", R"({"uid":"u2","last_message_seq":1})");
  EXPECT_TRUE(has(trace_of(id), R"({"uid":"u2","device_flags":[],"read":1})")) << trace_of(id);
  EXPECT_EQ(trace("channel_id=g1&channel_type=2&client_msg_no=c1").body, trace_of(id));
  const std::string targeted = sent(R"({"from_uid":"u1","subscribers":["u7","u8"],)"
                                    R"("payload":"aGk=","client_msg_no":"c2",)"
                                    R"("header":{"sync_once":1}})");
  EXPECT_TRUE(has(trace_of(targeted), R"("count":2,)")) << trace_of(targeted);
}

TEST_F(TraceRoutes, HowFarTheWebhookIsIsTold) {
  const std::string id = sent_to_group("n1");
  EXPECT_TRUE(has(trace_of(id), R"("webhook":{"msg_notify":"off","msg_offline":"off"})"));
  services_->deps.webhook_interest = [](ChannelType type) {
    EXPECT_EQ(type, ChannelType::group);
    return WebhookInterest{true, true};
  };
  EXPECT_TRUE(has(trace_of(id), R"("webhook":{"msg_notify":"queued","msg_offline":"queued"})"));
  const auto message = static_cast<MessageId>(std::stoull(id));
  partition::AdvanceWebhook advance;
  advance.partition = partition_of(message);
  advance.offline_to = counter_of(message);
  std::promise<Result<void>> done;
  ASSERT_TRUE(core_->post_change(
      advance, [&done](Result<void> outcome) { done.set_value(std::move(outcome)); }));
  ASSERT_TRUE(done.get_future().get());
  EXPECT_TRUE(has(trace_of(id), R"("webhook":{"msg_notify":"queued","msg_offline":"passed"})"));
}

TEST_F(TraceRoutes, WhomItWasPushedToIsTold) {
  const std::string id = sent_to_group("n1");
  const std::string place = "channel_id=g1&channel_type=2&client_msg_no=n1";
  EXPECT_TRUE(has(trace_of(id), R"("pushes":{"node_id":1,"remembered":0})")) << trace_of(id);
  presence::PushReport report;
  std::vector<presence::PushQuery> asked;
  services_->deps.collect_pushes = [&](presence::PushQuery query,
                                       std::function<void(presence::PushReport)> done) {
    asked.push_back(std::move(query));
    done(report);
  };
  report.since_ms = 1'700'000'000'001;
  report.devices = 7;
  report.acknowledged = 1;
  report.nameless = 1;
  report.listed.resize(2);
  presence::PushedDevice& known = report.listed[0];
  known.session = static_cast<SessionId>(5);
  known.uid = "u2";
  known.device_id = "d";
  known.device_flag = DeviceFlag::web;
  known.connected = true;
  known.pushed_at_ms = 1'700'000'000'002;
  known.repeats = 3;
  known.acknowledged_at_ms = 1'700'000'000'004;
  report.listed[1].session = static_cast<SessionId>(6);
  const std::string told = trace_of(id, "&limit=2");
  EXPECT_TRUE(has(told, R"("pushes":{"node_id":1,"remembered":1,"since_ms":1700000000001,)"
                        R"("complete":1,"devices":7,"acknowledged":1,"listed":[)"
                        R"({"uid":"u2","device_flag":1,"device_id":"d","connection":5,)"
                        R"("connected":1,"pushed_at_ms":1700000000002,"repeats":3,)"
                        R"("acknowledged_at_ms":1700000000004},)"
                        R"({"connection":6,"connected":0,"repeats":0}]})"))
      << told;
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(raw(asked[0].message), std::stoull(id));
  EXPECT_EQ(asked[0].committed_at, static_cast<std::int64_t>(number_of(told, "committed_at")));
  EXPECT_EQ(asked[0].listed_max, 2U);
  EXPECT_EQ(asked[0].uid, "");
  // One of the sessions may have been his.
  EXPECT_TRUE(has(trace_of(id, "&uid=u2"), R"("complete":0)"));
  EXPECT_EQ(asked[1].uid, "u2");
  report.nameless = 0;
  EXPECT_TRUE(has(trace_of(id, "&uid=u2"), R"("complete":1)"));
  report.since_ms = static_cast<std::int64_t>(number_of(told, "committed_at")) * 1000 + 1;
  EXPECT_TRUE(has(trace_of(id), R"("complete":0)"));
  // Also of what is gone, or was never to be kept.
  must_post("/message/delete", R"({"channel_id":"g1","channel_type":2,"message_id":)" + id + "}");
  EXPECT_TRUE(has(trace_of(id), R"("devices":7)"));
  const std::string fleeting = sent_to_group("n2", R"(,"header":{"no_persist":1})");
  EXPECT_TRUE(has(trace_of(fleeting), R"("devices":7)"));
}

TEST_F(TraceRoutes, WhatTheWebhookRemembersIsTold) {
  const std::string id = sent_to_group("n1");
  WebhookRecord record;
  record.since_ms = 1'700'000'000'001;
  services_->deps.webhook_told = [&](MessageId message) {
    EXPECT_EQ(raw(message), std::stoull(id));
    return record;
  };
  EXPECT_TRUE(has(trace_of(id), R"("webhook":{"msg_notify":"off","msg_offline":"off"})"));
  record.told.push_back({"msg.offline", "delivered", 1'700'000'000'002, 3});
  record.told.push_back({"msg.notify", "given_up", 1'700'000'000'003, 0});
  const std::string told = R"("since_ms":1700000000001,"told":[)"
                           R"({"event":"msg.offline","outcome":"delivered",)"
                           R"("at_ms":1700000000002,"receivers":3},)"
                           R"({"event":"msg.notify","outcome":"given_up",)"
                           R"("at_ms":1700000000003}]})";
  EXPECT_TRUE(has(trace_of(id), told)) << trace_of(id);
  record.told.clear();
  services_->deps.webhook_interest = [](ChannelType) { return WebhookInterest{true, false}; };
  EXPECT_TRUE(has(trace_of(id), R"("since_ms":1700000000001,"told":[]})")) << trace_of(id);
}

TEST_F(TraceRoutes, TheJobThatSentItIsNamed) {
  const std::string first =
      id_of(post(kAsync, "[" + item("own", "g1") + "," + item("", "g1") + "]"));
  wait_for(first, "done");
  const std::string number = first + "-1";
  const Answer known = trace("channel_id=g1&channel_type=2&client_msg_no=" + number);
  EXPECT_EQ(text_of(known.body, "batch_id"), first);
  EXPECT_EQ(number_of(known.body, "index"), 1U);
  // The job is not asked what it knows of numbers that others have chosen.
  const Answer own = trace("channel_id=g1&channel_type=2&client_msg_no=own");
  EXPECT_FALSE(has(own.body, "batch_id")) << own.body;
  // A number that only looks as if a job had made it.
  const std::string copied = sent(R"({"from_uid":"u9","channel_id":"g1","channel_type":2,)"
                                  R"("payload":"aGk=","client_msg_no":")" +
                                  number + "\"}");
  EXPECT_FALSE(has(trace_of(copied), "batch_id")) << trace_of(copied);
}

TEST_F(TraceRoutes, OfOneThatWasRefusedTheReasonIsTold) {
  must_post("/channel/info", R"({"channel_id":"g1","channel_type":2,"ban":1})");
  const std::string body = R"({"from_uid":"u9","channel_id":"g1","channel_type":2,)"
                           R"("payload":"aGk=","client_msg_no":"r1"})";
  EXPECT_EQ(post("/message/send", body).status, 403U);
  const std::string place = "channel_id=g1&channel_type=2&client_msg_no=r1";
  const std::string known = read("/message/trace?" + place);
  EXPECT_TRUE(known.starts_with(R"({"state":"refused","message_id":0,"message_idstr":"0",)"
                                R"("message_seq":0,"client_msg_no":"r1","reason":19,)"
                                R"("code":"denied","msg":)"))
      << known;
  EXPECT_EQ(text_of(known, "from_uid"), "u9");
  EXPECT_EQ(text_of(known, "channel_id"), "g1");
  EXPECT_GE(number_of(known, "refused_at_ms"), number_of(known, "since_ms"));
  EXPECT_EQ(number_of(known, "node_id"), 1U);
  EXPECT_FALSE(has(known, "batch_id")) << known;
  // Its sender may know it, nobody else.
  EXPECT_EQ(trace(place + "&login_uid=u9").body, known);
  EXPECT_EQ(trace(place + "&login_uid=u1").status, 404U);
  EXPECT_EQ(trace("channel_id=g2&channel_type=2&client_msg_no=r1").status, 404U);
  // Once it is there nothing else counts.
  must_post("/channel/info", R"({"channel_id":"g1","channel_type":2,"ban":0})");
  sent(body);
  EXPECT_EQ(text_of(read("/message/trace?" + place), "state"), "stored");
}

// The channel is named by whoever of the two wrote first, and he need not be the one who was
// refused.
TEST_F(TraceRoutes, OfAnAgentsChannelRefusedMessagesAreFoundWhoeverBegan) {
  const std::string body = R"({"from_uid":"user","channel_id":"agent","channel_type":11,)"
                           R"("payload":"aGk=","client_msg_no":"a1","if_last_seq":5})";
  EXPECT_TRUE(has(post("/message/sendbatch", "[" + body + "]").body, R"("reason":101)"));
  const std::string place = "/message/trace?channel_type=11&client_msg_no=a1&login_uid=user&";
  EXPECT_EQ(number_of(read(place + "channel_id=agent"), "reason"), 101U);
  sent(R"({"from_uid":"agent","channel_id":"user","channel_type":11,"payload":"aGk=",)"
       R"("client_msg_no":"a2"})");
  for (const std::string channel : {"agent", "user@agent", "agent@user"}) {
    const std::string known = read(place + "channel_id=" + channel);
    EXPECT_EQ(text_of(known, "state"), "refused") << channel;
    EXPECT_EQ(text_of(known, "from_uid"), "user") << channel;
  }
}

TEST_F(TraceRoutes, RefusedItemsOfAJobAreFoundInItsResults) {
  must_post("/channel/info", R"({"channel_id":"g1","channel_type":2,"ban":1})");
  const std::string job = id_of(post(kAsync, "[" + item("", "g2") + "," + item("", "g1") + "]"));
  wait_for(job, "done");
  const std::string place = "channel_type=2&client_msg_no=" + job + "-1&channel_id=";
  // As after a restart: nothing is in memory.
  services_->deps.refusals = nullptr;
  const std::string known = read("/message/trace?" + place + "g1");
  EXPECT_EQ(text_of(known, "state"), "refused");
  EXPECT_EQ(text_of(known, "code"), "denied");
  EXPECT_EQ(text_of(known, "batch_id"), job);
  EXPECT_EQ(number_of(known, "index"), 1U);
  EXPECT_EQ(text_of(known, "client_msg_no"), job + "-1");
  EXPECT_FALSE(has(known, "since_ms")) << known;
  EXPECT_FALSE(has(known, "refused_at_ms")) << known;
  // Another channel, another item, none.
  EXPECT_EQ(trace(place + "g2").status, 404U);
  EXPECT_EQ(trace("channel_type=2&channel_id=g1&client_msg_no=" + job + "-0").status, 404U);
  EXPECT_EQ(trace("channel_type=2&channel_id=g1&client_msg_no=" + job + "-2").status, 404U);
}

TEST_F(TraceRoutes, StrictReadsAreForTheUsersOfTheChannel) {
  ApiOptions options;
  options.strict_read = true;
  configure(options);
  add_subscribers();
  const std::string id = sent_to_group("n1");
  const std::string place = "channel_id=g1&channel_type=2&client_msg_no=n1";
  for (const std::string& query : {"message_id=" + id, place}) {
    EXPECT_EQ(trace(query).status, 200U);
    EXPECT_EQ(trace(query + "&login_uid=u2").status, 200U);
    EXPECT_EQ(problem(query + "&login_uid=u9", 403),
              "login_uid is not one of the users of the channel");
  }
}

}  // namespace
}  // namespace jindou::api
