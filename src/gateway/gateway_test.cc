// The gateway over real sockets, against a core that answers from memory.
#include "gateway/gateway.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "gateway/gateway_fixture.h"

namespace jindou::gateway {
namespace {

using std::chrono::milliseconds;

INSTANTIATE_TEST_SUITE_P(Transports, GatewayTest,
                         testing::Values(Transport::tcp, Transport::websocket, Transport::tls,
                                         Transport::tls_websocket),
                         [](const auto& transport) {
                           return std::string(transport_name(transport.param));
                         });

TEST_P(GatewayTest, LogsInSendsAndReceives) {
  start();
  auto a = client("a");
  EXPECT_TRUE(directory_.is_online("a"));
  std::string bytes;
  for (std::uint32_t seq = 1; seq <= 5; ++seq) {
    a->append_send(bytes, seq, "g", ChannelType::group, "hello " + std::to_string(seq), "c");
  }
  a->write(bytes);
  for (std::uint32_t seq = 1; seq <= 5; ++seq) {
    const auto ack = read_sendack(*a);
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->client_seq, seq);
    EXPECT_EQ(ack->message_seq, seq);
    EXPECT_EQ(ack->reason, Reason::success);
    EXPECT_EQ(ack->flags, codec::kFlagRedDot);
  }
  ASSERT_EQ(core_.received.size(), 5U);
  EXPECT_EQ(core_.received[0].payload, "hello 1");
  EXPECT_EQ(core_.received[0].from_uid, "a");
  EXPECT_EQ(core_.received[0].origin, Origin::socket);
  // What came in one read went to the core as one batch.
  EXPECT_EQ(core_.batches, 1U);

  fan_out(1, 100, {"a"});
  for (std::uint64_t id = 1; id <= 100; ++id) ASSERT_EQ(read_recv(*a), id);
  if (websocket()) {
    EXPECT_EQ(a->ws_messages(), 1U + 5U + 100U);
    EXPECT_NE(a->upgrade_response.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);
    EXPECT_EQ(a->upgrade_response.find("Extensions"), std::string::npos);
  }
  a->close();
  EXPECT_TRUE(eventually([&] { return !directory_.is_online("a"); }));
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 0; }));
  EXPECT_EQ(fan_out_.session_count(), 0U);
}

TEST_P(GatewayTest, AnswersPingInEveryStateAfterConnect) {
  start();
  auto a = client("a");
  a->write("\x70\x70");
  for (int i = 0; i < 2; ++i) {
    const auto pong = a->read_frame();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->type, codec::FrameType::pong);
  }
}

TEST_P(GatewayTest, RefusalsAreAnsweredAndClosed) {
  options_.token_auth_on = true;
  options_.manager_token = "mt";
  core_.token = "right";
  start();
  const auto login = [&](std::string_view uid, std::string_view device, std::string_view token) {
    auto c = client();
    const auto reason = c->login(uid, device, token);
    if (reason && *reason != Reason::success) {
      EXPECT_TRUE(c->wait_closed()) << uid;
    }
    return reason;
  };
  EXPECT_EQ(login("u", "d", "right"), Reason::success);
  EXPECT_EQ(login("u", "d", "wrong"), Reason::auth_fail);
  EXPECT_EQ(login("u", "d", ""), Reason::auth_fail);
  EXPECT_EQ(login("v___vstr", "d", ""), Reason::auth_fail);
  EXPECT_EQ(login("banned", "d", "right"), Reason::ban);
  EXPECT_EQ(login("disbanded", "d", "right"), Reason::ban);
  EXPECT_EQ(login("", "d", "right"), Reason::auth_fail);
  EXPECT_EQ(login("a@b", "d", "right"), Reason::auth_fail);
  EXPECT_EQ(login("____system", "d", "right"), Reason::auth_fail);
  EXPECT_EQ(login("u", "____device", "right"), Reason::auth_fail);
  EXPECT_EQ(login("____manager", "d", "right"), Reason::auth_fail);
  EXPECT_EQ(login("____manager", "d", "mt"), Reason::success);
  core_.storage_fails = true;
  // A refusal would be final for the client; a closed connection is tried again.
  EXPECT_EQ(login("u", "d", "right"), std::nullopt);
}

TEST_P(GatewayTest, AnEmptyStoredTokenAuthenticatesNobody) {
  options_.token_auth_on = true;
  core_.has_quit = true;
  start();
  EXPECT_EQ(client()->login("u", "d", ""), Reason::auth_fail);
  EXPECT_EQ(client()->login("u", "d", "x"), Reason::auth_fail);
}

TEST_P(GatewayTest, AVisitorsFirstTokenIsTheNamesForGood) {
  options_.token_auth_on = true;
  options_.visitors.on = true;
  options_.visitors.suffix = "-guest";
  start();
  const std::string secret = "0123456789abcdef";
  EXPECT_EQ(client()->login("v-guest", "d", secret), Reason::success);
  // The device id is made up anew by each page; the flag changes nothing either.
  EXPECT_EQ(client()->login("v-guest", "e", secret, DeviceFlag::app), Reason::success);
  EXPECT_EQ(client()->login("v-guest", "d", "fedcba9876543210"), Reason::auth_fail);
  EXPECT_EQ(client()->login("v-guest", "d", "fedcba9876543210", DeviceFlag::app),
            Reason::auth_fail);
  // A secret that can be guessed, or none.
  EXPECT_EQ(client()->login("w-guest", "d", "0123456789abcde"), Reason::auth_fail);
  EXPECT_EQ(client()->login("w-guest", "d", ""), Reason::auth_fail);
  EXPECT_EQ(client()->login("w", "d", secret), Reason::auth_fail);
}

TEST_P(GatewayTest, NobodyIsAVisitorUnlessTheyAreSwitchedOn) {
  options_.token_auth_on = true;
  start();
  EXPECT_EQ(client()->login("v___vstr", "d", "0123456789abcdef"), Reason::auth_fail);
}

TEST_P(GatewayTest, VisitorsWithTheNameOfAnAccountOfTheServerAreRefused) {
  options_.visitors.on = true;
  options_.manager_uid = "boss";
  start();
  for (const char* uid : {"____system___vstr", "____manager___vstr", "boss___vstr", "___vstr"}) {
    EXPECT_EQ(client()->login(uid, "d", "0123456789abcdef"), Reason::auth_fail) << uid;
  }
}

TEST_P(GatewayTest, NewVisitorsComeAtARate) {
  options_.token_auth_on = true;
  options_.visitors.on = true;
  options_.admission.new_visitors_per_second.set(1);
  start();
  std::optional<Reason> last;
  for (int i = 0; i < 3 && last != Reason::rate_limit; ++i) {
    last = client()->login("v" + std::to_string(i) + "___vstr", "d", "0123456789abcdef");
  }
  EXPECT_EQ(last, Reason::rate_limit);
}

TEST_P(GatewayTest, AVisitorSendsToItsOwnChannelOnlyAndSlowly) {
  options_.visitors.on = true;
  options_.visitors.frames_per_second = 3;
  start();
  auto c = client("v___vstr");
  std::string bytes;
  c->append_send(bytes, 1, "v___vstr", ChannelType::visitors, "hello");
  c->append_send(bytes, 2, "w___vstr", ChannelType::visitors, "x");
  c->append_send(bytes, 3, "news", ChannelType::info, "x");
  c->append_send(bytes, 4, "u", ChannelType::person, "x");
  c->append_send(bytes, 5, "v___vstr|u", ChannelType::customer_service, "x");
  c->append_send(bytes, 6, "g", ChannelType::group, "x");
  for (std::uint32_t seq = 7; seq <= 12; ++seq) {
    c->append_send(bytes, seq, "v___vstr", ChannelType::visitors, "y");
  }
  c->write(bytes);
  EXPECT_EQ(read_sendack(*c)->reason, Reason::success);
  for (int i = 2; i <= 6; ++i) EXPECT_EQ(read_sendack(*c)->reason, Reason::not_allow_send) << i;
  Reason last = Reason::success;
  for (int i = 7; i <= 12; ++i) last = read_sendack(*c)->reason;
  EXPECT_EQ(last, Reason::rate_limit);
  EXPECT_EQ(metrics_.overload_refusals.with("clients").Value(), 0) << "there was room";
}

TEST_P(GatewayTest, TokensAreAskedForFromTheMomentTheSettingSaysSo) {
  const config::LiveValue<bool> token_auth_on = options_.token_auth_on;
  start();
  auto first = client("u", "d1");
  token_auth_on.set(true);
  EXPECT_EQ(client()->login("u", "d2", ""), Reason::auth_fail);
  // Who is in stays in.
  first->write("\x70");
  EXPECT_TRUE(first->read_frame());
  token_auth_on.set(false);
  EXPECT_EQ(client()->login("u", "d2", ""), Reason::success);
}

TEST_P(GatewayTest, RefusesConnectsWithoutAUsableKey) {
  start();
  const auto connect_with = [&](std::string_view key) {
    auto c = client();
    codec::Connect connect = c->connect_frame("u");
    connect.client_key = key;
    std::string bytes;
    codec::encode(bytes, connect).ignore("test");
    c->write(bytes);
    return c->read_connack();
  };
  EXPECT_EQ(connect_with(""), Reason::client_key_is_empty);
  EXPECT_EQ(connect_with("not base64"), Reason::auth_fail);
  EXPECT_EQ(connect_with("AAAA"), Reason::auth_fail);
  std::string zero;
  codec::base64_append(zero, std::string(32, '\0'));
  EXPECT_EQ(connect_with(zero), Reason::auth_fail);
}

TEST_P(GatewayTest, BrokenStreamsAreClosed) {
  start();
  const std::string_view openings[] = {std::string_view("\x00\x01x", 3),
                                       "\x30\x01x",
                                       "\xd0\x01x",
                                       "\x10\xff\xff\xff\xff\x01",
                                       std::string_view("\x10\xff\xff\x7f", 4),
                                       "{\"method\":\"connect\"}",
                                       "\x10\x02\x05\x01",
                                       "\x70"};
  for (const auto opening : openings) {
    auto c = client();
    c->write(opening);
    EXPECT_TRUE(c->wait_closed()) << opening;
  }
  auto live = client("u");
  live->write("\xe0\x01x");
  EXPECT_TRUE(live->wait_closed());
}

TEST_P(GatewayTest, FramesCutAnywhereAreUnderstood) {
  start();
  auto c = client();
  codec::Connect connect = c->connect_frame("u");
  std::string bytes;
  codec::encode(bytes, connect).ignore("test");
  for (const char byte : bytes) c->write(std::string_view(&byte, 1));
  ASSERT_EQ(c->read_connack(), Reason::success);
  std::string send;
  c->append_send(send, 9, "peer", ChannelType::person, std::string(5000, 'p'));
  for (std::size_t at = 0; at < send.size(); at += 700) c->write(send.substr(at, 700));
  const auto ack = read_sendack(*c);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->client_seq, 9U);
  ASSERT_EQ(core_.received.size(), 1U);
  EXPECT_EQ(core_.received[0].channel.id, person_channel_id("u", "peer"));
  EXPECT_FALSE(core_.received[0].idempotent);
  EXPECT_FALSE(core_.received[0].client_msg_no.empty());
}

TEST_P(GatewayTest, FramesBeforeTheConnackAreDroppedAndNothingAfterItIs) {
  start();
  auto c = client();
  codec::Connect connect = c->connect_frame("u");
  std::string bytes;
  codec::encode(bytes, connect).ignore("test");
  // Encrypted with no keys at all, as by a client that still has those of its last connection.
  c->append_send(bytes, 1, "g", ChannelType::group, "old keys");
  c->write(bytes);
  ASSERT_EQ(c->read_connack(), Reason::success);
  std::string send;
  c->append_send(send, 2, "g", ChannelType::group, "new keys");
  c->write(send);
  const auto ack = read_sendack(*c);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->client_seq, 2U);
  EXPECT_EQ(ack->reason, Reason::success);
}

TEST_P(GatewayTest, SendacksKeepTheOrderOfSendsWhateverTheOrderOfResults) {
  core_.hold = true;
  start();
  auto c = client("u");
  for (std::uint32_t batch = 0; batch < 3; ++batch) {
    std::string bytes;
    c->append_send(bytes, batch * 10 + 1, "g", ChannelType::group, "x");
    c->append_send(bytes, batch * 10 + 2, "", ChannelType::group, "x");
    c->append_send(bytes, batch * 10 + 3, "g", ChannelType::group, "x", "", true);
    c->append_send(bytes, batch * 10 + 4, "g", ChannelType::none, "x");
    c->append_send(bytes, batch * 10 + 5, "a@b", ChannelType::person, "x");
    c->append_send(bytes, batch * 10 + 6, "u@b", ChannelType::person, "x");
    c->append_send(bytes, batch * 10 + 7, "g", ChannelType::group, std::string(32768, 'x'));
    c->write(bytes);
    ASSERT_TRUE(eventually([&] { return core_.received_count() == (batch + 1) * 2; }));
  }
  core_.release();
  const Reason expected[] = {Reason::success,
                             Reason::channel_id_error,
                             Reason::payload_decode_error,
                             Reason::not_support_channel_type,
                             Reason::channel_id_error,
                             Reason::success,
                             Reason::payload_decode_error};
  for (std::uint32_t batch = 0; batch < 3; ++batch) {
    for (std::uint32_t i = 1; i <= 7; ++i) {
      const auto ack = read_sendack(*c);
      ASSERT_TRUE(ack);
      EXPECT_EQ(ack->client_seq, batch * 10 + i);
      EXPECT_EQ(ack->reason, expected[i - 1]) << i;
    }
  }
}

TEST_P(GatewayTest, ReadingPausesWhenTooManySendsAreInFlightAndGoesOnAfterwards) {
  options_.limits.inbound_items_in_flight = 8;
  core_.hold = true;
  start();
  auto c = client("u");
  std::string bytes;
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    c->append_send(bytes, seq, "g", ChannelType::group, "x");
  }
  c->write(bytes);
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 8; }));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(core_.received_count(), 8U);
  core_.release();
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    const auto ack = read_sendack(*c);
    ASSERT_TRUE(ack) << seq;
    EXPECT_EQ(ack->client_seq, seq);
  }
}

TEST_P(GatewayTest, AnOverloadedCoreIsAnsweredAndAStoppingOneIsNot) {
  start();
  auto c = client("u");
  core_.overloaded = true;
  std::string bytes;
  c->append_send(bytes, 1, "g", ChannelType::group, "x");
  c->write(bytes);
  const auto ack = read_sendack(*c);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->reason, Reason::rate_limit);
  EXPECT_EQ(metrics_.send_refused.with("22").Value(), 1);
  EXPECT_EQ(metrics_.overload_refusals.with("clients").Value(), 1);
  core_.overloaded = false;
  core_.too_late = true;
  c->write(bytes);
  ASSERT_TRUE(read_sendack(*c));
  EXPECT_EQ(metrics_.overload_refusals.with("clients").Value(), 2);
  core_.too_late = false;
  core_.unavailable = true;
  c->write(bytes);
  EXPECT_FALSE(read_sendack(*c));
  EXPECT_TRUE(c->wait_closed());
}

TEST_P(GatewayTest, AnUnknownOutcomeClosesTheConnectionInsteadOfClaimingAFailure) {
  core_.state = SendResult::State::unknown;
  start();
  auto c = client("u");
  std::string bytes;
  c->append_send(bytes, 1, "g", ChannelType::group, "x", "key");
  c->write(bytes);
  EXPECT_FALSE(read_sendack(*c));
  EXPECT_TRUE(c->wait_closed());
}

TEST_P(GatewayTest, AMasterLoginKicksOtherDevicesAfterTellingThem) {
  options_.token_auth_on = true;
  core_.token = "t";
  core_.level = DeviceLevel::master;
  start();
  auto first = client();
  ASSERT_EQ(first->login("u", "one", "t"), Reason::success);
  auto second = client();
  ASSERT_EQ(second->login("u", "two", "t"), Reason::success);
  const auto frame = first->read_frame();
  ASSERT_TRUE(frame);
  ASSERT_EQ(frame->type, codec::FrameType::disconnect);
  EXPECT_EQ(codec::decode_disconnect(*frame)->reason, Reason::connect_kick);
  EXPECT_TRUE(first->wait_closed());
  EXPECT_TRUE(eventually([&] { return directory_.find_sessions("u").size() == 1; }));
  // The same device again: its predecessor goes without a word.
  auto third = client();
  ASSERT_EQ(third->login("u", "two", "t"), Reason::success);
  EXPECT_FALSE(second->read_frame());
  EXPECT_TRUE(second->wait_closed());
}

TEST_P(GatewayTest, ALoginThatCannotBeJudgedIsAnsweredToAppsAndClosedToPages) {
  core_.storage_fails = true;
  start();
  auto app = client();
  EXPECT_EQ(app->login("u", "d", "", DeviceFlag::app), Reason::system_error);
  EXPECT_TRUE(app->wait_closed());
  auto page = client();
  EXPECT_EQ(page->login("u", "d", "", DeviceFlag::web), std::nullopt);
  EXPECT_TRUE(page->wait_closed());
}

TEST_P(GatewayTest, AStopAnswersTheLoginsThatAreUnderWay) {
  std::promise<void> asked;
  std::promise<void> go_on;
  options_.token_auth_on = true;
  core_.token = "t";
  core_.after_token = [&] {
    asked.set_value();
    go_on.get_future().wait();
  };
  start();
  auto c = client();
  std::thread stopper([&] {
    asked.get_future().wait();
    gateway_->stop();
    go_on.set_value();
  });
  EXPECT_EQ(c->login("u", "d", "t", DeviceFlag::app), Reason::system_error);
  EXPECT_TRUE(c->wait_closed());
  c->close();
  stopper.join();
}

TEST_P(GatewayTest, ALoginThatReadItsTokenBeforeAKickIsClosedToBeTriedAgain) {
  options_.token_auth_on = true;
  core_.token = "t";
  std::atomic<bool> revoke{true};
  core_.after_token = [&] {
    if (revoke.exchange(false)) {
      directory_.kick_device("u", static_cast<DeviceFlag>(1), "revoked", milliseconds(0));
    }
  };
  start();
  auto c = client();
  EXPECT_EQ(c->login("u", "d", "t"), std::nullopt);
  EXPECT_TRUE(c->wait_closed());
  EXPECT_FALSE(directory_.is_online("u"));
  EXPECT_EQ(fan_out_.session_count(), 0U);
  EXPECT_EQ(client()->login("u", "d", "t"), Reason::success);
}

TEST_P(GatewayTest, AKickedConnectionIsToldAndClosedAfterTheGrace) {
  start();
  auto a = client("a", "one");
  auto other = client("a", "two");
  const SessionId id = directory_.find_sessions("a").front().id;
  gateway_->kick_connection("a", id, /*tell=*/true);
  const auto frame = a->read_frame();
  ASSERT_TRUE(frame);
  ASSERT_EQ(frame->type, codec::FrameType::disconnect);
  EXPECT_EQ(codec::decode_disconnect(*frame)->reason, Reason::connect_kick);
  EXPECT_EQ(codec::decode_disconnect(*frame)->text, "server kick");
  EXPECT_TRUE(a->wait_closed());
  EXPECT_TRUE(eventually([&] { return directory_.find_sessions("a").size() == 1; }));
  other->write("\x70");
  EXPECT_TRUE(other->read_frame());
}

TEST_P(GatewayTest, ARemovedConnectionIsClosedAtOnceWithoutAWord) {
  options_.limits.kick_grace = milliseconds(60'000);
  start();
  auto a = client("a");
  gateway_->kick_connection("", directory_.find_sessions("a").front().id, /*tell=*/false);
  EXPECT_FALSE(a->read_frame());
  EXPECT_TRUE(a->wait_closed());
  EXPECT_TRUE(eventually([&] { return !directory_.is_online("a"); }));
}

TEST_P(GatewayTest, AConnectionOfAnotherUserOrAnUnknownIdIsLeftAlone) {
  start();
  auto a = client("a");
  const SessionId id = directory_.find_sessions("a").front().id;
  gateway_->kick_connection("b", id, true);
  gateway_->kick_connection("b", id, false);
  gateway_->kick_connection("a", static_cast<SessionId>(raw(id) + 1000), false);
  gateway_->kick_connection("a", static_cast<SessionId>(~std::uint64_t{0}), true);
  a->write("\x70");
  const auto pong = a->read_frame();
  ASSERT_TRUE(pong);
  EXPECT_EQ(pong->type, codec::FrameType::pong);
}

TEST_P(GatewayTest, AllDevicesOfAUserCanBeKickedAndNoOneElse) {
  start();
  auto a1 = client("a", "one");
  auto a2 = client("a", "two");
  auto b = client("b");
  EXPECT_EQ(directory_.kick_user("a", "", milliseconds(50)), 2U);
  for (auto* kicked : {a1.get(), a2.get()}) {
    const auto frame = kicked->read_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->type, codec::FrameType::disconnect);
    EXPECT_TRUE(kicked->wait_closed());
  }
  b->write("\x70");
  EXPECT_TRUE(b->read_frame());
}

TEST_P(GatewayTest, PushesAreCollectedFromAllShards) {
  start();
  ASSERT_TRUE(gateway_->remembers_pushes());
  std::vector<std::unique_ptr<TestClient>> clients;
  for (const char* uid : {"a", "b", "c"}) clients.push_back(client(uid, "dev"));
  const auto collect = [&](std::string uid, std::size_t listed_max) {
    presence::PushQuery query;
    query.message = static_cast<MessageId>(7);
    query.uid = std::move(uid);
    query.listed_max = listed_max;
    std::promise<presence::PushReport> promise;
    gateway_->collect_pushes(std::move(query), [&](presence::PushReport report) {
      promise.set_value(std::move(report));
    });
    return promise.get_future().get();
  };
  EXPECT_EQ(collect("", 10).devices, 0U);
  fan_out(7, 7, {"a", "b", "c"});
  for (auto& each : clients) EXPECT_EQ(read_recv(*each), 7U);
  const presence::PushReport all = collect("", 10);
  EXPECT_EQ(all.devices, 3U);
  EXPECT_EQ(all.acknowledged, 0U);
  EXPECT_EQ(all.nameless, 0U);
  EXPECT_GT(all.since_ms, 0);
  std::set<std::string> uids;
  for (const presence::PushedDevice& device : all.listed) {
    EXPECT_EQ(device.device_id, "dev");
    EXPECT_TRUE(device.connected);
    EXPECT_GE(device.pushed_at_ms, all.since_ms);
    uids.insert(device.uid);
  }
  EXPECT_EQ(uids, (std::set<std::string>{"a", "b", "c"}));
  const presence::PushReport two = collect("", 2);
  EXPECT_EQ(two.devices, 3U);
  EXPECT_EQ(two.listed.size(), 2U);
  codec::RecvAck receipt;
  receipt.message_id = static_cast<MessageId>(7);
  std::string bytes;
  codec::encode(bytes, receipt);
  clients[1]->write(bytes);
  EXPECT_TRUE(eventually([&] { return collect("", 10).acknowledged == 1; }));
  clients[1].reset();
  EXPECT_TRUE(eventually([&] { return !collect("b", 10).listed.at(0).connected; }));
  const presence::PushReport of_b = collect("b", 10);
  EXPECT_EQ(of_b.devices, 1U);
  EXPECT_EQ(of_b.acknowledged, 1U);
  EXPECT_EQ(of_b.listed.at(0).device_id, "dev");
  EXPECT_EQ(collect("nobody", 10).devices, 0U);
}

TEST_P(GatewayTest, WithoutMemoryNoPushesAreRemembered) {
  options_.limits.push_record_bytes = 100;
  start();
  EXPECT_FALSE(gateway_->remembers_pushes());
  auto a = client("a");
  fan_out(7, 7, {"a"});
  EXPECT_EQ(read_recv(*a), 7U);
}

TEST_P(GatewayTest, ConnectionsAreCollectedFromAllShards) {
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(client("user" + std::to_string(i)));
  auto other = client("somebody");
  auto silent = client();  // has not logged in
  std::string sends;
  for (std::uint32_t seq = 1; seq <= 3; ++seq) {
    clients[2]->append_send(sends, seq, "g", ChannelType::group, "four");
  }
  clients[2]->write(sends);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(read_sendack(*clients[2]));

  const auto collect = [&](presence::ConnectionQuery query) {
    std::promise<presence::ConnectionPage> promise;
    gateway_->collect_connections(std::move(query), [&](presence::ConnectionPage page) {
      promise.set_value(std::move(page));
    });
    return promise.get_future().get();
  };
  presence::ConnectionQuery query;
  query.uid_part = "ser";
  query.keep = 2;
  query.before = [](const auto& a, const auto& b) { return a.traffic.in_msgs > b.traffic.in_msgs; };
  const presence::ConnectionPage page = collect(std::move(query));
  EXPECT_EQ(page.total, 5U);
  ASSERT_EQ(page.connections.size(), 2U);
  const presence::ConnectionInfo& first = page.connections[0];
  EXPECT_EQ(first.uid, "user2");
  EXPECT_EQ(first.traffic.in_msgs, 3U);
  EXPECT_EQ(first.traffic.in_msg_bytes, 12U);
  EXPECT_EQ(first.traffic.in_packets, 4U);
  EXPECT_EQ(first.traffic.out_packets, 4U);
  EXPECT_EQ(first.device_id, "dev");
  EXPECT_EQ(first.device_flag, static_cast<DeviceFlag>(1));
  EXPECT_EQ(first.protocol_version, 5);
  EXPECT_EQ(first.transport, transport_name(GetParam()));
  EXPECT_EQ(first.ip, "127.0.0.1");
  EXPECT_EQ(first.pending_bytes, 0U);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(clients[2]->fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  EXPECT_EQ(first.port, ntohs(bound.sin_port));
  EXPECT_NEAR(static_cast<double>(first.last_activity_ms), static_cast<double>(clock_.wall_ms()),
              5000);
  EXPECT_GE(first.last_activity_ms + 1, first.connected_at_ms);
  EXPECT_EQ(page.connections[1].uid, "user0");
  const presence::ConnectionPage all = collect({});
  ASSERT_EQ(all.connections.size(), 6U);
  EXPECT_EQ(all.total, 6U);
  presence::ConnectionQuery some;
  some.only = {first.id, static_cast<SessionId>(1'000'000'000)};
  const presence::ConnectionPage found = collect(some);
  ASSERT_EQ(found.connections.size(), 1U);
  EXPECT_EQ(found.connections[0].uid, "user2");
  presence::ConnectionQuery rest;
  rest.after = all.connections[3].id;
  const presence::ConnectionPage behind = collect(rest);
  ASSERT_EQ(behind.connections.size(), 2U);
  EXPECT_EQ(behind.connections[0].id, all.connections[4].id);
}

TEST_P(GatewayTest, TotalsCountWhatHasPassedOverAllConnections) {
  options_.limits.outbound_frames_max = 50;
  start();
  EXPECT_EQ(gateway_->traffic_totals().connections, 0U);
  auto a = client("a");
  auto b = client("b");
  std::string sends;
  a->append_send(sends, 1, "g", ChannelType::group, "x");
  a->write(sends);
  ASSERT_TRUE(read_sendack(*a));
  fan_out(1, 3, {"a", "b"});
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ASSERT_EQ(read_recv(*a), id);
    ASSERT_EQ(read_recv(*b), id);
  }
  presence::TrafficTotals totals = gateway_->traffic_totals();
  EXPECT_EQ(totals.in_msgs, 1U);
  EXPECT_EQ(totals.out_msgs, 6U);
  EXPECT_GT(totals.in_bytes, sends.size());
  EXPECT_GT(totals.out_bytes, 6U * 20);
  EXPECT_EQ(totals.connections, 2U);
  EXPECT_EQ(totals.retry_queue, 6U);
  EXPECT_EQ(totals.slow_clients, 0U);
  fan_out(4, 100, {"b"});
  EXPECT_TRUE(b->wait_closed());
  EXPECT_TRUE(eventually([&] { return gateway_->traffic_totals().connections == 1; }));
  totals = gateway_->traffic_totals();
  EXPECT_EQ(totals.slow_clients, 1U);
  EXPECT_EQ(totals.retry_queue, 3U);
  EXPECT_GE(totals.out_msgs, 6U);
}

TEST_P(GatewayTest, CommandsAreProcessedByWhomTheStoredLevelMakesMaster) {
  struct Row {
    bool token_auth_on;
    bool registered;
    DeviceLevel level;
    bool alone;
    bool counts;
  };
  const Row rows[] = {{true, true, DeviceLevel::master, true, true},
                      {true, true, DeviceLevel::slave, true, false},
                      {false, true, DeviceLevel::master, false, true},
                      {false, true, DeviceLevel::slave, true, false},
                      {false, false, DeviceLevel::slave, true, true},
                      {false, false, DeviceLevel::slave, false, false}};
  const config::LiveValue<bool> token_auth_on = options_.token_auth_on;
  start();
  std::uint64_t id = 0;
  for (const Row& row : rows) {
    const std::string uid = "u" + std::to_string(++id);
    token_auth_on.set(row.token_auth_on);
    core_.token = row.registered ? "t" : "";
    core_.level = row.level;
    auto c = client();
    ASSERT_EQ(c->login(uid, "d", "t"), Reason::success);
    auto second = client();
    if (!row.alone) {
      ASSERT_EQ(second->login(uid, "d2", "t"), Reason::success);
    }

    auto message = std::make_shared<Message>();
    message->id = static_cast<MessageId>(id);
    message->seq = static_cast<MessageSeq>(70 + id);
    message->channel = ChannelKey("g", ChannelType::group);
    message->flags.sync_once = true;
    auto batch = std::make_shared<partition::CommittedBatch>();
    batch->effects.push_back(
        {partition::CommittedMessage{std::move(message)}, {nullptr, {uid}, nullptr}});
    fan_out_.post_committed(std::move(batch));
    ASSERT_EQ(read_recv(*c), id);
    codec::RecvAck ack;
    ack.message_id = static_cast<MessageId>(id);
    std::string bytes;
    codec::encode(bytes, ack);
    c->write(bytes + "\x70");
    ASSERT_TRUE(c->read_frame());  // the PONG: the RECVACK has been handled

    const MutexLock lock(core_.mutex);
    ASSERT_EQ(core_.changes.size(), row.counts ? 1U : 0U) << id;
    if (row.counts) {
      const auto& advance = std::get<partition::AdvanceCommandPosition>(core_.changes[0]);
      EXPECT_EQ(advance.uid, uid);
      EXPECT_EQ(advance.channel, ChannelKey("g", ChannelType::group));
      EXPECT_EQ(advance.seq, 70 + id);
    }
    core_.changes.clear();
  }
}

TEST_P(GatewayTest, UnacknowledgedMessagesAreSentAgainIdenticallyAndAcknowledgedOnesAreNot) {
  options_.retry.interval = milliseconds(100);
  options_.retry.scan_interval = milliseconds(20);
  options_.retry.max_count = 2;
  start();
  auto c = client("u");
  fan_out(1, 2, {"u"});
  fan_out(3, 3, {"u"}, 20, true);
  std::string first;
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto frame = c->read_frame();
    ASSERT_TRUE(frame);
    if (id == 1) first = frame->body;
  }
  std::string ack;
  codec::RecvAck receipt;
  receipt.message_id = static_cast<MessageId>(2);
  codec::encode(ack, receipt);
  c->write(ack);
  for (int retry = 0; retry < 2; ++retry) {
    const auto frame = c->read_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->body, first);
  }
  EXPECT_FALSE(c->read_frame(300));
}

TEST_P(GatewayTest, DeletedMessagesAreNotSentAgain) {
  options_.retry.interval = milliseconds(200);
  options_.retry.scan_interval = milliseconds(20);
  options_.retry.max_count = 1;
  start();
  auto c = client("u");
  fan_out(1, 3, {"u"});
  {
    const MutexLock lock(core_.mutex);
    core_.deleted = {static_cast<MessageId>(1), static_cast<MessageId>(3)};
  }
  std::vector<std::string> bodies;
  for (int i = 0; i < 4; ++i) {
    const auto frame = c->read_frame();
    ASSERT_TRUE(frame) << i;
    bodies.emplace_back(frame->body);
  }
  EXPECT_EQ(bodies[3], bodies[1]);
  EXPECT_FALSE(c->read_frame(500));
}

TEST_P(GatewayTest, WhatCannotBeLookedUpIsSentAgainLater) {
  options_.retry.interval = milliseconds(100);
  options_.retry.scan_interval = milliseconds(20);
  options_.retry.max_count = 1;
  start();
  auto c = client("u");
  core_.storage_fails = true;
  fan_out(1, 1, {"u"});
  ASSERT_TRUE(c->read_frame());
  EXPECT_FALSE(c->read_frame(300));
  core_.storage_fails = false;
  EXPECT_TRUE(c->read_frame());
}

TEST_P(GatewayTest, ASlowReceiverIsCut) {
  options_.limits.outbound_bytes_max = 256 << 10;
  start();
  auto slow = client("slow");
  auto quick = client("quick");
  for (std::uint64_t i = 0; i < 200 && directory_.is_online("slow"); ++i) {
    fan_out(i * 10 + 1, i * 10 + 10, {"slow", "quick"}, 8000);
    for (std::uint64_t id = i * 10 + 1; id <= i * 10 + 10; ++id) ASSERT_EQ(read_recv(*quick), id);
  }
  EXPECT_TRUE(eventually([&] { return !directory_.is_online("slow"); }));
  EXPECT_TRUE(directory_.is_online("quick"));
}

TEST_P(GatewayTest, SilentConnectionsAreClosed) {
  // Long enough for the clients that do speak, on a machine that is busy.
  options_.limits.connect_timeout = milliseconds(1000);
  options_.idle_time = milliseconds(1500);
  start();
  auto mute = client();
  auto idle = client("idle");
  auto busy = client("busy");
  const auto closed = [](TestClient& c) { return c.wait_closed(50); };
  for (int i = 0; i < 200 && (!closed(*mute) || !closed(*idle)); ++i) {
    busy->write("\x70");
    ASSERT_TRUE(busy->read_frame());
  }
  EXPECT_TRUE(closed(*mute));
  EXPECT_TRUE(closed(*idle));
  EXPECT_TRUE(directory_.is_online("busy"));
}

TEST_P(GatewayTest, ConnectionsBeyondTheLimitAreToldAndClosed) {
  options_.limits.max_connections = 2;
  start();
  auto a = client("a");
  auto b = client("b");
  // A web page comes back only if it is not answered, an app only if it is.
  for (const auto& [flag, answer] : {std::pair(DeviceFlag::app, std::optional(Reason::rate_limit)),
                                     std::pair(DeviceFlag::web, std::optional<Reason>())}) {
    auto c = std::make_unique<TestClient>(gateway_->tcp_address());
    EXPECT_EQ(c->login("c", "d", "", flag), answer);
    EXPECT_TRUE(c->wait_closed());
    EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 2; }));
  }
  a->close();
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 1; }));
  EXPECT_EQ(client()->login("d"), Reason::success);
}

TEST_P(GatewayTest, SilentConnectionsBeyondTheLimitTakeNobodysPlace) {
  options_.limits.max_connections = 2;
  options_.refusals_max = 4;
  options_.linger_time = std::chrono::minutes(1);
  start();
  auto a = client("a");
  auto b = client("b");
  std::vector<std::unique_ptr<TestClient>> silent;
  for (int i = 0; i < 50; ++i) {
    silent.push_back(std::make_unique<TestClient>(gateway_->tcp_address()));
  }
  // Who asks is told all the same, and who finds a free place is served.
  EXPECT_EQ(TestClient(gateway_->tcp_address()).login("c", "d", "", DeviceFlag::app),
            Reason::rate_limit);
  silent.push_back(std::make_unique<TestClient>(gateway_->tcp_address()));
  EXPECT_TRUE(eventually(
      [&] { return metrics_.connections_refused.with("max_connections").Value() == 52; }));
  b->close();
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 1; }));
  auto d = client("d");
  // The time for the question is all they have, not the time of a closing session as well.
  for (const auto& one : silent) EXPECT_TRUE(one->wait_closed(10'000));
}

TEST_P(GatewayTest, OnlyTheTransportsWithAnAddressAreServed) {
  const auto keep = [](std::optional<config::ListenAddress>& address, Transport transport) {
    if (GetParam() != transport) address.reset();
  };
  keep(options_.tcp, Transport::tcp);
  keep(options_.ws, Transport::websocket);
  keep(options_.tls, Transport::tls);
  keep(options_.wss, Transport::tls_websocket);
  start();
  EXPECT_EQ(gateway_->tcp_address().empty(), GetParam() != Transport::tcp);
  EXPECT_EQ(gateway_->ws_address().empty(), GetParam() != Transport::websocket);
  EXPECT_EQ(gateway_->tls_address().empty(), GetParam() != Transport::tls);
  EXPECT_EQ(gateway_->wss_address().empty(), GetParam() != Transport::tls_websocket);
  EXPECT_EQ(client()->login("u"), Reason::success);
}

TEST_P(GatewayTest, SubscriptionsAreAnswered) {
  start();
  auto c = client("u");
  for (const auto type : {ChannelType::data, ChannelType::group}) {
    codec::Sub sub;
    sub.channel_id = "x";
    sub.channel_type = type;
    std::string bytes;
    codec::encode(bytes, sub).ignore("test");
    c->write(bytes);
    const auto frame = c->read_frame();
    ASSERT_TRUE(frame);
    ASSERT_EQ(frame->type, codec::FrameType::suback);
    EXPECT_EQ(codec::decode_suback(*frame)->reason,
              type == ChannelType::data ? Reason::success : Reason::not_support_channel_type);
  }
}

TEST_P(GatewayTest, StopAnswersWhatIsInFlightAndClosesWithoutDisconnect) {
  core_.hold = true;
  start();
  auto c = client("u");
  auto idle = client("idle");
  std::string bytes;
  c->append_send(bytes, 1, "g", ChannelType::group, "x");
  c->write(bytes);
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 1; }));
  std::thread stopper([this] { gateway_->stop(); });
  EXPECT_TRUE(idle->wait_closed());
  idle->close();
  core_.release();
  const auto ack = read_sendack(*c);
  EXPECT_TRUE(ack);
  EXPECT_FALSE(c->read_frame());
  EXPECT_TRUE(c->wait_closed());
  if (websocket()) {
    EXPECT_EQ(c->ws_close_status(), 1001U);
    EXPECT_EQ(c->ws_close_reason(), "the server is stopping");
  }
  c->close();
  stopper.join();
  EXPECT_EQ(gateway_->connection_count(), 0U);
}

TEST_P(GatewayTest, OldProtocolVersionsGetTheirLayouts) {
  start();
  for (std::uint8_t version = 1; version <= 5; ++version) {
    auto c = client();
    c->set_version(version);
    ASSERT_EQ(c->login("v" + std::to_string(version)), Reason::success);
    std::string bytes;
    c->append_send(bytes, 1, "g", ChannelType::group, "x");
    c->write(bytes);
    EXPECT_TRUE(read_sendack(*c));
    const std::string uid = "v" + std::to_string(version);
    fan_out(7, 7, {uid.c_str()});
    const auto frame = c->read_frame();
    ASSERT_TRUE(frame);
    const auto recv = codec::decode_recv(*frame, version);
    std::string plain;
    ASSERT_TRUE(recv);
    EXPECT_TRUE(c->cipher().open(*recv, plain));
    EXPECT_EQ(plain, std::string(20, 'x'));
  }
}

class WebSocketTest : public GatewayTest {};
INSTANTIATE_TEST_SUITE_P(Only, WebSocketTest,
                         testing::Values(Transport::websocket, Transport::tls_websocket));

TEST_P(WebSocketTest, FragmentsTextMessagesAndControlFramesInBetweenAreAccepted) {
  start();
  auto c = client();
  codec::Connect connect = c->connect_frame("u");
  std::string bytes;
  codec::encode(bytes, connect).ignore("test");
  c->write_raw(TestClient::masked(0x01, std::string_view(bytes).substr(0, 10)) +
               TestClient::masked(0x89, "are you there") +
               TestClient::masked(0x00, std::string_view(bytes).substr(10, 3)) +
               TestClient::masked(0x00, "") +
               TestClient::masked(0x80, std::string_view(bytes).substr(13)));
  EXPECT_EQ(c->read_connack(), Reason::success);
  EXPECT_EQ(c->ws_control(),
            "\x8a\x0d"
            "are you there");
  c->write_raw(TestClient::masked(0x88, "\x03\xe8"));
  EXPECT_TRUE(c->wait_closed());
}

TEST_P(WebSocketTest, SendsBeforeACloseInTheSameReadAreSubmitted) {
  start();
  auto c = client("u");
  std::string send;
  c->append_send(send, 1, "g", ChannelType::group, "last words");
  c->write_raw(TestClient::masked(0x82, send) + TestClient::masked(0x88, "\x03\xe8"));
  EXPECT_TRUE(c->wait_closed());
  ASSERT_EQ(core_.received_count(), 1U);
  EXPECT_EQ(core_.received[0].payload, "last words");
}

TEST_P(WebSocketTest, AllSendsBeforeACloseInTheSameReadAreAnsweredBeforeIt) {
  // More of them than may be in flight: reading pauses at the eighth, long before the Close.
  options_.limits.inbound_items_in_flight = 8;
  core_.hold = true;
  start();
  auto c = client("u");
  std::string sends;
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    c->append_send(sends, seq, "g", ChannelType::group, "x");
  }
  c->write_raw(TestClient::masked(0x82, sends) + TestClient::masked(0x88, "\x03\xe8") +
               TestClient::masked(0x89, "too late"));
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 8; }));
  core_.release();
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    const auto ack = read_sendack(*c);
    ASSERT_TRUE(ack) << seq;
    EXPECT_EQ(ack->client_seq, seq);
  }
  EXPECT_EQ(c->ws_control(), "");
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(c->ws_close_status(), 1000U);
  EXPECT_EQ(core_.received_count(), 100U);
}

TEST_P(WebSocketTest, AClientThatEndsItsStreamWithItsCloseIsAnsweredAllTheSame) {
  options_.limits.inbound_items_in_flight = 8;
  core_.hold = true;
  start();
  auto c = client("u");
  std::string sends;
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    c->append_send(sends, seq, "g", ChannelType::group, "x");
  }
  c->write_raw(TestClient::masked(0x82, sends) + TestClient::masked(0x88, "\x03\xe8"));
  c->end_stream();
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 8; }));
  core_.release();
  for (std::uint32_t seq = 1; seq <= 100; ++seq) {
    const auto ack = read_sendack(*c);
    ASSERT_TRUE(ack) << seq;
    EXPECT_EQ(ack->client_seq, seq);
  }
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(c->ws_close_status(), 1000U);
}

TEST_P(WebSocketTest, AClientThatClosesAndIsGoneIsNotWaitedForLonger) {
  options_.limits.inbound_items_in_flight = 8;
  core_.hold = true;
  start();
  auto c = client("u");
  std::string sends;
  for (std::uint32_t seq = 1; seq <= 20; ++seq) {
    c->append_send(sends, seq, "g", ChannelType::group, "x");
  }
  c->write_raw(TestClient::masked(0x82, sends) + TestClient::masked(0x88, "\x03\xe8"));
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 8; }));
  EXPECT_TRUE(directory_.is_online("u"));
  c->close();
  core_.release();
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 0; }));
  EXPECT_FALSE(directory_.is_online("u"));
}

TEST_P(WebSocketTest, AnswersToSendsBeforeABrokenFrameComeBeforeTheClose) {
  core_.overloaded = true;
  start();
  auto c = client("u");
  std::string send;
  c->append_send(send, 1, "g", ChannelType::group, "x");
  c->write_raw(TestClient::masked(0x82, send) + TestClient::masked(0x83, ""));
  const auto ack = read_sendack(*c);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->reason, Reason::rate_limit);
  EXPECT_EQ(c->ws_control(), "");
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(c->ws_close_status(), 1002U);
}

TEST_P(WebSocketTest, EveryEndSaysWhy) {
  options_.limits.connect_timeout = milliseconds(1500);
  options_.idle_time = milliseconds(1500);
  start();
  auto silent = client();
  auto broken = client();
  broken->write("\x70");
  auto refused = client();
  EXPECT_EQ(refused->login("banned", "d"), Reason::ban);
  auto kicked = client("u");
  EXPECT_EQ(directory_.kick_user("u", "out", milliseconds(0)), 1U);
  while (kicked->read_frame()) {
  }
  auto idle = client("v");
  const auto told = [](TestClient& from) {
    EXPECT_TRUE(from.wait_closed());
    return std::to_string(from.ws_close_status()) + " " + from.ws_close_reason();
  };
  EXPECT_EQ(told(*silent), "1008 no login came in time");
  EXPECT_EQ(told(*broken), "1002 the first frame is not a CONNECT");
  EXPECT_EQ(told(*refused), "1000 " + std::string(reason_text(Reason::ban)));
  EXPECT_EQ(told(*kicked), "1000 out");
  EXPECT_EQ(told(*idle), "1000 nothing came for longer than connIdleTime");
  core_.storage_fails = true;
  auto unlucky = client();
  EXPECT_EQ(unlucky->login("w", "d"), std::nullopt);
  EXPECT_EQ(told(*unlucky), "1013 the login could not be judged; come back");
  for (const char* cause : {"no_connect", "protocol", "refused", "kicked", "idle", "login_error"}) {
    EXPECT_EQ(metrics_.sessions_cut.with(cause).Value(), 1) << cause;
  }
}

TEST_P(WebSocketTest, RequestsThatAreNoUpgradeAreRefused) {
  start();
  const auto answer = [&](std::string_view request) {
    TestClient c(gateway_->ws_address());
    c.write_raw(request);
    c.wait_closed();
    return true;
  };
  EXPECT_TRUE(answer("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(answer("nonsense\r\n\r\n"));
  EXPECT_TRUE(answer(std::string(10000, 'a')));
}

}  // namespace
}  // namespace jindou::gateway
