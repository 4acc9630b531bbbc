// A message, and the way of one through the core: SendCommand in, SendResult out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/caller.h"
#include "model/channel.h"
#include "model/ids.h"
#include "model/inbox.h"
#include "model/moderation.h"
#include "model/payload.h"
#include "model/reason.h"

namespace jindou {

struct MessageFlags {
  bool no_persist = false;  // do not store; seq 0; only for whoever is online
  bool red_dot = false;     // counts as unread at the client
  bool sync_once = false;   // command message: stored in the channel's command log
  bool operator==(const MessageFlags&) const = default;
};

// Bits of the setting byte (docs/wkproto.md, "setting").
inline constexpr std::uint8_t kSettingReceipt = 0x80;
inline constexpr std::uint8_t kSettingSignal = 0x20;
inline constexpr std::uint8_t kSettingNoEncrypt = 0x10;
inline constexpr std::uint8_t kSettingTopic = 0x08;
inline constexpr std::uint8_t kSettingStream = 0x02;

// Whether what lasts up to a second of the wall clock is over. Times of messages are cut to whole
// seconds: so it lasts at least as long as was promised, and less than a second longer.
// `expires_at` 0: it lasts for ever.
inline bool is_over(std::int64_t expires_at, std::int64_t now_seconds) {
  return expires_at != 0 && expires_at < now_seconds;
}

// What a sender says, the same from the edge to the receiver: read by a codec, sent as a command,
// kept as a message.
struct MessageContent {
  std::string from_uid;
  // Empty only before an edge has generated the one that the sender did not give.
  std::string client_msg_no;
  std::string topic;
  std::string stream_no;
  // Valid uids, no blanks, no repeats, in the given order. Non-empty: only these users receive it,
  // and only they and the sender read it.
  std::vector<std::string> subscribers;
  Payload payload;           // plain bytes as the sender gave them
  std::uint32_t expire = 0;  // seconds after the message was stored; 0 = never
  std::uint8_t setting = 0;
  MessageFlags flags;
  // False: the sender's own list of conversations stays as it is, and his devices do not get it.
  bool sender_conversation = true;

  // False for his own message that he does not want in his list. History shows it all the same.
  bool listed_for(std::string_view viewer) const {
    return sender_conversation || from_uid != viewer;
  }

  // The whole of it, to be moved on from one stage to the next.
  MessageContent& content() { return *this; }
};

// What became of a message after it was sent: it was edited, or recalled.
struct Revision {
  std::uint64_t version = 0;  // edits so far
  bool recalled = false;      // then the payload is kRecalledPayload
  std::int64_t at = 0;        // of the last one, in seconds
  std::uint64_t change = 0;   // its number among the changes of the log
  std::string operator_uid;   // who asked for it, as the caller says; may be empty
  bool operator==(const Revision&) const = default;
};

// What is left as the payload of a message that was recalled. Not empty: clients that parse the
// payload of each message as JSON go on doing so.
inline constexpr std::string_view kRecalledPayload = "{}";

// One accepted message. Immutable once made; shared by reference between shards.
struct Message : MessageContent {
  MessageId id{};
  MessageSeq seq{};
  // As addressed by the sender, without command suffix; "a@b" for a person channel.
  ChannelKey channel;
  std::int64_t timestamp = 0;  // seconds since the epoch by the wall clock, taken once, at append
  // From `timestamp` to the stamp that orders this change among all of its partition. Below a
  // second, unless the wall clock had gone back: stamps do not.
  std::uint64_t timestamp_ns = 0;
  // None: it is as it was sent.
  std::optional<Revision> revision;
  // Of the payload it has; null: nothing was found.
  ModerationPtr moderation;

  bool is_recalled() const { return revision && revision->recalled; }

  // The stamp: nanoseconds since the epoch.
  std::int64_t stored_at_ns() const {
    return timestamp * 1'000'000'000 + static_cast<std::int64_t>(timestamp_ns);
  }

  // False for a message that is restricted to other users. An empty viewer sees all.
  bool visible_to(std::string_view viewer) const {
    return subscribers.empty() || viewer.empty() || from_uid == viewer ||
           std::find(subscribers.begin(), subscribers.end(), viewer) != subscribers.end();
  }

  // In seconds; 0: never. is_over() tells whether that was reached.
  std::int64_t expires_at() const {
    return expire == 0 ? 0 : timestamp + static_cast<std::int64_t>(expire);
  }
  bool expired_at(std::int64_t now_seconds) const { return is_over(expires_at(), now_seconds); }
};

enum class Origin : std::uint8_t {
  http,    // checked as configured by api.sendCheck
  socket,  // a client's SEND: every permission rule applies
  server,  // what the server has to say about what was permitted: no rule applies
};

// What is known of a bulk message and the messages of its receiver's day.
enum class BulkCount : std::uint8_t {
  none,    // there is room for it, or nobody counts
  wanted,  // within the stage that counts
  over,    // the receiver has had enough today
  failed,  // it could not be counted
};

// What an edge asks the core to do for one message. The edge has validated formats and sizes.
struct SendCommand : MessageContent {
  // The source channel: internal id for person ("a@b") and agent channels, no command suffix.
  // For a targeted command (subscribers + sync_once) it is what receivers are shown, may be empty.
  ChannelKey channel;
  // True when the sender gave client_msg_no: only then is it an idempotency key.
  bool idempotent = false;
  Origin origin = Origin::http;
  SessionId origin_session{};  // the message is not echoed to this session
  // Given: it is sent only while this is the last seq of the log that it goes to.
  std::optional<std::uint32_t> if_last_seq;
  CallerPtr caller;  // not stored
  // Of the sender, and of the one user whom the message is for; read before the command is handed
  // to its partition, in which they need not be (partition/inbox_stage.h).
  SeenInbox sender_inbox;
  SeenInbox receiver_inbox;
  // Null: nothing was found. One that is refused is evaluated all the same, because a repeat has
  // the answer of the first, whatever is found in it now.
  ModerationPtr moderation;
  bool awaits_verdict = false;  // within the stage that asks about it
  // One of many that go out together: of a job, of a long stream; not stored.
  bool bulk = false;
  BulkCount bulk_count = BulkCount::none;
  // The id of the job that counts whom the message reaches (JobReach); null: nobody does. Not
  // stored.
  std::shared_ptr<const std::string> job;
};

// The answer to one SendCommand.
struct SendResult {
  enum class State : std::uint8_t {
    accepted,   // stored (or, for no_persist, taken for delivery)
    duplicate,  // the same key and payload came before: the first result
    refused,    // certainly not stored; `reason` and `code` say why
    unknown,    // may or may not be stored; repeat with the same client_msg_no
  };
  State state = State::unknown;
  // What stood in the way, where the code and the reason say less than is known. The values are
  // stored: none is ever used for something else.
  enum class Cause : std::uint8_t {
    other = 0,
    key_sender = 1,    // the API key may not send as this sender
    key_channel = 2,   // the API key may not send to this channel
    key_rate = 3,      // a rate limit was reached: of the API key,
    sender_rate = 4,   // of the sender,
    channel_rate = 5,  // of the channel,
    total_rate = 6,    // of all together
    // It lists a user who is neither of the two of its channel.
    listed_outsider = 7,
  };
  static constexpr Cause kLastCause = Cause::listed_outsider;
  MessageId message_id{};
  MessageSeq message_seq{};
  Reason reason = Reason::system_error;
  Errc code = Errc::unknown_outcome;  // meaningful unless accepted or duplicate
  Cause cause = Cause::other;
  std::uint32_t retry_after_ms = 0;  // when to send it again; 0: nothing is known of that
  std::int64_t timestamp = 0;
  std::uint64_t last_seq = 0;  // of the log, with Reason::last_seq_differs
  ModerationPtr moderation;    // not of a duplicate

  bool ok() const { return state == State::accepted || state == State::duplicate; }

  static SendResult refuse(Reason why, Errc errc) {
    SendResult result;
    result.state = State::refused;
    result.reason = why;
    result.code = errc;
    return result;
  }
};

}  // namespace jindou
