#include "jobs/revision.h"

#include <string>
#include <utility>

#include "jobs/revision_notice.h"
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

}  // namespace

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
