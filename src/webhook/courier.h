// Letters on their way: which of them are due, what became of each, and how long a receiver that
// does not answer is left alone. Used by every stream of events.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "http/sender.h"
#include "model/ids.h"
#include "store/records.h"
#include "webhook/letter.h"
#include "webhook/options.h"
#include "webhook/told_record.h"

namespace jindou::webhook {

// A letter and how it has fared so far.
struct Dispatch {
  Letter letter;
  std::uint64_t weight = 1;         // messages (or changes) it tells of
  std::int64_t newest_seconds = 0;  // when the newest of them happened
  std::int64_t expires_at = 0;      // is_over(): not worth telling any more
  unsigned refusals = 0;
  std::uint64_t attempts = 0;  // requests that failed, the refusals among them
  std::string last_error;      // of the last of them
  std::chrono::steady_clock::time_point not_before{};
  bool settled = false;  // delivered or given up
  // Once it is settled: how it ended, and when, in milliseconds since 1970.
  ToldOutcome outcome = ToldOutcome::delivered;
  store::GiveUpCause cause = store::GiveUpCause::refused;  // given_up only
  std::int64_t settled_at_ms = 0;
  // What is to be noted of it then; empty where nothing is.
  std::vector<MessageId> messages;
  std::size_t receivers = 0;
};

// Lives on one thread; stop() may come from another.
class Courier {
 public:
  // Borrows all but the name of the stream, a constant for the log.
  Courier(std::string_view name, std::size_t parallel, const Clock& clock, Random& random,
          EventCounters& counters);

  // Sends what is due, in order, and settles what is delivered, expired or given up: refused too
  // often, or too old. While the receiver is down only the first one is tried. Blocks.
  void send(const std::vector<Dispatch*>& letters, const WebhookOptions& options);

  // Nothing is sent before this; in the past when the receiver answers.
  std::chrono::steady_clock::time_point not_before() const { return not_before_; }
  bool receiver_down() const { return down_; }
  // The receiver may be another one from now on.
  void forget_receiver();

  // See http::Sender::stop.
  void stop() { sender_.stop(); }

 private:
  bool handle(Dispatch& dispatch, const http::CallAnswer& answer, bool http2,
              const WebhookOptions& options);
  void note_down(const http::CallAnswer& answer, const WebhookOptions& options);
  void note_up();
  void give_up(Dispatch& dispatch, store::GiveUpCause cause, std::string_view why);
  void note_failure(Dispatch& dispatch, const http::CallAnswer& answer);
  void settle(Dispatch& dispatch, ToldOutcome outcome);

  std::string_view name_;
  const Clock& clock_;
  EventCounters& counters_;
  http::Sender sender_;
  Backoff backoff_;
  bool down_ = false;
  bool failed_in_this_round_ = false;
  std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace jindou::webhook
