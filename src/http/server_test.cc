// The server over real loopback sockets with a fake handler: order of answers, limits and
// time-outs, and what is refused before a handler sees it.
#include "http/server.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/server_fixture.h"
#include "runtime/client_address.h"

namespace jindou::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

TEST_F(HttpServerTest, KeepsTheConnectionAndItsBuffers) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  for (const std::size_t size : {10U, 100'000U, 5U, 300'000U, 7U}) {
    send(socket, post("/size", std::string(size, 'b')));
    const std::string answer = read_answer(socket, rest);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("POST /size " + std::to_string(size))) << answer;
    EXPECT_EQ(answer.find("Access-Control-"), std::string::npos);
    EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
  }
  EXPECT_TRUE(handler_.padded);
}

// Refusals that come after the header block was judged, too: a page can only tell what is wrong
// from an answer that it may read.
TEST_F(HttpServerTest, NamesTheOriginThatMayReadTheAnswer) {
  start();
  for (const std::string path : {"/x", "/denied", "/throw"}) {
    for (const std::string origin : {"*", "https://app.example"}) {
      tcp::socket socket = connect();
      std::string rest;
      send(socket, post(path, "b", "Origin: " + origin + "\r\n"));
      const std::string answer = read_answer(socket, rest);
      EXPECT_NE(answer.find("\r\nAccess-Control-Allow-Origin: " + origin + "\r\n"),
                std::string::npos)
          << answer;
      EXPECT_EQ(answer.find("\r\nVary: Origin\r\n") == std::string::npos, origin == "*");
    }
  }
}

// Whatever the answer is, and whatever its handler says about header fields.
TEST_F(HttpServerTest, AnswersNameTheTraceOfTheirRequest) {
  start();
  const std::string field = "\r\nTrace-Id: abababababababababababababababab\r\n";
  tcp::socket socket = connect();
  std::string rest;
  for (const std::string path : {"/x", "/busy", "/big", "/throw"}) {
    send(socket, post("/x", ""));
    EXPECT_EQ(read_answer(socket, rest).find("Trace-Id"), std::string::npos);
    send(socket, post(path, "", "Traced: yes\r\n"));
    EXPECT_NE(read_answer(socket, rest).find(field), std::string::npos) << path;
  }
}

TEST_F(HttpServerTest, ATrustedProxySaysWhereTheCallerIs) {
  const std::vector<std::string> trusted = {"127.0.0.0/8", "10.0.0.0/8"};
  ServerOptions options;
  options.trusted_proxies = *runtime::NetworkList::parse(trusted);
  start(options);
  tcp::socket socket = connect();
  std::string rest;
  const auto caller = [&](const std::string& headers) {
    send(socket, post("/peer", "", headers));
    const std::string answer = read_answer(socket, rest);
    return answer.substr(answer.find("POST /peer ") + std::string("POST /peer ").size());
  };
  EXPECT_EQ(caller("X-Forwarded-For: 203.0.113.7\r\n"), "203.0.113.7 loopback");
  // Of the one request alone.
  EXPECT_EQ(caller(""), "127.0.0.1 loopback");
  // What stands left of the first stranger is what he says himself; the lines are one list.
  EXPECT_EQ(caller("X-Forwarded-For: 192.0.2.1, 203.0.113.7, 10.0.0.9\r\n"),
            "203.0.113.7 loopback");
  EXPECT_EQ(caller("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 203.0.113.8\r\n"),
            "203.0.113.8 loopback");
  EXPECT_EQ(caller("X-Real-IP: 2001:db8::1\r\n"), "2001:db8::1 loopback");
  EXPECT_EQ(caller("X-Forwarded-For: nonsense\r\n"), "127.0.0.1 loopback");
}

TEST_F(HttpServerTest, NobodyElseSaysWhereTheCallerIs) {
  const std::vector<std::string> trusted = {"192.0.2.0/24"};
  ServerOptions options;
  options.trusted_proxies = *runtime::NetworkList::parse(trusted);
  start(options);
  tcp::socket socket = connect();
  std::string rest;
  send(socket, post("/peer", "", "X-Forwarded-For: 203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n"));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /peer 127.0.0.1 loopback"));
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  tcp::socket socket = connect();
  std::string all = post("/slow", "first");
  for (int i = 0; i < 50; ++i) all += post("/n", std::to_string(i));
  send(socket, all);
  std::string rest;
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /slow first"));
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /n " + std::to_string(i)));
  }
}

TEST_F(HttpServerTest, ReadsRequestsByteByByte) {
  start();
  tcp::socket socket = connect();
  socket.set_option(tcp::no_delay(true));
  for (const char c : post("/x", "abc")) send(socket, std::string(1, c));
  std::string rest;
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x abc"));
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  start();
  tcp::socket socket = connect();
  std::string body;
  std::string chunks;
  for (int i = 0; i < 3000; ++i) {
    const std::string part(static_cast<std::size_t>(1 + i % 15), static_cast<char>('a' + i % 26));
    body += part;
    chunks += std::string(1, "0123456789abcdef"[part.size()]) + "\r\n" + part + "\r\n";
  }
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n";
  send(socket, request + request);
  std::string rest;
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x " + body));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x " + body));
  EXPECT_TRUE(handler_.padded);
}

TEST_F(HttpServerTest, RefusesTooLargeBodiesBeforeReadingThem) {
  ServerOptions options;
  options.limits.body_bytes = 1000;
  start(options);
  const std::string answer =
      exchange("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(answer.find("1000 bytes"), std::string::npos) << answer;
  EXPECT_NE(answer.find("api.maxBodyBytes"), std::string::npos) << answer;
  // The whole body is on its way: the answer must arrive all the same.
  const std::string late = exchange(post("/x", std::string(2'000'000, 'x')));
  EXPECT_TRUE(late.starts_with("HTTP/1.1 413 ")) << late;
  const std::string chunked =
      exchange("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
  EXPECT_TRUE(chunked.starts_with("HTTP/1.1 413 ")) << chunked;
  EXPECT_EQ(handler_.handled, 0);
}

// Some clients send a line break behind a body.
TEST_F(HttpServerTest, IgnoresEmptyLinesBeforeARequest) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  for (int i = 0; i < 3; ++i) {
    send(socket, "\r\n" + post("/x", "abc") + "\r\n\r");
    EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x abc"));
    send(socket, "\n");
  }
}

TEST_F(HttpServerTest, AConnectionOfEmptyLinesIsIdle) {
  ServerOptions options;
  options.header_timeout = 50ms;
  start(options);
  EXPECT_EQ(exchange("\r\n\r\n"), "");
}

TEST_F(HttpServerTest, TakesNoBodyWithAGet) {
  start();
  for (const std::string method : {"GET", "HEAD"}) {
    const std::string sized =
        exchange(method + " /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
    EXPECT_TRUE(sized.starts_with("HTTP/1.1 400 ")) << sized;
    EXPECT_NE(sized.find("Connection: close\r\n"), std::string::npos);
    const std::string chunked =
        exchange(method + " /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
    EXPECT_TRUE(chunked.starts_with("HTTP/1.1 400 ")) << chunked;
  }
  EXPECT_EQ(handler_.handled, 0);
  EXPECT_TRUE(
      exchange("GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
          .starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ClosesAfterMalformedRequests) {
  start();
  for (const std::string request : {
           "nonsense\r\n\r\n",
           "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
           "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
           "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ntoken: t\r\n\r\n",
       }) {
    const std::string answer = exchange(request + post("/x", "smuggled"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << request << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos);
  }
  EXPECT_EQ(handler_.handled, 0);
}

TEST_F(HttpServerTest, JudgesTheHeaderBeforeTheBodyArrives) {
  start();
  // No byte of the body is ever sent.
  const std::string answer =
      exchange("POST /denied HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 401 ")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(handler_.handled, 0);
}

// The caller of a refused request comes again on the same connection; its body is dropped.
TEST_F(HttpServerTest, KeepsTheConnectionOfWhoIsToComeAgain) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  for (const std::size_t size : {0U, 10U, 400'000U, 1U << 20}) {
    send(socket, post("/busy", std::string(size, 'b')) + post("/x", "abc"));
    EXPECT_TRUE(read_answer(socket, rest).starts_with("HTTP/1.1 429 "));
    EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x abc")) << size;
  }
  // The answer does not wait for the body.
  send(socket, "POST /busy HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
  EXPECT_TRUE(read_answer(socket, rest).starts_with("HTTP/1.1 429 "));
  send(socket, "abc" + post("/x", "def"));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x def"));
  // Not worth it, or not known how much.
  for (const std::string header : {"Content-Length: 1048577\r\n", "Transfer-Encoding: chunked\r\n",
                                   "Expect: 100-continue\r\nContent-Length: 3\r\n"}) {
    const std::string answer = exchange("POST /busy HTTP/1.1\r\nHost: h\r\n" + header + "\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 ")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  }
}

// Many slow bodies: together they hold no more than their budget, and who comes then is told so.
TEST_F(HttpServerTest, BodiesOfAllConnectionsShareABudget) {
  ServerOptions options;
  options.body_budget = std::make_shared<ByteBudget>(1 << 20);
  start(options);
  std::vector<tcp::socket> slow;
  for (int i = 0; i < 3; ++i) {
    slow.push_back(connect());
    send(slow.back(), "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 250001\r\n\r\n" +
                          std::string(250'000, 'b'));
  }
  // With a read buffer of 64 KiB each.
  while (options.body_budget->used() < 930'000) std::this_thread::sleep_for(1ms);
  const std::string refused =
      exchange("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 429 ")) << refused;
  const std::string chunked =
      exchange("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n" +
               std::string(0x30000, 'b') + "\r\n30000\r\n" + std::string(0x30000, 'b'));
  EXPECT_TRUE(chunked.starts_with("HTTP/1.1 429 ")) << chunked;
  // Small ones go on, and there is room again when the slow ones have ended.
  EXPECT_TRUE(exchange(post("/x", "abc", "Connection: close\r\n")).ends_with("POST /x abc"));
  std::string rest;
  for (tcp::socket& socket : slow) {
    send(socket, "b");
    EXPECT_TRUE(read_answer(socket, rest).starts_with("HTTP/1.1 200 "));
  }
  slow.clear();
  while (options.body_budget->used() > 0) std::this_thread::sleep_for(1ms);
  const std::string fits =
      exchange(post("/size", std::string(900'000, 'b'), "Connection: close\r\n"));
  EXPECT_TRUE(fits.ends_with("POST /size 900000")) << fits;
}

// Callers who do not read: their answers hold no more than the budget.
TEST_F(HttpServerTest, UnreadAnswersShareABudget) {
  ServerOptions options;
  options.answer_budget = std::make_shared<ByteBudget>(10 << 20);
  start(options);
  std::vector<tcp::socket> deaf;
  for (int i = 0; i < 20; ++i) {
    deaf.emplace_back(client_io_);
    deaf.back().open(tcp::v4());
    deaf.back().set_option(asio::socket_base::receive_buffer_size(4096));
    const std::string address = server_->address();
    const auto port = static_cast<unsigned short>(std::stoi(address.substr(address.find(':') + 1)));
    deaf.back().connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
    send(deaf.back(), post("/big", ""));
  }
  while (handler_.handled < 20) std::this_thread::sleep_for(1ms);
  EXPECT_LE(options.answer_budget->used(), 10U << 20);
  int refused = 0;
  for (tcp::socket& socket : deaf) {
    std::string rest;
    if (read_answer(socket, rest).starts_with("HTTP/1.1 503 ")) ++refused;
  }
  EXPECT_GT(refused, 0);
  deaf.clear();
  while (options.answer_budget->used() > 0) std::this_thread::sleep_for(1ms);
}

// An answer below the size that is looked at before it is sent, many times over: the system's
// buffers fill, then ours would.
TEST_F(HttpServerTest, SmallAnswersCountOnceNobodyReadsThem) {
  ServerOptions options;
  options.answer_budget = std::make_shared<ByteBudget>(120'000);
  start(options);
  std::string many;
  for (int i = 0; i < 400; ++i) many += post("/medium", "");
  std::vector<tcp::socket> deaf;
  for (int i = 0; i < 6; ++i) {
    deaf.push_back(connect());
    deaf.back().set_option(asio::socket_base::receive_buffer_size(4096));
    send(deaf.back(), many);
  }
  // Two fit into the budget; the others are closed in the middle of an answer.
  while (options.answer_budget->used() < 100'000) std::this_thread::sleep_for(1ms);
  while (server_->connections() > 2) std::this_thread::sleep_for(1ms);
  EXPECT_GE(options.answer_budget->used(), 100'000U);
  EXPECT_LE(options.answer_budget->used(), 120'000U);
  deaf.clear();
  while (options.answer_budget->used() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(exchange(post("/x", "abc", "Connection: close\r\n")).ends_with("POST /x abc"));
}

// Idle connections keep buffers for their next request, but of each kind a quarter at most.
TEST_F(HttpServerTest, WhatIdleConnectionsKeepIsCounted) {
  ServerOptions options;
  options.body_budget = std::make_shared<ByteBudget>(1 << 20);
  options.answer_budget = std::make_shared<ByteBudget>(1 << 20);
  start(options);
  std::vector<tcp::socket> idle;
  for (int i = 0; i < 30; ++i) {
    idle.push_back(connect());
    std::string rest;
    send(idle.back(), post("/medium", std::string(100'000, 'b')));
    EXPECT_TRUE(read_answer(idle.back(), rest).starts_with("HTTP/1.1 200 "));
  }
  constexpr std::size_t kQuarter = (1U << 20) / 4;
  // The last one goes beyond it, as it was free before; a request may be about to end.
  while (options.body_budget->used() > kQuarter + 200'000) std::this_thread::sleep_for(1ms);
  EXPECT_GE(options.body_budget->used(), 100'000U);
  while (options.answer_budget->used() > kQuarter + 60'000) std::this_thread::sleep_for(1ms);
  EXPECT_GE(options.answer_budget->used(), 50'000U);
  // They go on as before.
  for (tcp::socket& socket : idle) {
    std::string rest;
    send(socket, post("/size", std::string(10'000, 'b')));
    EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /size 10000"));
  }
  idle.clear();
  while (options.body_budget->used() + options.answer_budget->used() > 0) {
    std::this_thread::sleep_for(1ms);
  }
}

TEST_F(HttpServerTest, AnswersExpectationsBeforeTheBody) {
  start();
  tcp::socket socket = connect();
  send(socket, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  std::string rest;
  EXPECT_EQ(read_answer(socket, rest), "HTTP/1.1 100 Continue\r\n\r\n");
  send(socket, "abc");
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x abc"));
}

TEST_F(HttpServerTest, ClosesSlowHeadersBodiesAndIdleConnections) {
  ServerOptions options;
  options.header_timeout = 50ms;
  options.body_timeout = 50ms;
  options.idle_timeout = 50ms;
  start(options);
  EXPECT_EQ(exchange("POST /x HTTP/1.1\r\nHos"), "");
  EXPECT_EQ(exchange("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"), "");
  EXPECT_EQ(exchange(""), "");
  // A request that was answered, then silence.
  EXPECT_TRUE(exchange(post("/x", "abc")).ends_with("POST /x abc"));
  // Dripping does not extend the header's time.
  tcp::socket socket = connect();
  const auto begin = std::chrono::steady_clock::now();
  std::thread reader([&socket] { EXPECT_EQ(read_all(socket), ""); });
  send(socket, "POST /x HTTP/1.1\r\n");
  for (int i = 0; i < 100 && server_->connections() > 0; ++i) {
    send(socket, "X: y\r\n");
    std::this_thread::sleep_for(5ms);
  }
  reader.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(HttpServerTest, DoesNotCountTheHandlersTime) {
  ServerOptions options;
  options.header_timeout = 30ms;
  options.body_timeout = 30ms;
  options.idle_timeout = 30ms;
  start(options);
  EXPECT_TRUE(exchange(post("/slow", "abc")).ends_with("POST /slow abc"));
}

TEST_F(HttpServerTest, RefusesConnectionsOverTheLimit) {
  ServerOptions options;
  options.connections_max = 2;
  start(options);
  tcp::socket first = connect();
  tcp::socket second = connect();
  std::string rest;
  send(first, post("/x", "1"));
  EXPECT_TRUE(read_answer(first, rest).ends_with("1"));
  send(second, post("/x", "2"));
  EXPECT_TRUE(read_answer(second, rest).ends_with("2"));
  const std::string answer = exchange(post("/x", "3"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
}

// A burst over the limit, every connection of which stays open until all have been refused.
TEST_F(HttpServerTest, TellsEveryConnectionOfABurstThatItIsRefused) {
  ServerOptions options;
  options.connections_max = 8;
  options.refusals_max = 4;
  start(options);
  std::vector<tcp::socket> served;
  for (std::size_t i = 0; i < options.connections_max; ++i) {
    served.push_back(connect());
    std::string rest;
    send(served.back(), post("/x", "1"));
    ASSERT_TRUE(read_answer(served.back(), rest).ends_with("1"));
  }
  std::vector<tcp::socket> refused;
  for (int i = 0; i < 100; ++i) refused.push_back(connect());
  for (tcp::socket& socket : refused) {
    send(socket, post("/x", "2"));
    std::string rest;
    const std::string answer = read_answer(socket, rest);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_TRUE(answer.ends_with("too many connections")) << answer;
  }
  EXPECT_EQ(server_->connections(), options.connections_max);
  // The refused ones, which are still open here, hold no place.
  served.pop_back();
  while (server_->connections() == options.connections_max) std::this_thread::yield();
  tcp::socket next = connect();
  std::string rest;
  send(next, post("/x", "3"));
  EXPECT_TRUE(read_answer(next, rest).ends_with("3"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  start();
  const std::string answer = exchange("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 8\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, FollowsTheRulesOfHttp10) {
  start();
  EXPECT_NE(exchange("GET /x HTTP/1.0\r\n\r\n").find("Connection: close\r\n"), std::string::npos);
  tcp::socket socket = connect();
  send(socket, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  std::string rest;
  EXPECT_NE(read_answer(socket, rest).find("Connection: keep-alive\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, TurnsExceptionsInto500) {
  start();
  EXPECT_TRUE(exchange(post("/throw", "")).starts_with("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, WritesLargeAnswersToSlowReaders) {
  start();
  tcp::socket socket = connect();
  send(socket, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
  std::this_thread::sleep_for(20ms);
  std::string rest;
  EXPECT_GT(read_answer(socket, rest).size(), 4U << 20);
}

TEST_F(HttpServerTest, WhoHasAnAnswerKnowsThatTheHandlerWasToldOfIt) {
  start();
  std::string rest;
  for (int asked = 1; asked <= 100; ++asked) {
    tcp::socket socket = connect();
    send(socket, post(asked % 3 == 0 ? "/denied" : "/x", "abc"));
    read_answer(socket, rest);
    EXPECT_EQ(handler_.ready, asked);
  }
}

TEST_F(HttpServerTest, FinishesWhatIsInFlightWhenItStops) {
  start();
  tcp::socket busy = connect();
  tcp::socket idle = connect();
  send(busy, post("/slow", "abc"));
  while (handler_.handled == 0) std::this_thread::yield();
  std::string answer;
  std::thread reader([&] { answer = read_all(busy); });
  server_->stop();
  reader.join();
  EXPECT_TRUE(answer.ends_with("POST /slow abc")) << answer;
  EXPECT_EQ(read_all(idle), "");
  EXPECT_EQ(server_->connections(), 0U);
  boost::system::error_code ec;
  tcp::socket late(client_io_);
  const std::string address = server_->address();
  const auto port = static_cast<unsigned short>(std::stoi(address.substr(address.find(':') + 1)));
  late.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port), ec);
  EXPECT_TRUE(ec);
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  start();
  const auto taken = server_->listen(server_->address());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Errc::unavailable);
  EXPECT_FALSE(server_->listen("no port here"));
}

}  // namespace
}  // namespace jindou::http
