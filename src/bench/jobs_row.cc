#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/interrupt.h"
#include "bench/person_chat.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kPersonLines = 100;
constexpr std::size_t kCompetingConnections = 64;
constexpr unsigned kReceivers = 10'000;
constexpr std::chrono::milliseconds kJobChatInterval{5};
constexpr std::chrono::milliseconds kLookInterval{20};
constexpr double kJobSecondsMax = 900;
constexpr double kChatBar = 1.2;

// A message to each of 10,000 users in turn.
RequestTemplate::Shape person_shape(RequestTemplate::Form form, std::size_t items) {
  GroupNames users;
  users.prefix = "bench_user_";
  users.count = kReceivers;
  RequestTemplate::Shape shape = batch_shape(users);
  shape.form = form;
  shape.items = items;
  shape.channel_type = 1;
  return shape;
}

// One job after another on one server.
class Jobs {
 public:
  Jobs(const Stage& stage, const Target& target)
      : http_(target.http),
        lines_(person_shape(RequestTemplate::Form::lines, kPersonLines), stage.payloads()) {}

  // Uploads `items`, after which the job begins. Errors: those of HttpClient::post_lines.
  Result<void> begin(std::uint64_t items) {
    std::uint64_t sent = 0;
    JD_TRY(const std::string answer, http_.post_lines("/message/sendbatch?async=true", [&] {
      if (sent >= items) return std::string_view();
      sent += kPersonLines;
      const std::string_view chunk = lines_.fill(next_number_++, next_user_);
      next_user_ = static_cast<unsigned>((next_user_ + kPersonLines) % kReceivers);
      return chunk;
    }));
    constexpr std::string_view kId = R"("id":")";
    const auto at = answer.find(kId);
    if (at == std::string::npos) return Error(Errc::invalid, "a job without an id: " + answer);
    path_ = "/jobs/" +
            answer.substr(at + kId.size(), answer.find('"', at + kId.size()) - at - kId.size());
    items_ = sent;
    return {};
  }

  // Errors: invalid when something of it was refused, or it ended otherwise.
  Result<bool> done() {
    JD_TRY(const std::string answer, http_.get(path_));
    for (const std::string_view state : {"cancelled", "failed", "paused"}) {
      if (answer.find(fmt::format(R"("state":"{}")", state)) != std::string::npos) {
        return Error(Errc::invalid, "a job did not end well: " + answer);
      }
    }
    if (answer.find(R"("state":"done")") == std::string::npos) return false;
    if (answer.find(fmt::format(R"("accepted":{},)", items_)) == std::string::npos) {
      return Error(Errc::invalid, "a job has not sent everything: " + answer);
    }
    return true;
  }

  std::uint64_t items() const { return items_; }

 private:
  HttpClient http_;
  RequestTemplate lines_;
  std::string path_;
  std::uint64_t items_ = 0;
  std::uint64_t next_number_ = 1;
  unsigned next_user_ = 0;
};

// Messages a second from the first byte of the upload to the last message stored.
Result<double> rate_of_job(Jobs& jobs, std::uint64_t items) {
  const TimePoint start = std::chrono::steady_clock::now();
  JD_RETURN_IF_ERROR(jobs.begin(items));
  for (;;) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_TRY(const bool done, jobs.done());
    if (done) return static_cast<double>(jobs.items()) / seconds_since(start);
    if (seconds_since(start) > kJobSecondsMax) return Error(Errc::deadline, "a job does not end");
    std::this_thread::sleep_for(kLookInterval);
  }
}

// A chat beside jobs and without, in turns.
Result<void> measure_chat(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  if (target.tcp.size == 0) {
    progress("jobs_chat: skipped, the address for TCP (--tcp) is not known");
    return {};
  }
  Jobs jobs(stage, target);
  JD_TRY(const auto chat, PersonChat::connect(target.tcp));
  std::vector<std::uint64_t> idle;
  std::vector<std::uint64_t> during;
  double job_seconds = 0;
  // Round 0 warms up.
  for (int round = 0; round <= options.rounds; ++round) {
    JD_TRY(const auto alone, chat->run(options.seconds, kJobChatInterval));
    const TimePoint start = std::chrono::steady_clock::now();
    JD_RETURN_IF_ERROR(jobs.begin(options.job_items / static_cast<unsigned>(options.rounds)));
    std::vector<std::uint64_t> beside;
    for (bool done = false; !done;) {
      JD_TRY(const auto some, chat->run(options.seconds / 4, kJobChatInterval));
      JD_TRY(done, jobs.done());
      // What was measured behind its end is not beside it.
      if (!done) append(beside, some);
      if (seconds_since(start) > kJobSecondsMax) return Error(Errc::deadline, "a job does not end");
    }
    progress("jobs_chat, round {}: {} messages beside the job", round, beside.size());
    if (round == 0) continue;
    append(idle, alone);
    append(during, beside);
    job_seconds += seconds_since(start);
  }
  if (during.empty()) {
    progress("jobs_chat: skipped, jobs are over too soon (--job-items)");
    return {};
  }
  const double p99 = millis(percentile(during, 99));
  const double idle_p99 = millis(percentile(idle, 99));
  Row row("jobs_chat",
          fmt::format("person chat beside jobs of {} items in all: SEND to RECV, p99",
                      format_count(options.job_items)),
          p99, "ms");
  compare(row, Row::Bar::at_most, kChatBar, idle_p99 > 0 ? p99 / idle_p99 : 0,
          fmt::format("idle p99 {:.2f} ms", idle_p99));
  row.note = fmt::format(
      "p50 {:.2f} ms, idle {:.2f} ms; p99.9 {:.1f} ms, idle {:.1f} ms; {} messages beside jobs, {} "
      "idle; jobs took {:.1f} s with their uploads",
      millis(percentile(during, 50)), millis(percentile(idle, 50)),
      millis(percentile(during, 99.9)), millis(percentile(idle, 99.9)), format_count(during.size()),
      format_count(idle.size()), job_seconds);
  rows.push_back(row);
  return {};
}

Result<void> measure_rate(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  Jobs jobs(stage, target);
  HttpLoad single(target.http, kCompetingConnections,
                  person_shape(RequestTemplate::Form::single, 1), stage.payloads());
  JD_RETURN_IF_ERROR(single.connect());
  std::vector<double> job_rates;
  std::vector<double> single_rates;
  for (int round = 0; round <= options.rounds; ++round) {
    JD_TRY(const HttpLoad::Round one_by_one, single.run(options.seconds));
    JD_TRY(const double rate,
           rate_of_job(jobs, options.job_items / static_cast<unsigned>(options.rounds)));
    progress("jobs, round {}: {} msg/s, by single sends {} msg/s", round, format_number(rate),
             format_number(one_by_one.per_second()));
    if (round == 0) continue;
    job_rates.push_back(rate);
    single_rates.push_back(one_by_one.per_second());
  }
  Row row("jobs",
          fmt::format("jobs of {} person messages in all, uploaded, stored and recorded",
                      format_count(options.job_items)),
          median(job_rates), "msg/s");
  const double singles = median(single_rates);
  refer(row, singles > 0 ? row.value / singles : 0,
        "POST /message/send, 64 connections: " + format_number(singles) + " msg/s");
  row.note = fmt::format("rounds in turns, {}, single {}", spread(job_rates), spread(single_rates));
  rows.push_back(row);
  return {};
}

}  // namespace

Result<void> measure_jobs(Stage& stage, std::vector<Row>& rows) {
  JD_RETURN_IF_ERROR(measure_chat(stage, rows));
  return measure_rate(stage, rows);
}

}  // namespace jindou::bench
