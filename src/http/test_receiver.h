// A real HTTP server for tests: answers as it is told, also with nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace jindou::http {

// One request as it was received.
struct ReceivedCall {
  std::string target;
  std::string body;
  std::map<std::string, std::string> headers;  // names as sent
};

// A thread per connection. Thread-safe.
class TestReceiver {
 public:
  static constexpr int kHang = -1;   // no answer until the receiver is destroyed
  static constexpr int kClose = -2;  // the connection is closed without an answer

  // The status of the answer, or one of the above.
  using Answer = std::function<int(const ReceivedCall&)>;

  explicit TestReceiver(Answer answer = {})
      : answer_(std::move(answer)),
        acceptor_(context_, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { accept(); });
  }
  ~TestReceiver() {
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      for (auto& connection : connections_) {
        boost::system::error_code ignored;
        connection.socket.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
      }
    }
    changed_.notify_all();
    // Wakes accept().
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket last(context);
    boost::system::error_code ignored;
    last.connect({boost::asio::ip::make_address("127.0.0.1"), port_}, ignored);
    thread_.join();
    for (auto& connection : connections_) connection.thread.join();
  }
  TestReceiver(const TestReceiver&) = delete;
  TestReceiver& operator=(const TestReceiver&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  unsigned short port() const { return port_; }

  void set_answer(Answer answer) {
    const MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  // The body of every answer; without one it is empty.
  using Body = std::function<std::string(const ReceivedCall&)>;
  void set_body(Body body) {
    const MutexLock lock(mutex_);
    body_ = std::move(body);
  }

  std::vector<ReceivedCall> calls() const {
    const MutexLock lock(mutex_);
    return calls_;
  }
  // True when `condition` over the calls so far holds within a generous time.
  bool wait_for(const std::function<bool(const std::vector<ReceivedCall>&)>& condition) const {
    MutexLock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return condition(calls_); });
  }
  bool wait_for_calls(std::size_t count) const {
    return wait_for([count](const auto& calls) { return calls.size() >= count; });
  }

 private:
  struct Connection {
    explicit Connection(boost::asio::ip::tcp::socket accepted) : socket(std::move(accepted)) {}
    boost::asio::ip::tcp::socket socket;
    std::thread thread;
  };

  void accept() {
    while (true) {
      boost::system::error_code error;
      auto socket = acceptor_.accept(error);
      const MutexLock lock(mutex_);
      if (stopping_ || error) return;
      Connection& connection = connections_.emplace_back(std::move(socket));
      connection.thread = std::thread([this, &connection] { serve(connection); });
    }
  }

  void serve(Connection& connection) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    while (true) {
      http::request<http::string_body> request;
      http::read(connection.socket, buffer, request, error);
      if (error) break;
      ReceivedCall call;
      call.target = std::string(request.target());
      call.body = request.body();
      for (const auto& field : request) {
        call.headers[std::string(field.name_string())] = std::string(field.value());
      }
      http::response<http::string_body> response;
      const int status = answer_to(std::move(call), response.body());
      if (status < 0) break;
      response.result(static_cast<unsigned>(status));
      response.keep_alive(true);
      response.prepare_payload();
      http::write(connection.socket, response, error);
      if (error) break;
    }
    const MutexLock lock(mutex_);
    boost::system::error_code ignored;
    connection.socket.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  }

  int answer_to(ReceivedCall call, std::string& body) {
    MutexLock lock(mutex_);
    const int status = answer_ ? answer_(call) : 200;
    if (body_) body = body_(call);
    calls_.push_back(std::move(call));
    changed_.notify_all();
    if (status == kHang) changed_.wait(lock, [this] { return stopping_; });
    return status;
  }

  Answer answer_;
  Body body_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  unsigned short port_ = 0;
  mutable Mutex mutex_;
  mutable Condition changed_;
  std::vector<ReceivedCall> calls_;
  std::list<Connection> connections_;
  bool stopping_ = false;
  std::thread thread_;
};

// A port on which nobody listens.
inline unsigned short unused_port() {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  return acceptor.local_endpoint().port();
}

}  // namespace jindou::http
