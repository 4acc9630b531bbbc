// Message events, the older stream endpoints, and retention.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

Operation event() {
  return {
      .method = Verb::post,
      .path = "/message/event",
      .tag = Tag::events,
      .description =
          "The anchor is a message that was sent with `is_stream` 1. stream.delta adds text "
          "(payload {\"kind\":\"text\",\"delta\":…}), stream.snapshot replaces it, stream.close, "
          "stream.error and stream.cancel end the lane, stream.finish ends every lane; any other "
          "type is recorded. Members of the channel who are online are pushed an EVENT frame. A "
          "repeated `event_id`, and any event of a lane that is over, answers the stored state.",
      .example = R"({"channel_id":"group1","channel_type":2,"client_msg_no":"ai1","event_id":"e1",)"
                 R"("event_type":"stream.delta","payload":{"kind":"text","delta":"Hello"}})",
      .answer = object(
          {need("status", ok_status()),
           need("data",
                object({need("client_msg_no", text("Of the anchor.")),
                        need("event_key", text("The lane.")), need("event_id", text("Echoed.")),
                        need("msg_event_seq", integer("Number of the last persisted event.")),
                        need("stream_status",
                             word({"open", "closed", "error", "cancelled"}, "State of the lane.")),
                        need("channel_id", text("As in the request.")),
                        need("channel_type", channel_type()),
                        need("from_uid", text("The author."))}))}),
  };
}

Operation event_sync() {
  const auto one_event = [] {
    return object({need("msg_event_seq", integer("Its number.")),
                   need("event_id", text("As appended.")), need("event_key", text("The lane.")),
                   need("event_type", text("As appended.")),
                   need("visibility", word({"public", "private", "restricted"}, "As appended.")),
                   need("occurred_at", integer("Milliseconds since 1970.")),
                   need("payload", anything("The snapshot, or the state without one."))});
  };
  return {
      .method = Verb::post,
      .path = "/message/eventsync",
      .tag = Tag::events,
      .description = "One entry for each lane, ascending by `msg_event_seq`.",
      .example = R"({"channel_id":"group1","channel_type":2,"client_msg_no":"ai1"})",
      .answer =
          object({need("status", ok_status()),
                  need("data", object({need("client_msg_no", text("Of the anchor.")),
                                       need("from_msg_event_seq", integer("Of the request.")),
                                       need("next_msg_event_seq", integer("For the next request.")),
                                       need("more", bit("1: there are more.")),
                                       need("events", array(one_event())),
                                       need("filtered_by_event_key", text("Of the request."))}))}),
  };
}

Operation old_event() {
  return {
      .method = Verb::post,
      .path = "/event",
      .tag = Tag::events,
      .description =
          "___TextMessageStart sends the anchor, ___TextMessageContent adds text, "
          "___TextMessageEnd ends it (its data is an error text); other types are only "
          "pushed. One stream of a channel at a time.",
      .query = {{"force", integer("", 0, 1), "1: end a stream that is running first.", {}}},
      .example = R"({"client_msg_no":"old1","channel_id":"group3","channel_type":2,)"
                 R"("event":{"type":"___TextMessageStart","data":"..."}})",
      .answer = one_of({ref("Ack"), ref("SendRefusal")}),
      .answer_example = R"({"status":200})",
      .others = {{403,
                  "The sender may not send there; `reason` says why. 200 with "
                  "api.refusalStyle: reason.",
                  {}}},
      .deprecated = true,
  };
}

Operation stream_open(std::string_view path, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::events,
      .example = std::move(example),
      .answer = one_of({object({need("stream_no", text("Names the stream.")),
                                need("message_id", integer("Of the message.")),
                                need("message_idstr", text("The same in decimal digits.")),
                                need("message_seq", integer("Position in the channel.")),
                                need("client_msg_no", text("Echoed, or the stream_no."))}),
                        ref("SendRefusal")}),
      .others = {{403,
                  "The sender may not send there; `reason` says why. 200 with "
                  "api.refusalStyle: reason.",
                  {}}},
      .deprecated = true,
  };
}

Operation stream_close(std::string_view path, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::events,
      .description = "Without a channel the call does nothing.",
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .deprecated = true,
  };
}

void add_streams_v2(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::post,
      .path = "/streamv2/open",
      .tag = Tag::events,
      .example = R"({"client_msg_no":"v21","from_uid":"bot","channel_id":"group6",)"
                 R"("channel_type":2,"payload":{"type":1,"content":"..."}})",
      .answer = one_of({object({need("message_id", integer("Names the stream.")),
                                need("message_idstr", text("The same in decimal digits.")),
                                need("message_seq", integer("Position in the channel.")),
                                need("stream_id", text("stream_ and the id.")),
                                need("client_msg_no", text("Echoed, or generated."))}),
                        ref("SendRefusal")}),
      .others = {{403,
                  "The sender may not send there; `reason` says why. 200 with "
                  "api.refusalStyle: reason.",
                  {}}},
      .deprecated = true,
  });
  out.push_back({
      .method = Verb::post,
      .path = "/streamv2/write",
      .tag = Tag::events,
      .example = R"({"message_id":1037,"from_uid":"bot","channel_id":"group6","channel_type":2,)"
                 R"("payload":"aGVsbG8="})",
      .answer = object({need("status", ok_status()), need("message_id", integer("Of the request.")),
                        need("chunk_id", integer("Number of the last persisted event."))}),
      .deprecated = true,
  });
  out.push_back({
      .method = Verb::post,
      .path = "/streamv2/close",
      .tag = Tag::events,
      .example = R"({"message_id":1037,"from_uid":"bot","channel_id":"group6","channel_type":2})",
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .deprecated = true,
  });
}

Operation event_change(std::string_view path, std::string description, std::string example) {
  return {
      .method = Verb::post,
      .path = path,
      .tag = Tag::retention,
      .description = std::move(description),
      .example = std::move(example),
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
  };
}

void add_retention(std::vector<Operation>& out) {
  out.push_back(event_change(
      "/message/delete",
      "At least one of the three. What is not there is no error. Space comes back; the "
      "message_seqs are never used again.",
      R"({"channel_id":"group2","channel_type":2,"message_seqs":[1]})"));
  out.push_back(event_change("/channel/clear_messages",
                             "Space comes back; the message_seqs are never used again.",
                             R"({"channel_id":"group2","channel_type":2,"message_seq":1})"));
  out.push_back(
      event_change("/channel/retention",
                   "A limit that is absent is that of the channel's type again. Messages are "
                   "removed some time after they are too old or too many.",
                   R"({"channel_id":"group2","channel_type":2,"max_age":86400})"));
  out.push_back({
      .method = Verb::get,
      .path = "/channel/retention",
      .tag = Tag::retention,
      .query = {{"channel_id", text(""), "The channel; the other user for type 1.", R"("group2")",
                 true},
                {"channel_type", channel_type(), "Its type.", "2", true},
                {"login_uid", text(""), "One of the two users, for type 1.", {}}},
      .answer =
          object({need("channel_id", text("Of the request.")), need("channel_type", channel_type()),
                  need("max_age", integer("Seconds; 0: for ever.")),
                  need("max_age_source", word({"channel", "default"}, "Who set it.")),
                  need("max_count", integer("Messages; 0: all.")),
                  need("max_count_source", word({"channel", "default"}, "Who set it."))}),
      .answer_example = R"({"channel_id":"group2","channel_type":2,"max_age":86400,)"
                        R"("max_age_source":"channel","max_count":0,"max_count_source":"default"})",
  });
}

}  // namespace

std::vector<Operation> event_operations() {
  std::vector<Operation> out;
  out.push_back(event());
  out.push_back(event_sync());
  out.push_back(old_event());
  out.push_back(stream_open("/stream/open",
                            R"({"from_uid":"bot","channel_id":"group4",)"
                            R"("channel_type":2,"payload":{"type":1,"content":"..."}})"));
  out.push_back(stream_close("/stream/close", R"({"stream_no":"5f2b8c1e9d3a4b6f"})"));
  out.push_back(stream_open("/streammessage/start",
                            R"({"from_uid":"bot","channel_id":"group5",)"
                            R"("channel_type":2,"payload":{"type":1,"content":"..."}})"));
  out.push_back(stream_close("/streammessage/end", R"({"stream_no":"5f2b8c1e9d3a4b6f"})"));
  add_streams_v2(out);
  add_retention(out);
  return out;
}

}  // namespace jindou::openapi
