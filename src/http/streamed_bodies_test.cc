// Bodies and answers piece by piece, over real sockets: framing, both directions at once, peers
// that stall, leave or never read, and a stop in the middle.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/encoder.h"
#include "http/server_fixture.h"

namespace jindou::http {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;
using Part = Stream::Part;
using Wait = Stream::Wait;

class StreamHandler final : public RequestHandler {
 public:
  bool admit(Request& request, Response&) override {
    request.streams = request.path() != "/plain";
    return true;
  }
  Task<void> handle(Request& request, Response& response) override {
    response.content_type = "text/plain";
    if (request.path() == "/echo") return echo(request);
    if (request.path() == "/size" || request.path() == "/useful") return size(request, response);
    if (request.path() == "/flood") return flood(request);
    if (request.path() == "/first") return first(request);
    if (request.path() == "/throw") return fail(request);
    if (request.path() == "/idle") return idle(request);
    if (request.path() == "/due") return due(request);
    if (request.path() == "/ticks") return tick(request, 10ms);
    if (request.path() == "/long") return tick(request, 1h);
    return refuse_all(request, response);
  }
  void refuse(std::string_view detail, Response& response) override { response.body = detail; }
  void answering(const Request&, const Response&, const ExchangeTimes&) override {}
  void answered(const Request&, const Response&, const ExchangeTimes& times) override {
    ++answers;
    adds_up = adds_up && times.reading + times.working + times.writing == times.total;
  }

  std::atomic<int> answers{0};
  std::atomic<bool> adds_up{true};  // where the time went
  std::atomic<std::size_t> flooded{0};
  std::atomic<std::size_t> received{0};
  std::atomic<int> pauses_ended{0};

 private:
  static std::string_view ending(Part part) {
    switch (part) {
      case Part::end: return "[end]";
      case Part::broken: return "[broken] ";
      case Part::lost: return "[lost] ";
      default: return "[?]";
    }
  }
  Task<void> echo(Request& request) {
    Stream& stream = *request.stream;
    for (;;) {
      std::string_view piece;
      const Part part = co_await stream.read(Wait::yes, piece);
      if (part != Part::piece) {
        const std::string text = std::string(ending(part)) + std::string(stream.problem());
        co_await stream.write(text);
        // It stays as it is.
        const Part again = co_await stream.read(Wait::no, piece);
        EXPECT_EQ(again, part);
        co_return;
      }
      received += piece.size();
      const bool taken = co_await stream.write(piece);
      if (!taken) co_return;
    }
  }
  Task<void> size(Request& request, Response& response) {
    std::size_t bytes = 0;
    std::size_t largest = 0;
    std::string_view piece;
    Part part = Part::piece;
    while (part == Part::piece) {
      part = co_await request.stream->read(Wait::yes, piece);
      bytes += piece.size();
      largest = std::max(largest, piece.size());
      if (request.path() == "/useful") request.stream->count_useful(piece.size());
    }
    EXPECT_LE(largest, 65'536U);
    response.body = std::to_string(bytes) + std::string(ending(part));
  }
  Task<void> flood(Request& request) {
    const std::string piece(50'000, 'x');
    bool taken = true;
    while (taken) {
      taken = co_await request.stream->write(piece);
      if (taken) flooded += piece.size();
    }
    EXPECT_EQ(request.stream->is_open(), request.method() == Verb::head);
  }
  Task<void> first(Request& request) {
    std::string_view piece;
    const Part part = co_await request.stream->read(Wait::yes, piece);
    EXPECT_EQ(part, Part::piece);
    const std::string text(piece);
    request.stream->end_reading();
    co_await request.stream->write(text);
    co_await request.stream->write("|");
    const Part after = co_await request.stream->read(Wait::yes, piece);
    EXPECT_EQ(after, Part::lost);
    co_await request.stream->write("enough");
  }
  // Neither reads nor writes, but looks whether there is somebody.
  Task<void> idle(Request& request) {
    co_await request.stream->write({});
    while (request.stream->is_open()) {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 1ms);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
  }
  // Writes now and then, until the server stops.
  Task<void> tick(Request& request, std::chrono::milliseconds time) {
    co_await request.stream->write("begun");
    for (;;) {
      const bool over = !co_await request.stream->pause(time);
      if (over) break;
      co_await request.stream->write(".");
    }
    const bool again = co_await request.stream->pause(1h);
    EXPECT_FALSE(again);
    co_await request.stream->write("over");
    ++pauses_ended;
  }
  // Answers late what it reads.
  Task<void> due(Request& request) {
    Stream& stream = *request.stream;
    std::string_view piece;
    const Part part = co_await stream.read(Wait::yes, piece);
    EXPECT_EQ(part, Part::piece);
    stream.set_answer_due(true);
    const auto executor = co_await boost::asio::this_coro::executor;
    auto later = [&stream, executor]() -> Task<void> {
      boost::asio::steady_timer timer(executor, 300ms);
      co_await timer.async_wait(boost::asio::use_awaitable);
      co_await stream.write("late");
      stream.set_answer_due(false);
    };
    boost::asio::co_spawn(executor, later, boost::asio::detached);
    const Part after = co_await stream.read(Wait::yes, piece);
    const std::string text(ending(after));
    co_await stream.write(text);
  }
  Task<void> fail(Request& request) {
    co_await request.stream->write("begun");
    throw std::runtime_error("on purpose");
  }
  Task<void> refuse_all(Request& request, Response& response) {
    response.status = request.path() == "/plain" ? 200 : 400;
    response.body = "no: " + request.body;
    co_return;
  }
};

class StreamTest : public HttpServerTest {
 protected:
  void start(ServerOptions options = {}) {
    options.tick = 5ms;
    server_ = std::make_unique<Server>(shards_, streams_, clock_, options);
    ASSERT_TRUE(server_->listen("127.0.0.1:0"));
    shards_.start();
  }
  static std::string begin(const std::string& path, const std::string& headers = "",
                           const std::string& method = "POST") {
    return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + headers +
           "Transfer-Encoding: chunked\r\n\r\n";
  }
  static std::string chunk(const std::string& data) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    return size + data + "\r\n";
  }
  // Reads until `rest` has `text`.
  static bool read_until(tcp::socket& socket, std::string& rest, const std::string& text) {
    while (rest.find(text) == std::string::npos) {
      char buffer[4096];
      boost::system::error_code ec;
      const std::size_t bytes = socket.read_some(boost::asio::buffer(buffer), ec);
      if (ec) return false;
      rest.append(buffer, bytes);
    }
    return true;
  }
  // The body of a chunked answer, and whether it has its end; what follows stays in `text`.
  static std::string unchunk(std::string& text, bool& ended) {
    std::string body;
    ended = false;
    std::size_t at = text.find("\r\n\r\n") + 4;
    for (;;) {
      const auto line = text.find("\r\n", at);
      if (line == std::string::npos) return body;
      const std::size_t size = std::stoul(text.substr(at, line - at), nullptr, 16);
      body += text.substr(line + 2, size);
      at = line + 2 + size + 2;
      if (size == 0) break;
    }
    ended = true;
    text.erase(0, at);
    return body;
  }

  StreamHandler streams_;
};

TEST_F(StreamTest, AnswersWhileTheBodyComes) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  send(socket, begin("/echo") + chunk("one"));
  EXPECT_TRUE(read_until(socket, rest, "3\r\none\r\n"));
  EXPECT_NE(rest.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos) << rest;
  EXPECT_NE(rest.find("\r\nContent-Type: text/plain\r\n"), std::string::npos) << rest;
  EXPECT_EQ(rest.find("Content-Length"), std::string::npos);
  for (int i = 0; i < 100; ++i) {
    const std::string text = "n" + std::to_string(i) + ";";
    send(socket, chunk(text));
    EXPECT_TRUE(read_until(socket, rest, text));
  }
  send(socket, "0\r\n\r\n");
  EXPECT_TRUE(read_until(socket, rest, "\r\n0\r\n\r\n"));
  bool ended = false;
  EXPECT_TRUE(unchunk(rest, ended).ends_with("n98;n99;[end]"));
  EXPECT_TRUE(ended);
  // The connection is as good as before.
  send(socket, post("/plain", "abc"));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("no: abc"));
  while (streams_.answers < 2) std::this_thread::sleep_for(1ms);
}

TEST_F(StreamTest, BodiesOfAnyLengthAndFraming) {
  ServerOptions options;
  options.limits.body_bytes = 1000;
  options.expansion_max = 1'000'000;
  // For the window of a decoder, not for the body.
  options.body_budget = std::make_shared<ByteBudget>(std::size_t{2} << 20);
  start(options);
  tcp::socket socket = connect();
  std::string rest;
  const std::string body(3'000'000, 'b');
  send(socket, post("/size", body));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("3000000[end]"));
  std::string chunks = begin("/size");
  for (std::size_t at = 0; at < body.size(); at += 70'001) chunks += chunk(body.substr(at, 70'001));
  send(socket, chunks + "0\r\n\r\n");
  EXPECT_TRUE(read_answer(socket, rest).ends_with("3000000[end]"));
  chunks = begin("/size");
  for (int i = 0; i < 20'000; ++i) chunks += chunk("ab");
  send(socket, chunks + "0\r\n\r\n");
  EXPECT_TRUE(read_answer(socket, rest).ends_with("40000[end]"));
  for (const Coding coding : {Coding::gzip, Coding::zstd}) {
    std::string coded;
    make_encoder(coding, body.size(), nullptr)->encode(body, true, coded);
    send(socket,
         post("/size", coded, "Content-Encoding: " + std::string(coding_name(coding)) + "\r\n"));
    EXPECT_TRUE(read_answer(socket, rest).ends_with("3000000[end]"));
  }
  send(socket, post("/size", ""));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("0[end]"));
  // What is not streamed has its limit as ever.
  send(socket, post("/plain", std::string(1001, 'b')));
  EXPECT_TRUE(read_answer(socket, rest).starts_with("HTTP/1.1 413 "));
}

TEST_F(StreamTest, ACodedBodyIsAsLongAsItIsOfUse) {
  ServerOptions options;
  options.limits.body_bytes = 1000;
  options.expansion_max = 10;
  start(options);
  const std::string body(3'000'000, 'b');
  for (const Coding coding : {Coding::gzip, Coding::zstd}) {
    std::string coded;
    make_encoder(coding, body.size(), nullptr)->encode(body, true, coded);
    const std::string field = "Content-Encoding: " + std::string(coding_name(coding)) + "\r\n";
    EXPECT_TRUE(exchange(post("/useful", coded, field + "Connection: close\r\n"))
                    .ends_with("3000000[end]"));
    // Not much more than one piece is read.
    const std::string broken = exchange(post("/size", coded, field));
    EXPECT_TRUE(broken.ends_with("[broken] ")) << broken;
    EXPECT_LT(std::stoul(broken.substr(broken.find("\r\n\r\n") + 4)), 300'000U) << broken;
    std::string all = exchange(post("/echo", coded, field));
    bool ended = false;
    EXPECT_NE(unchunk(all, ended).find("more than 10 times"), std::string::npos);
    EXPECT_TRUE(ended);
  }
  EXPECT_TRUE(exchange(post("/size", body, "Connection: close\r\n")).ends_with("3000000[end]"));
}

TEST_F(StreamTest, PipelinedBehindAStream) {
  start();
  tcp::socket socket = connect();
  send(socket, begin("/echo") + chunk("abc") + "0\r\n\r\n" + post("/size", "12345") +
                   post("/plain", "x", "Connection: close\r\n"));
  std::string all = read_all(socket);
  bool ended = false;
  EXPECT_EQ(unchunk(all, ended), "abc[end]");
  EXPECT_TRUE(ended);
  EXPECT_NE(all.find("5[end]"), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with("no: x")) << all;
}

TEST_F(StreamTest, SaysContinueFirst) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  send(socket, begin("/echo", "Expect: 100-continue\r\n"));
  EXPECT_TRUE(read_until(socket, rest, "HTTP/1.1 100 Continue\r\n\r\n"));
  rest.clear();
  send(socket, chunk("abc") + "0\r\n\r\n");
  EXPECT_TRUE(read_until(socket, rest, "\r\n0\r\n\r\n"));
  EXPECT_NE(rest.find("abc"), std::string::npos);
}

TEST_F(StreamTest, HalfClosedCallersGetTheirAnswer) {
  start();
  tcp::socket socket = connect();
  send(socket, begin("/echo") + chunk("abc") + "0\r\n\r\n");
  socket.shutdown(tcp::socket::shutdown_send);
  std::string all = read_all(socket);
  bool ended = false;
  EXPECT_EQ(unchunk(all, ended), "abc[end]");
  EXPECT_TRUE(ended);
}

TEST_F(StreamTest, ACutBodyIsTold) {
  start();
  for (const std::string& request :
       {begin("/echo") + chunk("abc"), begin("/echo") + "5\r\nab",
        std::string("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")}) {
    tcp::socket socket = connect();
    send(socket, request);
    socket.shutdown(tcp::socket::shutdown_send);
    std::string all = read_all(socket);
    bool ended = false;
    EXPECT_NE(unchunk(all, ended).find("[lost] the body was cut off"), std::string::npos);
    EXPECT_TRUE(ended);
  }
}

TEST_F(StreamTest, BrokenBodiesAreToldAndTheConnectionCloses) {
  start();
  std::string gzip;
  make_encoder(Coding::gzip, 3, nullptr)->encode("abc", true, gzip);
  const std::string field = "Content-Encoding: gzip\r\n";
  for (const std::string& request :
       {begin("/echo") + chunk("abc") + "zz\r\n", begin("/echo", field) + chunk("no gzip"),
        begin("/echo", field) + chunk(gzip + "tail"),
        post("/echo", gzip.substr(0, gzip.size() - 1), field)}) {
    std::string all = exchange(request + std::string(10, ' '));
    bool ended = false;
    EXPECT_NE(unchunk(all, ended).find("[broken] "), std::string::npos) << request;
    EXPECT_TRUE(ended);
  }
}

TEST_F(StreamTest, AnOldCallerGetsNoChunks) {
  start();
  const std::string answer =
      exchange("POST /echo HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabc[end]")) << answer;
}

TEST_F(StreamTest, AnAnswerWithoutABody) {
  start();
  tcp::socket socket = connect();
  send(socket,
       "HEAD /flood HTTP/1.1\r\nHost: h\r\n\r\n" + post("/plain", "x", "Connection: close\r\n"));
  std::string all = read_all(socket);
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200 ")) << all;
  EXPECT_NE(all.find("\r\n\r\nHTTP/1.1 200 "), std::string::npos) << all;
}

TEST_F(StreamTest, ARefusalDoesNotWaitForTheBody) {
  start();
  std::string answer = exchange(begin("/refuse") + chunk(std::string(100'000, 'b')));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("no: "));
  // Nor does who has read enough.
  answer = exchange(begin("/first") + chunk("abc"));
  bool ended = false;
  EXPECT_EQ(unchunk(answer, ended), "abc|enough");
  EXPECT_TRUE(ended);
}

TEST_F(StreamTest, AFailureLeavesTheAnswerWithoutItsEnd) {
  start();
  std::string answer = exchange(begin("/throw"));
  bool ended = true;
  EXPECT_EQ(unchunk(answer, ended), "begun");
  EXPECT_FALSE(ended);
}

// Who does not read is not read from, and what waits for him is bounded; at last he is cut.
TEST_F(StreamTest, ADeafPeerSlowsItsOwnUpload) {
  ServerOptions options;
  options.stream_timeout = 300ms;
  options.answer_budget = std::make_shared<ByteBudget>(std::size_t{1} << 20);
  start(options);
  tcp::socket socket = connect();
  socket.non_blocking(true);
  std::size_t sent = 0;
  const std::string piece = chunk(std::string(50'000, 'b'));
  boost::system::error_code ec;
  boost::asio::write(socket, boost::asio::buffer(begin("/echo")), ec);
  std::string left;
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (std::chrono::steady_clock::now() < until) {
    if (left.empty()) left = piece;
    const std::size_t bytes = socket.write_some(boost::asio::buffer(left), ec);
    if (ec == boost::asio::error::would_block || ec == boost::asio::error::try_again) {
      std::this_thread::sleep_for(1ms);
      continue;
    }
    if (ec) break;
    left.erase(0, bytes);
    sent += bytes;
  }
  EXPECT_TRUE(ec) << "the server has not cut the connection";
  // What the system buffers on the way there and back.
  EXPECT_LT(sent, std::size_t{64} << 20);
  EXPECT_LE(options.answer_budget->used(), std::size_t{1} << 20);
  socket.close();
  while (server_->connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(options.answer_budget->used(), 0U);
}

TEST_F(StreamTest, AFloodEndsWithItsReader) {
  start();
  tcp::socket socket = connect();
  send(socket, "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string rest;
  EXPECT_TRUE(read_until(socket, rest, "xxx"));
  socket.close();
  while (server_->connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_GT(streams_.flooded, 0U);
}

// Also behind a body that nobody reads.
TEST_F(StreamTest, APeerThatHasGoneIsNoticed) {
  start();
  tcp::socket socket = connect();
  send(socket, begin("/idle") + chunk(std::string(50'000, 'x')));
  std::string rest;
  EXPECT_TRUE(read_until(socket, rest, "\r\n\r\n"));
  // Who has only ended his upload is there.
  socket.shutdown(tcp::socket::shutdown_send);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(server_->connections(), 1U);
  socket.set_option(boost::asio::socket_base::linger(true, 0));
  socket.close();
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (server_->connections() > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(StreamTest, ASilentUploadIsEndedAndTold) {
  ServerOptions options;
  options.stream_timeout = 50ms;
  start(options);
  std::string answer = exchange(begin("/echo") + chunk("abc"));
  bool ended = false;
  EXPECT_EQ(unchunk(answer, ended),
            "abc[lost] nothing more of the body came for 0.05 s (api.streamTimeout)");
  EXPECT_TRUE(ended);
}

// Who waits for an answer sends nothing.
TEST_F(StreamTest, AnUploadIsNotSilentWhileItsAnswerIsDue) {
  ServerOptions options;
  options.stream_timeout = 50ms;
  start(options);
  for (const bool sends_on : {true, false}) {
    tcp::socket socket = connect();
    std::string rest;
    send(socket, begin("/due") + chunk("abc"));
    EXPECT_TRUE(read_until(socket, rest, "late"));
    if (sends_on) send(socket, "0\r\n\r\n");
    EXPECT_TRUE(read_until(socket, rest, sends_on ? "[end]" : "[lost]"));
  }
}

// Slower than the body of a plain request may be, but moving.
TEST_F(StreamTest, ASlowUploadIsNoSilentOne) {
  ServerOptions options;
  options.stream_timeout = 200ms;
  options.body_timeout = 50ms;
  start(options);
  tcp::socket socket = connect();
  std::string rest;
  send(socket, begin("/echo"));
  for (int i = 0; i < 10; ++i) {
    send(socket, chunk("part" + std::to_string(i)));
    EXPECT_TRUE(read_until(socket, rest, "part" + std::to_string(i)));
    std::this_thread::sleep_for(20ms);
  }
  send(socket, "0\r\n\r\n");
  EXPECT_TRUE(read_until(socket, rest, "\r\n0\r\n\r\n"));
}

TEST_F(StreamTest, AStopIsToldToWhoIsInTheMiddle) {
  start();
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 8; ++i) {
    sockets.push_back(connect());
    send(sockets.back(), begin("/echo") + chunk("abc"));
    std::string rest;
    EXPECT_TRUE(read_until(sockets.back(), rest, "abc"));
  }
  std::thread stopper([this] { server_->stop(); });
  for (tcp::socket& socket : sockets) {
    std::string rest;
    EXPECT_TRUE(read_until(socket, rest, "[lost] the server is stopping"));
    EXPECT_TRUE(read_until(socket, rest, "\r\n0\r\n\r\n"));
    socket.close();
  }
  stopper.join();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(StreamTest, AStopEndsAStreamThatDoesNotListen) {
  ServerOptions options;
  options.stop_grace = 100ms;
  start(options);
  tcp::socket socket = connect();
  send(socket, "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string rest;
  EXPECT_TRUE(read_until(socket, rest, "xxx"));
  server_->stop();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(StreamTest, APauseEndsByItselfOrWithTheServer) {
  start();
  tcp::socket ticks = connect();
  send(ticks, "GET /ticks HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string rest;
  EXPECT_TRUE(read_until(ticks, rest, "begun\r\n1\r\n.\r\n1\r\n.\r\n"));
  rest.clear();
  tcp::socket waits = connect();
  send(waits, "GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(read_until(waits, rest, "begun"));
  std::thread stopper([this] { server_->stop(); });
  for (tcp::socket* socket : {&ticks, &waits}) {
    rest.clear();
    EXPECT_TRUE(read_until(*socket, rest, "4\r\nover\r\n0\r\n\r\n"));
    socket->close();
  }
  stopper.join();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(StreamTest, APauseEndsWhenThePeerIsGone) {
  start();
  {
    tcp::socket socket = connect();
    send(socket, "GET /ticks HTTP/1.1\r\nHost: h\r\n\r\n");
    std::string rest;
    EXPECT_TRUE(read_until(socket, rest, "begun"));
  }
  while (streams_.pauses_ended == 0) std::this_thread::sleep_for(1ms);
}

TEST_F(StreamTest, BuffersOfStreamsShareTheBudget) {
  ServerOptions options;
  // Three times what is read, its chunks, and what a handler keeps of it.
  options.body_budget = std::make_shared<ByteBudget>(std::size_t{600'000});
  start(options);
  std::vector<tcp::socket> sockets;
  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    sockets.push_back(connect());
    send(sockets.back(), begin("/echo") + chunk("abc"));
    std::string rest;
    EXPECT_TRUE(read_until(sockets.back(), rest, "\r\n\r\n"));
    if (rest.starts_with("HTTP/1.1 429 ")) ++refused;
  }
  EXPECT_EQ(refused, 3);
  sockets.clear();
  while (options.body_budget->used() > 0) std::this_thread::sleep_for(1ms);
}

}  // namespace
}  // namespace jindou::http
