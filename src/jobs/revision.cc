#include "jobs/revision.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "jobs/revision_notice.h"
#include "jobs/turn.h"
#include "partition/change.h"

namespace jindou::jobs {
namespace {

SendResult refused(Errc code) { return SendResult::refuse(Reason::unknown, code); }

SendResult done(const Message& message, SendResult::State state) {
  SendResult result;
  result.state = state;
  result.message_id = message.id;
  result.message_seq = message.seq;
  return result;
}

partition::Change change_of(const Job& job, const JobItem& item, const Message& message) {
  const std::string& who = job.options.operator_uid;
  if (job.options.kind == JobKind::recall) {
    return partition::RecallMessage{message.channel, raw(message.seq), message.id, who};
  }
  partition::EditMessage edit;
  edit.channel = message.channel;
  edit.seq = raw(message.seq);
  edit.id = message.id;
  edit.version = 1 + (message.revision ? message.revision->version : 0);
  edit.payload = item.message.payload;
  edit.operator_uid = who;
  edit.from_uid = message.from_uid;
  return edit;
}

// Whether a message may be there of which the job knows nothing: it was on its way when the job
// ended. What is sent together begins at the cursor and is no more than a chunk.
bool may_have_been_on_its_way(const Job& batch, std::uint64_t index) {
  return !batch.is_settled() && batch.state != JobState::done && index >= batch.cursor &&
         index < batch.cursor + kJobChunkItemsMax;
}

}  // namespace

std::vector<Revised> revised_of(const Job& batch, const partition::JobChunk& chunk,
                                const Payload& payload) {
  std::vector<Revised> revised;
  Payload shared = payload;
  shared.share();
  for (std::size_t place = 0; place < chunk.items.size(); ++place) {
    const JobItem& item = chunk.items[place];
    const JobResult& result = chunk.results[place];
    const std::uint64_t index = chunk.first + place;
    const bool unknown = result.state == JobResult::State::unknown ||
                         (!result.ok() && may_have_been_on_its_way(batch, index));
    if (item.refusal || !(result.ok() || unknown)) continue;
    Revised& one = revised.emplace_back();
    one.index = index;
    one.message.channel = item.message.channel;
    one.message.from_uid = item.message.from_uid;
    one.message.client_msg_no =
        item.message.idempotent ? item.message.client_msg_no : item_number(batch.id, index);
    one.message.idempotent = true;
    one.message.payload = shared;
    if (result.ok()) one.id = result.message_id;
  }
  return revised;
}

bool may_have_sent(const Job& batch, std::uint64_t index) {
  return index < batch.counts.items && index <= batch.reached + kJobChunkItemsMax;
}

BatchTime batch_time(const Job& revision, const std::optional<Job>& source,
                     std::chrono::milliseconds send_timeout) {
  BatchTime time;
  time.began_ms = job_id_ms(revision.options.source).value_or(revision.created_ms);
  // What it sends in a pass that was begun later is not meant.
  std::int64_t ended_ms = revision.created_ms;
  if (source && is_ended(source->state)) ended_ms = std::min(ended_ms, source->ended_ms);
  time.over_ms = ended_ms + send_timeout.count();
  return time;
}

RevisionStep plan_revision(const Job& job, const JobItem& item,
                           const std::optional<Message>& found) {
  const bool recalls = job.options.kind == JobKind::recall;
  RevisionStep step;
  if (!found) {
    step.result = refused(Errc::not_found);
  } else if (found->flags.sync_once) {
    step.result = refused(Errc::invalid);
  } else if (found->is_recalled()) {
    step.result = recalls ? done(*found, SendResult::State::duplicate) : refused(Errc::conflict);
  } else if (!recalls && found->payload == item.message.payload) {
    step.result = done(*found, SendResult::State::duplicate);
  }
  if (step.result) return step;
  const std::string& who = job.options.operator_uid;
  const std::uint64_t version = 1 + (found->revision ? found->revision->version : 0);
  step.commands.emplace_back(change_of(job, item, *found));
  step.commands.emplace_back(recalls ? make_recall_notice(*found, who)
                                     : make_edit_notice(*found, who, version));
  step.when_made = done(*found, SendResult::State::accepted);
  return step;
}

SendResult result_of(const partition::TransactionResult& result, const SendResult& when_made) {
  if (result.made()) return when_made;
  const Errc code = result.error().code();
  // As it is by now, it is found to be when it is looked at again.
  const bool again = code == Errc::conflict || code == Errc::deadline ||
                     code == Errc::unknown_outcome || errc_retriable(code);
  return again ? SendResult::refuse(Reason::system_error, Errc::overloaded) : refused(code);
}

}  // namespace jindou::jobs
