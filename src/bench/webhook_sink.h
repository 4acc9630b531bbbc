// A receiver of webhooks that reads every request, counts the messages in it and answers 200.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "bench/net.h"

namespace jindou::bench {

// A thread per connection, of which a server opens few. They have low priority, because a receiver
// is another machine as a rule and takes no processor from the server there.
class WebhookSink {
 public:
  // Listens on a free loopback port. Errors: internal.
  static Result<std::unique_ptr<WebhookSink>> start();
  // Closes all connections and ends the threads.
  ~WebhookSink();
  WebhookSink(const WebhookSink&) = delete;
  WebhookSink& operator=(const WebhookSink&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  std::uint64_t requests() const { return requests_.load(); }
  // Message objects in all bodies so far.
  std::uint64_t messages() const { return messages_.load(); }

 private:
  WebhookSink(Fd listener, unsigned short port);
  struct Connection {
    Fd fd;
    std::thread thread;
  };
  void accept();
  void serve(int fd);

  Fd listener_;
  unsigned short port_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> messages_{0};
  Mutex mutex_;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::list<Connection> connections_ JD_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace jindou::bench
