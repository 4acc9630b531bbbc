// What the webhook asks of the core, and how it waits for the answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>

#include "base/result.h"
#include "model/channel.h"
#include "partition/change.h"
#include "partition/command_router.h"
#include "partition/recipients.h"

namespace jindou::webhook {

// The part of partition::CommandRouter that is needed; a test puts its own core behind it.
class CoreLink {
 public:
  using ChangeDone = std::function<void(Result<void>)>;
  using RecipientsDone = std::function<void(Result<partition::Recipients>)>;

  virtual ~CoreLink() = default;
  // As the router's calls of the same names.
  virtual Result<void> post_change(partition::Change change, ChangeDone done) = 0;
  virtual Result<void> post_recipients(ChannelKey channel, RecipientsDone done) = 0;
};

class RouterLink final : public CoreLink {
 public:
  // Borrows the router.
  explicit RouterLink(partition::CommandRouter& router) : router_(router) {}
  Result<void> post_change(partition::Change change, ChangeDone done) override {
    return router_.post_change(std::move(change), std::move(done));
  }
  Result<void> post_recipients(ChannelKey channel, RecipientsDone done) override {
    return router_.post_recipients(std::move(channel), std::move(done));
  }

 private:
  partition::CommandRouter& router_;
};

// Counts answers that come on threads of the core, which never wait for the one that counts.
class AnswerCount {
 public:
  // By an answering thread.
  void answered() { semaphore_.release(); }
  // True when `count` more answers have come before `time` is over.
  bool wait_for(std::size_t count, std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    for (; count > 0; --count) {
      if (!semaphore_.try_acquire_until(end)) return false;
    }
    return true;
  }

 private:
  std::counting_semaphore<> semaphore_{0};
};

}  // namespace jindou::webhook
