// One request to a receiver, from its body to the verdict on the answer. Pure: no sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "http/sender.h"
#include "webhook/options.h"

namespace jindou::webhook {

// What is told, and to whom; the same for every attempt.
struct Letter {
  Event event = Event::notify;
  bool to_agent = false;  // to the receiver for agent channels
  std::string body;       // JSON
  std::string id;         // X-Jindou-Event-Id
};

// 32 hex digits that depend on the event and `content` only.
std::string event_id(Event event, std::string_view content);

// Lower-case hex HMAC-SHA256 with `secret` over "timestamp.body".
std::string signature(std::string_view secret, std::string_view timestamp, std::string_view body);

// How a letter reaches its receiver.
enum class Route : std::uint8_t {
  none,  // there is no such receiver
  http,
  grpc,
};
Route route_of(const Letter& letter, const WebhookOptions& options);

// `address` with `event` added to its query, which may be there already; a fragment stays behind.
std::string url_with_event(std::string_view address, std::string_view event);

// The request of an attempt at `now_seconds`, with a copy of the body. Empty url: there is no such
// receiver.
http::Call request_of(const Letter& letter, const WebhookOptions& options,
                      std::int64_t now_seconds);

enum class Verdict : std::uint8_t {
  delivered,
  down,     // the receiver cannot take anything now: repeat until it is too old
  refused,  // the receiver does not want this one: repeat a few times
};

// What an answer to such a request means. `http2` as in the request.
Verdict verdict_on(const http::CallAnswer& answer, bool http2);

// EventReq of the gRPC service, in its message frame.
std::string grpc_request_frame(std::string_view event, std::string_view data);
// True when the message frame holds an EventResp with status Success.
bool is_grpc_success(std::string_view frame);

// Waits between attempts: doubling from `least` to `most`, each shortened by up to a half at
// random, so that many senders do not come back at the same moment.
class Backoff {
 public:
  explicit Backoff(Random& random) : random_(random) {}
  // The wait after one more failure.
  std::chrono::milliseconds next(std::chrono::milliseconds least, std::chrono::milliseconds most);
  void reset() { failures_ = 0; }
  bool failing() const { return failures_ > 0; }

 private:
  Random& random_;
  unsigned failures_ = 0;
};

}  // namespace jindou::webhook
