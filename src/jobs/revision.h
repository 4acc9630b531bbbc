// One item of a job that recalls or edits what another job has sent: what is to be done for it.
// Values and pure functions; the runner finds the message and posts what comes out.
#pragma once

#include <optional>
#include <vector>

#include "model/job.h"
#include "model/message.h"
#include "partition/command_group.h"
#include "partition/transaction.h"

namespace jindou::jobs {

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
