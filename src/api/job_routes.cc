#include "api/job_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/job_events.h"
#include "api/job_json.h"
#include "api/job_upload.h"
#include "api/loaded_answers.h"
#include "api/query_number.h"
#include "api/send_query.h"
#include "codec/json_writer.h"
#include "jobs/turn.h"
#include "model/job.h"
#include "partition/job_reader.h"

namespace jindou::api {
namespace {

constexpr std::size_t kListed = 100;
constexpr std::size_t kListedMax = 1000;
// Of the answer with results, written at a time.
constexpr std::size_t kResultBytes = std::size_t{32} << 10;
constexpr std::string_view kLines = "application/x-ndjson";

constexpr std::array kStates = {JobState::uploading, JobState::ready, JobState::running,
                                JobState::paused,    JobState::done,  JobState::cancelled,
                                JobState::failed};

std::string_view result_state_name(JobResult::State state) {
  switch (state) {
    case JobResult::State::pending: return "pending";
    case JobResult::State::accepted: return "accepted";
    case JobResult::State::duplicate: return "duplicate";
    case JobResult::State::refused:
    case JobResult::State::unreadable: return "refused";
    case JobResult::State::unknown: return "unknown";
  }
  return "unknown";
}

// Before a job is changed. False: `response` is the answer.
Task<bool> may_change(Services& services, const Request& request, Response& response,
                      std::string_view before = kJobPath) {
  if (request.key == nullptr || request.key->may(Scope::administer)) co_return true;
  const auto job = co_await find_job(services, request, response, before);
  co_return job.has_value();
}

void answer_job(Response& response, const Job& job) {
  codec::JsonWriter json(response.body);
  write_job(json, job);
}

// ---- reading ----------------------------------------------------------------------------------

struct JobPage {
  std::vector<Job> jobs;
  std::string next;  // the page behind it is of those before this id; empty: there are none
};

// Jobs in that state (none: in any), the newest first, those before the id.
Result<JobPage> load_page(const partition::JobReader& reader, std::string before,
                          std::optional<JobState> state, std::size_t count) {
  JobPage page;
  for (;;) {
    JD_TRY(auto jobs, reader.load_jobs(before, kListedMax));
    for (Job& job : jobs) {
      if (state && job.state != *state) continue;
      if (page.jobs.size() == count) {
        page.next = page.jobs.back().id;
        return page;
      }
      page.jobs.push_back(std::move(job));
    }
    if (jobs.size() < kListedMax) return page;
    before = jobs.back().id;
  }
}

Task<void> get_jobs(Services& services, Request& request, Response& response) {
  const auto given = query_number(request, "limit", kListedMax);
  if (!given) {
    answer_invalid(response, "limit must be a number from 1 to " + std::to_string(kListedMax));
    co_return;
  }
  const std::size_t count = *given == 0 ? kListed : static_cast<std::size_t>(*given);
  const std::string before = request.query_value("before");
  if (!before.empty() && !is_job_id(before)) {
    answer_invalid(response, "before must be the id of a job");
    co_return;
  }
  std::optional<JobState> state;
  if (const std::string name = request.query_value("state"); !name.empty()) {
    for (const JobState each : kStates) {
      if (job_state_name(each) == name) state = each;
    }
    if (!state) {
      answer_invalid(response,
                     "state takes uploading, ready, running, paused, done, cancelled or failed");
      co_return;
    }
  }
  const partition::JobReader& jobs = services.deps.jobs;
  auto work = [&jobs, before, state, count] { return load_page(jobs, before, state, count); };
  const auto page = co_await load_or_answer(services, response, std::move(work));
  if (!page) co_return;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("jobs");
  for (const Job& job : page->jobs) write_job(json, job);
  json.end_array();
  json.flag("more", !page->next.empty());
  json.end_object();
}

Task<void> get_job(Services& services, Request& request, Response& response) {
  const auto job = co_await find_job(services, request, response);
  if (job) answer_job(response, *job);
}

// Why a message was neither recalled nor edited.
std::string_view revision_failure_text(Errc code) {
  switch (code) {
    case Errc::not_found:
      return "there is no such message: it was not stored, has expired or was deleted";
    case Errc::invalid: return "a command message can be neither recalled nor edited";
    case Errc::conflict: return "the message was recalled";
    default: return "it is not known what became of it: a retry tries it again";
  }
}

void append_line(std::string& out, const Job& job, std::uint64_t index, const JobItem& item,
                 const JobResult& result) {
  if (item.refusal) {
    codec::ItemProblem problem;
    problem.code = item.refusal->code;
    problem.text = item.refusal->text;
    append_problem_line(out, index, problem);
    return;
  }
  const std::string number =
      item.message.idempotent ? item.message.client_msg_no : jobs::item_number(job.id, index);
  if (result.state == JobResult::State::pending) {
    codec::JsonWriter json(out);
    json.begin_object();
    json.number("index", index);
    json.string("client_msg_no", number);
    json.string("state", "pending");
    json.end_object();
    out += '\n';
    return;
  }
  const bool revises = job.options.kind == JobKind::recall || job.options.kind == JobKind::edit;
  if (revises && !result.ok()) {
    codec::ItemProblem problem;
    problem.client_msg_no = number;
    problem.code = result.code;
    problem.text = revision_failure_text(result.code);
    append_problem_line(out, index, problem);
    return;
  }
  append_result_line(out, index, jobs::send_result_of(result), number);
}

Task<void> get_results(Services& services, Request& request, Response& response) {
  const std::string status = request.query_value("status");
  bool known = status.empty();
  for (int each = 0; each <= static_cast<int>(kLastJobResultState); ++each) {
    known = known || result_state_name(static_cast<JobResult::State>(each)) == status;
  }
  if (!known) {
    answer_invalid(response, "status takes accepted, duplicate, refused, unknown or pending");
    co_return;
  }
  const auto from = first_item_wanted(request, response);
  if (!from) co_return;
  const auto job = co_await find_job(services, request, response);
  if (!job || !has_all_items(*job, response, "the job has no results")) co_return;
  const partition::JobReader& reader = services.deps.jobs;
  std::string text;
  std::uint64_t lines = 0;
  bool begun = false;
  for (std::uint64_t index = *from; index < job->counts.items;) {
    auto work = [&reader, id = job->id, index] { return reader.load_chunk(id, index); };
    const auto chunk = co_await services.deps.blocking.run(std::move(work));
    if (!chunk || !*chunk) {
      // Deleted meanwhile, or unreadable. An answer that has begun is seen to be cut off: it has no
      // last line.
      response.close = begun;
      if (!begun && !chunk) answer_error(response, chunk.error());
      if (!begun && chunk) answer_no_such_job(response);
      co_return;
    }
    for (; index < (*chunk)->first + (*chunk)->items.size(); ++index) {
      const auto place = static_cast<std::size_t>(index - (*chunk)->first);
      const JobResult& result = (*chunk)->results[place];
      if (!status.empty() && result_state_name(result.state) != status) continue;
      append_line(text, *job, index, (*chunk)->items[place], result);
      ++lines;
      if (text.size() < kResultBytes) continue;
      response.content_type = kLines;
      begun = true;
      const bool taken = co_await request.stream->write(text);
      if (!taken) co_return;
      text.clear();
    }
  }
  codec::JsonWriter json(text);
  json.begin_object();
  json.boolean("done", true);
  json.number("items", lines);
  json.end_object();
  text += '\n';
  response.content_type = kLines;
  (void)co_await request.stream->write(text);
}

// ---- changing ---------------------------------------------------------------------------------

// Of an action that cannot be done: "the job is done: it cannot be paused".
std::string refusal_of(const Job& job, JobAction action) {
  const std::string is = "the job is " + std::string(job_state_name(job.state)) + ": ";
  switch (action) {
    case JobAction::pause: return is + "it cannot be paused";
    case JobAction::resume: return is + "it cannot be resumed";
    case JobAction::cancel: return is + "it cannot be cancelled any more";
    case JobAction::retry:
      if (job.options.kind == JobKind::batch) {
        return "a request has sent the batch: its caller sends again what has failed";
      }
      if (!job.sealed) return is + "it cannot be retried, because its upload is not complete";
      if (next_job_state(job.state, action)) return "nothing of the job has failed";
      return is + "it can be retried when it is done or failed";
    default: return is + "this cannot be done with it";
  }
}

// The same of a retry that leaves what was never tried.
std::string refusal_of_only_failed(const Job& job, JobAction action) {
  const bool could_go_on = job.sealed && job.options.kind != JobKind::batch &&
                           next_job_state(job.state, action) &&
                           job.counts.decided() < job.counts.items;
  if (!could_go_on) return refusal_of(job, action);
  return "nothing of the job was refused or is unknown; what was never tried is sent by POST "
         "/jobs/" +
         job.id + "/retry";
}

// The same of a batch, for who has named one.
std::string of_a_batch(std::string text) {
  constexpr std::string_view kJob = "the job";
  for (auto at = text.find(kJob); at != std::string::npos; at = text.find(kJob, at)) {
    text.replace(at, kJob.size(), "the batch");
  }
  return text;
}

// Answers for a change of the job that was asked for.
Task<void> answer_change(Services& services, Request& request, Response& response,
                         Result<void> done, std::string (*refusal)(const Job&, JobAction),
                         JobAction action, std::string_view before = kJobPath) {
  if (!done && done.error().code() == Errc::not_found) {
    answer_no_such_job(response, before);
    co_return;
  }
  if (!done && done.error().code() != Errc::conflict) {
    answer_error(response, done.error());
    co_return;
  }
  const auto job = co_await find_job(services, request, response, before);
  if (!job) co_return;
  if (done) {
    answer_job(response, *job);
  } else {
    std::string why = refusal(*job, action);
    if (before == kBatchPath) why = of_a_batch(std::move(why));
    answer_error(response, 409, errc_name(Errc::conflict), why);
  }
}

std::string refusal_of_rate(const Job& job, JobAction) {
  return "the job is " + std::string(job_state_name(job.state)) +
         ": its rate does not matter any more";
}

Task<void> post_rate(Services& services, Request& request, Response& response) {
  const std::string id(path_parameter(request, kJobPath));
  const auto rate = number_choice(request, "rate");
  if (!rate || request.query_value("rate").empty()) {
    answer_invalid(response, bodies::what_it_takes(*bodies::find_send_choice("rate")) +
                                 "; 0: as fast as it goes");
    co_return;
  }
  if (!is_job_id(id)) {
    answer_no_such_job(response);
    co_return;
  }
  const bool may = co_await may_change(services, request, response);
  if (!may) co_return;
  partition::Change command = partition::SetJobRate{id, *rate, services.deps.clock.wall_ms()};
  auto done = co_await change(services, request, std::move(command));
  co_await answer_change(services, request, response, std::move(done), refusal_of_rate,
                         JobAction::start);
}

// Not coroutines of their own: the task is handed on.
Task<void> post_pause(Services& services, Request& request, Response& response) {
  return act_on_job(services, request, response, JobAction::pause, kJobPath);
}
Task<void> post_resume(Services& services, Request& request, Response& response) {
  return act_on_job(services, request, response, JobAction::resume, kJobPath);
}
Task<void> post_cancel(Services& services, Request& request, Response& response) {
  return act_on_job(services, request, response, JobAction::cancel, kJobPath);
}

Task<void> post_job_retry(Services& services, Request& request, Response& response) {
  const std::string only = request.query_value("only");
  if (!only.empty() && only != "failed") {
    answer_invalid(response,
                   "only must be failed (what was never tried is left then), or left out");
    co_return;
  }
  co_await act_on_job(services, request, response, JobAction::retry, kJobPath, !only.empty());
}

Task<void> delete_job(Services& services, Request& request, Response& response) {
  const std::string id(path_parameter(request, kJobPath));
  if (!is_job_id(id)) {
    answer_no_such_job(response);
    co_return;
  }
  const bool may = co_await may_change(services, request, response);
  if (!may) co_return;
  partition::Change command = partition::DeleteJob{id};
  const auto done = co_await change(services, request, std::move(command));
  if (!done && done.error().code() == Errc::not_found) {
    answer_no_such_job(response);
  } else if (!done && done.error().code() == Errc::conflict) {
    answer_error(response, 409, errc_name(Errc::conflict),
                 "the job has not ended: cancel it first");
  } else {
    answer_done(response, done, services.options.status_style);
  }
}

bool always(const Request&) { return true; }

}  // namespace

Task<void> act_on_job(Services& services, Request& request, Response& response, JobAction action,
                      std::string_view before, bool only_failed) {
  const std::string id(path_parameter(request, before));
  if (!is_job_id(id)) {
    answer_no_such_job(response, before);
    co_return;
  }
  const bool may = co_await may_change(services, request, response, before);
  if (!may) co_return;
  partition::ChangeJob wanted;
  wanted.job = id;
  wanted.action = action;
  wanted.only_failed = only_failed;
  wanted.now_ms = services.deps.clock.wall_ms();
  partition::Change command = std::move(wanted);
  auto done = co_await change(services, request, std::move(command));
  std::string (*refusal)(const Job&, JobAction) = refusal_of;
  if (only_failed) refusal = refusal_of_only_failed;
  co_await answer_change(services, request, response, std::move(done), refusal, action, before);
}

std::span<const Route> job_routes() {
  static constexpr std::array<Route, 10> routes = {{
      {Verb::get, "/jobs", get_jobs, Auth::read, "The jobs that there are", Ports::both},
      {Verb::get, "/jobs/{id}", get_job, Auth::send_or_read, "A job: its state and counts",
       Ports::both},
      {.method = Verb::get,
       .path = "/jobs/{id}/results",
       .handler = get_results,
       .auth = Auth::send_or_read,
       .summary = "What has become of the items of a job",
       .ports = Ports::both,
       .streams = always},
      {.method = Verb::get,
       .path = "/jobs/{id}/events",
       .handler = get_job_events,
       .auth = Auth::send_or_read,
       .summary = "How a job goes on, as it happens",
       .streams = always},
      {Verb::post, "/jobs/{id}/pause", post_pause, Auth::send, "Pauses a job", Ports::both},
      {Verb::post, "/jobs/{id}/resume", post_resume, Auth::send, "Goes on with a paused job",
       Ports::both},
      {Verb::post, "/jobs/{id}/retry", post_job_retry, Auth::send,
       "Sends again what failed in a job, and what it has not tried", Ports::both},
      {Verb::post, "/jobs/{id}/rate", post_rate, Auth::send, "Changes how fast a job sends",
       Ports::both},
      {Verb::post, "/jobs/{id}/cancel", post_cancel, Auth::send, "Ends a job", Ports::both},
      {Verb::delete_, "/jobs/{id}", delete_job, Auth::send, "Forgets a job that has ended",
       Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
