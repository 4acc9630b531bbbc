// The rows about reading: a conversation list, and a long page of history. Both over HTTP, one
// connection, one request after another.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/interrupt.h"
#include "bench/response_scan.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

// The figures of the issue: a user with 1,000 channels over a million messages, and a page of
// 10,000 messages.
constexpr unsigned kListChannels = 1000;
constexpr std::uint64_t kListMessages = 1'000'000;
constexpr std::size_t kHistoryPage = 10'000;
constexpr std::uint64_t kHistoryMessages = 100'000;
constexpr std::string_view kReader = "bench_reader";

// Fills the groups with `count` messages, spread evenly.
Result<void> fill(Stage& stage, const Target& target, const GroupNames& groups,
                  std::uint64_t count) {
  HttpLoad load(target.http, kBatchConnections, batch_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(load.connect());
  JD_TRY(const HttpLoad::Round filled, load.run(kFillSecondsMax, count));
  if (load.messages_total() < count) return Error(Errc::deadline, "filling took too long");
  progress("{} messages in {} groups, {} msg/s", format_count(count), groups.count,
           format_number(filled.per_second()));
  return {};
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

// What an answer must hold.
struct Expected {
  std::size_t conversations = 0;
  std::size_t messages = 0;
};

struct Timing {
  std::vector<std::uint64_t> latencies;
  std::size_t answer_bytes = 0;

  double p50_ms() { return millis(percentile(latencies, 50)); }
  double p99_ms() { return millis(percentile(latencies, 99)); }
};

// Posts the same request again and again. Every answer is checked, outside of the time measured.
Result<Timing> time_posts(Stage& stage, const Target& target, std::string_view path,
                          const std::string& json, Expected expected) {
  HttpClient http(target.http);
  Timing timing;
  // The first round warms up.
  const double warm_up = stage.options().seconds;
  const double seconds = warm_up * stage.options().rounds;
  const TimePoint start = std::chrono::steady_clock::now();
  while (seconds_since(start) < warm_up + seconds) {
    JD_RETURN_IF_ERROR(check_interrupted());
    const TimePoint sent = std::chrono::steady_clock::now();
    JD_TRY(const std::string body, http.post(path, json));
    const std::uint64_t took = nanoseconds_since(sent);
    const std::size_t messages = count_message_ids(body).given;
    if (count_of(body, "\"unread\":") != expected.conversations || messages != expected.messages) {
      return Error(Errc::invalid,
                   fmt::format("POST {} {} answered {} messages, not {}: {}", path, json, messages,
                               expected.messages, body.substr(0, 200)));
    }
    if (seconds_since(start) > warm_up) timing.latencies.push_back(took);
    timing.answer_bytes = body.size();
  }
  if (timing.latencies.empty()) return Error(Errc::deadline, "not one answer in the time given");
  return timing;
}

Result<void> measure_conversations(Stage& stage, std::vector<Row>& rows) {
  JD_TRY(const Target target, stage.open_target());
  GroupNames groups;
  groups.prefix = "bench_list_";
  groups.count = kListChannels;
  HttpClient http(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_sender", std::string(kReader)}));
  }
  JD_RETURN_IF_ERROR(fill(stage, target, groups, kListMessages));
  const auto request = [](int recents, std::string_view more) {
    return fmt::format(R"({{"uid":"{}","msg_count":{}{}}})", kReader, recents, more);
  };
  const std::string_view path = "/conversation/sync";
  JD_TRY(Timing with,
         time_posts(stage, target, path, request(1, ""), Expected{kListChannels, kListChannels}));
  JD_TRY(Timing without,
         time_posts(stage, target, path, request(0, ""), Expected{kListChannels, 0}));
  // A later version than any: the sync of a client that has everything.
  JD_TRY(Timing unchanged, time_posts(stage, target, path,
                                      request(1, ",\"version\":9000000000000000000"), Expected{}));
  Row row("conversations",
          fmt::format("conversations: POST /conversation/sync, {} channels, {} messages, p50",
                      format_count(kListChannels), format_count(kListMessages)),
          with.p50_ms(), "ms");
  row.note = fmt::format(
      "msg_count 1: p99 {:.1f} ms, {:.0f} KiB; msg_count 0: p50 {:.1f} ms, p99 {:.1f} ms; nothing "
      "changed since `version`: p50 {:.1f} ms, p99 {:.1f} ms",
      with.p99_ms(), static_cast<double>(with.answer_bytes) / 1024, without.p50_ms(),
      without.p99_ms(), unchanged.p50_ms(), unchanged.p99_ms());
  add_detail(row, "one_recent_p99_ms", with.p99_ms());
  add_detail(row, "no_recents_p50_ms", without.p50_ms());
  add_detail(row, "no_recents_p99_ms", without.p99_ms());
  add_detail(row, "unchanged_p50_ms", unchanged.p50_ms());
  add_detail(row, "unchanged_p99_ms", unchanged.p99_ms());
  rows.push_back(row);
  return {};
}

Result<void> measure_history(Stage& stage, std::vector<Row>& rows) {
  JD_TRY(const Target target, stage.open_target());
  GroupNames group;
  group.prefix = "bench_history_";
  group.count = 1;
  HttpClient http(target.http);
  JD_RETURN_IF_ERROR(create_group(http, group.name(0), {"bench_sender", std::string(kReader)}));
  JD_RETURN_IF_ERROR(fill(stage, target, group, kHistoryMessages));
  const auto request = [&group](std::uint64_t start, int pull_mode) {
    return fmt::format(
        R"({{"login_uid":"{}","channel_id":"{}","channel_type":2,"start_message_seq":{},)"
        R"("end_message_seq":0,"limit":{},"pull_mode":{}}})",
        kReader, group.name(0), start, kHistoryPage, pull_mode);
  };
  const std::string_view path = "/channel/messagesync";
  const Expected page{0, kHistoryPage};
  JD_TRY(Timing newest, time_posts(stage, target, path, request(0, 0), page));
  JD_TRY(Timing upwards, time_posts(stage, target, path, request(kHistoryMessages / 2, 1), page));
  Row row("history",
          fmt::format("history: POST /channel/messagesync, {} messages, p50",
                      format_count(kHistoryPage)),
          newest.p50_ms(), "ms");
  row.note = fmt::format(
      "newest: p99 {:.1f} ms, {:.1f} MiB; from the middle upwards: p50 {:.1f} ms, p99 {:.1f} ms",
      newest.p99_ms(), static_cast<double>(newest.answer_bytes) / 1048576, upwards.p50_ms(),
      upwards.p99_ms());
  add_detail(row, "newest_p99_ms", newest.p99_ms());
  add_detail(row, "upwards_p50_ms", upwards.p50_ms());
  add_detail(row, "upwards_p99_ms", upwards.p99_ms());
  rows.push_back(row);
  return {};
}

}  // namespace

Result<void> measure_reading(Stage& stage, std::vector<Row>& rows) {
  if (stage.options().wants("conversations"))
    JD_RETURN_IF_ERROR(measure_conversations(stage, rows));
  if (stage.options().wants("history")) JD_RETURN_IF_ERROR(measure_history(stage, rows));
  return {};
}

}  // namespace jindou::bench
