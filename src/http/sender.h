// HTTP requests to systems of the customer, over libcurl: several at a time from one thread, over
// connections that are kept.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::http {

// One POST.
struct Call {
  std::string url;  // http:// or https://
  std::string body;
  std::vector<std::string> headers;  // "Name: value"
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};  // of the whole exchange
  bool http2 = false;                         // HTTP/2 without TLS, as gRPC speaks it
  // PEM file of authorities that may sign an https receiver's certificate, besides those of the
  // system. Empty: only those.
  std::string ca_file;
};

struct CallAnswer {
  int status = 0;                       // 0: there was no complete answer
  std::string error;                    // why not; holds no URL and no body
  std::string body;                     // at most the limit; longer ones count as no answer
  std::string grpc_status;              // header or trailer; empty when absent
  std::chrono::seconds retry_after{0};  // what the receiver asks for; 0: nothing
  bool too_long = false;                // `error` says so; set by who bounds it (server_call.h)

  bool ok() const { return status >= 200 && status < 300; }
};

class Sender {
 public:
  // `parallel`: requests under way at the same time. `answer_bytes_max`: of one answer's body.
  Sender(std::size_t parallel, std::size_t answer_bytes_max);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Called with the index of a request and its answer, once each, on the calling thread. False: no
  // further requests are started.
  using OnAnswer = std::function<bool(std::size_t index, CallAnswer answer)>;

  // Makes the request of an index. Called when it is to be started, on the calling thread, so that
  // no more than `parallel` of them are in memory.
  using MakeRequest = std::function<Call(std::size_t index)>;

  // Sends `count` requests in order, `parallel` at a time, and returns when everything started is
  // answered. Requests that were not started, or were under way when stop() was called, get no
  // answer. Blocks; one thread at a time.
  void send_all(std::size_t count, const MakeRequest& make, const OnAnswer& on_answer);
  // The same with few or small requests, each of which is copied.
  void send_all(const std::vector<Call>& requests, const OnAnswer& on_answer);

  // Ends the send that is under way and all later ones at once. Thread-safe, for good.
  void stop();

  // Must be called once in a process before other threads start (curl_global_init(3)); further
  // calls do nothing.
  static void init_library();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jindou::http
