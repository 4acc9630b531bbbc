#include "caller/server_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "caller/status_line.h"

namespace jindou::caller {

namespace {

constexpr std::string_view kRequestSeconds = "jindou_http_request_seconds";
constexpr std::string_view kCommitSeconds = "jindou_commit_seconds";

// What a number of the exposition looks like; false: none.
bool parse_value(std::string_view text, double& value) {
  if (text == "+Inf") {
    value = std::numeric_limits<double>::infinity();
    return true;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool has_part(const Sample& sample, std::string_view part) {
  return part.empty() || sample.labels.find(part) != std::string::npos;
}

// By upper bound, what was counted below it.
using Cumulative = std::map<double, double>;

void add_buckets(Cumulative& out, const ServerNumbers& numbers, std::string_view histogram,
                 std::string_view part, double sign) {
  for (const Sample& sample : numbers.series(std::string(histogram) + "_bucket")) {
    double bound = 0;
    if (!has_part(sample, part) || !parse_value(label_of(sample.labels, "le"), bound)) continue;
    out[bound] += sign * sample.value;
  }
}

double rate(const Span& span, std::string_view name, std::string_view part = {}) {
  // A server that was started again counts from 0.
  const double grown = span.now.sum(name, part) - span.before.sum(name, part);
  return std::max(0.0, grown) / span.seconds;
}

std::string state_text(const ServerNumbers& now) {
  if (now.sum("jindou_healthy") < 1) return "NOT HEALTHY: see GET /health";
  if (now.sum("jindou_ready") < 1) return "not ready: sends are refused";
  return "ready";
}

double running_for(const ServerNumbers& now) {
  return std::max(0.0, now.sum("jindou_clock_seconds") - now.sum("process_start_time_seconds"));
}

std::string percentiles(const Span& span, std::string_view histogram, std::string_view part = {}) {
  return fmt::format("p50 {}, p99 {}",
                     seconds_text(quantile_between(span.before, span.now, histogram, 0.5, part)),
                     seconds_text(quantile_between(span.before, span.now, histogram, 0.99, part)));
}

// Routes that were called, the busiest first, with their rates.
std::vector<std::pair<double, std::string>> busiest(const Span& span) {
  std::map<std::string, double> grown;
  // Streams are called, too, and have no time.
  constexpr std::string_view kRequests = "jindou_http_requests_total";
  for (const Sample& sample : span.now.series(kRequests)) {
    grown[std::string(label_of(sample.labels, "route"))] += sample.value;
  }
  for (const Sample& sample : span.before.series(kRequests)) {
    grown[std::string(label_of(sample.labels, "route"))] -= sample.value;
  }
  std::vector<std::pair<double, std::string>> out;
  for (const auto& [route, count] : grown) {
    if (count > 0) out.emplace_back(count / span.seconds, route);
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  return out;
}

}  // namespace

Result<ServerNumbers> ServerNumbers::parse(std::string_view exposition) {
  ServerNumbers numbers;
  while (!exposition.empty()) {
    const auto end = exposition.find('\n');
    const std::string_view line = exposition.substr(0, end);
    exposition.remove_prefix(end == std::string_view::npos ? exposition.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto space = line.rfind(' ');
    double value = 0;
    if (space == std::string_view::npos || !parse_value(line.substr(space + 1), value)) {
      return Error(Errc::invalid, "this is no page of metrics");
    }
    const std::string_view series = line.substr(0, space);
    const auto brace = series.find('{');
    Sample sample;
    sample.value = value;
    if (brace != std::string_view::npos) {
      sample.labels = series.substr(brace + 1, series.size() - brace - 2);
    }
    numbers.by_name_[std::string(series.substr(0, brace))].push_back(std::move(sample));
  }
  if (!numbers.by_name_.contains("jindou_build_info")) {
    return Error(Errc::invalid, "these are no metrics of a Jindou server");
  }
  return numbers;
}

double ServerNumbers::sum(std::string_view name, std::string_view part) const {
  double total = 0;
  for (const Sample& sample : series(name)) {
    if (has_part(sample, part)) total += sample.value;
  }
  return total;
}

const std::vector<Sample>& ServerNumbers::series(std::string_view name) const {
  static const std::vector<Sample> kNone;
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? kNone : found->second;
}

std::string_view label_of(std::string_view labels, std::string_view name) {
  const std::string wanted = std::string(name) + "=\"";
  auto at = labels.find(wanted);
  if (at == std::string_view::npos || (at > 0 && labels[at - 1] != ',')) return {};
  at += wanted.size();
  return labels.substr(at, labels.find('"', at) - at);
}

double quantile_between(const ServerNumbers& before, const ServerNumbers& now,
                        std::string_view histogram, double q, std::string_view part) {
  Cumulative counted;
  add_buckets(counted, now, histogram, part, 1);
  add_buckets(counted, before, histogram, part, -1);
  if (counted.empty()) return -1;
  const double all = counted.rbegin()->second;
  if (all <= 0) return -1;
  const double wanted = q * all;
  double lower = 0;
  double below = 0;
  for (const auto& [bound, count] : counted) {
    if (count >= wanted) {
      if (std::isinf(bound)) return lower;
      const double inside = count - below;
      return inside <= 0 ? bound : lower + (bound - lower) * (wanted - below) / inside;
    }
    lower = bound;
    below = count;
  }
  return lower;
}

std::string amount_text(double amount) {
  if (amount >= 99.95) return with_commas(static_cast<std::uint64_t>(std::llround(amount)));
  if (amount >= 9.995) return fmt::format("{:.1f}", amount);
  return amount == 0 ? "0" : fmt::format("{:.2f}", amount);
}

std::string seconds_text(double seconds) {
  if (seconds < 0) return "-";
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  return fmt::format("{:.{}f} ms", seconds * 1e3, seconds >= 0.01 ? 0 : 1);
}

std::string size_text(double bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit > 0 && bytes < 10 ? 1 : 0, kUnits[unit]);
}

std::string screen_text(const Span& span, std::string_view url, std::size_t routes_max) {
  const ServerNumbers& now = span.now;
  std::string version;
  if (const auto& info = now.series("jindou_build_info"); !info.empty()) {
    version = label_of(info.front().labels, "version");
  }
  std::string transports;
  for (const Sample& sample : now.series("jindou_sessions")) {
    if (sample.value <= 0) continue;
    fmt::format_to(std::back_inserter(transports), "{}{} {}", transports.empty() ? "" : ", ",
                   label_of(sample.labels, "transport"), amount_text(sample.value));
  }
  std::string out;
  const auto put = std::back_inserter(out);
  fmt::format_to(put, "jindou {} at {}, up {}: {}\n\n", version, url,
                 duration_text(running_for(now)), state_text(now));
  fmt::format_to(put, "messages  {}/s stored, {}/s to sessions, {}/s refused; {} in flight of {}\n",
                 amount_text(rate(span, "jindou_messages_stored_total")),
                 amount_text(rate(span, "jindou_deliveries_total")),
                 amount_text(rate(span, "jindou_send_refused_total")),
                 amount_text(now.sum("jindou_items_in_flight")),
                 amount_text(now.sum("jindou_items_in_flight_limit")));
  fmt::format_to(put, "commits   {}/s, {}\n", amount_text(rate(span, "jindou_commit_total")),
                 percentiles(span, kCommitSeconds));
  fmt::format_to(put, "requests  {}/s, {}; {}/s get 429, {}/s a 5xx\n",
                 amount_text(rate(span, "jindou_http_requests_total")),
                 percentiles(span, kRequestSeconds),
                 amount_text(rate(span, "jindou_http_requests_total", "status=\"429\"")),
                 amount_text(rate(span, "jindou_http_requests_total", "status=\"5")));
  fmt::format_to(put, "sessions  {}{}{}; {}/s log in, {}/s end, {}/s for being slow\n",
                 amount_text(now.sum("jindou_sessions")), transports.empty() ? "" : ": ",
                 transports, amount_text(rate(span, "jindou_connects_total", "result=\"ok\"")),
                 amount_text(rate(span, "jindou_sessions_cut_total")),
                 amount_text(rate(span, "jindou_sessions_cut_total", "reason=\"slow\"")));
  fmt::format_to(
      put, "waiting   {} reads, {} for fan-out, {} for webhooks; {} jobs run\n",
      amount_text(now.sum("jindou_reads_waiting")), size_text(now.sum("jindou_fanout_queue_bytes")),
      amount_text(now.sum("jindou_webhook_backlog")), amount_text(now.sum("jindou_jobs_running")));
  fmt::format_to(
      put, "machine   {} processors, memory {} of {}, disk {} free of {}, {} files of {}\n",
      amount_text(rate(span, "process_cpu_seconds_total")),
      size_text(now.sum("process_resident_memory_bytes")),
      size_text(now.sum("jindou_memory_limit_bytes")), size_text(now.sum("jindou_disk_free_bytes")),
      size_text(now.sum("jindou_disk_size_bytes")), amount_text(now.sum("process_open_fds")),
      amount_text(now.sum("process_max_fds")));
  fmt::format_to(put, "\n{:<40} {:>10} {:>10} {:>10}\n", "ROUTE", "PER SECOND", "P50", "P99");
  const auto routes = busiest(span);
  for (std::size_t i = 0; i < std::min(routes.size(), routes_max); ++i) {
    const auto& [per_second, route] = routes[i];
    const std::string part = "route=\"" + route + '"';
    fmt::format_to(put, "{:<40} {:>10} {:>10} {:>10}\n", route, amount_text(per_second),
                   seconds_text(quantile_between(span.before, now, kRequestSeconds, 0.5, part)),
                   seconds_text(quantile_between(span.before, now, kRequestSeconds, 0.99, part)));
  }
  return out;
}

std::string line_text(const Span& span) {
  const ServerNumbers& now = span.now;
  return fmt::format(
      "{}; {}/s stored, {}/s to sessions, {}/s refused; {}/s requests, {}; commits {}; {} "
      "sessions; "
      "{} processors, {} memory, {} disk free",
      state_text(now), amount_text(rate(span, "jindou_messages_stored_total")),
      amount_text(rate(span, "jindou_deliveries_total")),
      amount_text(rate(span, "jindou_send_refused_total")),
      amount_text(rate(span, "jindou_http_requests_total")), percentiles(span, kRequestSeconds),
      percentiles(span, kCommitSeconds), amount_text(now.sum("jindou_sessions")),
      amount_text(rate(span, "process_cpu_seconds_total")),
      size_text(now.sum("process_resident_memory_bytes")),
      size_text(now.sum("jindou_disk_free_bytes")));
}

}  // namespace jindou::caller
