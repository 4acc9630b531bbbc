// A batch that a request sends and that is remembered as a whole, so that all of it can be recalled
// or edited (docs/decisions/0034-batch-revisions.md): with the query parameter keep=true.
//
// Its place is taken before anything is sent, and what became of its messages is durable before the
// answer names it; of a stream it is before the line of the answer that tells of it. What is sent
// is not held up by anything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/job_upload.h"
#include "api/services.h"
#include "codec/send_item.h"

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
  // One that is no message; `why` is a sentence.
  Task<void> refuse(Errc code, std::string why);
  // As add(), for items of which some are no messages: `problems`, in their order, by index, where
  // `first` is that of the first item. What is added is durable afterwards, or failure() says why
  // it is not.
  Task<void> add_durably(std::uint64_t first, std::span<const SendResult> results,
                         std::span<const codec::ItemProblem> problems);
  bool wanted() const { return upload_.has_value(); }
  // Only if it is wanted, after begin().
  const std::string& id() const { return upload_->id(); }
  // Why nothing more is kept; none: all is well.
  const std::optional<Error>& failure() const { return failure_; }

  // The answer gets the header field Batch-Id now: for one that begins before all of it was sent.
  void name(Response& response) const;
  // Nothing is added any more. Of one that could not be kept that is recorded. `reason`: why there
  // are no more items; empty: these are all.
  Task<void> seal(std::string reason);
  // All of it was sent and added. The answer gets the header field Batch-Id, unless the batch could
  // not be kept.
  Task<void> end(Response& response);
  // Nothing of it was sent, and nothing is kept; or the error says that this is not known, and it
  // is kept as after end().
  Task<void> fail(Response& response, Error error);

 private:
  // Calls `add` until it says that what it adds has found room in a chunk.
  template <class Add>
  Task<void> put(Add& add);

  observe::Metrics& metrics_;
  std::optional<JobUpload> upload_;  // none: it is not wanted
  std::vector<SendCommand> noted_;
  std::optional<Error> failure_;
};

}  // namespace jindou::api
