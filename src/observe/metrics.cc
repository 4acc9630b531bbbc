#include "observe/metrics.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace jindou::observe {
namespace {

// A route table of some 190 paths times the handful of statuses each of them answers.
constexpr std::size_t kHttpSeriesMax = 2048;
// More than that table has.
constexpr std::size_t kTimedRoutesMax = 256;

template <class Builder>
auto& family(Builder builder, prometheus::Registry& registry, const char* name, const char* help) {
  return builder.Name(name).Help(help).Register(registry);
}

Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return family(prometheus::BuildCounter(), registry, name, help).Add({});
}

Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return family(prometheus::BuildGauge(), registry, name, help).Add({});
}

Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                     Histogram::BucketBoundaries buckets) {
  return family(prometheus::BuildHistogram(), registry, name, help).Add({}, std::move(buckets));
}

// Half a millisecond is a synced write to a fast disk, 10 s the longest wait any caller is given.
Histogram::BucketBoundaries second_buckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

// A short upload of lines; and somebody who listens to a job for an hour.
Histogram::BucketBoundaries stream_buckets() { return {0.01, 0.1, 1, 10, 60, 600, 3600}; }

// Powers of two up to the default of storage.commitItemsMax.
Histogram::BucketBoundaries size_buckets() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};
}

}  // namespace

Metrics::Metrics()
    : batch_items(family(prometheus::BuildCounter(), registry_, "jindou_batch_items_total",
                         "Messages handed in for sending, by outcome."),
                  "outcome"),
      key_refusals(family(prometheus::BuildCounter(), registry_, "jindou_api_key_refusals_total",
                          "What was refused to callers with API keys, by cause."),
                   "cause"),
      manager_logins(family(prometheus::BuildCounter(), registry_, "jindou_manager_logins_total",
                            "Logins with a password to the manager port, by result."),
                     "result"),
      messages_stored(counter(registry_, "jindou_messages_stored_total",
                              "Messages made durable (duplicates not counted).")),
      send_refused(family(prometheus::BuildCounter(), registry_, "jindou_send_refused_total",
                          "Messages refused, by reason code of the protocol."),
                   "reason"),
      overload_refusals(
          family(prometheus::BuildCounter(), registry_, "jindou_overload_refusals_total",
                 "What was refused because the server had no room, rate limits not counted, by "
                 "whom it was told: requests over HTTP, messages of clients."),
          "to"),
      keyed_requests(
          family(prometheus::BuildCounter(), registry_, "jindou_idempotency_key_requests_total",
                 "Requests with an Idempotency-Key, by what was done with them."),
          "result"),
      kept_batches(family(prometheus::BuildCounter(), registry_, "jindou_kept_batches_total",
                          "Batches that were to be kept (keep=true), by what became of that."),
                   "result"),
      templates(gauge(registry_, "jindou_templates", "Stored templates.")),
      template_uses(family(prometheus::BuildCounter(), registry_, "jindou_template_uses_total",
                           "Versions of templates that were looked up for messages."),
                    "result"),
      http_stream_seconds(
          histogram(registry_, "jindou_http_stream_seconds",
                    "How long HTTP requests last that stream, which is for their callers to say.",
                    stream_buckets())),
      commits(counter(registry_, "jindou_commit_total", "Write batches made durable.")),
      commit_failures(counter(registry_, "jindou_commit_failures_total",
                              "Write batches the store refused or whose outcome is unknown.")),
      retention_expired(counter(registry_, "jindou_retention_expired_total",
                                "Messages freed because their own time was over.")),
      retention_cleared(counter(registry_, "jindou_retention_cleared_total",
                                "Seqs freed because a retention limit passed them.")),
      commit_messages(histogram(registry_, "jindou_commit_messages",
                                "Messages gathered into one commit.", size_buckets())),
      commit_seconds(histogram(registry_, "jindou_commit_seconds",
                               "Time from handing over a write batch until it is durable.",
                               second_buckets())),
      sessions(family(prometheus::BuildGauge(), registry_, "jindou_sessions",
                      "Authenticated client connections, by transport."),
               "transport"),
      connects(family(prometheus::BuildCounter(), registry_, "jindou_connects_total",
                      "Answered CONNECT frames, by result."),
               "result"),
      deliveries(counter(registry_, "jindou_deliveries_total",
                         "Messages handed to a session for the first time.")),
      event_deliveries(counter(registry_, "jindou_event_deliveries_total",
                               "Events of messages handed to a session.")),
      delivery_retries(counter(registry_, "jindou_delivery_retries_total",
                               "Messages sent again because no receipt came.")),
      sessions_cut(family(prometheus::BuildCounter(), registry_, "jindou_sessions_cut_total",
                          "Sessions closed by the server, by reason."),
                   "reason"),
      connections_refused(
          family(prometheus::BuildCounter(), registry_, "jindou_connections_refused_total",
                 "Client connections refused by a limit, by reason."),
          "reason"),
      tls_handshakes(family(prometheus::BuildCounter(), registry_, "jindou_tls_handshakes_total",
                            "TLS handshakes with clients, by result."),
                     "result"),
      items_in_flight(gauge(registry_, "jindou_items_in_flight",
                            "Messages accepted for evaluation and not yet answered.")),
      bytes_in_flight(
          gauge(registry_, "jindou_bytes_in_flight", "Payload bytes of the items in flight.")),
      fanout_queue_bytes(gauge(registry_, "jindou_fanout_queue_bytes",
                               "Bytes of committed messages waiting for fan-out.")),
      http_requests_(family(prometheus::BuildCounter(), registry_, "jindou_http_requests_total",
                            "Answered HTTP requests, by route and status.")),
      http_seconds_(family(prometheus::BuildHistogram(), registry_, "jindou_http_request_seconds",
                           "Time to answer an HTTP request that does not stream, by route.")) {
  // A counter that is not there before it counts has nothing to rise from.
  for (const char* outcome : {"accepted", "duplicate", "refused", "unknown"}) {
    (void)batch_items.with(outcome);
  }
  for (const char* cause : {"scope", "expired", "sender", "channel"}) {
    (void)key_refusals.with(cause);
  }
  for (const char* to : {"http", "clients"}) (void)overload_refusals.with(to);
  for (const char* result : {"ok", "failed"}) (void)manager_logins.with(result);
  for (const char* result : {"first", "replayed", "running", "other_request"}) {
    (void)keyed_requests.with(result);
  }
  for (const char* result : {"kept", "refused", "failed"}) (void)kept_batches.with(result);
  for (const char* result : {"found", "missing"}) (void)template_uses.with(result);
}

void Metrics::count_http_request(std::string_view route, int status) {
  http_counter(route, status).Increment();
}

void Metrics::time_http_request(std::string_view route, double seconds) {
  http_histogram(route).Observe(seconds);
}

Histogram& Metrics::http_histogram(std::string_view route) {
  const MutexLock lock(http_mutex_);
  auto known = http_timed_.find(route);
  if (known == http_timed_.end()) {
    const std::string name = http_timed_.size() < kTimedRoutesMax ? std::string(route) : "other";
    known = http_timed_.find(name);
    if (known == http_timed_.end()) {
      Histogram& added = http_seconds_.Add({{"route", name}}, second_buckets());
      known = http_timed_.emplace(name, &added).first;
    }
  }
  return *known->second;
}

Counter& Metrics::http_counter(std::string_view route, int status) {
  const MutexLock lock(http_mutex_);
  std::pair<std::string, int> key(route, status);
  auto known = http_known_.find(key);
  if (known == http_known_.end()) {
    if (http_known_.size() >= kHttpSeriesMax) key = {"other", 0};
    known = http_known_.find(key);
    if (known == http_known_.end()) {
      Counter& added =
          http_requests_.Add({{"route", key.first}, {"status", std::to_string(key.second)}});
      known = http_known_.emplace(std::move(key), &added).first;
    }
  }
  return *known->second;
}

std::uint64_t Metrics::add_collector(std::function<void(std::string&)> collect) {
  const MutexLock lock(collectors_mutex_);
  const std::uint64_t id = next_collector_++;
  collectors_.emplace_back(id, std::move(collect));
  return id;
}

void Metrics::remove_collector(std::uint64_t id) {
  const MutexLock lock(collectors_mutex_);
  std::erase_if(collectors_, [id](const auto& entry) { return entry.first == id; });
}

std::string Metrics::render() {
  std::string collected;
  {
    // Held while collectors run: that lets remove_collector promise that none is running.
    const MutexLock lock(collectors_mutex_);
    for (const auto& [id, collect] : collectors_) collect(collected);
  }
  std::string out = prometheus::TextSerializer().Serialize(registry_.Collect());
  out += collected;
  return out;
}

void append_sample(std::string& out, std::string_view name, std::string_view type,
                   std::string_view help, double value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help,
                 type, value);
}

}  // namespace jindou::observe
