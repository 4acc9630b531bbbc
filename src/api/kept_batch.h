// A batch that a request sends and that is remembered as a whole, so that all of it can be recalled
// or edited (docs/decisions/0034-batch-revisions.md): with the query parameter keep=true.
//
// Its place is taken before anything is sent, and what became of its messages is durable before the
// answer names it. What is sent is not held up by anything else.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/job_upload.h"
#include "api/services.h"

namespace jindou::api {

// One request. Lives in its handler, on the request's shard. Memory: of each message that was
// noted its channel, sender and client_msg_no, and a chunk of a job.
class KeptBatch {
 public:
  // Unless it is `wanted` nothing of this does anything.
  KeptBatch(Services& services, Request& request, bool wanted);

  // Before anything is sent. False: there is no room for it, as `response` says.
  Task<bool> begin(Response& response);
  // What is about to be sent, with its numbers.
  void note(std::span<const SendCommand> messages);
  // What became of those that were noted since the last call, in their order.
  Task<void> add(std::span<const SendResult> results);
  // All of it was sent. The answer gets the header field Batch-Id, unless the batch could not be
  // kept.
  Task<void> end(Response& response);
  // Nothing of it was sent, and nothing is kept; or the error says that this is not known, and it
  // is kept as after end().
  Task<void> fail(Response& response, Error error);

 private:
  std::optional<JobUpload> upload_;  // none: it is not wanted
  std::vector<SendCommand> noted_;
  bool failed_ = false;
};

}  // namespace jindou::api
