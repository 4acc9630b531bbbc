// A batch that becomes a job (docs/decisions/0028-jobs.md): what was asked for, and the way of its
// items to the partition of the job, while they come.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "bodies/send_choices.h"
#include "codec/message_json.h"
#include "model/job.h"
#include "partition/change.h"
#include "store/job_records.h"

namespace jindou::api {

class Repeatable;

// Whether the request is to be a job, by its header alone; what is wrong with it is said later.
bool asks_for_job(const Request& request);

// What a request says about being a job.
struct JobWish {
  bool wanted = false;
  bool held = false;           // hold_ms: a job that begins when the hold is over
  bool by_preference = false;  // by the header Prefer
  // Millionths of its items, behind which it pauses. How many these are is known with the last of
  // them.
  std::uint32_t canary_ppm = 0;
  JobOptions options;
};
// Of the query and the header fields of /batches/{id}/recall and /edit, which a job does. Errors:
// invalid, with a sentence.
Result<JobWish> wanted_revision(const Request& request);
// Reads the query of a request that sends, its header fields that say the same, and the header
// Prefer: whether it is to be a job, and that it asks for nothing that such a request does not
// take. Errors: as above.
Result<JobWish> wanted_job(const Request& request, bodies::SendForm form, std::int64_t now_ms);

// One request. Lives in its handler, on the request's shard. Memory: one chunk of input
// (kJobChunkBytesMax, or one item), and a copy of it while it is made durable.
//
// Whatever fails: the job is not started, and give_up() says so in its record. When that is not
// possible either, or the process dies, it is done when the upload has stood still for
// jobs.uploadIdle.
class JobUpload {
 public:
  JobUpload(Services& services, Request& request, JobWish wish);

  // Before begin(): it is only read and counted, and nothing of it is stored.
  void discard() { is_kept_ = false; }
  // Errors, here and below: as change().
  Task<Result<void>> begin();

  // All of these: false when the chunk is full: flush(), and again.
  bool add(const SendCommand& message) { return input_.add(message); }
  bool refuse(Errc code, std::string_view why);
  // As store::JobInputBuilder::add_revised.
  bool add_revised(const SendCommand& message, MessageId id) {
    return input_.add_revised(message, id);
  }
  // Of a job of the kind `batch`, in place of add(): a message, and what became of it.
  bool add_sent(const SendCommand& message, const SendResult& result);
  // The same in place of refuse().
  bool refuse_sent(Errc code, std::string_view why);
  // Makes the chunk durable; waits while there is no room, for api.streamTimeout. Also errors:
  // too_large, when the job has more input than it may have.
  Task<Result<void>> flush();
  // The same if it was some seconds ago that something was made durable: whoever sends slowly is
  // still there.
  Task<Result<void>> flush_if_due();

  // All of it was given: the job begins.
  Task<Result<void>> seal();
  // The change that seal() makes, for who makes it together with others. Precondition: flush() was
  // the last call.
  partition::Change seal_change() const;
  // Of a job of the kind `batch`, in place of seal(): it is done. `reason`: why it has no more
  // items than it has; may be empty.
  Task<Result<void>> seal_sent(std::string reason) { return flush_sent(true, std::move(reason)); }
  // It never will.
  Task<void> give_up(std::string reason);
  // The same, and nothing is left of it.
  Task<void> drop();

  // Says what has become of it, and gives it up when it failed. True: it is a job.
  Task<bool> finish(Response& response, const Result<void>& done);
  // 202 of a job that was sealed.
  void answer(Response& response) const;
  // What went wrong. Says that the job was not started.
  void answer_failure(Response& response, const Error& error) const;

  const std::string& id() const { return id_; }

 private:
  Task<Result<void>> flush_sent(bool last, std::string reason);
  // Whether it is worth while to try again: nobody waits for a job whose upload was cut, but what
  // was sent of a batch is kept all the same.
  bool is_wanted() const;
  // Repeats what fails for a reason that passes. Only for commands whose repeat does nothing.
  Task<Result<void>> persist(partition::Change change);

  Services& services_;
  Request& request_;
  const JobWish wish_;
  std::string id_;
  bool is_kept_ = true;
  store::JobInputBuilder input_;
  std::vector<JobResult> results_;  // of its items, when they were sent
  std::uint64_t items_ = 0;         // that are durable
  std::uint64_t refused_ = 0;       // of all that were given
  std::chrono::steady_clock::time_point flushed_{};
};

// The job of a request whose key is claimed begins in one commit with its answer, so that a repeat
// after a crash makes no second one: the answer of the request. All of its input was given.
Task<void> seal_with_answer(JobUpload& upload, Repeatable& repeatable, Response& response);

// The message as it is kept: who sends it numbers those that their sender has not.
SendCommand unnumbered(SendCommand message);

// Messages of an array, or of the object form, as a job: the answer of the request. `items` are not
// empty. They stay in memory until the last of them is durable, counted in
// http::ServerOptions::body_budget; without room for them nothing is done (429, or 413 when there
// never is).
Task<void> post_items_as_job(Services& services, Request& request, Response& response, JobWish wish,
                             std::vector<codec::BatchItem> items);
Task<void> post_legacy_as_job(Services& services, Request& request, Response& response,
                              JobWish wish, codec::LegacyBatch batch);

}  // namespace jindou::api
