// What happens to stored messages but for sending: they are recalled, edited, hidden, deleted, and
// freed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"
#include "model/moderation.h"
#include "model/payload.h"

namespace jindou::partition {

// Hides and frees the messages of a channel up to a seq (inclusive; the last one at most).
// `commands` means its command log instead.
struct ClearMessages {
  ChannelKey channel;
  std::uint64_t up_to = 0;
  bool commands = false;
};

// Hides and frees single messages. Seqs without a message are skipped: those that are unknown or
// were never given, and those of messages that are gone.
struct DeleteMessages {
  ChannelKey channel;
  std::vector<std::uint64_t> seqs;
};

// Takes a message back: its payload goes, and its events; the rest stays at its seq, with the mark
// that it was recalled. It does not count as unread any more. Errors: not_found (there is no such
// message, or its time is over), conflict (it was recalled before), invalid (it is a command).
struct RecallMessage {
  ChannelKey channel;
  std::uint64_t seq = 0;
  MessageId id{};            // of the message that the caller means
  std::string operator_uid;  // who wants it, as the caller says; may be empty
};

// Gives a message another payload. Errors: as of RecallMessage; conflict also when `version` is not
// the next one of the message: somebody else has edited it; denied: moderation refuses the payload.
struct EditMessage {
  ChannelKey channel;
  std::uint64_t seq = 0;
  MessageId id{};
  std::uint64_t version = 0;  // that this makes: 1 for the first edit
  Payload payload;
  std::string operator_uid;
  std::string from_uid = {};      // of the message: whose words the payload is taken for
  ModerationPtr moderation = {};  // of the payload; null: nothing was found
};

// How long a channel keeps its messages; 0 in either means no limit, an absent one the
// configured default of the channel type.
struct SetRetention {
  ChannelKey channel;
  std::optional<std::uint64_t> max_age_seconds;
  std::optional<std::uint64_t> max_count;
};

// Frees messages whose time is over; keys of the expiry index, oldest first.
struct ReclaimExpired {
  PartitionId partition{};
  std::vector<std::string> keys;
};

// Drops commit records whose messages are gone and too old to answer for a repeat.
struct DropCommitRecords {
  PartitionId partition{};
  std::vector<std::uint64_t> first_counters;
};

using LogCommand = std::variant<ClearMessages, DeleteMessages, SetRetention, ReclaimExpired,
                                DropCommitRecords, RecallMessage, EditMessage>;

}  // namespace jindou::partition
