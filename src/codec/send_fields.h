// The members of the bodies that send a message (POST /message/send and both forms of
// POST /message/sendbatch), written once: reading them (message_json.cc), the strict mode and the
// OpenAPI document (openapi/send_schemas.cc) and the table of docs/api.md all come from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace jindou::codec {

// Entries of one `subscribers`, before repeats are dropped. Not a setting: more users than that are
// a channel's subscribers, which are read from the store and not from each request.
inline constexpr std::size_t kSubscribersMax = 10'000;

// Ten years. What is larger is a Unix time that was taken for a duration: such a message would
// outlive the server instead of ending at that moment.
inline constexpr std::uint32_t kExpireSecondsMax = 3660 * 86'400;

// Versions of a stored template are numbered from 1.
inline constexpr std::uint32_t kTemplateVersionMax = 4'294'967'295;

// Seqs are told to clients in so many bits.
inline constexpr std::uint32_t kIfLastSeqMax = 4'294'967'295;

enum class SendMember : std::uint8_t {
  payload,
  payload_ref,
  template_name,
  template_version,
  vars,
  from_uid,
  channel_id,
  channel_type,
  client_msg_no,
  header,
  no_persist,
  red_dot,
  sync_once,
  expire,
  if_last_seq,
  subscribers,
  sender_conversation,
  topic,
  stream_no,
  is_stream,
  setting,
  sender_uid,
  tag_key,
  device_id,
};
inline constexpr std::size_t kSendMembers = 24;

enum class SendFieldType : std::uint8_t {
  payload,       // base64, or an object or array
  id,            // a uid or channel id; where it may be absent it may be blank
  text,          // a string
  flag,          // 0, 1, true or false
  number,        // from 0 to `most`
  channel_type,  // 1 to 255; where it may be absent also 0
  uids,          // an array of strings
  header,        // an object with the flags that are `in_header`
  variables,     // an object with the caller's own names
};

// Whether a body has a member.
enum class Presence : std::uint8_t { none, optional, required };

struct SendField {
  SendMember member;
  std::string_view name;
  SendFieldType type;
  std::string_view shown_type;  // for readers
  std::string_view meaning;     // plain text with `code`, for readers
  // Of an item of a batch, of POST /message/send, of the object form of a batch.
  Presence item = Presence::optional;
  Presence single = Presence::optional;
  Presence object = Presence::optional;
  std::uint32_t most = 0;  // of a number
  bool in_header = false;  // may stand in the header and beside it; either place switches on
  std::string_view single_meaning = {};  // where it is another one; empty: the same
  std::string_view object_meaning = {};
};

// In the order of the documentation.
std::span<const SendField> send_fields();

// Null: no member of that name. O(1): a name is compared with those of its length.
const SendField* find_send_field(std::string_view name);

// The rows of the table in docs/api.md: the members of an item.
std::string send_fields_markdown();

}  // namespace jindou::codec
