// What the webhook is told about receivers and limits, and what it tells about itself.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/channel.h"
#include "model/node_boot.h"

namespace jindou::webhook {

enum class Event : std::uint8_t { notify, offline, online_status, recall, edit };
// Those that are counted; what becomes of messages is told, and counted, with notify.
inline constexpr std::size_t kEvents = 3;

constexpr std::string_view event_name(Event event) {
  switch (event) {
    case Event::notify: return "msg.notify";
    case Event::offline: return "msg.offline";
    case Event::online_status: return "user.onlinestatus";
    case Event::recall: return "msg.recall";
    case Event::edit: return "msg.edit";
  }
  return "";
}

// Values of one moment; what they mean is written with the settings (docs/configuration.md,
// "webhook").
struct WebhookOptions {
  std::string http_addr;
  std::string grpc_addr;        // host:port; used instead of http_addr
  std::string agent_http_addr;  // told about messages of agent channels instead of the others
  std::string ca_file;          // authorities for https, besides the system's
  std::string secret;
  std::vector<std::string> focus_events;  // empty: all
  std::chrono::milliseconds notify_interval{500};
  std::size_t notify_count = 100;
  std::size_t attempts_max = 5;  // of what the receiver refuses
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds retry_min{1'000};
  std::chrono::milliseconds retry_max{60'000};
  std::chrono::milliseconds max_age{24LL * 3600 * 1000};
  std::size_t backlog_max = 1'000'000;
  bool offline_master_only = false;
  std::size_t compress_above = 0;  // receivers of msg.offline; 0: never compressed

  bool has_main() const { return !http_addr.empty() || !grpc_addr.empty(); }
  bool has_agent() const { return !agent_http_addr.empty(); }
  bool focuses(Event event) const {
    return focus_events.empty() || std::find(focus_events.begin(), focus_events.end(),
                                             event_name(event)) != focus_events.end();
  }
  // Some receiver wants to hear of it.
  bool wants(Event event) const {
    return (has_main() || (has_agent() && event != Event::online_status)) && focuses(event);
  }
  // Messages to channels of that type are told with it: those of agents are pushed to nobody but
  // their own receiver.
  bool tells(Event event, ChannelType type) const {
    const bool agent = type == ChannelType::agent;
    const bool main = has_main() && !(agent && (has_agent() || event == Event::offline));
    return (main || (agent && has_agent())) && focuses(event);
  }
};

// Whether that start of a node is running. Thread-safe.
using LiveStarts = std::function<bool(const NodeBoot&)>;
// Settings that can change while the server runs. Never null. Thread-safe.
using OptionsSource = std::function<std::shared_ptr<const WebhookOptions>()>;

// Counts since the start, in messages (user.onlinestatus: in changes); attempts in requests.
struct EventCounts {
  std::uint64_t sent = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t dead_letters = 0;     // given up: refused, too old, or too many waiting
  std::uint64_t backlog = 0;          // waiting now
  std::uint64_t oldest_age = 0;       // seconds since the oldest of them happened; 0: none waits
  std::string last_error;             // of the last attempt that failed; empty: none did
  std::int64_t last_error_at_ms = 0;  // since 1970
};

struct WebhookStatus {
  std::array<EventCounts, kEvents> events;
  bool receiver_down = false;  // the last attempt at any event failed and is to be repeated
};

// What the last attempt that failed was answered. Thread-safe.
class LastFailure {
 public:
  void note(std::string text, std::int64_t at_ms) {
    const MutexLock lock(mutex_);
    text_ = std::move(text);
    at_ms_ = at_ms;
  }
  void copy_to(EventCounts& counts) const {
    const MutexLock lock(mutex_);
    counts.last_error = text_;
    counts.last_error_at_ms = at_ms_;
  }

 private:
  mutable Mutex mutex_;
  std::string text_ JD_GUARDED_BY(mutex_);
  std::int64_t at_ms_ JD_GUARDED_BY(mutex_) = 0;
};

// The counters behind it. Written by the sending threads, read by anybody.
struct EventCounters {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> failed_attempts{0};
  std::atomic<std::uint64_t> dead_letters{0};
  LastFailure last_failure;

  void add_sent(std::uint64_t n) { sent.fetch_add(n, std::memory_order_relaxed); }
  void add_failed_attempts(std::uint64_t n) {
    failed_attempts.fetch_add(n, std::memory_order_relaxed);
  }
  // What was written before, as the backlog that is left, is seen by whoever sees the number.
  void add_dead_letters(std::uint64_t n) { dead_letters.fetch_add(n, std::memory_order_release); }
};

}  // namespace jindou::webhook
