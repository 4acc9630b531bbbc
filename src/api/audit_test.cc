// Which requests are audited, whom and what their lines name, and what they never hold.
#include "api/audit.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

class AuditTest : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    ApiOptions options;
    options.access.manager_token = "manager-token-planted";
    config::AuthUser user;
    user.name = "alice";
    user.password = "password-planted";
    user.permissions.push_back(config::Permission{"*", "r"});
    options.access.users.push_back(user);
    options.access.jwt_secret = "jwt-secret-planted";
    configure(options);
    observe::AuditOptions audit_options;
    audit_options.file = directory_ + "/audit.log";
    audit_ = std::make_unique<observe::AuditLog>();
    ASSERT_TRUE(audit_->open(audit_options));
    services_->deps.audit = audit_.get();
  }
  void TearDown() override {
    audit_.reset();
    RoutesTest::TearDown();
  }

  Answer manage(Verb method, const std::string& target, const std::string& body = "") {
    return call(method, target, body, "manager-token-planted");
  }
  // All lines so far, without their times.
  std::string lines() {
    services_->deps.audit = nullptr;
    audit_.reset();
    std::ifstream in(directory_ + "/audit.log");
    std::string out;
    for (std::string line; std::getline(in, line);) {
      out += line.substr(line.find("\"event\"")) + '\n';
    }
    return out;
  }

  std::unique_ptr<observe::AuditLog> audit_;
};

TEST_F(AuditTest, WhateverChangesSomethingIsAuditedOrListedHere) {
  // A new route that neither reads nor sends belongs in the audit log. One that is called with
  // every message, or by every look at one, goes into the list of audit.cc, and into this one.
  const std::set<std::string_view> traffic = {"/conversation/clearUnread",
                                              "/conversation/setUnread",
                                              "/conversations/activate",
                                              "/conversations/clearUnread",
                                              "/conversations/setUnread",
                                              "/event",
                                              "/message/event",
                                              "/message/send",
                                              "/message/sendbatch",
                                              "/stream/close",
                                              "/stream/open",
                                              "/streammessage/end",
                                              "/streammessage/start",
                                              "/streamv2/close",
                                              "/streamv2/open",
                                              "/streamv2/write"};
  std::set<std::string_view> unaudited;
  for (const Route& route : all_routes()) {
    const bool reads = route.method == Verb::get || route.auth == Auth::read ||
                       route.auth == Auth::read_own || route.auth == Auth::send_or_read;
    EXPECT_FALSE(reads && is_audited(route)) << route.path;
    if (!reads && !is_audited(route)) unaudited.insert(route.path);
  }
  EXPECT_EQ(unaudited, traffic);
}

TEST_F(AuditTest, ALineNamesWhoWhatAndWhatBecameOfIt) {
  ASSERT_EQ(manage(Verb::post, "/channel",
                   R"({"channel_id":"g1","channel_type":2,"subscribers":["u1","u2"],"ban":1})")
                .status,
            200U);
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("event":"change","action":"POST /channel","port":"api","status":200,)"
                        R"("outcome":"ok","by":"token","who":"____manager")"))
      << told;
  EXPECT_TRUE(has(told, R"("target":"channel/2/g1","with":{"ban":1,"subscribers":["u1","u2"]})"))
      << told;
}

TEST_F(AuditTest, LongListsAreCounted) {
  std::string uids;
  for (int i = 0; i < 1000; ++i) uids += (i > 0 ? ",\"u" : "\"u") + std::to_string(i) + '"';
  ASSERT_EQ(manage(Verb::post, "/channel/blacklist_set",
                   R"({"uids":[)" + uids + R"(],"channel_type":2,"channel_id":"g1"})")
                .status,
            200U);
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("target":"channel/2/g1")")) << told;
  EXPECT_TRUE(has(told, R"("u15"],"uids_count":1000)")) << told;
}

TEST_F(AuditTest, LinesStayShortAndValidWhateverIsSent) {
  std::string body = R"({"channel_id":"g1","channel_type":2,"ban":"007","uids":[)";
  for (int i = 0; i < 40; ++i) {
    body += (i > 0 ? ",\"" : "\"") + std::string(600, static_cast<char>('a' + i % 26)) + '"';
  }
  body += "]";
  for (int i = 0; i < 5000; ++i) body += R"(,"large":1,"login_uid":"x\u0000\"y")";
  EXPECT_EQ(manage(Verb::post, "/channel/blacklist_add", body + '}').status, 400U);
  EXPECT_EQ(manage(Verb::post, "/channel/info", R"({"channel_id":"g1","ban":"007"})").status, 400U);
  const std::string told = lines();
  EXPECT_LT(told.size(), 16384U);
  EXPECT_TRUE(has(told, R"("who":"____manager")")) << told;
  EXPECT_FALSE(has(told, "007")) << told;
  simdjson::dom::parser parser;
  std::istringstream each(told);
  for (std::string line; std::getline(each, line);) {
    simdjson::dom::element ignored;
    EXPECT_EQ(parser.parse('{' + line).get(ignored), simdjson::SUCCESS) << line;
  }
}

TEST_F(AuditTest, PathsNameTheirTarget) {
  (void)manage(Verb::delete_, "/templates/welcome");
  (void)manage(Verb::post, "/jobs/0000000000000001/cancel?x=query-planted");
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("action":"DELETE /templates/{name}")")) << told;
  EXPECT_TRUE(has(told, R"("target":"template/welcome")")) << told;
  EXPECT_TRUE(has(told, R"("action":"POST /jobs/{id}/cancel")")) << told;
  EXPECT_TRUE(has(told, R"("target":"job/0000000000000001")")) << told;
  EXPECT_FALSE(has(told, "planted")) << told;
}

TEST_F(AuditTest, LoginsNameUsersAndNothingThatMayBeAPassword) {
  const auto login = [this](const std::string& name, const std::string& password) {
    return manage(Verb::post, "/manager/login",
                  R"({"username":")" + name + R"(","password":")" + password + "\"}")
        .status;
  };
  EXPECT_EQ(login("alice", "password-planted"), 200U);
  EXPECT_EQ(login("alice", "wrong-planted"), 401U);
  EXPECT_EQ(login("typed-password-planted", "x"), 401U);
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("event":"login","action":"POST /manager/login")")) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 3) << told;
  EXPECT_TRUE(has(told, R"("event":"login_failed","action":"POST /manager/login","port":"api",)"
                        R"("status":401,"outcome":"denied","by":"password","who":"alice")"))
      << told;
  EXPECT_FALSE(has(told, "planted")) << told;
}

TEST_F(AuditTest, WhoIsRefusedIsToldOfWhateverHeAskedFor) {
  EXPECT_EQ(call(Verb::get, "/connz", "", "wrong-token-planted").status, 401U);
  EXPECT_EQ(call(Verb::post, "/message/sendbatch", "[\"payload-planted\"]").status, 401U);
  EXPECT_EQ(call(Verb::post, "/no/such", "", "wrong-token-planted").status, 401U);
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("event":"unauthorized","action":"GET /connz","port":"api","status":401,)"
                        R"("outcome":"denied","cause":"credential","by":"nobody")"))
      << told;
  EXPECT_TRUE(has(told, R"("action":"POST /message/sendbatch")")) << told;
  EXPECT_TRUE(has(told, "\"action\":\"POST (no such path)\"")) << told;
  EXPECT_FALSE(has(told, "planted")) << told;
}

TEST_F(AuditTest, ReadsAndMessagesLeaveNoLine) {
  (void)manage(Verb::get, "/templates");
  (void)manage(Verb::post, "/message/sendbatch", "[" + item("n1", "g1") + "]");
  (void)manage(Verb::post, "/conversation/clearUnread", "{}");
  EXPECT_EQ(lines(), "");
}

TEST_F(AuditTest, WhatFailedIsToldAsFar) {
  EXPECT_EQ(manage(Verb::post, "/channel/delete", R"({"channel_id":"g1","channel_type":{)").status,
            400U);
  EXPECT_EQ(manage(Verb::post, "/channel/delete", "").status, 400U);
  EXPECT_EQ(manage(Verb::post, "/channel/delete", "[1,2]").status, 400U);
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("status":400,"outcome":"failed")")) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 3) << told;
}

TEST_F(AuditTest, TheLastLinesAreReadBackPageByPage) {
  for (const char* const group : {"g1", "g2", "g3"}) {
    (void)manage(Verb::post, "/channel/delete",
                 R"({"channel_type":2,"channel_id":")" + std::string(group) + R"("})");
  }
  (void)call(Verb::get, "/connz", "", "wrong-planted");
  const auto asked = [this](const std::string& query) {
    return manage(Verb::get, "/manager/audit" + query).body;
  };
  const std::string first = asked("?event=change&limit=2");
  EXPECT_TRUE(has(first, R"({"on":true,"file":"","node_id":1,"items":[{"id":)")) << first;
  EXPECT_TRUE(has(first, R"("event":"change","action":"POST /channel/delete")")) << first;
  EXPECT_LT(first.find("channel/2/g3"), first.find("channel/2/g2")) << first;
  EXPECT_FALSE(has(first, "channel/2/g1")) << first;
  simdjson::dom::parser parser;
  const simdjson::dom::element page = parser.parse(first);
  EXPECT_TRUE(page["has_more"].get_bool().value());
  const std::string cursor(page["next_cursor"].get_string().value());
  const std::string last = asked("?event=change&limit=2&cursor=" + cursor);
  EXPECT_TRUE(has(last, "channel/2/g1")) << last;
  EXPECT_FALSE(has(last, "channel/2/g2")) << last;
  EXPECT_TRUE(has(last, R"("has_more":false})")) << last;

  const std::string all = asked("");
  EXPECT_LT(all.find(R"("event":"unauthorized")"), all.find("channel/2/g3")) << all;
  EXPECT_FALSE(has(all, "planted")) << all;
  EXPECT_TRUE(has(asked("?cursor=" + cursor), "cursor is none"));
  EXPECT_TRUE(has(asked("?limit=201"), "limit must be a number from 1 to 200"));
  EXPECT_TRUE(has(asked("?event=x"), "event must be one of login, login_failed, "));
  // Looking leaves no line.
  EXPECT_FALSE(has(lines(), "/manager/audit"));
}

TEST_F(AuditTest, WithoutALogThereAreNoLines) {
  services_->deps.audit = nullptr;
  EXPECT_EQ(manage(Verb::get, "/manager/audit").body,
            R"({"on":false,"file":"","node_id":1,"items":[],"has_more":false})");
}

TEST_F(AuditTest, AnIdOfTheRequestIsTakenWhenItIsPlain) {
  const std::string body = R"({"channel_id":"g1","channel_type":2})";
  (void)call(Verb::post, "/channel", body, "manager-token-planted", {{"X-Request-Id", "abc-1"}});
  (void)call(Verb::post, "/channel", body, "manager-token-planted", {{"X-Request-Id", "a b"}});
  const std::string told = lines();
  EXPECT_TRUE(has(told, R"("request_id":"abc-1")")) << told;
  EXPECT_FALSE(has(told, "a b")) << told;
}

}  // namespace
}  // namespace jindou::api
