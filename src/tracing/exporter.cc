#include "tracing/exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"

namespace jindou::tracing {
namespace {

constexpr std::string_view kComponent = "traces";
// Collectors take some 20 MiB; with less a call that fails loses less.
constexpr std::size_t kBatchBytes = std::size_t{512} << 10;
// What an answer has to say is a number and a sentence.
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 10;
// Between calls to a collector that fails, of which each takes twice as long.
constexpr std::chrono::milliseconds kPauseMax{30'000};
// What is sent at a stop takes no longer.
constexpr std::chrono::milliseconds kFarewell{1'000};
// Of a piece beside its text.
constexpr std::size_t kPieceBytes = 64;

std::string why_not(const http::CallAnswer& answer) {
  if (answer.status != 0) return fmt::format("status {}", answer.status);
  return answer.error;
}

}  // namespace

std::string traces_url(std::string_view endpoint) {
  constexpr std::string_view kPath = "/v1/traces";
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  std::string url(endpoint);
  if (!endpoint.ends_with(kPath)) url += kPath;
  return url;
}

Exporter::Exporter(const Clock& clock, ExporterOptions options, const Resource& resource)
    : clock_(clock),
      options_(std::move(options)),
      batch_bytes_(std::min(kBatchBytes, options_.queue_bytes / 2)),
      head_(export_head(resource)) {}

Exporter::~Exporter() { stop(); }

void Exporter::start() {
  sender_ = std::make_unique<http::Sender>(1, kAnswerBytesMax);
  thread_ = std::thread([this] { run(); });
}

void Exporter::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    (void)called_.wait_for(lock, kFarewell, [this]() JD_REQUIRES(mutex_) { return !calling_; });
    if (calling_) {
      cut_off_ = true;
      sender_->stop();
    }
  }
  if (thread_.joinable()) thread_.join();
}

void Exporter::add(std::string spans, std::uint64_t count) {
  const std::size_t bytes = spans.size() + kPieceBytes;
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    if (stopping_ || queued_bytes_ + sending_bytes_ + bytes > options_.queue_bytes) {
      note(Outcome::no_room, count);
      return;
    }
    const bool was_full = queued_bytes_ >= batch_bytes_;
    wake = pieces_.empty();
    queued_bytes_ += bytes;
    wake = wake || (!was_full && queued_bytes_ >= batch_bytes_);
    pieces_.push_back({std::move(spans), count});
  }
  if (wake) wake_.notify_one();
}

Exporter::Batch Exporter::take() {
  Batch batch;
  while (!pieces_.empty() && (batch.count == 0 || batch.spans.size() < batch_bytes_)) {
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    JD_ASSERT(queued_bytes_ >= piece.spans.size() + kPieceBytes);
    queued_bytes_ -= piece.spans.size() + kPieceBytes;
    if (batch.count > 0) batch.spans += ',';
    batch.spans += piece.spans;
    batch.count += piece.count;
  }
  JD_ASSERT(queued_bytes_ == 0 || !pieces_.empty());
  sending_bytes_ = batch.spans.size();
  return batch;
}

void Exporter::run() {
  runtime::name_this_thread("traces");
  runtime::lower_this_threads_priority();
  std::chrono::milliseconds pause = options_.gather_time;
  std::chrono::seconds asked{0};
  MutexLock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this]() JD_REQUIRES(mutex_) { return stopping_ || !pieces_.empty(); });
    // Who fails is left alone also when much waits.
    wake_.wait_for(lock, pause, [this]() JD_REQUIRES(mutex_) {
      return stopping_ || (!failing_ && queued_bytes_ >= batch_bytes_);
    });
    if (stopping_) break;
    Batch batch = take();
    calling_ = true;
    lock.unlock();
    const bool taken = send(std::move(batch), options_.timeout, asked);
    pause = taken ? options_.gather_time
                  : std::min(std::max<std::chrono::milliseconds>(2 * pause, asked), kPauseMax);
    lock.lock();
    calling_ = false;
    called_.notify_all();
    sending_bytes_ = 0;
  }
  const auto until = clock_.steady() + kFarewell;
  while (!cut_off_ && !pieces_.empty()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock_.steady());
    if (left.count() <= 0) break;
    Batch batch = take();
    lock.unlock();
    const bool taken = send(std::move(batch), std::min(left, options_.timeout), asked);
    lock.lock();
    if (!taken) break;
  }
  for (const Piece& piece : pieces_) note(Outcome::failed, piece.count);
  pieces_.clear();
  queued_bytes_ = sending_bytes_ = 0;
}

bool Exporter::send(Batch batch, std::chrono::milliseconds timeout, std::chrono::seconds& asked) {
  http::Call call;
  call.url = options_.url;
  call.headers = options_.headers;
  call.headers.emplace_back("Content-Type: application/json");
  call.body = head_;
  call.body += batch.spans;
  call.body += export_tail();
  call.connect_timeout = call.timeout = timeout;
  batch.spans = std::string();
  http::CallAnswer answer;
  sender_->send_all(
      1, [&call](std::size_t) { return std::move(call); },
      [&answer](std::size_t, http::CallAnswer received) {
        answer = std::move(received);
        return true;
      });
  asked = answer.retry_after;
  const bool taken = answer.ok();
  if (taken) {
    const std::uint64_t rejected = std::min(batch.count, rejected_spans(answer.body));
    note(Outcome::sent, batch.count - rejected);
    note(Outcome::rejected, rejected);
  } else {
    note(Outcome::failed, batch.count);
  }
  // A call that a stop has cut off says nothing about the collector.
  if (taken || answer.status != 0 || !answer.error.empty()) note_answer(taken, answer);
  return taken;
}

void Exporter::note_answer(bool taken, const http::CallAnswer& answer) {
  if (taken == !failing_) return;
  failing_ = !taken;
  if (taken) {
    observe::log_info(kComponent, "the collector (tracing.endpoint) takes spans again");
  } else {
    observe::log_warn(kComponent,
                      "the collector (tracing.endpoint) takes no spans: {}; they are dropped and "
                      "counted until it does",
                      why_not(answer));
  }
}

void Exporter::append_metrics(std::string& out) const {
  const auto put = std::back_inserter(out);
  fmt::format_to(put,
                 "# HELP jindou_trace_spans_total Spans of traces, by what became of them.\n"
                 "# TYPE jindou_trace_spans_total counter\n");
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    fmt::format_to(put, "jindou_trace_spans_total{{outcome=\"{}\"}} {}\n", kOutcomeNames[i],
                   counted(static_cast<Outcome>(i)));
  }
  std::size_t waiting = 0;
  {
    const MutexLock lock(mutex_);
    waiting = queued_bytes_ + sending_bytes_;
  }
  observe::append_sample(out, "jindou_trace_queued_bytes", "gauge",
                         "Spans that wait for the collector.", static_cast<double>(waiting));
}

}  // namespace jindou::tracing
