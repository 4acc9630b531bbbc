// Sending messages, message events, and reading stored messages.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bodies/send_choices.h"
#include "codec/csv_items.h"
#include "codec/send_fields.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

Parameter idempotency_key() {
  return {.name = "Idempotency-Key",
          .schema = R"({"type":"string","minLength":1,"maxLength":255})",
          .description =
              "Names this request: repeated with the same key and body within "
              "api.idempotencyKeyWindow it is not carried out again, and the first answer is given "
              "with the header Idempotency-Replay. An answer with failures that pass is not kept: "
              "the repeat then finishes what is missing.",
          .example = {}};
}

// Of a request with that header.
Outcome key_in_use() {
  return {409, "The first request with this Idempotency-Key is being carried out.", {}};
}
Outcome key_of_another() { return {422, "This Idempotency-Key was used for another request.", {}}; }

// Of a form whose body is read piece by piece.
std::string query_of(bodies::SendForm form) {
  return "Of the query it takes " + bodies::taken_names(form, false) + "; as a job " +
         bodies::taken_names(form, true) + ".";
}

std::string member_columns() {
  std::string out;
  for (const std::string_view name : codec::csv_member_columns()) {
    out.append(out.empty() ? "" : ", ").append(name);
  }
  return out;
}

std::string schema_of(const bodies::SendChoice& choice) {
  switch (choice.type) {
    case bodies::ChoiceType::flag:
      // Without a default: generated clients would send it, also to forms that do not take it.
      return boolean("");
    case bodies::ChoiceType::number: return integer("", 0, static_cast<std::int64_t>(choice.most));
    case bodies::ChoiceType::text:
      if (choice.most == 0) return text("");
      return R"({"type":"string","maxLength":)" + std::to_string(choice.most) + "}";
    case bodies::ChoiceType::word: return word(choice.words, "");
    case bodies::ChoiceType::ratio: return R"({"type":"number","exclusiveMinimum":0,"maximum":1})";
    case bodies::ChoiceType::part:
      return R"({"type":"string","pattern":"^(\\d+|\\d+(\\.\\d+)?%)$"})";
    case bodies::ChoiceType::window:
      return R"({"type":"string","pattern":"^\\d\\d:\\d\\d-\\d\\d:\\d\\d$"})";
  }
  return {};
}

// Where several forms have one path: which of them takes it.
std::string description_of(const bodies::SendChoice& choice, bool several) {
  std::string out = sentence(choice.meaning);
  if (choice.type == bodies::ChoiceType::flag) {
    out += choice.on_unless_given ? " True unless given." : " False unless given.";
  }
  const auto taken_by = [&choice](bodies::SendForm form) {
    return bodies::takes(choice, form, false) || bodies::takes(choice, form, true);
  };
  if (several && !taken_by(bodies::SendForm::lines) && !taken_by(bodies::SendForm::rows)) {
    out += " Not of lines and rows.";
  }
  if (!choice.field.empty()) out.append(" Or the header field ").append(choice.field).append(".");
  return out;
}

Operation send() {
  return {
      .method = Verb::post,
      .path = "/message/send",
      .tag = Tag::messages,
      .description =
          "A 200 means: permitted and, unless `no_persist` is 1, on disk. Repeating a "
          "request with the same `client_msg_no` and payload answers the first ids.",
      .query = send_choice_parameters({bodies::SendForm::message}),
      .headers = {idempotency_key()},
      .body = ref("SendMessage"),
      .example = R"({"from_uid":"u1","channel_id":"u2","channel_type":1,)"
                 R"("payload":{"type":1,"content":"Hello"},"client_msg_no":"n1"})",
      .answer = one_of({ref("SendAnswer"), ref("SendRefusal")}),
      .answer_example =
          R"({"status":200,"message_id":1037,"message_idstr":"1037","message_seq":1,)"
          R"("client_msg_no":"n1","reason":1,"data":{"message_id":1037,"message_idstr":"1037",)"
          R"("message_seq":1,"client_msg_no":"n1"}})",
      .others = {{202, "With hold_ms: the message is held back by a job.", ref("NewJob")},
                 {403,
                  "The sender may not send there; `reason` says why. 200 with "
                  "api.refusalStyle: reason.",
                  {}},
                 key_in_use(),
                 key_of_another()},
      .choice_fields = true,
  };
}

// The named forms. Beside the name stands how many users one message is for, at most: it is what a
// caller looks for here, and one who follows no reference finds it too. It holds of every form,
// since the other two have no such member.
std::string batch_body() {
  return R"({"$ref":"#/components/schemas/Batch","oneOf":[{"properties":{"subscribers":)"
         R"({"maxItems":)" +
         std::to_string(codec::kSubscribersMax) + "}}}]}";
}

Operation send_batch() {
  return {
      .method = Verb::post,
      .path = "/message/sendbatch",
      .tag = Tag::messages,
      .description =
          "An array of messages; an object with `items`, which may share payloads and have "
          "defaults; or one payload for several users (object form). A malformed item refuses the "
          "whole request; after that each item stands alone and keeps its place in the "
          "answer, failed ones with `message_id` 0. Items of one channel are stored in the order "
          "of the array. The header X-Batch-Failed counts the failed items. When all failed, the "
          "answer is an error with the elements under `items`. As application/x-ndjson any number "
          "of items comes a line each and is answered a line each, while the upload still runs. "
          "What the query names and a form does not take is 400.",
      .query = send_choice_parameters(
          {bodies::SendForm::batch, bodies::SendForm::lines, bodies::SendForm::rows}),
      .headers = {idempotency_key(),
                  {.name = "Prefer",
                   .schema = text(""),
                   .description = "respond-async makes a job of the batch, as async=true does.",
                   .example = {}}},
      .body = batch_body(),
      .example =
          R"([{"client_msg_no":"b1","from_uid":"system","channel_id":"group1","channel_type":2,)"
          R"("header":{"red_dot":1},"payload":{"type":1,"content":"Hello Group 1"}},)"
          R"({"client_msg_no":"b2","from_uid":"system","channel_id":"group2","channel_type":2,)"
          R"("payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoiSGVsbG8gR3JvdXAgMiJ9"}])",
      .answer = ref("BatchAnswer"),
      .answer_example =
          R"([{"message_id":1035,"message_idstr":"1035","message_seq":1,"client_msg_no":"b1",)"
          R"("reason":1},{"message_id":2059,"message_idstr":"2059","message_seq":1,)"
          R"("client_msg_no":"b2","reason":1}])",
      .body_lines =
          "An item of the array form each; the first line may be an object with "
          "`payloads`, `defaults` or both, which count for the others. With atomic=true, "
          "or with an Idempotency-Key and not as a job, it is read as a whole, with the bounds of "
          "an array. " +
          query_of(bodies::SendForm::lines),
      .body_rows = "The first row names the columns: " + member_columns() +
                   ", and variables of the payload. A line in front of it may be the head of "
                   "lines; then payload_ref is a column, too. The answer is as for lines. " +
                   query_of(bodies::SendForm::rows),
      .answer_lines =
          "A SendResult each, with `index` before it, and `field` in that of a line that is no "
          "item; at last one with `done`, the counts `items`, `accepted`, `duplicate`, `refused` "
          "and `unknown`, with keep=true the `batch_id`, and `code` and `msg` when the stream "
          "ended early. With dry_run=true each line and the last one have `bytes`, `receivers`, "
          "`online` and `offline`; with ack=received the answer is a 202, and the line of an item "
          "has only `client_msg_no` and the `state` received.",
      .others = {{403, "Every item was refused for want of permission.", {}},
                 {202,
                  "With ack=received: the items were taken. With async or hold_ms: the job "
                  "is durable.",
                  ref("BatchTaken")},
                 key_in_use(),
                 key_of_another()},
      .choice_fields = true,
  };
}

std::string revised_answer(std::vector<Property> more) {
  std::vector<Property> members = {need("status", ok_status()),
                                   need("message_id", integer("Of the message.")),
                                   need("message_idstr", text("The same in decimal digits.")),
                                   need("message_seq", integer("Its position in the channel."))};
  for (Property& member : more) members.push_back(std::move(member));
  members.push_back(may("duplicate", boolean("An earlier request had done it.")));
  return object(members);
}

Operation recall() {
  return {
      .method = Verb::post,
      .path = "/message/recall",
      .tag = Tag::messages,
      .description =
          "The payload goes, and the events; id and seq stay, in history with `revoke` 1. It does "
          "not count as unread any more. Whoever can read the message is sent the command "
          "messageRevoke, in the same commit. To recall what was recalled changes nothing and is "
          "answered with `duplicate`.",
      .example = R"({"channel_id":"group2","channel_type":2,"client_msg_no":"b2",)"
                 R"("operator_uid":"admin"})",
      .answer = revised_answer({}),
      .answer_example =
          R"({"status":200,"message_id":2059,"message_idstr":"2059","message_seq":1})",
      .others = {{404, "There is no such message, or it has expired, or it was deleted.", {}}},
  };
}

Operation edit() {
  return {
      .method = Verb::post,
      .path = "/message/edit",
      .tag = Tag::messages,
      .description =
          "The payload is another one from now on, wherever the message is read; id and seq stay. "
          "Whoever can read the message is sent the command syncMessageExtra, in the same commit. "
          "Of two edits at once the later one stays, unless `if_version` says which one was meant. "
          "A message that has that payload already is left as it is, which is answered with "
          "`duplicate`.",
      .example = R"({"channel_id":"group1","channel_type":2,"client_msg_no":"b1",)"
                 R"("payload":{"type":1,"content":"Hello, Group 1"},"operator_uid":"admin"})",
      .answer = revised_answer(
          {need("edit_version", integer("How often it was edited, with this edit."))}),
      .answer_example = R"({"status":200,"message_id":1035,"message_idstr":"1035",)"
                        R"("message_seq":1,"edit_version":1})",
      .others = {{403, "Moderation refuses the payload: reason 100.", {}},
                 {404, "There is no such message, or it has expired, or it was deleted.", {}},
                 {409,
                  "The message was recalled, or has another edit_version than `if_version`.",
                  {}}},
  };
}

Operation sync() {
  return {
      .method = Verb::post,
      .path = "/message/sync",
      .tag = Tag::messages,
      .description =
          "Commands (messages with `sync_once` 1) that the user has not acknowledged, "
          "oldest first.",
      .example = R"({"uid":"u1","limit":100})",
      .answer = array(ref("Message")),
      .answer_example = "[]",
      .deprecated = true,
  };
}

Operation sync_ack() {
  return {
      .method = Verb::post,
      .path = "/message/syncack",
      .tag = Tag::messages,
      .description = "The messages of the user's last /message/sync are not offered again.",
      .example = R"({"uid":"u1","last_message_seq":1})",
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .deprecated = true,
  };
}

Operation bind_command(std::string_view path) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::messages,
      .example = R"({"uid":"u1","channel_id":"group1","channel_type":2})",
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
  };
}

Operation messages() {
  return {
      .method = Verb::post,
      .path = "/messages",
      .tag = Tag::history,
      .description =
          "With `message_ids` alone: in all channels, an array in the order of the "
          "request, 404 when none was found. With a channel: found messages only, in a "
          "page. Each message once; more than 32 MiB of payloads and text of events are refused "
          "(`too_large`).",
      .example = R"({"channel_id":"group1","channel_type":2,"message_seqs":[1]})",
      .answer = one_of({array(ref("Message")), ref("MessagePage")}),
      .others = {{404, "None of the messages was found.", {}}},
  };
}

Operation get_message() {
  return {
      .method = Verb::post,
      .path = "/message",
      .tag = Tag::history,
      .example = R"({"client_msg_no":"b1","channel_id":"group1","channel_type":2})",
      .answer = ref("Message"),
      .others = {{404, "There is no such message.", {}}},
  };
}

std::vector<Parameter> channel_query(bool with_login) {
  std::vector<Parameter> out = {
      {"channel_id", text(""), "The channel; the other user for type 1.", R"("group1")", true},
      {"channel_type", channel_type(), "Its type.", "2", true},
  };
  if (with_login) out.push_back({"login_uid", text(""), "The reader; needed for type 1.", {}});
  return out;
}

Operation by_client_msg_no() {
  Operation out{
      .method = Verb::get,
      .path = "/message/byclientmsgno",
      .tag = Tag::history,
      .description = "The one with the smallest `message_seq`, should several have that number.",
      .query = channel_query(true),
      .answer = ref("Message"),
      .others = {{404, "There is no such message.", {}}},
  };
  out.query.push_back({"client_msg_no", text(""), "The sender's key.", R"("b1")", true});
  return out;
}

std::string trace_answer() {
  const auto change = [] {
    return object({need("kind", word({"edit", "recall", "delete", "clear"}, "What it was.")),
                   need("at", integer("Unix time in seconds, here and below.")),
                   need("change", integer("Its number among the changes of the channel."))});
  };
  const auto receiver = [] {
    return object({need("uid", text("Who.")),
                   need("device_flags", array(integer("", 0, 255), "Devices that are online.")),
                   need("read", bit("1: read, or, of a command, acknowledged."))});
  };
  const auto receivers = [&receiver] {
    return object({may("count", integer("The channel as it is now, without the sender.")),
                   may("online", integer("Of these; absent when they are more than 100,000.")),
                   may("listed", array(receiver(), "The first of them, by uid.")),
                   may("error", text("Why they are not known; then nothing else is there."))});
  };
  const auto device = [] {
    return object(
        {may("uid", text("Whose it was; absent, as the next two, when the connection ended too "
                         "long ago.")),
         may("device_flag", integer("Of the login.", 0, 255)),
         may("device_id", text("Of the login.")),
         need("connection", integer("The connection's id, as in /connz.")),
         need("connected", bit("1: it is there still.")),
         may("pushed_at_ms", integer("When it was handed to the connection, Unix time in "
                                     "milliseconds; absent when that is not remembered.")),
         need("repeats", integer("How often it was sent again for want of a receipt.")),
         may("acknowledged_at_ms", integer("When the first receipt came; absent when none has, or "
                                           "it is not remembered."))});
  };
  const auto pushes = [&device] {
    return object(
        {need("node_id", integer("Whose connections these are.")),
         need("remembered", bit("0: nothing is (gateway.pushRecordBytes); no more is there then.")),
         may("since_ms", integer("All that was pushed and acknowledged since is remembered, Unix "
                                 "time in milliseconds; of what was before only some.")),
         may("complete", bit("1: whom it was pushed to on this node is known; who is not there, "
                             "it was not pushed to. 0: some of that may be forgotten.")),
         may("devices", integer("That it was pushed to.")),
         may("acknowledged", integer("Of these.")),
         may("listed", array(device(), "The first of them, by time."))});
  };
  const auto letter = [] {
    return object({need("event", word({"msg.notify", "msg.offline", "msg.recall", "msg.edit"},
                                      "What was told.")),
                   need("outcome", word({"delivered", "given_up", "expired", "nobody"},
                                        "nobody: everybody was online.")),
                   need("at_ms", integer("When, Unix time in milliseconds.")),
                   may("receivers", integer("msg.offline: how many were named."))});
  };
  const auto told = [](std::string_view event) {
    return word({"off", "queued", "passed"},
                std::string(event) + ": passed: told, given up, or there was nobody to be told.");
  };
  return object(
      {need("state",
            word({"stored", "unstored", "recalled", "expired", "deleted", "cleared", "gone",
                  "refused"},
                 "gone: it is not there, and why is not kept; refused: it was never stored.")),
       need("message_id", integer("Of the message; 0 of one that was refused.")),
       need("message_idstr", text("The same in decimal digits.")),
       need("message_seq", integer("Its position in the channel; 0: it was not to be stored, or "
                                   "was refused.")),
       need("channel_id", text("As in a message object; the internal id where its sender is not "
                               "known any more and no reader is named.")),
       need("channel_type", channel_type()),
       may("command", integer("It is a command, which has a log of its own.", 1, 1)),
       may("partition", integer("Where it is kept. All but one that was refused has this.")),
       may("committed_at", integer("When it became durable. The same.")),
       may("reason", integer("Of one that was refused, as in an element of a batch, as are the "
                             "next ones.")),
       may("code", text("What can be done about it.")),
       may("msg", text("The same for people.")),
       may("retriable", boolean("It may be sent again later.")),
       may("last_seq", integer("With reason 101: of the log that it was to go to.")),
       may("refused_at_ms", integer("When it was refused, Unix time in milliseconds; absent when "
                                    "the results of a job tell of it.")),
       may("node_id", integer("The node that remembers it; absent when the results of a job have "
                              "it.")),
       may("since_ms", integer("All that the node has refused since is remembered.")),
       may("from_uid", text("Only while its row is there, as are the next ones; also of one that "
                            "was refused.")),
       may("client_msg_no", text("Of its sender, or generated.")),
       may("timestamp", integer("When it was accepted, which is the one that users see.")),
       may("expires_at", integer("When its time is over.")),
       may("moderation", ref("Moderation")),
       may("edit_version", integer("How often it was edited.", 1)),
       may("edited_by", text("Who edited it last, as the caller said.")),
       may("edited_at", integer("When that was.")),
       may("recalled_by", text("Who recalled it, as the caller said.")),
       may("recalled_at", integer("When that was.")),
       may("batch_id", text("The job that sent it, or was refused it, when the job gave it its "
                            "client_msg_no.")),
       may("index", integer("Of the item of that job.")),
       may("changes", array(change(), "What happened to it, as far as that is kept.")),
       may("changes_complete", bit("0: older changes of its channel are not kept any more.")),
       may("receivers", receivers()),
       may("pushes", pushes()),
       may("webhook",
           object({need("msg_notify", told("msg.notify")), need("msg_offline", told("msg.offline")),
                   may("since_ms", integer("What was told since then is in the list; of what was "
                                           "before only some.")),
                   may("told", array(letter(), "By this node, oldest first."))}))});
}

Operation trace() {
  Operation out{
      .method = Verb::get,
      .path = "/message/trace",
      .tag = Tag::history,
      .description =
          "By `message_id`, or by `channel_id`, `channel_type` and `client_msg_no`, not "
          "by both. Its content is not told. What is gone is found as long as its "
          "client_msg_no is remembered (api.idempotencyWindow), then without what its "
          "row had told. One that was refused is found by its client_msg_no: for as long as "
          "that is remembered (core.refusalRecordKeep), or in the results of its job.",
      .query = {{"message_id", text(""), "The message.", {}},
                {"channel_id", text(""), "Its channel; the other user for type 1.", R"("group1")"},
                {"channel_type", channel_type(), "Its type.", "2"},
                {"client_msg_no", text(""), "The sender's key.", R"("b1")"},
                {"login_uid", text(""), "The reader; needed for type 1.", {}},
                {"limit", integer("", 0, 1000), "Receivers and devices listed; 100 unless given.",
                 "10"},
                {"uid", text(""), "Only this receiver, and devices of this user.", {}}},
      .answer = trace_answer(),
      .others = {{403, "With api.strictRead: the reader does not belong to the channel.", {}},
                 {404, "Nothing is known of such a message.", {}}},
  };
  return out;
}

Operation message_sync() {
  return {
      .method = Verb::post,
      .path = "/channel/messagesync",
      .tag = Tag::history,
      .description =
          "Both bounds 0: the newest `limit`. Otherwise from `start_message_seq` "
          "downwards (`pull_mode` 0) or upwards (1), not reaching `end_message_seq`. An "
          "unknown channel is empty.",
      .example = R"({"login_uid":"u1","channel_id":"group1","channel_type":2,"limit":50})",
      .answer = ref("MessagePage"),
      .others = {{403, "With api.strictRead: the reader does not belong to the channel.", {}}},
  };
}

Operation message_sync_batch() {
  const auto page = [] {
    return object({need("channel_id", text("As in the request.")),
                   need("channel_type", integer("As in the request.", 0, 255)),
                   need("start_message_seq", integer("Of the request.")),
                   need("end_message_seq", integer("Of the request.")),
                   need("more", bit("1: there are more in that direction.")),
                   need("messages", array(ref("Message"), "Ascending by message_seq.")),
                   may("error", text("Why this one could not be read."))});
  };
  return {
      .method = Verb::post,
      .path = "/channel/messagesyncbatch",
      .tag = Tag::history,
      .description =
          "POST /channel/messagesync for several channels. A range that cannot be read "
          "has an `error`.",
      .example = R"({"login_uid":"u1","items":[{"channel_id":"group1","channel_type":2,)"
                 R"("limit":10}]})",
      .answer = object({need("items", array(page(), "In the order of the request."))}),
  };
}

Operation max_seq() {
  return {
      .method = Verb::get,
      .path = "/channel/max_message_seq",
      .tag = Tag::history,
      .description = "0 for an unknown or empty channel.",
      .query = channel_query(true),
      .answer = object({need("message_seq", integer("Of the last message."))}),
      .answer_example = R"({"message_seq":1500})",
  };
}

Operation get_last_message() {
  return {
      .method = Verb::get,
      .path = "/channel/last_message",
      .tag = Tag::history,
      .query = channel_query(true),
      .answer = ref("Message"),
      .others = {{404, "The channel has no message.", {}}},
  };
}

}  // namespace

std::vector<Parameter> send_choice_parameters(std::initializer_list<bodies::SendForm> forms) {
  std::vector<Parameter> parameters;
  for (const bodies::SendChoice& choice : bodies::send_choices()) {
    const bool taken = std::any_of(forms.begin(), forms.end(), [&choice](bodies::SendForm form) {
      return bodies::takes(choice, form, false) || bodies::takes(choice, form, true);
    });
    if (!taken) continue;
    parameters.push_back({.name = choice.name,
                          .schema = schema_of(choice),
                          .description = description_of(choice, forms.size() > 1),
                          .example = {}});
  }
  return parameters;
}

std::vector<Operation> message_operations() {
  return {send(),
          send_batch(),
          recall(),
          edit(),
          sync(),
          sync_ack(),
          messages(),
          get_message(),
          by_client_msg_no(),
          trace(),
          message_sync(),
          message_sync_batch(),
          max_seq(),
          get_last_message(),
          bind_command("/message/cmd/bind"),
          bind_command("/message/cmd/unbind")};
}

}  // namespace jindou::openapi
