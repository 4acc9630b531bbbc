// A job that recalls or edits what another job has sent: which messages these are, and what is to
// be done for one of them. Values and pure functions; the runner finds the message and posts what
// comes out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "model/job.h"
#include "model/message.h"
#include "model/payload.h"
#include "partition/command_group.h"
#include "partition/job_reader.h"
#include "partition/transaction.h"

namespace jindou::jobs {

// One item of such a job (JobItem::revised).
struct Revised {
  SendCommand message;  // with the payload that it is to have
  MessageId id{};
  std::uint64_t index = 0;  // of the batch
};

// The messages of one chunk of `batch`, a job that has ended: what it has sent, and what may be
// there although the job does not know it. `payload`: of an edit; all of them share one copy.
std::vector<Revised> revised_of(const Job& batch, const partition::JobChunk& chunk,
                                const Payload& payload);
// Whether one of the items from `index` on may have been sent.
bool may_have_sent(const Job& batch, std::uint64_t index);

// When a message of the batch that `revision` is about was stored. Of an item of which that is not
// known a message under its number is that of the batch only if it was stored then, or before as
// what the batch has repeated.
struct BatchTime {
  std::int64_t began_ms = 0;
  std::int64_t over_ms = 0;  // by then what was on its way when the batch ended has come
};
// `source`: its record; none: it was deleted meanwhile.
BatchTime batch_time(const Job& revision, const std::optional<Job>& source,
                     std::chrono::milliseconds send_timeout);

struct RevisionStep {
  // Nothing is to be done, because it is done already (a duplicate) or cannot be done.
  std::optional<SendResult> result;
  // Otherwise: the change and what clients are told of it, to be made all or none; then the item
  // has the result `when_made`.
  std::vector<partition::Command> commands;
  SendResult when_made;
};

// `found`: the message that the item names, as it is now; none: there is no such message.
RevisionStep plan_revision(const Job& job, const JobItem& item,
                           const std::optional<Message>& found);

// What became of the commands. A message that somebody else has revised meanwhile is looked at
// once more: may_pass() of the result.
SendResult result_of(const partition::TransactionResult& result, const SendResult& when_made);

}  // namespace jindou::jobs
