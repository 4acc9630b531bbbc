#include "api/job_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/query_number.h"
#include "api/route.h"
#include "partition/job_reader.h"

namespace jindou::api {
namespace {

// Items that were tried in a second, on average since it was started.
std::uint64_t speed_of(const Job& job) {
  const std::int64_t took_ms = std::max<std::int64_t>(1, job.changed_ms - job.started_ms);
  return job.reached * 1000 / static_cast<std::uint64_t>(took_ms);
}

void write_seconds(codec::JsonWriter& json, std::string_view name, std::int64_t ms) {
  if (ms > 0) json.number(name, ms / 1000);
}

std::string time_of_day(std::uint32_t minute) {
  const auto two = [](std::uint32_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  return two(minute / 60) + ':' + two(minute % 60);
}

void write_window(codec::JsonWriter& json, const DailyWindow& window) {
  if (!window.is_set()) return;
  json.string("window", time_of_day(window.from_min) + '-' + time_of_day(window.to_min));
  if (!window.zone.empty()) {
    json.string("time_zone", window.zone);
    return;
  }
  const bool ahead = window.offset_min >= 0;
  const auto minutes = static_cast<std::uint32_t>(ahead ? window.offset_min : -window.offset_min);
  json.string("time_zone", (ahead ? '+' : '-') + time_of_day(minutes));
}

// Milliseconds within which items were durable, from when the core was given them.
void write_times(codec::JsonWriter& json, const ItemTimes& times) {
  if (times.items() == 0) return;
  json.begin_object("commit_ms");
  json.number("p50", times.within(0.5));
  json.number("p90", times.within(0.9));
  json.number("p99", times.within(0.99));
  json.end_object();
}

}  // namespace

void write_job(codec::JsonWriter& json, const Job& job, std::optional<std::uint64_t> recent) {
  const JobCounts& counts = job.counts;
  json.begin_object();
  json.string("id", job.id);
  const bool sends = job.options.kind == JobKind::send;
  if (!sends) json.string("kind", job_kind_name(job.options.kind));
  const bool revises = job.options.kind == JobKind::recall || job.options.kind == JobKind::edit;
  json.string("batch_id", revises ? job.options.source : job.id);
  if (!job.options.name.empty()) json.string("name", job.options.name);
  json.string("state", job_state_name(job.state));
  if (!job.reason.empty()) json.string("reason", job.reason);
  json.number("items", counts.items);
  json.number("accepted", counts.accepted);
  json.number("duplicate", counts.duplicate);
  json.number("refused", counts.refused + counts.unreadable);
  json.number("unknown", counts.unknown);
  json.number("pending", counts.items - std::min(counts.items, counts.decided()));
  if (sends) {
    json.number("fanned_out", job.reach.messages);
    json.number("pushed_online", job.reach.pushed);
    json.number("left_offline", job.reach.left_offline());
  }
  json.number("pass", job.pass);
  if (job.options.rate > 0) json.number("rate", job.options.rate);
  if (job.options.canary_items > 0) json.number("canary", job.options.canary_items);
  write_window(json, job.options.window);
  write_seconds(json, "not_before", job.options.not_before_ms);
  write_seconds(json, "created_at", job.created_ms);
  write_seconds(json, "started_at", job.started_ms);
  write_seconds(json, "ended_at", job.ended_ms);
  if (job.started_ms > 0) {
    const std::uint64_t average = speed_of(job);
    json.number("items_per_second", average);
    if (recent) json.number("recent_per_second", *recent);
    // Between two turns of a slow job nothing seems to move.
    const std::uint64_t speed = recent.value_or(0) > 0 ? *recent : average;
    if (job.state == JobState::running && speed > 0) {
      const std::uint64_t end = job.only_failed ? job.reached : counts.items;
      const std::uint64_t left = end - std::min(end, job.cursor);
      json.number("expected_end", job.changed_ms / 1000 + static_cast<std::int64_t>(left / speed));
    }
  }
  write_times(json, job.times);
  json.end_object();
}

void answer_no_such_job(Response& response, std::string_view before) {
  if (before == kBatchPath) {
    answer_error(
        response, 404, errc_name(Errc::not_found),
        "there is no batch with this id: it is the batch_id of a job, or the Batch-Id of a batch "
        "that was sent with keep=true, and both are forgotten after jobs.keep");
    return;
  }
  answer_error(response, 404, errc_name(Errc::not_found),
               "there is no job with this id: it is the one that the request for the job was "
               "answered, and jobs that have ended are forgotten after jobs.keep");
}

Task<Result<std::optional<Job>>> load_job(Services& services, std::string id) {
  const partition::JobReader& jobs = services.deps.jobs;
  auto work = [&jobs, id] { return jobs.load_job(id); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// The job that the path names. None: `response` is the answer.
namespace {

// Whoever has a key looks at jobs that were begun with it, and changes no others, unless it reads
// or administers.
bool may_use(const Request& request, const Job& job) {
  if (request.key == nullptr) return true;
  const bool reads = request.method() == Verb::get || request.method() == Verb::head;
  if (request.key->may(reads ? Scopes(Scope::read) : Scopes(Scope::administer))) return true;
  return job.options.caller_kind == CallerIdentity::Kind::key &&
         job.options.caller_name == request.key->name;
}

}  // namespace

Task<std::optional<Job>> find_job(Services& services, const Request& request, Response& response,
                                  std::string_view before) {
  std::string id(path_parameter(request, before));
  auto found = co_await load_job(services, std::move(id));
  if (!found) {
    answer_error(response, found.error());
    co_return std::nullopt;
  }
  if (!*found) answer_no_such_job(response, before);
  if (*found && !may_use(request, **found)) {
    answer_error(response, 403, errc_name(Errc::denied),
                 std::string(before == kBatchPath ? "the batch" : "the job") +
                     " was begun by somebody else: that takes an API key with the scope " +
                     std::string(request.method() == Verb::get ? "read" : "administer"));
    co_return std::nullopt;
  }
  co_return std::move(*found);
}

std::optional<std::uint64_t> first_item_wanted(const Request& request, Response& response) {
  const auto from = query_number(request, "from", std::uint64_t{1} << 53);
  if (!from) answer_invalid(response, "from must be the index of an item");
  return from;
}

bool has_all_items(const Job& job, Response& response, std::string_view what) {
  if (job.has_all_input()) return true;
  const std::string text =
      job.options.kind == JobKind::batch
          ? "the batch is still being sent: wait until the request that sends it has ended"
          : std::string(what) + ": its upload is not complete";
  answer_error(response, 409, errc_name(Errc::conflict), text);
  return false;
}

}  // namespace jindou::api
