#include "api/revision_routes.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "bodies/read.h"
#include "bodies/revisions.h"
#include "jobs/revision_notice.h"
#include "model/id_rules.h"
#include "model/ids.h"
#include "partition/intake_rights.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using partition::History;

// Others may edit the same message at the same time: so often it is read again.
constexpr int kAttemptsMax = 16;

// The message that a request is about.
struct Target {
  std::uint64_t id = 0;               // 0: by the channel
  std::optional<ChannelKey> channel;  // none: whichever it is
  std::uint64_t seq = 0;              // beside an id: of one that was imported
  std::string client_msg_no;
  std::string operator_uid;
};

// What is wrong with the place is noted in `body`.
Target take_target(BodyReader& body, bodies::MessagePlace place, std::string operator_uid) {
  Target target;
  if (!body.ok()) return target;
  target.id = place.message_id;
  target.operator_uid = std::move(operator_uid);
  if (!target.operator_uid.empty()) {
    const auto problem = id_problem(target.operator_uid);
    if (!problem.empty()) body.fail_member("operator_uid", problem);
  }
  if (!is_blank(place.channel_id)) {
    const std::string& reader = place.login_uid.empty() ? target.operator_uid : place.login_uid;
    auto channel = read_channel(reader, place.channel_id, place.channel_type);
    if (channel) {
      target.channel = std::move(*channel);
    } else {
      body.fail(channel.error().detail());
    }
  }
  target.seq = place.message_seq;
  if (target.id != 0) return target;
  if (!target.channel) body.fail("message_id, or channel_id and channel_type, is required");
  target.client_msg_no = std::move(place.client_msg_no);
  if (target.seq == 0 && target.client_msg_no.empty()) {
    body.fail("message_id, message_seq or client_msg_no is required");
  }
  return target;
}

// Empty when there is none. Errors: storage.
Result<std::optional<Message>> find_target(const History& history, const Target& target) {
  const auto seq = static_cast<MessageSeq>(target.seq);
  if (target.id >= kForeignIdMin && target.channel && target.seq != 0) {
    // Nothing leads from the id of an imported message to its place (docs/decisions/0046).
    JD_TRY(std::optional<Message> found, history.load_by_seq(*target.channel, seq));
    if (found && raw(found->id) != target.id) found.reset();
    return found;
  }
  if (target.id != 0) return history.load_by_id(static_cast<MessageId>(target.id));
  if (target.seq != 0) return history.load_by_seq(*target.channel, seq);
  return history.load_by_client_msg_no(*target.channel, target.client_msg_no);
}

// Blocks. Errors: not_found, invalid (a command), storage.
Result<Message> load_target(const History& history, Target target) {
  if (target.channel) {
    JD_TRY(target.channel, load_settled_channel(history, std::move(*target.channel)));
  }
  JD_TRY(std::optional<Message> found, find_target(history, target));
  const bool elsewhere = found && target.channel && found->channel != *target.channel;
  if (!found || elsewhere) {
    return Error(Errc::not_found,
                 "there is no such message: it never was, or it has expired, or "
                 "it was deleted");
  }
  if (found->flags.sync_once) {
    return Error(Errc::invalid, "a command message can be neither recalled nor edited");
  }
  return std::move(*found);
}

Task<Result<Message>> fetch_target(Services& services, Target target) {
  const History& history = services.deps.history;
  auto work = [&history, target] { return load_target(history, target); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

Error count_refusal(observe::Metrics& metrics, const SendResult& why) {
  metrics.key_refusals.with(partition::key_refusal_cause(why)).Increment();
  return error_of(why);
}

// The change and what is told of it, all or none.
Task<Result<void>> change_and_tell(Services& services, Request& request, partition::Change change,
                                   SendCommand notice) {
  std::vector<partition::Command> commands;
  commands.emplace_back(std::move(change));
  commands.emplace_back(std::move(notice));
  co_return co_await make_together(services, request, std::move(commands));
}

// The members of an answer that name the message.
void write_named(codec::JsonWriter& json, const Services& services, const Message& message) {
  write_status(json, services.options.status_style);
  json.number("message_id", raw(message.id));
  json.number_string("message_idstr", raw(message.id));
  json.number("message_seq", raw(message.seq));
}

// `duplicate`: an earlier request had done it.
void answer_recalled(Response& response, const Services& services, const Message& message,
                     bool duplicate) {
  codec::JsonWriter json(response.body);
  json.begin_object();
  write_named(json, services, message);
  if (duplicate) json.boolean("duplicate", true);
  json.end_object();
}

void answer_edited(Response& response, const Services& services, const Message& message,
                   std::uint64_t version, bool duplicate) {
  codec::JsonWriter json(response.body);
  json.begin_object();
  write_named(json, services, message);
  json.number("edit_version", version);
  if (duplicate) json.boolean("duplicate", true);
  json.end_object();
}

void answer_conflict(Response& response, std::string_view text) {
  answer_error(response, 409, errc_name(Errc::conflict), text);
}

bool is_conflict(const Result<void>& done) {
  return !done && done.error().code() == Errc::conflict;
}

Task<void> post_recall(Services& services, Request& request, Response& response) {
  Target target;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::RecallMessage>(body);
    target = take_target(body, std::move(given.place), std::move(given.operator_uid));
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  for (int attempt = 1;; ++attempt) {
    Target wanted = target;
    const auto message = co_await fetch_target(services, std::move(wanted));
    if (!message) {
      answer_error(response, message.error());
      co_return;
    }
    if (const auto may =
            check_revision_rights(services.deps.metrics, request.key, message->from_uid,
                                  message->channel, target.operator_uid);
        !may) {
      answer_error(response, may.error());
      co_return;
    }
    if (message->is_recalled()) {
      answer_recalled(response, services, *message, true);
      co_return;
    }
    partition::Change recall = partition::RecallMessage{message->channel, raw(message->seq),
                                                        message->id, target.operator_uid};
    SendCommand notice = jobs::make_recall_notice(*message, target.operator_uid);
    const auto done =
        co_await change_and_tell(services, request, std::move(recall), std::move(notice));
    // Somebody else has recalled it meanwhile.
    if (is_conflict(done) && attempt < kAttemptsMax) continue;
    if (done) {
      answer_recalled(response, services, *message, false);
    } else {
      answer_error(response, done.error());
    }
    co_return;
  }
}

// What an edit asks for, and the message as it is.
struct Edit {
  Target target;
  std::string payload;
  std::optional<std::uint64_t> if_version;
};

// True: `response` has the answer, and there is nothing to be done.
bool answer_without_edit(Response& response, const Services& services, const Message& message,
                         const Edit& wanted) {
  if (message.is_recalled()) {
    answer_conflict(response, "the message was recalled");
    return true;
  }
  const std::uint64_t version = message.revision ? message.revision->version : 0;
  // Of a repeat the first one may have made the next version.
  const bool fits = !wanted.if_version || *wanted.if_version == version;
  const bool repeated = wanted.if_version && *wanted.if_version + 1 == version;
  // What was asked for may have been masked.
  const bool same = message.payload == wanted.payload ||
                    (message.moderation != nullptr &&
                     message.payload == services.deps.router.preview_edit(
                                            message.channel, message.from_uid, wanted.payload));
  if ((fits || repeated) && same) {
    answer_edited(response, services, message, version, true);
    return true;
  }
  if (fits) return false;
  answer_conflict(response, "the message has edit_version " + std::to_string(version) +
                                ": read it again and decide anew");
  return true;
}

Task<void> post_edit(Services& services, Request& request, Response& response) {
  Edit wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::EditMessage>(body, services.options.body_limits());
    wanted.payload = std::move(given.payload);
    wanted.if_version = given.if_version;
    wanted.target = take_target(body, std::move(given.place), std::move(given.operator_uid));
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  for (int attempt = 1;; ++attempt) {
    Target target = wanted.target;
    const auto message = co_await fetch_target(services, std::move(target));
    if (!message) {
      answer_error(response, message.error());
      co_return;
    }
    if (const auto may =
            check_revision_rights(services.deps.metrics, request.key, message->from_uid,
                                  message->channel, wanted.target.operator_uid);
        !may) {
      answer_error(response, may.error());
      co_return;
    }
    if (answer_without_edit(response, services, *message, wanted)) co_return;
    partition::EditMessage edit;
    edit.channel = message->channel;
    edit.seq = raw(message->seq);
    edit.id = message->id;
    edit.version = 1 + (message->revision ? message->revision->version : 0);
    edit.payload = wanted.payload;
    edit.operator_uid = wanted.target.operator_uid;
    edit.from_uid = message->from_uid;
    const std::uint64_t version = edit.version;
    SendCommand notice = jobs::make_edit_notice(*message, wanted.target.operator_uid, version);
    partition::Change change = std::move(edit);
    const auto done =
        co_await change_and_tell(services, request, std::move(change), std::move(notice));
    if (is_conflict(done) && attempt < kAttemptsMax) continue;
    if (done) {
      answer_edited(response, services, *message, version, false);
    } else if (is_conflict(done)) {
      answer_conflict(response, "too many edit the message at the same time; retry later");
    } else if (done.error().code() == Errc::denied) {
      answer_denied(response, static_cast<Reason>(done.error().reason()), done.error().detail());
    } else {
      answer_error(response, done.error());
    }
    co_return;
  }
}

}  // namespace

Result<void> check_operator_rights(observe::Metrics& metrics, const ApiKeyPtr& key,
                                   std::string_view operator_uid) {
  const bool may = key == nullptr || operator_uid.empty() || key->may_send_as(operator_uid);
  if (may) return {};
  SendResult why = SendResult::refuse(Reason::not_allow_send, Errc::denied);
  why.cause = SendResult::Cause::key_sender;
  return count_refusal(metrics, why);
}

Result<void> check_revision_rights(observe::Metrics& metrics, const ApiKeyPtr& key,
                                   std::string_view from_uid, const ChannelKey& channel,
                                   std::string_view operator_uid) {
  if (key == nullptr || !key->is_bound()) return {};
  if (const auto why = partition::key_refusal(*key, from_uid, channel)) {
    return count_refusal(metrics, *why);
  }
  return check_operator_rights(metrics, key, operator_uid);
}

std::span<const Route> revision_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/message/recall", post_recall, Auth::send, "Takes a message back", Ports::both},
      {Verb::post, "/message/edit", post_edit, Auth::send, "Gives a message another payload",
       Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
