// The schemas that several operations share.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "openapi/body_schema.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::string message_header() {
  return object({need("no_persist", bit("1: not stored.")),
                 need("red_dot", bit("1: counts as unread at the client.")),
                 need("sync_once", bit("1: a command, kept in a log of its own."))});
}

std::string message() {
  return object(
      {need("header", ref("MessageHeader")),
       need("setting",
            integer("Bits: 128 receipt, 32 signal encryption, 16 not encrypted, 8 topic, "
                    "2 stream.",
                    0, 255)),
       need("message_id", integer("Unique in the server, below 2^53 unless it was imported.")),
       need("message_idstr", text("The same in decimal digits.")),
       need("client_msg_no", text("The sender's idempotency key.")),
       need("message_seq", integer("1, 2, 3 … in its channel; 0 when not stored.")),
       need("from_uid", text("The sender; empty for the system account.")),
       need("channel_id", text("For person channels the user who is not the reader; when no reader "
                               "is named, the one who did not send.")),
       need("channel_type", channel_type()),
       may("topic", text("Only if not empty.")),
       may("stream_no", text("Only if not empty.")),
       need("expire", integer("Seconds after `timestamp`; 0: never.", 0, 4294967295)),
       need("timestamp", integer("Seconds since 1970.")),
       need("payload", base64("The content; of a message that was recalled {}.")),
       may("revoke", integer("The message was recalled.", 1, 1)),
       may("revoker", text("Who recalled it, as the caller of the recall said.")),
       may("edit_version", integer("How often the message was edited.", 1)),
       may("message_extra", ref("MessageExtra")),
       may("end", bit("1: the stream on lane `main` is over.")),
       may("end_reason", integer("How it ended: 0 normally, 1 inactivity, 2 error, 3 cancelled, 4 "
                                 "forced.",
                                 0, 255)),
       may("error", text("What went wrong on lane `main`.")),
       may("stream_data", base64("The text collected on lane `main`.")),
       may("event_meta", ref("EventMeta")),
       may("event_sync_hint",
           object({need("client_msg_no", text("The anchor.")),
                   need("from_msg_event_seq", integer("Where to go on reading."))}))});
}

std::string message_extra() {
  return object({need("message_id", integer("Of the message.")),
                 need("message_id_str", text("The same in decimal digits.")),
                 need("message_seq", integer("Of the message.")),
                 may("revoke", integer("It was recalled.", 1, 1)),
                 may("revoker", text("Who recalled it, as the caller said.")),
                 may("revoked_at", integer("When, in seconds since 1970.")),
                 may("editor", text("Who edited it last, as the caller said.")),
                 may("edited_at", integer("When, in seconds since 1970.")),
                 need("extra_version",
                      integer("Rises in its channel with every recall, edit and deletion."))},
                "What became of a message after it was sent.");
}

std::string event_meta() {
  return object(
      {need("has_events", boolean("True when the message has events.")),
       need("completed", boolean("True once `stream.finish` came.")),
       may("event_version", integer("Rises with every persisted event.")),
       may("last_msg_event_seq", integer("Number of the last persisted event.")),
       may("event_count", integer("Lanes.")), may("open_event_count", integer("Open lanes.")),
       may("events",
           array(object({
               need("event_key", text("The lane.")),
               need("status", word({"open", "closed", "error", "cancelled"}, "State of the lane.")),
               may("last_msg_event_seq", integer("Its last persisted event.")),
               may("snapshot", anything("What the lane shows now.")),
               may("end_reason", integer("How it ended.", 0, 255)),
               may("error", text("What went wrong.")),
           })))},
      "The events of a stream message.");
}

std::string error() {
  return object(
      {need("status", integer("The HTTP status once more.", 400, 599)),
       need("msg", text("What was wrong.")), need("error", text("The same text.")),
       need("code",
            text("Stable word for programs: invalid, too_large, conflict, unauthorized, denied, "
                 "not_found, method_not_allowed, rate_limited, overloaded, unavailable, not_owner, "
                 "storage, unknown_outcome, deadline or internal.")),
       may("reason", integer("The protocol's reason code.", 0, 255)),
       may("retriable", boolean("The same request may succeed later.")),
       may("retry_after_ms", integer("When, with a rate limit; in milliseconds.")),
       may("client_msg_no", text("Of the failed send.")), may("moderation", ref("Moderation")),
       may("last_seq", integer("Of the channel, when `if_last_seq` was another one.")),
       may("state", word({"unknown"}, "The message may have been stored after all.")),
       may("items",
           array(one_of({ref("ItemProblem"), ref("SendResult")}), "One entry per failed item."))},
      "Every error has this body.");
}

std::string item_problem() {
  return object({need("index", integer("Position in the request, from 0.")),
                 need("field", text("The bad member.")), need("client_msg_no", text("Echoed.")),
                 need("code", text("As in the error.")), need("msg", text("What was wrong."))});
}

std::string moderation() {
  return object(
      {need("actions", array(word({"refuse", "mask", "replace", "flag"}, "What was done."))),
       need("found_by", array(text("A word list, service, or unjudged.")))},
      "What moderation found in a message.");
}

std::string send_result() {
  return object(
      {need("message_id", integer("0 when the item failed.")),
       need("message_idstr", text("The same in decimal digits.")),
       need("message_seq", integer("0 when not stored.")),
       need("client_msg_no", text("Echoed, or generated.")),
       need("reason", integer("1: accepted; otherwise why not.", 0, 255)),
       may("duplicate", boolean("The message had been stored by an earlier request.")),
       may("code", text("Of a failed item.")), may("msg", text("Of a failed item.")),
       may("retriable", boolean("Of a failed item.")),
       may("retry_after_ms", integer("When to send it again, with a rate limit; in milliseconds.")),
       may("last_seq", integer("Of the channel, when `if_last_seq` was another one.")),
       may("state", word({"unknown"}, "The message may have been stored after all.")),
       may("index", integer("Position in the request, from 0; with atomic.")),
       may("bytes", integer("Of the payload; with dry_run.")),
       may("receivers", integer("Who would receive it; with dry_run.")),
       may("online", integer("Of these; with dry_run.")),
       may("offline", integer("The others; with dry_run.")), may("moderation", ref("Moderation"))},
      "The outcome of one message.");
}

std::string send_refusal() {
  return object({need("message_id", integer("Always 0.", 0, 0)),
                 need("message_idstr", word({"0"}, "Always 0.")),
                 need("message_seq", integer("Always 0.", 0, 0)),
                 need("client_msg_no", text("Echoed, or generated.")),
                 need("reason", integer("The rule that refused; never 1.", 2, 255)),
                 need("code", text("denied.")), need("msg", text("A sentence.")),
                 need("retriable", boolean("False.")), may("moderation", ref("Moderation"))},
                "The message was refused; only with api.refusalStyle: reason.");
}

std::string conversation() {
  return object({need("channel_id", text("The other user for type 1.")),
                 need("channel_type", channel_type()), need("unread", integer("Unread messages.")),
                 need("timestamp", integer("Of the last message, seconds.")),
                 need("last_msg_seq", integer("Of the last message.")),
                 need("last_client_msg_no", text("Of the last message.")),
                 need("offset_msg_seq", integer("Always 0.")),
                 need("readed_to_msg_seq", integer("Read up to here.")),
                 need("version", integer("For the next incremental sync, nanoseconds.")),
                 may("is_deleted", bit("1: the user has it no longer; all else is 0. Only with "
                                       "with_deleted.")),
                 need("recents", array(ref("Message"), "Newest first."))},
                "One entry of a user's conversation list.");
}

std::string connection() {
  return object(
      {need("id", integer("Of the connection on this node.")),
       need("cid", integer("The same.")),
       need("uid", text("The user.")),
       need("ip", text("Of the peer.")),
       need("port", integer("Of the peer.", 0, 65535)),
       need("start", date_time("When it logged in.")),
       need("last_activity", date_time("When it last sent something.")),
       need("uptime", text("Since it logged in, like 1h2m3s.")),
       need("idle", text("Since the last activity.")),
       need("pending_bytes", integer("Waiting to be sent.")),
       need("in_msgs", integer("Messages received from it.")),
       need("out_msgs", integer("Messages sent to it.")),
       need("in_msg_bytes", integer("Their payloads.")),
       need("out_msg_bytes", integer("Their payloads.")),
       need("in_packets", integer("Frames received.")),
       need("out_packets", integer("Frames sent.")),
       need("in_packet_bytes", integer("Bytes received.")),
       need("out_packet_bytes", integer("Bytes sent.")),
       need("in_bytes", integer("The same as in_packet_bytes.")),
       need("out_bytes", integer("The same as out_packet_bytes.")),
       need("subscriptions", integer("Channels it has subscribed to for itself (SUB).")),
       need("device", text("Flag and level, like App(master).")),
       need("device_id", text("As the client gave it.")),
       need("device_flag", integer("0 app, 1 web, 2 desktop, …", 0, 255)),
       need("device_level", bit("1: master.")),
       need("protocol", word({"wkproto", "json"}, "What it speaks.")),
       need("version", integer("Of the protocol.", 0, 255)),
       need("transport", word({"tcp", "ws", "tls", "wss"}, "How it is connected.")),
       need("proxy_type_format", text("Always empty: connections end at their own node.")),
       need("leader_id", integer("The node the user belongs to.")),
       need("node_id", integer("The node the connection is on."))},
      "A client connection.");
}

std::string addresses() {
  return object({need("tcp_addr", text("host:port; empty when unknown.")),
                 need("ws_addr", text("ws://host:port; empty when unknown.")),
                 need("wss_addr", text("wss://host:port; empty when unknown."))});
}

// What id_problem (model/id_rules.h) refuses, but for bytes that are counted and the reserved
// suffix. In the words that ECMAScript, Python and RE2 share.
constexpr std::string_view kIdPattern =
    R"(^[^@#&\\x00-\\x1f\\x7f-\\x9f]*[^@#&\\x00-\\x20\\x7f-\\x9f][^@#&\\x00-\\x1f\\x7f-\\x9f]*$)";

// What answers hold.
std::vector<Component> other_components() {
  return {
      {"Ack", object({need("status", ok_status())}, "It was done.")},
      {"Error", error()},
      {"ItemProblem", item_problem()},
      {"Moderation", moderation()},
      {"SendResult", send_result()},
      {"SendRefusal", send_refusal()},
      {"MessageHeader", message_header()},
      {"Message", message()},
      {"MessageExtra", message_extra()},
      {"EventMeta", event_meta()},
      {"MessagePage",
       object({need("start_message_seq", integer("Of the request.")),
               need("end_message_seq", integer("Of the request.")),
               need("more", bit("1: there are more in that direction.")),
               need("messages", array(ref("Message"), "Ascending by message_seq."))})},
      {"Job", job_schema()},
      {"NewJob", new_job_schema()},
      {"Conversation", conversation()},
      {"Addresses", addresses()},
      {"Connection", connection()},
      {"Health", object({need("status", word({"ok", "error"}, "ok when all is well.")),
                         may("message", text("What is wrong.")),
                         may("warnings", array(text("What is not to be forgotten.")))})},
  };
}

}  // namespace

std::vector<Component> components() {
  std::vector<Component> all = {
      {"Id", R"({"type":"string","minLength":1,"maxLength":256,"pattern":")" +
                 std::string(kIdPattern) +
                 R"(","description":"1 to 256 bytes of UTF-8 without control characters, )"
                 R"('@', '#' and '&'; not only spaces."})"},
      {"Flag", R"({"oneOf":[{"type":"integer","enum":[0,1]},{"type":"boolean"}],)"
               R"("description":"0 or 1; false and true say the same."})"},
      {"MessageId", R"({"oneOf":[{"type":"integer","minimum":0,"format":"int64"},)"
                    R"({"type":"string","pattern":"^[0-9]+$"}],)"
                    R"("description":"A number, or its decimal digits."})"},
      {"Payload", R"({"oneOf":[{"type":"string","minLength":1,"contentEncoding":"base64"},)"
                  R"({"type":"object","additionalProperties":true},{"type":"array","items":{}}],)"
                  R"("description":"Base64, or JSON, which is stored as its compact text."})"},
      {"OkStatus", R"({"oneOf":[{"type":"integer","const":200},{"type":"string","const":"ok"}],)"
                   R"("description":"200, or ok with api.statusStyle: text."})"},
  };
  all.push_back({"UserList", user_list_schema()});
  // Behind those that they name, and before those that name them: the strict mode reads them in
  // this order.
  for (std::vector<Component> group : {send_components(), other_components()}) {
    std::ranges::move(group, std::back_inserter(all));
  }
  return all;
}

}  // namespace jindou::openapi
