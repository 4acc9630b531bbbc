#include "access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/key_secret.h"

namespace jindou::access {
namespace {

class StepClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  std::int64_t now_ms = 1'700'000'000'000;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

http::Request request_with(const Headers& headers, const std::string& target = "/connz") {
  http::Request request;
  request.set_line(http::Verb::get, "GET", target, 11);
  for (const auto& [name, value] : headers) request.add_header(http::Field::unknown, name, value);
  return request;
}

AccessOptions options_with(const std::vector<std::string>& users) {
  AccessOptions options;
  options.jwt_secret = "key of the test";
  options.users = config::parse_auth_users(users).value();
  return options;
}

class AccessTest : public ::testing::Test {
 protected:
  Caller on_api(const Access& access, const Headers& headers) {
    return access.identify(request_with(headers), Port::api);
  }
  Caller on_manager(const Access& access, const Headers& headers) {
    return access.identify(request_with(headers), Port::manager);
  }
  StepClock clock_;
};

TEST_F(AccessTest, TheApiPortIsOpenWithoutAConfiguredToken) {
  const Access access(AccessOptions(), clock_);
  EXPECT_TRUE(on_api(access, {}).admitted);
  EXPECT_FALSE(on_api(access, {}).may("slotMigrate", 'w'));
  EXPECT_FALSE(access.manager_token_on());
}

TEST_F(AccessTest, AConfiguredTokenGuardsTheApiPort) {
  AccessOptions options;
  options.manager_token = "right";
  const Access access(options, clock_);
  EXPECT_FALSE(on_api(access, {}).admitted);
  EXPECT_FALSE(on_api(access, {{"token", "wrong"}}).admitted);
  const Caller caller = on_api(access, {{"Token", "right"}});
  EXPECT_TRUE(caller.admitted);
  EXPECT_EQ(caller.user, "____manager");
  EXPECT_TRUE(caller.may("slotMigrate", 'w'));
}

TEST_F(AccessTest, ALoginTokenDoesNotReplaceTheTokenOfTheApiPort) {
  AccessOptions options = options_with({"admin:pw:*"});
  options.manager_token = "right";
  const Access access(options, clock_);
  const auto login = access.login(request_with({}), "admin", "pw");
  ASSERT_TRUE(login);
  EXPECT_FALSE(on_api(access, {{"Authorization", "Bearer " + login->token}}).admitted);
}

TEST_F(AccessTest, OnTheApiPortALoginTokenOnlyAddsTheName) {
  const Access access(options_with({"admin:pw:*"}), clock_);
  const auto login = access.login(request_with({}), "admin", "pw");
  ASSERT_TRUE(login);
  EXPECT_EQ(on_api(access, {{"Authorization", "Bearer " + login->token}}).user, "admin");
  const Caller invalid = on_api(access, {{"Authorization", "Bearer nonsense"}});
  EXPECT_TRUE(invalid.admitted);
  EXPECT_EQ(invalid.user, "");
}

TEST_F(AccessTest, TheManagerPortAsksForATokenOrALogin) {
  AccessOptions options = options_with({"admin:pw:*", "reader:pw2:[*:r]"});
  options.manager_token = "right";
  options.super_token = "super";
  const Access access(options, clock_);
  EXPECT_FALSE(on_manager(access, {}).admitted);
  EXPECT_FALSE(on_manager(access, {{"token", "wrong"}}).admitted);
  EXPECT_TRUE(on_manager(access, {{"token", "right"}}).admitted);
  EXPECT_TRUE(on_manager(access, {{"token", "super"}}).may_everything);
  const auto login = access.login(request_with({}), "reader", "pw2");
  ASSERT_TRUE(login);
  const Caller caller = on_manager(access, {{"Authorization", "Bearer " + login->token}});
  EXPECT_TRUE(caller.admitted);
  EXPECT_EQ(caller.user, "reader");
  EXPECT_TRUE(caller.may("conn", 'r'));
  EXPECT_FALSE(caller.may("conn", 'w'));
}

TEST_F(AccessTest, AnEmptyTokenIsNoToken) {
  const Access access(options_with({"admin:pw:*"}), clock_);
  EXPECT_FALSE(on_manager(access, {{"token", ""}}).admitted);
  EXPECT_FALSE(on_manager(access, {}).admitted);
}

TEST_F(AccessTest, TheLoginTokenComesInEveryDocumentedPlace) {
  const Access access(options_with({"admin:pw:*"}), clock_);
  const std::string token = access.login(request_with({}), "admin", "pw")->token;
  const std::vector<std::string> forms = {"Bearer " + token, "bearer  " + token, token};
  for (const std::string& text : forms) {
    EXPECT_TRUE(on_manager(access, {{"authorization", text}}).admitted) << text;
  }
  const http::Request in_query = request_with({}, "/connz?limit=1&Authorization=Bearer%20" + token);
  EXPECT_TRUE(access.identify(in_query, Port::manager).admitted);
  EXPECT_FALSE(on_manager(access, {{"token", token}}).admitted) << "not the header for it";
}

TEST_F(AccessTest, ALoginEndsWithItsTimeItsUserAndTheSecret) {
  AccessOptions options = options_with({"admin:pw:*"});
  options.jwt_expire = std::chrono::seconds(10);
  Access access(options, clock_);
  const auto login = access.login(request_with({}), "admin", "pw");
  ASSERT_TRUE(login);
  const Headers headers = {{"Authorization", "Bearer " + login->token}};
  EXPECT_TRUE(on_manager(access, headers).admitted);

  clock_.now_ms += 10'000;
  EXPECT_FALSE(on_manager(access, headers).admitted);
  clock_.now_ms -= 10'000;

  access.update(options_with({"other:pw:*"}));
  EXPECT_FALSE(on_manager(access, headers).admitted) << "the user is gone";

  options.jwt_secret = "another";
  access.update(options);
  EXPECT_FALSE(on_manager(access, headers).admitted);
}

TEST_F(AccessTest, PermissionsAreThoseOfNowNotOfTheLogin) {
  Access access(options_with({"a:pw:*"}), clock_);
  const Headers headers = {{"Authorization", access.login(request_with({}), "a", "pw")->token}};
  EXPECT_TRUE(on_manager(access, headers).may("conn", 'w'));
  access.update(options_with({"a:pw:[*:r]"}));
  EXPECT_FALSE(on_manager(access, headers).may("conn", 'w'));
}

TEST_F(AccessTest, WrongCredentialsAndAMissingSecretLogNobodyIn) {
  Access access(options_with({"admin:pw:*"}), clock_);
  EXPECT_FALSE(access.login(request_with({}), "admin", "p"));
  EXPECT_FALSE(access.login(request_with({}), "admin", "pwpw"));
  EXPECT_FALSE(access.login(request_with({}), "nobody", "pw"));
  EXPECT_FALSE(access.login(request_with({}), "____manager", ""));
  AccessOptions without = options_with({"admin:pw:*"});
  without.jwt_secret.clear();
  access.update(without);
  EXPECT_FALSE(access.login(request_with({}), "admin", "pw"));
}

http::Request from_here(const Headers& more = {}, const std::string& host = "localhost:5300") {
  Headers headers = {{"Host", host}};
  headers.insert(headers.end(), more.begin(), more.end());
  http::Request request = request_with(headers);
  request.peer_is_loopback = true;
  return request;
}

TEST_F(AccessTest, GuestLogsInStraightFromThisMachineAlone) {
  const Access access(access_options(config::Settings(), "own"), clock_);
  ASSERT_TRUE(access.login(from_here(), "guest", "guest"));
  const auto expect_refusal = [&access](const http::Request& request) {
    const auto login = access.login(request, "guest", "guest");
    ASSERT_FALSE(login);
    EXPECT_EQ(login.error().code(), Errc::denied);
    EXPECT_NE(login.error().detail().find("set auth.users"), std::string::npos);
    const auto wrong = access.login(request, "guest", "wrong");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code(), Errc::invalid);
  };
  expect_refusal(from_here({{"X-Forwarded-For", "203.0.113.7"}}));
  expect_refusal(from_here({}, "203.0.113.7"));
  expect_refusal(request_with({{"Host", "localhost:5300"}}));
}

TEST_F(AccessTest, TheTokenOfAGuestIsBoundToThisMachineToo) {
  config::Settings settings;
  Access access(access_options(settings, "own"), clock_);
  const auto login = access.login(from_here(), "guest", "guest");
  ASSERT_TRUE(login);
  const Headers shown = {{"Authorization", login->token}};
  const Caller here = access.identify(from_here(shown), Port::manager);
  EXPECT_TRUE(here.admitted);
  EXPECT_EQ(here.user, "guest");
  EXPECT_TRUE(here.may("conn", 'r'));

  Headers by_proxy = shown;
  by_proxy.emplace_back("Via", "1.1 proxy");
  const http::Request elsewhere = from_here(by_proxy);
  const Caller refused = access.identify(elsewhere, Port::manager);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.user, "");
  EXPECT_FALSE(refused.may("conn", 'r'));
  EXPECT_NE(unauthorized_text(elsewhere, Port::manager, refused).find("set auth.users"),
            std::string_view::npos);
  // On the API port it says nothing about the caller then, as any token that is wrong.
  EXPECT_EQ(access.identify(elsewhere, Port::api).user, "");
  EXPECT_EQ(access.identify(from_here(shown), Port::api).user, "guest");

  // Somebody of that name who was configured is another one.
  settings.auth.users = {"guest:a password of its own:*"};
  access.update(access_options(settings, "own"));
  EXPECT_FALSE(access.identify(from_here(shown), Port::manager).admitted);
}

TEST_F(AccessTest, AGuestWhoIsWrittenDownIsAUserLikeOthers) {
  config::Settings settings;
  settings.auth.users = {"guest:guest:[*:r]"};
  const Access access(access_options(settings, "own"), clock_);
  const http::Request elsewhere =
      from_here({{"X-Forwarded-For", "203.0.113.7"}}, "im-manager.example.com");
  const auto login = access.login(elsewhere, "guest", "guest");
  ASSERT_TRUE(login);
  EXPECT_TRUE(on_manager(access, {{"Authorization", login->token}}).admitted);
}

// Whoever does what it says must not open the port to everybody.
TEST_F(AccessTest, TheManagerPortAdvisesForeignHostsToSetUsersAndNothingElse) {
  config::Settings settings;
  const Access access(access_options(settings, "own"), clock_);
  const http::Request foreign = from_here({}, "im-manager.example.com");
  EXPECT_EQ(access.judge_page(foreign, Port::manager).refusal,
            "without auth.users a loopback address answers for no foreign host, and "
            "'im-manager.example.com' is one: set auth.users");
  settings.auth.on = false;
  const Access without_auth(access_options(settings, "own"), clock_);
  EXPECT_EQ(without_auth.judge_page(foreign, Port::manager).refusal,
            "without auth.on a loopback address answers for no foreign host, and "
            "'im-manager.example.com' is one: set auth.on");
  EXPECT_NE(access.judge_page(foreign, Port::api).refusal.find("external.apiUrl"),
            std::string::npos);
}

TEST_F(AccessTest, AuthOffOpensTheManagerPortOnly) {
  AccessOptions options;
  options.on = false;
  options.manager_token = "right";
  const Access access(options, clock_);
  EXPECT_TRUE(on_manager(access, {}).may("conn", 'w'));
  EXPECT_TRUE(on_manager(access, {}).admitted);
  EXPECT_FALSE(on_api(access, {}).admitted);
}

class ReadPassTest : public AccessTest {
 protected:
  // One key which may read and one which may not.
  static AccessOptions options() {
    AccessOptions made = options_with({"admin:pw:*"});
    made.manager_token = "right";
    for (const char* const scope : {"read", "send"}) {
      const std::string entry = std::string("name=") + scope + "er;scopes=" + scope +
                                ";sha256=" + key_hash_text(hash_of_secret(scope).value());
      const auto keys = config::parse_api_keys({entry});
      made.keys.push_back(keys.value().front());
    }
    return made;
  }
  static Headers shown(const Access& access, const std::string& key = "") {
    Reader reader;
    reader.uid = "u1";
    reader.key = key;
    const auto pass = access.make_read_pass(reader, 60);
    return {{"Authorization", "Bearer " + (pass ? pass->token : std::string())}};
  }
};

TEST_F(ReadPassTest, SpeaksForItsUserAlone) {
  const Access access(options(), clock_);
  const Caller caller = on_api(access, shown(access));
  EXPECT_TRUE(caller.admitted);
  ASSERT_NE(caller.reader, nullptr);
  EXPECT_EQ(caller.reader->uid, "u1");
  EXPECT_EQ(caller.user, "u1");
  EXPECT_FALSE(caller.may_everything);
  EXPECT_FALSE(caller.may("conn", 'r'));
}

TEST_F(ReadPassTest, BindsWhoShowsMoreBesideIt) {
  const Access access(options(), clock_);
  Headers headers = shown(access);
  headers.emplace_back("token", "right");
  const Caller caller = on_api(access, headers);
  EXPECT_NE(caller.reader, nullptr);
  EXPECT_FALSE(caller.by_token);
  EXPECT_FALSE(caller.may_everything);
}

TEST_F(ReadPassTest, ABadOneIsNeverTakenForNone) {
  AccessOptions open = options();
  open.manager_token.clear();
  open.keys.clear();
  const Access access(open, clock_);
  EXPECT_TRUE(on_api(access, {}).admitted);
  Headers headers = shown(access);
  headers.front().second.pop_back();
  headers.front().second.pop_back();
  const Caller cut = on_api(access, headers);
  EXPECT_FALSE(cut.admitted);
  EXPECT_EQ(cut.read_fault, ReadTokenFault::wrong);
  const Headers good = shown(access);
  clock_.now_ms += 60'000;
  const Caller late = on_api(access, good);
  EXPECT_FALSE(late.admitted);
  EXPECT_EQ(late.read_fault, ReadTokenFault::over);
  EXPECT_NE(unauthorized_text(request_with(good), Port::api, late).find("has expired"),
            std::string_view::npos);
}

TEST_F(ReadPassTest, IsNothingOnTheManagerPort) {
  AccessOptions open = options();
  open.on = false;
  const Access access(open, clock_);
  EXPECT_TRUE(on_manager(access, {}).admitted);
  const Caller caller = on_manager(access, shown(access));
  EXPECT_FALSE(caller.admitted);
  EXPECT_EQ(caller.read_fault, ReadTokenFault::not_this_port);
}

TEST_F(ReadPassTest, ALoginIsNoneAndItIsNoLogin) {
  const Access access(options(), clock_);
  const auto login = access.login(request_with({}), "admin", "pw");
  ASSERT_TRUE(login);
  const Caller caller = on_api(access, {{"Authorization", "Bearer " + login->token}});
  EXPECT_EQ(caller.reader, nullptr);
  EXPECT_FALSE(caller.admitted);
}

TEST_F(ReadPassTest, EndsWithItsKeyAndItsSecret) {
  Access access(options(), clock_);
  const Headers headers = shown(access, "reader");
  EXPECT_TRUE(on_api(access, headers).admitted);
  EXPECT_EQ(on_api(access, shown(access, "sender")).read_fault, ReadTokenFault::key_gone);
  EXPECT_EQ(on_api(access, shown(access, "gone")).read_fault, ReadTokenFault::key_gone);
  AccessOptions next = options();
  next.keys.clear();
  access.update(next);
  EXPECT_EQ(on_api(access, headers).read_fault, ReadTokenFault::key_gone);
  next = options();
  next.jwt_secret = "another";
  access.update(next);
  EXPECT_EQ(on_api(access, headers).read_fault, ReadTokenFault::wrong);
}

TEST_F(ReadPassTest, MarksOfDeviceTokensDifferByUserTokenAndSecret) {
  Access access(options(), clock_);
  const std::string mark = access.device_mark("u1", "t1");
  EXPECT_EQ(mark.size(), 32U);
  EXPECT_EQ(mark, access.device_mark("u1", "t1"));
  EXPECT_NE(mark, access.device_mark("u2", "t1"));
  EXPECT_NE(mark, access.device_mark("u1", "t2"));
  AccessOptions other = options();
  other.jwt_secret = "another";
  access.update(other);
  EXPECT_NE(mark, access.device_mark("u1", "t1"));
}

TEST(AccessOptionsTest, GuestIsThereOnlyOnALoopbackPortWithoutUsers) {
  config::Settings settings;
  const AccessOptions guest = access_options(settings, "own");
  ASSERT_EQ(guest.users.size(), 1U);
  EXPECT_EQ(guest.users[0].name, "guest");
  EXPECT_EQ(guest.users[0].permissions.at(0).text(), "*:r");
  EXPECT_EQ(guest.jwt_secret, "own");

  settings.mode = config::Mode::release;
  EXPECT_TRUE(access_options(settings, "own").users.empty());
  settings.auth.users = {"a:b:*"};
  EXPECT_EQ(access_options(settings, "own").users.at(0).name, "a");
  settings.mode = config::Mode::debug;
  settings.auth.users.clear();
  settings.manager.addr = "0.0.0.0:5300";
  EXPECT_TRUE(access_options(settings, "own").users.empty());
  settings.jwt.secret = "configured";
  EXPECT_EQ(access_options(settings, "own").jwt_secret, "configured");
}

TEST(EqualSecrets, ComparesWholeTexts) {
  EXPECT_TRUE(equal_secrets("a", "a"));
  EXPECT_TRUE(equal_secrets("", ""));
  EXPECT_FALSE(equal_secrets("a", ""));
  EXPECT_FALSE(equal_secrets("", "a"));
  EXPECT_FALSE(equal_secrets("aa", "a"));
  EXPECT_FALSE(equal_secrets("a", "aa"));
}

AccessOptions options_with_keys(const std::vector<std::string>& members) {
  AccessOptions options;
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string secret = "secret-" + std::to_string(i);
    entries.push_back("name=key" + std::to_string(i) + ";sha256=" +
                      key_hash_text(hash_of_secret(secret).value()) + ";" + members[i]);
  }
  options.keys = config::parse_api_keys(entries).value();
  return options;
}

TEST_F(AccessTest, AKeyIsShownInTheHeaderOfTheTokenOrAsBearer) {
  const Access access(options_with_keys({"scopes=send", "scopes=read"}), clock_);
  EXPECT_FALSE(on_api(access, {}).admitted) << "the port asks for one";
  EXPECT_TRUE(access.manager_token_on());
  for (const Headers& headers :
       {Headers{{"token", "secret-1"}}, Headers{{"Authorization", "Bearer secret-1"}},
        Headers{{"Authorization", "secret-1"}}}) {
    for (const Port port : {Port::api, Port::manager}) {
      const Caller caller = access.identify(request_with(headers), port);
      ASSERT_TRUE(caller.admitted);
      ASSERT_NE(caller.key, nullptr);
      EXPECT_EQ(caller.key->name, "key1");
      EXPECT_EQ(caller.user, "key1");
      EXPECT_FALSE(caller.by_token);
      EXPECT_FALSE(caller.may_everything);
    }
  }
  for (const char* wrong : {"secret-2", "secret-", "secret-11", ""}) {
    EXPECT_FALSE(on_api(access, {{"token", wrong}}).admitted) << wrong;
    EXPECT_FALSE(on_manager(access, {{"Authorization", wrong}}).admitted) << wrong;
  }
  EXPECT_FALSE(on_api(access, {{"token", std::string(2000, 's')}}).admitted);
}

TEST_F(AccessTest, AHashIsNoSecret) {
  const Access access(options_with_keys({"scopes=send"}), clock_);
  const std::string hash = key_hash_text(hash_of_secret("secret-0").value());
  EXPECT_FALSE(on_api(access, {{"token", hash}}).admitted);
}

TEST_F(AccessTest, TheManagerTokenStandsBesideKeys) {
  AccessOptions options = options_with_keys({"scopes=send"});
  options.manager_token = "right";
  const Access access(options, clock_);
  EXPECT_TRUE(on_api(access, {{"token", "right"}}).may_everything);
  EXPECT_EQ(on_api(access, {{"token", "right"}}).key, nullptr);
  EXPECT_EQ(on_api(access, {{"token", "secret-0"}}).key->name, "key0");
}

TEST_F(AccessTest, AKeyEndsAndSaysSo) {
  const Access access(options_with_keys({"scopes=send;expires=2023-11-14T22:13:21Z"}), clock_);
  const Headers headers = {{"token", "secret-0"}};
  EXPECT_TRUE(on_api(access, headers).admitted);
  EXPECT_NE(access.find_key("key0"), nullptr);
  clock_.now_ms += 1000;
  const Caller caller = on_api(access, headers);
  EXPECT_FALSE(caller.admitted);
  EXPECT_TRUE(caller.key_expired);
  EXPECT_EQ(unauthorized_text(request_with(headers), Port::api, caller),
            "the API key has expired: ask for another one");
  EXPECT_EQ(access.find_key("key0"), nullptr);
}

TEST_F(AccessTest, BothSecretsOfAKeyAreGoodWhileItIsRotated) {
  const auto options_of = [](const std::vector<std::string>& secrets) {
    std::string hashes;
    for (const std::string& secret : secrets) {
      hashes += (hashes.empty() ? "" : ",") + key_hash_text(hash_of_secret(secret).value());
    }
    AccessOptions options;
    options.keys = config::parse_api_keys({"name=k;scopes=send;sha256=" + hashes}).value();
    return options;
  };
  Access access(options_of({"old"}), clock_);
  EXPECT_FALSE(on_api(access, {{"token", "new"}}).admitted);
  access.update(options_of({"old", "new"}));
  EXPECT_TRUE(on_api(access, {{"token", "old"}}).admitted);
  EXPECT_TRUE(on_api(access, {{"token", "new"}}).admitted);
  access.update(options_of({"new"}));
  EXPECT_FALSE(on_api(access, {{"token", "old"}}).admitted);
  EXPECT_TRUE(on_api(access, {{"token", "new"}}).admitted);
  EXPECT_NE(access.find_key("k"), nullptr);
  access.update(AccessOptions());
  EXPECT_EQ(access.find_key("k"), nullptr);
}

}  // namespace
}  // namespace jindou::access
