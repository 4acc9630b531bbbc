// Requests that a caller may repeat without their being carried out twice: the header
// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07).
//
// Whoever comes first with a key claims it, durably, carries the request out and stores its answer;
// whoever repeats it is given that answer. A process that dies in between leaves a claim that runs
// out; the repeat is then carried out as a whole, and what the first one had stored of it is found
// again, because each message without a client_msg_no of its own has one that follows from the key,
// a random number that the first claim chose, and its place. Nothing of this lives in a process:
// the claim is in the partition of the key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "partition/change.h"
#include "partition/keyed_request.h"

namespace jindou::api {

using partition::is_settled;

// One request. Lives in its handler, on the request's shard.
class Repeatable {
 public:
  Repeatable(Services& services, Request& request, Response& response)
      : services_(services), request_(request), response_(response) {}

  // What a key that `user` chose is kept under; names its partition.
  static std::string stored_key(std::string_view user, std::string_view key);

  // Call when the body was found good and nothing was done. True: carry it out. False: `response`
  // is the answer: the stored one; 409 while another request has the key; 422 when the key was that
  // of another request; 400 for a key that is none; or what claiming it failed with. Without the
  // header: true.
  Task<bool> begin();
  // Before anything else is looked at that may have changed since: whether `response` is the stored
  // answer, or 422. Without the header, or when the key is not known: false.
  Task<bool> is_answered();
  // Of a request whose body comes in pieces. Before the first of them: false when the header is no
  // key, as `response` says.
  bool check_key();
  bool has_key() const;
  // Whether the key is that of a request that was answered: this one, or another. When that cannot
  // be read: false.
  Task<bool> is_known();
  // In place of begin(), when all of the body has come. `digest`: of it (partition::BytesDigest).
  Task<bool> begin(std::string digest);

  // Gives those of the messages a number that have none of the caller's. `first`: their place among
  // all messages of the request.
  void number(std::span<SendCommand> commands, std::size_t first) const;
  // Call with the answer in `response`. Stores it when it is settled; otherwise a repeat is carried
  // out, which changes nothing of what was stored.
  Task<void> end(bool settled);
  // In place of end() with an answer that is settled: makes the change that the answer tells of,
  // and stores the answer, both or neither. What fails for a reason that passes is tried again, for
  // api.streamTimeout at most. Errors: as change_together(); conflict: somebody else has the key by
  // now (see was_taken()), or the change says so. Unless it is unknown_outcome neither was done.
  Task<Result<void>> end_with(partition::Change wanted);
  // After such a conflict: whether it was somebody else; then `response` is the answer, as of
  // begin().
  Task<bool> was_taken();

 private:
  // Reads the header. False: there is none, or `response` says that it is no key.
  bool take_key();
  Task<Result<partition::KeyedRequest::Record>> load();
  Task<Result<void>> claim(const partition::KeyedRequest::Record& record);
  PartitionId home() const { return services_.deps.records.partition_of_request(keyed_->key()); }
  partition::RequestTimes times() const;
  partition::KeyedRequest::Finding look(const partition::KeyedRequest::Record& record) const;
  // Answers with what stands in the way of a claim. False: nothing does.
  bool answer_found(partition::KeyedRequest::Finding finding,
                    const partition::KeyedRequest::Record& record);

  Services& services_;
  Request& request_;
  Response& response_;
  std::optional<std::string> body_digest_;        // of a body that came in pieces
  std::optional<partition::KeyedRequest> keyed_;  // none: the request has no key
};

}  // namespace jindou::api
