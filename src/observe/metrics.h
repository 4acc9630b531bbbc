// The process's metrics in Prometheus form. One object, made by main and passed by reference.
//
// Thread-safe. A counter costs one atomic compare-and-swap: on paths that run per message, count
// locally and add once per batch. Names are prefixed jindou_.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace jindou::observe {

using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;

// Metrics of one name that differ in one label. The number of label values is bounded, because each
// costs memory for ever: from the 65th on they share the value "other".
template <class Metric>
class Labelled {
 public:
  Labelled(prometheus::Family<Metric>& family, std::string label)
      : family_(family), label_(std::move(label)) {}

  // The metric of one label value; the reference lives as long as the Metrics object, so a caller
  // on a hot path keeps it. O(log values) under a mutex.
  Metric& with(std::string_view value) {
    const MutexLock lock(mutex_);
    auto found = known_.find(value);
    if (found != known_.end()) return *found->second;
    const std::string name = known_.size() < kLabelValuesMax ? std::string(value) : "other";
    found = known_.find(name);
    if (found != known_.end()) return *found->second;
    Metric& metric = family_.Add({{label_, name}});
    known_.emplace(name, &metric);
    return metric;
  }

 private:
  static constexpr std::size_t kLabelValuesMax = 64;

  prometheus::Family<Metric>& family_;
  std::string label_;
  Mutex mutex_;
  std::map<std::string, Metric*, std::less<>> known_ JD_GUARDED_BY(mutex_);
};

class Metrics {
 private:
  // First member: the references below point into it.
  prometheus::Registry registry_;

 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // One HTTP request answered. `route` is the pattern of the route table ("/message/sendbatch"),
  // never the path of the request; beyond 2,048 pairs everything counts under route "other".
  void count_http_request(std::string_view route, int status);
  // Shows that pair with 0 before the first one, so that an alert sees it rise.
  void show_http_requests(std::string_view route, int status) { (void)http_counter(route, status); }
  // How long one took that does not stream, from the first byte of the request's header to the last
  // byte of the answer handed over, by the same patterns; beyond 256 of them under "other".
  void time_http_request(std::string_view route, double seconds);
  // Shows a route with 0.
  void show_http_seconds(std::string_view route) { (void)http_histogram(route); }

  // outcome: accepted, duplicate, refused, unknown (one count per item of a batch or single send).
  Labelled<Counter> batch_items;
  // cause: scope, expired (requests); sender, channel (messages, and what is done with them).
  Labelled<Counter> key_refusals;
  // result: ok, failed (a wrong password, too many of them, guest from elsewhere). Whether or not
  // there is an audit log.
  Labelled<Counter> manager_logins;
  Counter& messages_stored;
  // reason: the protocol's reason code as a number.
  Labelled<Counter> send_refused;
  // to: http (requests), clients (messages). What the server had no room for, Errc::overloaded;
  // not what is over a rate limit, which is the caller's matter.
  Labelled<Counter> overload_refusals;

  // result: first (carried out), replayed, running (409), other_request (422).
  Labelled<Counter> keyed_requests;
  // result: kept, refused (nothing was sent), failed (sent, and not all of it is kept).
  Labelled<Counter> kept_batches;
  Gauge& templates;                 // stored
  Labelled<Counter> template_uses;  // result: found, missing; by messages that name one
  // Of requests over HTTP that stream: as long as their callers make them, so they are no measure
  // of the server and in no other time.
  Histogram& http_stream_seconds;

  Counter& commits;
  Counter& commit_failures;
  Counter& retention_expired;  // messages freed because their own time was over
  Counter& retention_cleared;  // seqs passed by a retention limit
  Histogram& commit_messages;  // messages gathered into one commit
  Histogram& commit_seconds;   // from handing the batch over until it is durable

  Labelled<Gauge> sessions;        // transport: tcp, ws, tls, wss
  Labelled<Counter> connects;      // result: ok, or why a CONNECT was refused
  Counter& deliveries;             // RECV frames handed to a session, first attempts
  Counter& event_deliveries;       // EVENT frames handed to a session
  Counter& delivery_retries;       // RECV frames sent again for want of a RECVACK
  Labelled<Counter> sessions_cut;  // reason: slow, idle, kicked, protocol, ...
  // reason: max_connections, address_connections, address_rate, rate. Before a CONNECT was read.
  Labelled<Counter> connections_refused;
  Labelled<Counter> tls_handshakes;  // result: full, resumed, failed

  // Fill of the bounded queues.
  Gauge& items_in_flight;     // commands accepted and not yet answered
  Gauge& bytes_in_flight;     // their payload bytes
  Gauge& fanout_queue_bytes;  // committed messages waiting for fan-out

  // Adds text to every scrape (complete exposition lines, each ending in a line feed), for numbers
  // that live elsewhere, such as the store's. It runs before the other metrics are read, so it may
  // set gauges too. Called on the scraping thread, one at a time. What `collect` refers to must
  // outlive this object or be removed first.
  std::uint64_t add_collector(std::function<void(std::string&)> collect);
  // After it returns the collector is not running and never runs again.
  void remove_collector(std::uint64_t id);

  // All metrics in the Prometheus text format 0.0.4. Not for hot paths: it copies everything.
  std::string render();

 private:
  Counter& http_counter(std::string_view route, int status);
  Histogram& http_histogram(std::string_view route);

  prometheus::Family<Counter>& http_requests_;
  prometheus::Family<Histogram>& http_seconds_;
  Mutex http_mutex_;
  std::map<std::pair<std::string, int>, Counter*> http_known_ JD_GUARDED_BY(http_mutex_);
  std::map<std::string, Histogram*, std::less<>> http_timed_ JD_GUARDED_BY(http_mutex_);

  Mutex collectors_mutex_;
  std::uint64_t next_collector_ JD_GUARDED_BY(collectors_mutex_) = 1;
  std::vector<std::pair<std::uint64_t, std::function<void(std::string&)>>> collectors_
      JD_GUARDED_BY(collectors_mutex_);
};

// Appends one sample with its HELP and TYPE lines, for collectors. `type` is "gauge" or "counter".
void append_sample(std::string& out, std::string_view name, std::string_view type,
                   std::string_view help, double value);

}  // namespace jindou::observe
