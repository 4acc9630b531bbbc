// A server over real loopback sockets with a fake handler, and raw clients of it; for tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/answer_fields.h"
#include "http/server.h"
#include "observe/request_trace.h"
#include "observe/trace_context.h"

namespace jindou::http {

class EchoHandler final : public RequestHandler {
 public:
  bool admit(Request& request, Response& response) override {
    response.allow_origin = request.header("origin");
    if (!request.header("traced").empty()) {
      observe::TraceContext context;
      context.trace.fill(0xab);
      request.trace = std::make_unique<observe::RequestTrace>(context, observe::SpanId(), clock);
    }
    if (request.path() == "/busy") {
      response.status = 429;
      response.body = "busy";
      response.keep = true;
      return false;
    }
    if (request.path() != "/denied") return true;
    response.status = 401;
    response.body = "denied";
    return false;
  }
  Task<void> handle(Request& request, Response& response) override {
    ++handled;
    if (request.path() == "/throw") throw std::runtime_error("on purpose");
    if (request.path() == "/slow") {
      boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                      std::chrono::milliseconds(100));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    response.body += request.method_text();
    response.body += ' ';
    response.body += request.path();
    response.body += ' ';
    if (request.path() == "/size") {
      response.body += std::to_string(request.body.size());
    } else if (request.path() == "/peer") {
      response.body += request.peer;
      if (request.peer_is_loopback) response.body += " loopback";
    } else if (request.path() == "/big") {
      response.body.assign(4U << 20, 'x');
    } else if (request.path() == "/medium") {
      response.body.assign(50'000, 'x');
    } else {
      response.body += request.body;
    }
    padded = padded && (request.body.empty() ||
                        request.body.capacity() >= request.body.size() + kBodyPadding);
  }
  void refuse(std::string_view detail, Response& response) override { response.body = detail; }
  void answering(const Request&, const Response&, const ExchangeTimes&) override { ++ready; }
  void answered(const Request&, const Response&, const ExchangeTimes& times) override {
    ++answers;
    adds_up = adds_up && times.reading + times.working + times.writing == times.total;
  }

  SystemClock clock;
  std::atomic<int> handled{0};
  std::atomic<int> ready{0};  // answers that were about to be written
  std::atomic<int> answers{0};
  std::atomic<bool> adds_up{true};  // where the time went
  std::atomic<bool> padded{true};
};

class HttpServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    options.tick = std::chrono::milliseconds(5);
    server_ = std::make_unique<Server>(shards_, handler_, clock_, options);
    ASSERT_TRUE(server_->listen("127.0.0.1:0"));
    shards_.start();
  }
  void TearDown() override {
    if (server_) server_->stop();
    shards_.stop();
  }

  boost::asio::ip::tcp::socket connect() {
    boost::asio::ip::tcp::socket socket(client_io_);
    const std::string address = server_->address();
    const auto port = static_cast<unsigned short>(std::stoi(address.substr(address.find(':') + 1)));
    socket.connect(
        boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), port));
    return socket;
  }
  static void send(boost::asio::ip::tcp::socket& socket, const std::string& bytes) {
    boost::system::error_code ec;  // the server may have closed already, that is what is tested
    boost::asio::write(socket, boost::asio::buffer(bytes), ec);
  }
  // Everything until the server closes.
  static std::string read_all(boost::asio::ip::tcp::socket& socket) {
    std::string text;
    boost::system::error_code ec;
    boost::asio::read(socket, boost::asio::dynamic_buffer(text), ec);
    return text;
  }
  // One answer with Content-Length.
  static std::string read_answer(boost::asio::ip::tcp::socket& socket, std::string& rest) {
    for (;;) {
      const auto end = rest.find("\r\n\r\n");
      if (end != std::string::npos) {
        const auto at = rest.find("Content-Length: ");
        const std::size_t size =
            at < end ? std::stoul(rest.substr(at + std::string("Content-Length: ").size(), 20)) : 0;
        if (rest.size() >= end + 4 + size) {
          const std::string answer = rest.substr(0, end + 4 + size);
          const auto fields = rest.find("\r\n") + 2;
          EXPECT_EQ(unknown_answer_field(rest.substr(fields, end + 2 - fields)), "") << answer;
          rest.erase(0, end + 4 + size);
          return answer;
        }
      }
      char buffer[4096];
      boost::system::error_code ec;
      const std::size_t bytes = socket.read_some(boost::asio::buffer(buffer), ec);
      if (ec) return rest;
      rest.append(buffer, bytes);
    }
  }
  std::string exchange(const std::string& bytes) {
    boost::asio::ip::tcp::socket socket = connect();
    send(socket, bytes);
    return read_all(socket);
  }

  SystemClock clock_;
  EchoHandler handler_;
  boost::asio::io_context client_io_;
  runtime::IoShards shards_{2};
  std::unique_ptr<Server> server_;
};

inline std::string post(const std::string& path, const std::string& body,
                        const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace jindou::http
