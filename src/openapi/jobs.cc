// Batches that are sent in the background.
#include <utility>

#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

constexpr std::string_view kExampleId = R"("018bcfe56800a1b2c3d4e5f60718293a")";
constexpr std::string_view kExample =
    R"({"id":"018bcfe56800a1b2c3d4e5f60718293a","batch_id":"018bcfe56800a1b2c3d4e5f60718293a",)"
    R"("state":"running","items":5000,"accepted":1500,)"
    R"("duplicate":0,"refused":3,"unknown":0,"pending":3497,"fanned_out":1490,)"
    R"("pushed_online":2100,"left_offline":880,"pass":1,"created_at":1700000000,)"
    R"("started_at":1700000000,"items_per_second":1500,"expected_end":1700000003})";

std::string job_state() {
  return word({"uploading", "ready", "running", "paused", "done", "cancelled", "failed"},
              "uploading: its items still come; ready: it begins when its time has come; done: "
              "every item was tried; failed: it stopped before its end.");
}

Parameter id_in_path() {
  Parameter id{"id", text(""), "The job.", std::string(kExampleId), true};
  id.in_path = true;
  return id;
}

Outcome no_such_job() { return {404, "There is no such job.", {}}; }

Operation job_list() {
  return {
      .method = Verb::get,
      .path = "/jobs",
      .tag = Tag::jobs,
      .description = "The newest first.",
      .query = {{"before", text(""), "Only those that are older than the job with this id.", {}},
                {"limit", integer("", 0, 1000), "At most so many; 100 unless given.", "10"},
                {"state", job_state(), "Only those in this state.", {}}},
      .answer =
          object({need("jobs", array(ref("Job"))), need("more", bit("1: there are older ones."))}),
      .answer_example = std::string(R"({"jobs":[)") + std::string(kExample) + R"(],"more":0})",
  };
}

Operation job_read() {
  return {
      .method = Verb::get,
      .path = "/jobs/{id}",
      .tag = Tag::jobs,
      .query = {id_in_path()},
      .answer = ref("Job"),
      .answer_example = std::string(kExample),
      .others = {no_such_job()},
  };
}

Operation results() {
  return {
      .method = Verb::get,
      .path = "/jobs/{id}/results",
      .tag = Tag::jobs,
      .description =
          "A line for each item, in their order: the element of a batch with `index` before it; "
          "of an item that was not tried yet `client_msg_no` and `\"state\":\"pending\"`. The last "
          "line has `\"done\":true` and the number of the others; without it the answer was cut "
          "off.",
      .query = {id_in_path(),
                {"status",
                 word({"accepted", "duplicate", "refused", "unknown", "pending"}, ""),
                 "Only items of which this has become.",
                 {}},
                {"from", integer(""), "Only items from this index on.", {}}},
      .answer_type = "application/x-ndjson",
      .others = {no_such_job(), {409, "Its upload is not complete.", {}}},
  };
}

Operation events() {
  return {
      .method = Verb::get,
      .path = "/jobs/{id}/events",
      .tag = Tag::jobs,
      .description =
          "Server-sent events. The first one comes at once, others when the job has changed, "
          "`jobs.eventInterval` (1s) apart: `progress` with the job as `GET /jobs/{id}` has it and "
          "`recent_per_second`; at last `end` with the job as it has ended, up to two seconds "
          "later when counts of its last messages are still to come, or `{id, state: deleted}`, "
          "and the answer is over. A line `:` when nothing has happened for "
          "`jobs.eventHeartbeat` (15s).",
      .query = {id_in_path()},
      .headers = {{"Last-Event-ID",
                   text(""),
                   "Sent by an EventSource that comes again. Each event tells everything, so "
                   "nothing was missed; who names the end of the job is answered 204.",
                   {}}},
      .answer_type = "text/event-stream",
      .others = {{204, "The end was heard, by Last-Event-ID.", {}},
                 no_such_job(),
                 {429, "As many listen as may (jobs.eventListeners).", {}}},
  };
}

Operation action(std::string_view path, std::string_view description) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::jobs,
      .description = std::string(description),
      .query = {id_in_path()},
      .answer = ref("Job"),
      .answer_example = std::string(kExample),
      .others = {no_such_job(), {409, "This cannot be done in the state of the job.", {}}},
  };
}

Operation change_rate() {
  Operation change = action("/jobs/{id}/rate", "From the next items on, until the job has ended.");
  change.query.push_back({"rate", integer("", 0, 1'000'000),
                          "So many items in a second; 0: as fast as it goes.", "500", true});
  return change;
}

Operation revise(std::string_view path, std::string_view description, std::string example) {
  std::vector<Parameter> query = send_choice_parameters({bodies::SendForm::revision});
  query.insert(query.begin(), id_in_path());
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::jobs,
      .description = std::string(description) +
                     " Done by a job of its own, which goes on after a crash; its items are the "
                     "messages. What is so already counts as `duplicate`.",
      .query = std::move(query),
      .example = std::move(example),
      .others = {{202, "The job is durable.", ref("NewJob")},
                 {404, "There is no such batch.", {}},
                 {409, "Its upload is not complete; or it is to be edited and still sends.", {}}},
      .succeeds = false,
      .choice_fields = true,
  };
}

// What the webhook has given up, beside what it has in common with what was refused.
std::vector<Property> webhook_letter_members() {
  return {
      may("source", word({"webhook"}, "Of what the webhook has given up.")),
      may("id", text("Of the letter, for /webhook/redrive.")),
      may("event", word({"msg.notify", "msg.recall", "msg.edit"}, "What was to be told.")),
      may("message_id", integer("Of the message; it is not there when that is gone.")),
      may("message_idstr", text("The same as text.")),
      may("message_seq", integer("Its place in its channel.")),
      may("given_up_at_ms", integer("When, in milliseconds since 1970.")),
      may("attempts", integer("Requests that told of it, and failed.")),
      may("redrives", integer("How often it was told again and given up again.")),
      may("redriving", bit("1: it is to be told again.")),
  };
}

std::string webhook_letter() {
  std::vector<Property> members = {
      may("client_msg_no", text("Its number.")),
      may("from_uid", text("Its sender.")),
      may("channel_id", text("Its channel; the other user for type 1.")),
      may("channel_type", channel_type()),
      may("payload", base64("Its content, as it is now.")),
      need("code", word({"refused", "too_old", "excess", "unreadable"}, "Why, as a word.")),
      need("msg", text("Why, as a sentence.")),
      need("redrivable", bit("0: the message is gone.")),
  };
  for (Property& member : webhook_letter_members()) members.push_back(std::move(member));
  return object(members);
}

Parameter letter_source() {
  return {"source",
          word({"send", "webhook"}, ""),
          "send: what was refused. webhook: what the webhook has given up of what was sent.",
          {}};
}

std::vector<Operation> webhook_letter_operations() {
  return {
      {
          .method = Verb::get,
          .path = "/webhook/dead-letters",
          .tag = Tag::jobs,
          .description = "What of msg.notify, msg.recall and msg.edit the webhook has given up, as "
                         "far as it is kept (`webhook.deadLettersMax`), in the order in which it "
                         "was to be told in each channel.",
          .query = {{"cursor", text(""), "The `next` of the page before.", {}},
                    {"limit", integer("", 0, 1000), "At most so many; 100 unless given.", "10"}},
          .answer = object({need("dead_letters", array(webhook_letter())),
                            need("more", bit("1: go on.")), may("next", text("From where."))}),
          .answer_example =
              R"({"dead_letters":[{"source":"webhook","id":"AAoAAAAAAAAAXA",)"
              R"("event":"msg.notify","message_id":94218,)"
              R"("message_idstr":"94218","message_seq":4,"client_msg_no":"a-1",)"
              R"("from_uid":"user1","channel_id":"group1","channel_type":2,"payload":"e30=",)"
              R"("code":"refused","msg":"the receiver has refused it as often as )"
              R"(webhook.msgNotifyEventRetryMaxCount says; what came last: status 422",)"
              R"("given_up_at_ms":1700000000500,"attempts":5,"redrives":0,"redriving":0,)"
              R"("redrivable":1}],"more":0})",
      },
      {
          .method = Verb::post,
          .path = "/webhook/redrive",
          .tag = Tag::jobs,
          .description = "All dead letters of the webhook are told again, in their order, beside "
                         "what is new, or one of them. Takes no body. Nothing happens to those "
                         "that are to be told again already.",
          .query = {{"id", text(""), "Only the letter with this `id`.", {}}},
          .answer = object({need("redriven", integer("So many."))}),
          .answer_example = R"({"redriven":1})",
          .others = {{404, "With `id`: there is no such letter any more.", {}}},
      },
      {
          .method = Verb::get,
          .path = "/webhook/status",
          .tag = Tag::monitoring,
          .description = "Of this node, since its start. What becomes of messages (msg.recall, "
                         "msg.edit) counts with msg.notify.",
          .answer = object(
              {need("enabled", boolean("Somebody is told.")),
               need("receiver_down", boolean("The last attempt failed and is to be repeated.")),
               need("backlog_max", integer("webhook.backlogMax.")),
               need("events",
                    array(object(
                        {need("event",
                              word({"msg.notify", "msg.offline", "user.onlinestatus"}, "Which.")),
                         need("backlog", integer("Waiting now.")),
                         need("oldest_seconds", integer("For how long the oldest waits.")),
                         need("sent", integer("Told.")),
                         need("failed_attempts", integer("Requests that failed.")),
                         need("given_up", integer("Refused, too old, or too many.")),
                         need("last_error", text("Of the last request that failed; empty: none.")),
                         need("last_error_at_ms", integer("When, milliseconds since 1970."))})))}),
      },
  };
}

Operation retry_job() {
  Operation again = action(
      "/jobs/{id}/retry",
      "Of a job that is done or failed: another pass over the items that were refused or are "
      "unknown, but for those that are no messages, and over those that were not tried.");
  again.query.push_back({"only",
                         word({"failed"}, ""),
                         "failed: what was not tried is left. If there is any, the job is failed "
                         "again when the others were tried.",
                         {}});
  return again;
}

Operation redrive() {
  Operation again = action(
      "/batches/{id}/redrive",
      "Another pass over the dead letters of a batch that is done or has failed: what "
      "/jobs/{id}/retry does with only=failed. With source=webhook: what the webhook has given up "
      "of the batch is told again.");
  again.query.push_back(letter_source());
  again.others.push_back(
      {202, "With source=webhook: so many are told again.",
       object({need("batch_id", text("As in the path.")), need("redriven", integer("So many."))})});
  return again;
}

Operation dead_letters() {
  const auto letter = [] {
    std::vector<Property> members = {
        need("index", integer("Of the item.")),
        may("client_msg_no", text("Its number; of a line that is no item nothing but "
                                  "the index, code, msg and redrivable is known.")),
        may("from_uid", text("Its sender.")),
        may("channel_id", text("Its channel; the other user for type 1.")),
        may("channel_type", channel_type()),
        may("payload", base64("Its content, if it is kept.")),
        may("reason", integer("Why, as in a result.", 0, 255)),
        need("code", text("Why, as a word.")),
        need("msg", text("Why, as a sentence.")),
        may("moderation", ref("Moderation")),
        need("redrivable", bit("0: it is no item, or a request has sent it; of the "
                               "webhook: the message is gone."))};
    for (Property& member : webhook_letter_members()) members.push_back(std::move(member));
    return object(members);
  };
  return {
      .method = Verb::get,
      .path = "/batches/{id}/dead-letters",
      .tag = Tag::jobs,
      .description =
          "The items that were refused, or of which nobody knows, in their order. A page may end "
          "before it has `limit` of them: go on from `next` while `more` is 1. With "
          "source=webhook those that were sent, and that the webhook has given up.",
      .query = {id_in_path(),
                letter_source(),
                {"from", integer(""), "Only items from this index on.", {}},
                {"limit", integer("", 0, 1000), "At most so many; 100 unless given.", "10"}},
      .answer = object({need("batch_id", text("As in the path.")), need("state", job_state()),
                        may("count", integer("Dead letters in all, as far as it has come; not "
                                             "with source=webhook.")),
                        need("dead_letters", array(letter())), need("more", bit("1: go on.")),
                        may("next", integer("From where."))}),
      .answer_example =
          R"({"batch_id":"018bcfe56800a1b2c3d4e5f60718293a","state":"done","count":1,)"
          R"("dead_letters":[{"index":2,"client_msg_no":"j-3","from_uid":"spammer",)"
          R"("channel_id":"group3","channel_type":2,"payload":"e30=","reason":4,"code":"denied",)"
          R"("msg":"the sender is on the denylist of the channel","redrivable":1}],"more":0})",
      .others = {{404, "There is no such batch.", {}},
                 {409, "Its upload is not complete, or it recalls or edits.", {}}},
  };
}

Operation recall_batch() {
  Operation recall = revise("/batches/{id}/recall", "All messages of a batch are taken back.",
                            R"({"operator_uid":"admin"})");
  recall.others.push_back({200,
                           "It had not begun, because it was held back or waited for its time: it "
                           "is cancelled, and nobody hears of it.",
                           ref("Job")});
  return recall;
}

Operation job_remove() {
  return {
      .method = Verb::delete_,
      .path = "/jobs/{id}",
      .tag = Tag::jobs,
      .description = "With its items and results; what it has sent stays sent.",
      .query = {id_in_path()},
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .others = {no_such_job(), {409, "It has not ended: cancel it first.", {}}},
  };
}

}  // namespace

std::string new_job_schema() {
  return object(
      {need("id", text("Of the job; also in the header Location.")),
       need("batch_id", text("For /batches: the job that sends, or has sent, the "
                             "messages.")),
       need("state", word({"ready", "done"}, "done: it is empty.")),
       need("items", integer("In all.")), need("refused", integer("That are no messages.")),
       may("held_until_ms", integer("With hold_ms: Unix time in milliseconds."))},
      "A job that was made.");
}

std::string job_schema() {
  return object(
      {need("id", text("Of the job.")),
       may("kind", word({"recall", "edit", "batch"},
                        "What it does, when it does not send; batch: a request has sent it.")),
       need("batch_id", text("For /batches: the job that sends, or has sent, the messages.")),
       may("name", text("As given.")),
       need("state", job_state()),
       may("reason", text("Of the state, for people.")),
       need("items", integer("In all, as far as they have come.")),
       need("accepted", integer("That were sent.")),
       need("duplicate", integer("That had been stored before, under their client_msg_no.")),
       need("refused", integer("That were refused, with those that are no messages.")),
       need("unknown", integer("Of which nobody knows.")),
       need("pending", integer("That are still to be tried.")),
       may("fanned_out",
           integer("Of a job that sends: messages of which it is counted whom they reach, which "
                   "is when they were handed to all who are online.")),
       may("pushed_online",
           integer("Receivers of these, but their senders, who were online and had it pushed to "
                   "them; one with several devices counts once.")),
       may("left_offline", integer("The other receivers of these: they find it when they come.")),
       need("pass", integer("1, and one more with each retry.", 1)),
       may("rate", integer("Items in a second, as asked for.")),
       may("canary", integer("As given; of a share, once all items have come, how many it is.")),
       may("not_before", integer("As given, Unix time in seconds.")),
       may("window", text("As given.")),
       may("time_zone",
           text("Of the window: its time zone, or how far its clock is ahead of UTC.")),
       need("created_at", integer("Unix time in seconds, here and below.")),
       may("started_at", integer("When its first item was sent.")),
       may("ended_at", integer("When it was done, cancelled or failed.")),
       may("items_per_second", integer("Since it was started.")),
       may("recent_per_second", integer("In events: over the last seconds.")),
       may("expected_end", integer("If it goes on like this.")),
       may("commit_ms",
           object({need("p50", integer("")), need("p90", integer("")), need("p99", integer(""))},
                  "Within so many milliseconds half of its items, 90 and 99 of 100 "
                  "were durable, from when the core was given them."))},
      "A batch that is sent in the background.");
}

std::vector<Operation> job_operations() {
  std::vector<Operation> all = {
      job_list(),
      job_read(),
      results(),
      events(),
      action("/jobs/{id}/pause",
             "Takes effect behind the items that are being sent. Nothing happens to a job that "
             "is paused."),
      action("/jobs/{id}/resume", "Nothing happens to a job that is not paused."),
      change_rate(),
      retry_job(),
      action("/jobs/{id}/cancel",
             "What was sent stays sent; nothing else is. Nothing happens to a job that is "
             "cancelled."),
      job_remove(),
      dead_letters(),
      redrive(),
      recall_batch(),
      revise("/batches/{id}/edit", "All messages of a batch get another payload.",
             R"({"payload":{"type":1,"content":"Moved"},"operator_uid":"admin"})")};
  for (Operation& operation : webhook_letter_operations()) all.push_back(std::move(operation));
  return all;
}

}  // namespace jindou::openapi
