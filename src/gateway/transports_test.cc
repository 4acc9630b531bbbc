// What happens to a connection before its client says anything, over each transport: load
// balancers in front, limits, TLS, and compression after the upgrade.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <thread>

#include "base/byte_budget.h"
#include "base/varint.h"
#include "gateway/gateway_fixture.h"
#include "gateway/ws_deflate.h"
#include "runtime/client_address.h"

namespace jindou::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kV1Header = "PROXY TCP4 203.0.113.7 192.0.2.1 51000 5100\r\n";

class TransportTest : public GatewayTest {
 protected:
  void trust_loopback() {
    const std::vector<std::string> networks{"127.0.0.0/8"};
    options_.trusted_proxies = *runtime::NetworkList::parse(networks);
  }
  std::unique_ptr<TestClient> client_with(TestClient::Extras extras) {
    return std::make_unique<TestClient>(address(), websocket(), tls(), extras);
  }
  std::string address_of(const std::string& uid) {
    std::promise<presence::ConnectionPage> answer;
    auto page = answer.get_future();
    presence::ConnectionQuery query;
    query.uid_part = uid;
    gateway_->collect_connections(
        query, [&](presence::ConnectionPage got) { answer.set_value(std::move(got)); });
    const auto got = page.get();
    if (got.connections.size() != 1) return "none";
    return got.connections[0].ip + ' ' + std::to_string(got.connections[0].port);
  }
  double refused(std::string_view reason) {
    return metrics_.connections_refused.with(reason).Value();
  }
  double cut(std::string_view reason) { return metrics_.sessions_cut.with(reason).Value(); }
  // The connection was not served: answered by `status` over plain WebSocket, else closed.
  void expect_refused(TestClient& c, std::string_view status) {
    EXPECT_TRUE(c.wait_closed());
    if (websocket() && !tls()) {
      EXPECT_NE(c.upgrade_response.find("HTTP/1.1 " + std::string(status)), std::string::npos)
          << c.upgrade_response;
      EXPECT_NE(c.upgrade_response.find("Retry-After: 1\r\n"), std::string::npos);
    } else {
      EXPECT_EQ(c.upgrade_response, "");
    }
    EXPECT_TRUE(c.raw_in().empty());
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, TransportTest,
                         testing::Values(Transport::tcp, Transport::websocket, Transport::tls,
                                         Transport::tls_websocket),
                         [](const auto& transport) {
                           return std::string(transport_name(transport.param));
                         });

TEST_P(TransportTest, AHeaderOfATrustedProxyNamesTheClient) {
  trust_loopback();
  start();
  auto c = client_with({std::string(kV1Header), "", nullptr});
  EXPECT_EQ(c->login("u"), Reason::success);
  EXPECT_EQ(address_of("u"), "203.0.113.7 51000");
  // Without one the proxy itself is the client: it checks our health, or it is not in front of us.
  auto own = client("own");
  EXPECT_EQ(address_of("own").substr(0, 10), "127.0.0.1 ");
}

TEST_P(TransportTest, AHeaderMayComeInPieces) {
  trust_loopback();
  start();
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", 16);
  header += std::string("\xcb\x00\x71\x07\xc0\x00\x02\x01\xc7\x38\x13\xec", 12);
  TestClient c(address());
  for (const char byte : header) {
    ASSERT_TRUE(c.write_raw({&byte, 1}));
    std::this_thread::sleep_for(milliseconds(1));
  }
  // What follows is refused by the next layer, whichever it is.
  c.write_raw("nonsense\r\n\r\n");
  EXPECT_TRUE(c.wait_closed());
  EXPECT_EQ(cut("proxy_header"), 0);
}

TEST_P(TransportTest, AHeaderOfAnybodyElseIsBrokenInput) {
  start();
  auto c = client_with({std::string(kV1Header), "", nullptr});
  EXPECT_TRUE(c->wait_closed());
  EXPECT_TRUE(eventually([&] { return cut("proxy_header") == 1; }));
}

TEST_P(TransportTest, ABrokenHeaderOfATrustedProxyIsClosed) {
  trust_loopback();
  start();
  auto c = client_with({"PROXY TCP4 nonsense\r\n", "", nullptr});
  EXPECT_TRUE(c->wait_closed());
  EXPECT_TRUE(eventually([&] { return cut("proxy_header") == 1; }));
}

TEST_P(TransportTest, AHeaderCanBeSwitchedOff) {
  trust_loopback();
  options_.limits.proxy_protocol = config::ProxyProtocol::off;
  start();
  auto c = client_with({std::string(kV1Header), "", nullptr});
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(client()->login("u"), Reason::success);
}

TEST_P(TransportTest, AHeaderCanBeRequiredOfTrustedProxies) {
  trust_loopback();
  options_.limits.proxy_protocol = config::ProxyProtocol::require;
  start();
  auto without = client();
  EXPECT_FALSE(without->login("u"));
  EXPECT_TRUE(eventually([&] { return cut("proxy_header") == 1; }));
  auto with = client_with({std::string(kV1Header), "", nullptr});
  EXPECT_EQ(with->login("u"), Reason::success);
}

TEST_P(TransportTest, ARequiredHeaderIsNotAskedOfOthers) {
  options_.limits.proxy_protocol = config::ProxyProtocol::require;
  start();
  EXPECT_EQ(client()->login("u"), Reason::success);
}

TEST_P(TransportTest, ForwardingHeadersAreReadWhenTheyComeFromATrustedProxy) {
  if (!websocket()) GTEST_SKIP();
  trust_loopback();
  start();
  auto c = client_with(
      {"", "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-For: 127.0.0.5\r\n", nullptr});
  EXPECT_EQ(c->login("forwarded"), Reason::success);
  EXPECT_EQ(address_of("forwarded"), "203.0.113.9 0");
  auto d = client_with({"", "X-Real-IP: 203.0.113.10\r\n", nullptr});
  EXPECT_EQ(d->login("real"), Reason::success);
  EXPECT_EQ(address_of("real"), "203.0.113.10 0");
  // The proxy that speaks to us says that its own client is another; that one may say what it
  // wants.
  auto e = client_with({std::string(kV1Header), "X-Forwarded-For: 203.0.113.11\r\n", nullptr});
  EXPECT_EQ(e->login("claimed"), Reason::success);
  EXPECT_EQ(address_of("claimed"), "203.0.113.7 51000");
}

TEST_P(TransportTest, ForwardingHeadersOfAnybodyElseAreIgnored) {
  if (!websocket()) GTEST_SKIP();
  start();
  auto c = client_with({"", "X-Forwarded-For: 203.0.113.9\r\n", nullptr});
  EXPECT_EQ(c->login("u"), Reason::success);
  EXPECT_EQ(address_of("u").substr(0, 10), "127.0.0.1 ");
}

TEST_P(TransportTest, ConnectionsOfOneAddressAreLimited) {
  options_.admission.connections_per_address.set(2);
  start();
  auto a = client("a");
  auto b = client("b");
  auto c = client();
  expect_refused(*c, "429 Too Many Requests");
  EXPECT_EQ(refused("address_connections"), 1);
  a->close();
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 1; }));
  EXPECT_EQ(client()->login("d"), Reason::success);
}

TEST_P(TransportTest, ClientsBehindOneProxyAreLimitedOneByOne) {
  trust_loopback();
  options_.admission.connections_per_address.set(1);
  start();
  const auto header = [](int host) {
    return "PROXY TCP4 203.0.113." + std::to_string(host) + " 192.0.2.1 51000 5100\r\n";
  };
  auto a = client_with({header(1), "", nullptr});
  EXPECT_EQ(a->login("a"), Reason::success);
  auto b = client_with({header(2), "", nullptr});
  EXPECT_EQ(b->login("b"), Reason::success);
  auto c = client_with({header(1), "", nullptr});
  expect_refused(*c, "429 Too Many Requests");
  EXPECT_EQ(refused("address_connections"), 1);
}

TEST_P(TransportTest, ALimitAppliesToTheForwardedAddress) {
  if (!websocket()) GTEST_SKIP();
  trust_loopback();
  options_.admission.connections_per_address.set(1);
  start();
  auto a = client_with({"", "X-Forwarded-For: 203.0.113.9\r\n", nullptr});
  EXPECT_EQ(a->login("a"), Reason::success);
  auto b = client_with({"", "X-Forwarded-For: 203.0.113.9\r\n", nullptr});
  // Over TLS as well: the handshake is done anyway.
  EXPECT_NE(b->upgrade_response.find("429 Too Many Requests"), std::string::npos);
  EXPECT_TRUE(b->wait_closed());
  auto c = client_with({"", "X-Forwarded-For: 203.0.113.10\r\n", nullptr});
  EXPECT_EQ(c->login("c"), Reason::success);
}

TEST_P(TransportTest, HandshakesOfOneAddressAreLimited) {
  options_.admission.handshakes_per_address_per_second.set(1);
  start();
  auto a = client("a");
  auto b = client();
  // A second may just have begun.
  if (refused("address_rate") == 0) b = client();
  expect_refused(*b, "429 Too Many Requests");
  EXPECT_GE(refused("address_rate"), 1);
}

TEST_P(TransportTest, HandshakesOfAllAreLimitedAndALimitCanBeLifted) {
  options_.admission.handshakes_per_second.set(1);
  start();
  auto a = client("a");
  auto b = client();
  if (refused("rate") == 0) b = client();
  expect_refused(*b, "429 Too Many Requests");
  options_.admission.handshakes_per_second.set(0);
  EXPECT_EQ(client()->login("c"), Reason::success);
  EXPECT_EQ(client()->login("d"), Reason::success);
}

TEST_P(TransportTest, ConnectionsBeyondTheNodesLimitAreRefused) {
  options_.limits.max_connections = 1;
  start();
  auto a = client("a");
  auto b = client();
  expect_refused(*b, "503 Service Unavailable");
  EXPECT_EQ(refused("max_connections"), 1);
}

// The first `sent` bytes of a frame that says it has `size`.
void write_half(TestClient& c, bool websocket, char type, std::size_t size, std::size_t sent) {
  std::string frame(1, type);
  append_varint(frame, size);
  frame.append(size, 'x');
  if (websocket) frame = TestClient::masked(0x82, frame);
  (void)c.write_raw(std::string_view(frame).substr(0, sent));
}

// A session may hold most of a frame; all of them together may not.
TEST_P(TransportTest, HalfFramesShareABudget) {
  options_.inbound_budget = std::make_shared<ByteBudget>(std::size_t{2} << 20);
  start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(client("u" + std::to_string(i)));
    write_half(*clients.back(), websocket(), '\x30', 700'000, 500'000);
  }
  // Each needs 500 KB at least.
  EXPECT_TRUE(eventually([&] { return cut("inbound_full") >= 4; }));
  EXPECT_LE(options_.inbound_budget->used(), std::size_t{2} << 20);
  const auto told = [&clients] {
    return std::count_if(clients.begin(), clients.end(), [](const auto& c) {
      return c->wait_closed(20) && c->ws_close_status() == 1013;
    });
  };
  if (websocket()) {
    EXPECT_TRUE(eventually([&] { return told() >= 4; }));
  }
  clients.clear();
  EXPECT_TRUE(eventually([&] { return options_.inbound_budget->used() == 0; }));
  auto next = client("next");
  std::string bytes;
  next->append_send(bytes, 1, "g", ChannelType::group, std::string(20'000, 'x'));
  next->write(bytes);
  EXPECT_TRUE(read_sendack(*next));
  EXPECT_TRUE(eventually([&] { return options_.inbound_budget->used() == 0; }));
}

TEST_P(TransportTest, HalfFramesOfStrangersTakeAQuarter) {
  options_.inbound_budget = std::make_shared<ByteBudget>(std::size_t{128} << 10);
  start();
  auto known = client("known");
  std::vector<std::unique_ptr<TestClient>> strangers;
  for (int i = 0; i < 20; ++i) {
    strangers.push_back(client());
    write_half(*strangers.back(), websocket(), '\x10', 8000, 6000);
  }
  EXPECT_TRUE(eventually([&] { return cut("inbound_full") >= 12; }));
  EXPECT_LT(options_.inbound_budget->used(), std::size_t{48} << 10);
  // In pieces, with room left.
  std::string bytes;
  known->append_send(bytes, 1, "g", ChannelType::group, std::string(10'000, 'x'));
  if (websocket()) bytes = TestClient::masked(0x82, bytes);
  known->write_raw(std::string_view(bytes).substr(0, 9000));
  std::this_thread::sleep_for(milliseconds(20));
  known->write_raw(std::string_view(bytes).substr(9000));
  EXPECT_TRUE(read_sendack(*known));
}

TEST_P(TransportTest, AFrameOverTheLimitIsToldByItsStatus) {
  options_.limits.frame_bytes_max = 10'000;
  start();
  auto c = client("u");
  std::string bytes;
  c->append_send(bytes, 1, "g", ChannelType::group, std::string(20'000, 'x'));
  c->write(bytes);
  EXPECT_TRUE(c->wait_closed());
  EXPECT_TRUE(eventually([&] { return cut("too_long") == 1; }));
  if (websocket()) {
    EXPECT_EQ(c->ws_close_status(), 1009U);
  }
  if (tls()) {
    EXPECT_TRUE(c->was_notified());
  }
}

// ---- TLS ------------------------------------------------------------------------------------

class TlsTransportTest : public TransportTest {};
INSTANTIATE_TEST_SUITE_P(Transports, TlsTransportTest,
                         testing::Values(Transport::tls, Transport::tls_websocket));

TEST_P(TlsTransportTest, ClientsResumeTheirSession) {
  start();
  auto first = client("a");
  const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
      SSL_get1_session(first->ssl()), &SSL_SESSION_free);
  EXPECT_EQ(metrics_.tls_handshakes.with("full").Value(), 1);
  auto second = client_with({"", "", session.get()});
  EXPECT_EQ(second->login("b"), Reason::success);
  EXPECT_EQ(metrics_.tls_handshakes.with("resumed").Value(), 1);
}

TEST_P(TlsTransportTest, WhatIsNotTlsIsClosedAndCounted) {
  start();
  TestClient c(address());
  c.write_raw("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(c.wait_closed());
  EXPECT_TRUE(eventually([&] { return metrics_.tls_handshakes.with("failed").Value() == 1; }));
  EXPECT_TRUE(eventually([&] { return gateway_->connection_count() == 0; }));
}

TEST_P(TlsTransportTest, AHandshakeThatStandsStillEndsWithTheConnectTimeout) {
  options_.limits.connect_timeout = milliseconds(100);
  start();
  TestClient c(address());
  c.write_raw(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(c.wait_closed());
  EXPECT_EQ(cut("no_connect"), 1);
}

TEST_P(TlsTransportTest, ANewCertificateIsForNewConnections) {
  start();
  const auto name_seen = [](TestClient& c) {
    X509* certificate = SSL_get1_peer_certificate(c.ssl());
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                              name.size());
    X509_free(certificate);
    return std::string(name.data());
  };
  auto old = client("old");
  EXPECT_EQ(name_seen(*old), "first");
  std::string before;
  gateway_->append_metrics(before);
  EXPECT_NE(before.find("\njindou_tls_certificate_not_after_seconds "), std::string::npos);
  certificate_.replace("second", 7200);
  gateway_->reload_certificate();
  auto fresh = client("new");
  EXPECT_EQ(name_seen(*fresh), "second");
  std::string after;
  gateway_->append_metrics(after);
  EXPECT_NE(before, after);
  old->write("\x70");
  EXPECT_TRUE(old->read_frame());
  TestCertificate::write(certificate_.key_file(), "nonsense");
  gateway_->reload_certificate();
  EXPECT_EQ(name_seen(*client("newest")), "second");
}

TEST_P(TlsTransportTest, ChangedFilesAreNoticedWithoutBeingTold) {
  options_.certificate.set({certificate_.cert_file(), certificate_.key_file(), milliseconds(20)});
  start();
  std::string before;
  gateway_->append_metrics(before);
  certificate_.replace("second", 7200);
  EXPECT_TRUE(eventually([&] {
    std::string now;
    gateway_->append_metrics(now);
    return now != before;
  }));
}

TEST_P(TlsTransportTest, ABadCertificateIsAnErrorOfTheStart) {
  TestCertificate::write(certificate_.key_file(), "nonsense");
  const GatewayDeps deps{
      .shards = shards_,
      .pool = pool_,
      .core = core_,
      .fan_out = fan_out_,
      .directory = directory_,
      .metrics = metrics_,
      .clock = clock_,
      .random = random_,
  };
  Gateway gateway(deps, options_);
  const auto listening = gateway.listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().detail(),
            "wssConfig.keyFile: " + certificate_.key_file() + ": no private key in PEM form in it");
  shards_.start();
}

TEST_P(TlsTransportTest, WhatIsSentBeforeAGoodbyeInTheSameReadCounts) {
  start();
  auto c = client("u");
  std::string send;
  c->append_send(send, 1, "g", ChannelType::group, "last words");
  c->write_and_leave(send);
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 1; }));
  EXPECT_TRUE(eventually([&] { return !directory_.is_online("u"); }));
}

TEST_P(TlsTransportTest, AClientThatDoesNotReadIsCutAtTheByteBound) {
  options_.limits.outbound_bytes_max = 1 << 20;
  start();
  auto c = client("u");
  for (std::uint64_t id = 1; id < 4000 && directory_.is_online("u"); id += 20) {
    fan_out(id, id + 19, {"u"}, 20'000, true);
  }
  EXPECT_TRUE(eventually([&] { return !directory_.is_online("u"); }));
  EXPECT_EQ(cut("slow"), 1);
}

// ---- compression ----------------------------------------------------------------------------

class CompressionTest : public TransportTest {
 protected:
  CompressionTest() { options_.limits.compression = true; }

  // A compressed message, in one frame or cut in two.
  static std::string packed(std::string_view message, bool in_two = false) {
    WsDeflater deflater(0);
    const std::string payload(*deflater.deflate(message, 15));
    if (!in_two) return TestClient::masked(0xc2, payload);
    return TestClient::masked(0x42, payload.substr(0, 5)) + TestClient::masked(0x89, "") +
           TestClient::masked(0x80, payload.substr(5));
  }
};
INSTANTIATE_TEST_SUITE_P(Transports, CompressionTest,
                         testing::Values(Transport::websocket, Transport::tls_websocket));

TEST_P(CompressionTest, IsAgreedOnAndUsedBothWays) {
  options_.limits.compression_min_bytes = 50;
  start();
  auto c = client();
  EXPECT_NE(c->upgrade_response.find(
                "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                "client_no_context_takeover\r\n"),
            std::string::npos);
  codec::Connect frame = c->connect_frame("u");
  const std::string token(200, 'a');  // so that it gets smaller
  frame.token = token;
  std::string connect;
  codec::encode(connect, frame).ignore("test");
  c->write_raw(packed(connect, true));
  EXPECT_EQ(c->read_connack(), Reason::success);
  const std::size_t before = c->ws_compressed();
  fan_out(1, 3, {"u"}, 2000);
  for (std::uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(read_recv(*c), id);
  EXPECT_EQ(c->ws_compressed(), before + 3);
  // A PONG is too short.
  c->write(std::string(1, '\x70'));
  EXPECT_TRUE(c->read_frame());
  EXPECT_EQ(c->ws_compressed(), before + 3);
}

TEST_P(CompressionTest, ABombIsTooLong) {
  start();
  auto c = client("u");
  c->write_raw(packed(std::string(5 << 20, '\x70')));
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(cut("too_long"), 1);
  EXPECT_EQ(c->ws_close_status(), 1009U);
}

TEST_P(CompressionTest, ABombBeforeTheLoginIsHeldToTheLimitOfAConnect) {
  start();
  auto c = client();
  c->write_raw(packed(std::string(20'000, '\x10')));
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(cut("too_long"), 1);
}

TEST_P(CompressionTest, AMessageMayHoldMoreThanOneFrameOfTheLongestKind) {
  options_.limits.frame_bytes_max = 4096;
  start();
  auto c = client("u");
  std::string sends;
  for (std::uint32_t seq = 1; seq <= 4; ++seq) {
    c->append_send(sends, seq, "g", ChannelType::group, std::string(2000, 'a'));
  }
  ASSERT_GT(sends.size(), 2 * 4096U);
  c->write_raw(packed(sends, true));
  for (std::uint32_t seq = 1; seq <= 4; ++seq) {
    const auto ack = read_sendack(*c);
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->client_seq, seq);
    EXPECT_EQ(ack->reason, Reason::success);
  }
  // Each frame by itself is held to the limit.
  std::string too_long;
  c->append_send(too_long, 5, "g", ChannelType::group, std::string(6000, 'a'));
  c->write_raw(packed(too_long));
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(cut("too_long"), 1);
}

TEST_P(CompressionTest, ALongMessageBeforeTheConnackIsDroppedLikeAnyOther) {
  start();
  auto c = client();
  std::string connect;
  codec::encode(connect, c->connect_frame("u")).ignore("test");
  std::string noise(30'000, ' ');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i >> 7);
  std::string old;
  c->append_send(old, 1, "g", ChannelType::group, noise);
  WsDeflater deflater(0);
  const std::string payload(*deflater.deflate(old, 15));
  ASSERT_GT(payload.size(), 9000U);
  // In three parts, the first of which is kept at first.
  c->write_raw(TestClient::masked(0x82, connect) +
               TestClient::masked(0x42, payload.substr(0, 1000)) +
               TestClient::masked(0x00, payload.substr(1000, 8000)) +
               TestClient::masked(0x80, payload.substr(9000)));
  ASSERT_EQ(c->read_connack(), Reason::success);
  std::string send;
  c->append_send(send, 2, "g", ChannelType::group, "new keys");
  c->write_raw(packed(send));
  const auto ack = read_sendack(*c);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->client_seq, 2U);
}

TEST_P(CompressionTest, ManyBombsInOneReadUnfoldOneByOne) {
  options_.limits.inbound_items_in_flight = 1;
  core_.hold = true;
  start();
  auto c = client("u");
  std::string bytes;
  c->append_send(bytes, 1, "g", ChannelType::group, "x");
  c->write(bytes);
  ASSERT_TRUE(eventually([&] { return core_.received_count() == 1; }));
  std::string bombs = packed(std::string(1 << 20, '\x70'));
  std::string all = TestClient::masked(0x82, "");
  for (int i = 0; i < 40; ++i) all += bombs;
  // Input is paused: these are read when it goes on, and what they ask is not taken by the client.
  c->write_raw(all);
  core_.release();
  EXPECT_TRUE(eventually([&] { return cut("slow") == 1; }));
}

TEST_P(CompressionTest, ADamagedMessageIsInvalidData) {
  start();
  auto c = client("u");
  c->write_raw(TestClient::masked(0xc2, "\xff\xff\xff\xff"));
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(c->ws_close_status(), 1007U);
}

TEST_P(CompressionTest, ContinuationsAndControlFramesAreNotMarked) {
  start();
  for (const std::string& wrong : {TestClient::masked(0x42, "") + TestClient::masked(0xc0, ""),
                                   TestClient::masked(0xc9, ""), TestClient::masked(0xa2, "")}) {
    auto c = client("u");
    c->write_raw(wrong);
    EXPECT_TRUE(c->wait_closed());
    EXPECT_EQ(c->ws_close_status(), 1002U);
  }
}

TEST_P(TransportTest, CompressedFramesThatWereNotAgreedOnBreakTheProtocol) {
  if (!websocket()) GTEST_SKIP();
  start();
  auto c = client("u");
  EXPECT_EQ(c->upgrade_response.find("Extensions"), std::string::npos);
  c->write_raw(TestClient::masked(0xc2, "x"));
  EXPECT_TRUE(c->wait_closed());
  EXPECT_EQ(c->ws_close_status(), 1002U);
}

}  // namespace
}  // namespace jindou::gateway
