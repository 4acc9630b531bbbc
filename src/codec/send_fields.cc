#include "codec/send_fields.h"

#include <array>
#include <cstring>

namespace jindou::codec {
namespace {

using Type = SendFieldType;
constexpr Presence kNone = Presence::none;
constexpr Presence kRequired = Presence::required;
constexpr std::string_view kContent =
    "the content; an object or array is stored as its compact text. Required unless `template` is "
    "given";

constexpr std::array<SendField, kSendMembers> kFields = {{
    {.member = SendMember::payload,
     .name = "payload",
     .type = Type::payload,
     .shown_type = "base64, object or array",
     .meaning = "the content; an object or array is stored as its compact text. Required unless "
                "`payload_ref` or `template` is given",
     .single_meaning = kContent,
     .object_meaning = kContent},
    {.member = SendMember::payload_ref,
     .name = "payload_ref",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "instead of `payload`: the name of one in the `payloads` of the request",
     .single = kNone,
     .object = kNone},
    {.member = SendMember::template_name,
     .name = "template",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "instead of `payload`: the name of a stored template"},
    {.member = SendMember::template_version,
     .name = "template_version",
     .type = Type::number,
     .shown_type = "number",
     .meaning = "which version of the template; 0: the newest",
     .most = kTemplateVersionMax},
    {.member = SendMember::vars,
     .name = "vars",
     .type = Type::variables,
     .shown_type = "object, ≤ 100 members",
     .meaning =
         "values for the places `{{name}}` of the payload, by name; without it they are text "
         "like any other",
     .object_meaning = "values for the places `{{name}}` of the payload, by name, the same for all "
                       "receivers; without it they are text like any other"},
    {.member = SendMember::from_uid,
     .name = "from_uid",
     .type = Type::id,
     .shown_type = "string",
     .meaning = "the sender",
     .item = kRequired,
     .object = kRequired,
     .single_meaning = "the sender; blank: the system account"},
    {.member = SendMember::channel_id,
     .name = "channel_id",
     .type = Type::id,
     .shown_type = "string",
     .meaning = "the channel; for type 1 the other user",
     .item = kRequired,
     .object = kNone,
     .single_meaning = "the channel; for type 1 the other user. Required unless `subscribers` and "
                       "`sync_once` are given"},
    {.member = SendMember::channel_type,
     .name = "channel_type",
     .type = Type::channel_type,
     .shown_type = "1–255",
     .meaning = "1 person, 2 group, …",
     .item = kRequired,
     .object = kNone,
     .most = 255,
     .single_meaning = "required unless `subscribers` and `sync_once` are given"},
    {.member = SendMember::client_msg_no,
     .name = "client_msg_no",
     .type = Type::text,
     .shown_type = "string, ≤ 256 bytes",
     .meaning = "idempotency key, echoed; generated when absent",
     .object_meaning = "serves all receivers: a repeat stores nothing"},
    {.member = SendMember::header,
     .name = "header",
     .type = Type::header,
     .shown_type = "object",
     .meaning = "may hold the next three, all 0 unless given"},
    {.member = SendMember::no_persist,
     .name = "no_persist",
     .type = Type::flag,
     .shown_type = "0/1",
     .meaning = "1: do not store; `message_seq` is 0",
     .in_header = true},
    {.member = SendMember::red_dot,
     .name = "red_dot",
     .type = Type::flag,
     .shown_type = "0/1",
     .meaning =
         "relayed: clients show the message as unread. The server's counts are of all stored "
         "messages",
     .in_header = true},
    {.member = SendMember::sync_once,
     .name = "sync_once",
     .type = Type::flag,
     .shown_type = "0/1",
     .meaning =
         "1: command message, kept in a log beside the channel's own, with `message_seq`s of "
         "its own",
     .in_header = true},
    {.member = SendMember::expire,
     .name = "expire",
     .type = Type::number,
     .shown_type = "seconds, ≤ ten years",
     .meaning = "how long the message is there, from now, or up to a second longer; 0: for ever. A "
                "Unix time is refused",
     .most = kExpireSecondsMax},
    {.member = SendMember::if_last_seq,
     .name = "if_last_seq",
     .type = Type::number,
     .shown_type = "number",
     .meaning =
         "sent only while the last `message_seq` of the channel is this one, 0: while it has "
         "none; else refused with `reason` 101, and `last_seq` tells the last one. With "
         "`sync_once` the one of the log of commands",
     .most = kIfLastSeqMax,
     .object_meaning = "the same, asked of the channel with each receiver"},
    {.member = SendMember::subscribers,
     .name = "subscribers",
     .type = Type::uids,
     .shown_type = "string[], ≤ 10,000",
     .meaning = "only these users receive it, and only they and the sender read it. With "
                "`sync_once`: a targeted command, in a log of its own",
     .object = kRequired,
     .single_meaning = "with `sync_once` and without `channel_id` a command to these users; else "
                       "only these users receive the message, and only they and the sender read it",
     .object_meaning = "each gets a message of its own"},
    {.member = SendMember::sender_conversation,
     .name = "sender_conversation",
     .type = Type::flag,
     .shown_type = "true/false",
     .meaning = "false: the sender's own list of conversations stays as it is, and his devices do "
                "not receive the message; his history has it. Absent: as the query parameter says, "
                "else true"},
    {.member = SendMember::topic,
     .name = "topic",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "carried to the receivers"},
    {.member = SendMember::stream_no,
     .name = "stream_no",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "carried to the receivers; not empty: the message is the anchor of a stream"},
    {.member = SendMember::is_stream,
     .name = "is_stream",
     .type = Type::flag,
     .shown_type = "0/1",
     .meaning = "1: the message is the anchor of a stream"},
    {.member = SendMember::setting,
     .name = "setting",
     .type = Type::number,
     .shown_type = "0–255",
     .meaning = "the setting byte: 128 receipt, 32 signal, 2 stream (as `is_stream`); other bits "
                "are without effect",
     .most = 255},
    {.member = SendMember::sender_uid,
     .name = "sender_uid",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "the same as `from_uid`, where that is blank"},
    {.member = SendMember::tag_key,
     .name = "tag_key",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "accepted, without effect"},
    {.member = SendMember::device_id,
     .name = "device_id",
     .type = Type::text,
     .shown_type = "string",
     .meaning = "accepted, without effect: every device of the sender receives the message"},
}};

constexpr std::size_t kNameBytesMax = 19;

// Rows of the table by the length of their names, and where each length begins among them.
struct ByLength {
  std::array<std::uint8_t, kSendMembers> rows{};
  std::array<std::uint8_t, kNameBytesMax + 2> first{};
};

constexpr ByLength kByLength = [] {
  ByLength out;
  std::uint8_t next = 0;
  for (std::size_t length = 0; length <= kNameBytesMax; ++length) {
    out.first[length] = next;
    for (std::size_t row = 0; row < kFields.size(); ++row) {
      if (kFields[row].name.size() == length) out.rows[next++] = static_cast<std::uint8_t>(row);
    }
  }
  out.first[kNameBytesMax + 1] = next;
  return out;
}();
static_assert(kByLength.first[kNameBytesMax + 1] == kSendMembers,
              "a longer name than is looked up");
static_assert([] {
  for (std::size_t row = 0; row < kFields.size(); ++row) {
    if (static_cast<std::size_t>(kFields[row].member) != row) return false;
  }
  return true;
}());

}  // namespace

std::span<const SendField> send_fields() { return kFields; }

const SendField* find_send_field(std::string_view name) {
  if (name.size() > kNameBytesMax) return nullptr;
  const std::size_t end = kByLength.first[name.size() + 1];
  for (std::size_t i = kByLength.first[name.size()]; i < end; ++i) {
    const SendField& field = kFields[kByLength.rows[i]];
    if (std::memcmp(field.name.data(), name.data(), name.size()) == 0) return &field;
  }
  return nullptr;
}

std::string send_fields_markdown() {
  std::string out =
      "| member of an item | type | required | meaning |\n| --- | --- | --- | --- |\n";
  for (const SendField& field : kFields) {
    if (field.item == Presence::none) continue;
    out.append("| `").append(field.name).append("` | ").append(field.shown_type);
    out.append(field.item == Presence::required ? " | yes | " : " | no | ");
    out.append(field.meaning).append(" |\n");
  }
  return out;
}

}  // namespace jindou::codec
