#include "api/batch_revisions.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/job_json.h"
#include "api/job_upload.h"
#include "api/revision_routes.h"
#include "base/assert.h"
#include "bodies/read.h"
#include "bodies/revisions.h"
#include "codec/json_writer.h"
#include "jobs/revision.h"
#include "model/id_rules.h"
#include "partition/job_reader.h"

namespace jindou::api {
namespace {

// What is asked for.
struct Wish {
  JobKind kind = JobKind::recall;
  std::string operator_uid;
  Payload payload;
};

// Whether the messages of the batch can be told: 409 otherwise.
std::string refusal_of(const Job& batch) {
  if (batch.options.kind != JobKind::send && batch.options.kind != JobKind::batch) {
    return "this is a job that recalls or edits the messages of another one: name that one";
  }
  if (!is_ended(batch.state) && batch.options.kind == JobKind::batch) {
    return "the batch is still being sent, and what comes of it later would not be changed: wait "
           "until the request that sends it has ended, or end it (POST /jobs/" +
           batch.id + "/cancel)";
  }
  if (!is_ended(batch.state)) {
    const std::string is = "the job is " + std::string(job_state_name(batch.state)) + ": ";
    const std::string cancel = "cancel it first (POST /jobs/" + batch.id + "/cancel)";
    if (!batch.sealed) {
      return is + "nothing of it is sent before its upload is complete; wait for that, or " +
             cancel;
    }
    return is + "what it still sends would not be changed; wait until it has ended (GET /jobs/" +
           batch.id + "), or " + cancel;
  }
  if (!batch.has_all_input()) return "nothing of the job was sent: its upload was not complete";
  if (!batch.sealed && batch.counts.items == 0) {
    return "what became of the messages of the batch could not be kept: send it again with "
           "keep=true (what is stored already is answered as a duplicate) and name that one";
  }
  return {};
}

// Adds the messages of one chunk of the batch.
Task<Result<void>> add_chunk(JobUpload& upload, const Job& batch, const partition::JobChunk& chunk,
                             const Wish& wish) {
  const auto revised = jobs::revised_of(batch, chunk, wish.payload);
  for (const jobs::Revised& one : revised) {
    if (upload.add_revised(one.message, one.id)) continue;
    auto flushed = co_await upload.flush();
    if (!flushed) co_return flushed;
    const bool added = upload.add_revised(one.message, one.id);
    JD_ASSERT(added);
  }
  auto flushed = co_await upload.flush_if_due();
  co_return flushed;
}

Task<Result<void>> copy_messages(Services& services, JobUpload& upload, const Job& batch,
                                 const Wish& wish) {
  auto begun = co_await upload.begin();
  if (!begun) co_return begun;
  const partition::JobReader& reader = services.deps.jobs;
  // Behind its last turn nothing was sent.
  for (std::uint64_t index = 0; jobs::may_have_sent(batch, index);) {
    auto work = [&reader, id = batch.id, index] { return reader.load_chunk(id, index); };
    const auto chunk = co_await services.deps.blocking.run(std::move(work));
    if (!chunk) co_return Result<void>(Error(chunk.error()));
    if (!*chunk) co_return Result<void>(Error(Errc::not_found, "the batch was deleted meanwhile"));
    auto added = co_await add_chunk(upload, batch, **chunk, wish);
    if (!added) co_return added;
    index = (*chunk)->first + (*chunk)->items.size();
  }
  auto sealed = co_await upload.seal();
  co_return sealed;
}

// Complete, and none of its items was tried: it is held back, or waits for its time.
bool has_not_begun(const Job& batch) {
  return batch.options.kind == JobKind::send && batch.sealed && batch.started_ms == 0;
}

// Complete, and it would go on sending.
bool still_sends(const Job& batch) {
  return batch.options.kind == JobKind::send && batch.sealed && !is_ended(batch.state);
}

// Ends a job that has not ended, for good: what it has not sent stays unsent. What it is afterwards
// is in `batch`: it may have ended otherwise in that moment. Errors: as change(), not_found.
Task<Result<void>> withdraw(Services& services, Request& request, Job& batch) {
  partition::ChangeJob cancelled;
  cancelled.job = batch.id;
  cancelled.action = JobAction::cancel;
  cancelled.reason =
      has_not_begun(batch) ? "recalled before it began" : "recalled while it was sent";
  cancelled.now_ms = services.deps.clock.wall_ms();
  partition::Change command = std::move(cancelled);
  const auto done = co_await change(services, request, std::move(command));
  if (!done && done.error().code() != Errc::conflict) co_return Result<void>(Error(done.error()));
  std::string id = batch.id;
  auto found = co_await load_job(services, std::move(id));
  if (!found) co_return Result<void>(Error(found.error()));
  if (!*found) co_return Result<void>(Error(Errc::not_found, "the batch was deleted meanwhile"));
  batch = std::move(**found);
  co_return Result<void>();
}

// Of the messages of one chunk that may be there: those that are revised.
Result<void> check_chunk_rights(observe::Metrics& metrics, const ApiKeyPtr& key, const Job& batch,
                                const partition::JobChunk& chunk) {
  for (const jobs::Revised& one : jobs::revised_of(batch, chunk, Payload())) {
    const SendCommand& sent = chunk.items[one.index - chunk.first].message;
    // Commands are left alone; one to a list of users has no channel.
    if (sent.flags.sync_once || sent.channel.id.empty()) continue;
    JD_RETURN_IF_ERROR(check_revision_rights(metrics, key, sent.from_uid, sent.channel, {}));
  }
  return {};
}

// As of a single recall or edit, of all that was sent. What is still to be sent the core judges.
// Errors: denied, storage, overloaded.
Task<Result<void>> check_all_rights(Services& services, const ApiKeyPtr& key, const Job& batch,
                                    const std::string& operator_uid) {
  if (key == nullptr || !key->is_bound()) co_return Result<void>();
  observe::Metrics& metrics = services.deps.metrics;
  auto may = check_operator_rights(metrics, key, operator_uid);
  const partition::JobReader& reader = services.deps.jobs;
  for (std::uint64_t index = 0; may && jobs::may_have_sent(batch, index);) {
    auto work = [&reader, id = batch.id, index] { return reader.load_chunk(id, index); };
    const auto chunk = co_await services.deps.blocking.run(std::move(work));
    if (!chunk) co_return Result<void>(Error(chunk.error()));
    if (!*chunk) break;  // of an upload that was cut
    may = check_chunk_rights(metrics, key, batch, **chunk);
    index = (*chunk)->first + (*chunk)->items.size();
  }
  co_return may;
}

Task<void> revise(Services& services, Request& request, Response& response, Wish wish) {
  auto job = wanted_revision(request);
  if (!job) {
    answer_error(response, job.error());
    co_return;
  }
  const auto found = co_await find_job(services, request, response, kBatchPath);
  if (!found) co_return;
  Job batch = *found;
  const auto may = co_await check_all_rights(services, request.key, batch, wish.operator_uid);
  if (!may) {
    answer_error(response, may.error());
    co_return;
  }
  if (wish.kind == JobKind::recall && (has_not_begun(batch) || still_sends(batch))) {
    const auto withdrawn = co_await withdraw(services, request, batch);
    if (!withdrawn) {
      answer_error(response, withdrawn.error());
      co_return;
    }
    if (has_not_begun(batch)) {
      codec::JsonWriter json(response.body);
      write_job(json, batch);
      co_return;
    }
  }
  if (const std::string why = refusal_of(batch); !why.empty()) {
    answer_error(response, 409, errc_name(Errc::conflict), why);
    co_return;
  }
  job->wanted = true;
  job->options.kind = wish.kind;
  job->options.source = batch.id;
  job->options.operator_uid = wish.operator_uid;
  JobUpload upload(services, request, std::move(*job));
  const auto done = co_await copy_messages(services, upload, batch, wish);
  (void)co_await upload.finish(response, done);
}

// The same for both bodies, after what each has of its own. None: `response` is the answer.
bool check_operator(bodies::BodyReader& body, const std::string& uid, Response& response) {
  if (!uid.empty()) {
    const auto problem = id_problem(uid);
    if (!problem.empty()) body.fail_member("operator_uid", problem);
  }
  if (body.ok()) return true;
  answer_invalid(response, body.problem());
  return false;
}

Task<void> nothing() { co_return; }

// Not coroutines of their own: the task is handed on.
Task<void> post_batch_recall(Services& services, Request& request, Response& response) {
  Wish wish;
  bodies::BodyReader body(request.body.empty() ? std::string_view("{}") : request.body);
  wish.operator_uid = bodies::read<bodies::RecallBatch>(body).operator_uid;
  if (!check_operator(body, wish.operator_uid, response)) return nothing();
  return revise(services, request, response, std::move(wish));
}

Task<void> post_batch_edit(Services& services, Request& request, Response& response) {
  Wish wish;
  bodies::BodyReader body(request.body);
  auto given = bodies::read<bodies::EditBatch>(body, services.options.body_limits());
  wish.kind = JobKind::edit;
  wish.operator_uid = std::move(given.operator_uid);
  wish.payload = std::move(given.payload);
  wish.payload.share();
  if (!check_operator(body, wish.operator_uid, response)) return nothing();
  return revise(services, request, response, std::move(wish));
}

}  // namespace

std::span<const Route> batch_revision_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/batches/{id}/recall", post_batch_recall, Auth::send,
       "Takes all messages of a batch back", Ports::both},
      {Verb::post, "/batches/{id}/edit", post_batch_edit, Auth::send,
       "Gives all messages of a batch another payload"},
  }};
  return routes;
}

}  // namespace jindou::api
