// Hands spans to a collector of OpenTelemetry: OTLP over HTTP, JSON.
//
// Spans wait in a queue that is bounded in bytes, and go in batches from a thread of its own, so
// that nobody waits for the collector. What does not fit, and what the collector does not take, is
// dropped and counted: a trace is no record of anything, and what comes later is worth more.
// Thread-safe, but for start() and stop().
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "http/sender.h"
#include "tracing/otlp_json.h"

namespace jindou::tracing {

struct ExporterOptions {
  std::string url;                            // where batches are posted to
  std::vector<std::string> headers;           // "Name: value", beside those of the format
  std::chrono::milliseconds timeout{10'000};  // of one call
  std::size_t queue_bytes = std::size_t{4} << 20;
  // Spans wait for others so long.
  std::chrono::milliseconds gather_time{1'000};
};

// Where a collector whose base address that is takes traces, as OTEL_EXPORTER_OTLP_ENDPOINT means
// it: "http://host:4318" and "http://host:4318/v1/traces" are the same.
std::string traces_url(std::string_view endpoint);

class Exporter {
 public:
  // Borrows the clock.
  Exporter(const Clock& clock, ExporterOptions options, const Resource& resource);
  // stop().
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Without it nothing is ever sent.
  void start();
  // What waits is sent if the collector takes it within a second; a call that is under way has a
  // second more, and is cut off then. Idempotent.
  void stop();

  // Queues the spans of a request (spans_json), `count` of them, or drops them. Never blocks.
  void add(std::string spans, std::uint64_t count);

  void append_metrics(std::string& out) const;

  // What became of spans.
  enum class Outcome : std::uint8_t { sent, no_room, failed, rejected };
  static constexpr std::array<std::string_view, 4> kOutcomeNames{"sent", "no_room", "failed",
                                                                 "rejected"};
  std::uint64_t counted(Outcome outcome) const {
    return counts_[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed);
  }

 private:
  // The spans of one request.
  struct Piece {
    std::string spans;
    std::uint64_t count = 0;
  };
  // What one call has.
  struct Batch {
    std::string spans;
    std::uint64_t count = 0;
  };

  void run();
  Batch take() JD_REQUIRES(mutex_);
  // Blocks. False: the collector has not taken it; `asked` is how long it wants to be left alone.
  bool send(Batch batch, std::chrono::milliseconds timeout, std::chrono::seconds& asked);
  void note_answer(bool taken, const http::CallAnswer& answer);
  void note(Outcome outcome, std::uint64_t spans) {
    counts_[static_cast<std::size_t>(outcome)].fetch_add(spans, std::memory_order_relaxed);
  }

  const Clock& clock_;
  const ExporterOptions options_;
  const std::size_t batch_bytes_;  // spans that go before their time
  const std::string head_;
  std::array<std::atomic<std::uint64_t>, kOutcomeNames.size()> counts_{};
  std::unique_ptr<http::Sender> sender_;
  bool failing_ = false;  // the thread's

  mutable Mutex mutex_;
  Condition wake_;
  Condition called_;  // a call has ended
  std::deque<Piece> pieces_ JD_GUARDED_BY(mutex_);
  std::size_t queued_bytes_ JD_GUARDED_BY(mutex_) = 0;
  std::size_t sending_bytes_ JD_GUARDED_BY(mutex_) = 0;
  bool calling_ JD_GUARDED_BY(mutex_) = false;
  bool cut_off_ JD_GUARDED_BY(mutex_) = false;  // a call, by stop()
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::tracing
