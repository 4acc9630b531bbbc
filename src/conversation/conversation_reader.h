// Reads what users see of their channels: conversations with unread counts, and commands they have
// not processed yet.
//
// Nothing here is stored per message. A conversation is computed from the user's row in the
// channel's partition (read position, deletions), the head of the channel's log and the gaps in it
// (docs/architecture.md, "conversations").
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool. A
// call reads the store as of one moment. It costs two seeks for each of the user's channels, and
// one more step for each message above the newest one that the user can read.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "store/commit_horizon.h"
#include "store/partition_reader.h"

namespace jindou::conversation {

// Where a conversation stands in a list: a greater place is nearer the top. It changes with the
// newest message that the user can read, and with nothing else.
struct ListPlace {
  std::int64_t stored_at_ns = 0;  // of that message
  MessageId id{};
  auto operator<=>(const ListPlace&) const = default;
};

struct Conversation {
  ChannelKey channel;  // internal id
  std::uint64_t unread = 0;
  std::uint64_t last_seq = 0;  // newest message the user can read; 0: none
  // After what the user sent, deleted or set by hand; while a manual count holds, last_seq -
  // unread.
  std::uint64_t read_to = 0;
  std::int64_t timestamp = 0;  // seconds, of that message
  std::int64_t version = 0;    // nanoseconds; rises with every change
  ListPlace place;             // of load_list(), but for deleted ones
  bool deleted = false;        // gone since the client asked; only channel and version are set
  std::string last_client_msg_no;
  std::vector<Message> recents;  // newest first; older ones are left out when an answer gets large
};

// POST /conversation/sync (docs/api.md).
struct ListQuery {
  // The client has the messages of this channel up to `seq`.
  struct KnownChannel {
    // As the client is shown it, the peer of a person or agent channel; the internal id will do.
    std::string channel_id;
    ChannelType type = ChannelType::none;
    std::uint64_t seq = 0;
  };

  std::string uid;
  std::int64_t version = 0;  // only conversations changed since; 0: all. Known ones are not asked
  std::vector<KnownChannel> known;
  std::size_t recents = 0;  // messages with each conversation; at most 50
  bool only_unread = false;
  std::vector<ChannelType> exclude_types;  // unless known
  // Besides, what the user lost or deleted since `version`, or of the known ones where that is 0.
  bool deleted = false;
  // Only those below it: what follows a conversation stays the same however many come before it
  // meanwhile. None: all.
  std::optional<ListPlace> below;
  std::size_t page = 0;       // 1-based, of those; 0: no paging
  std::size_t page_size = 0;  // 0: 100; at most 500
};

// POST /conversation/syncMessages.
struct MessagesQuery {
  ChannelKey channel;          // internal id
  std::uint64_t from_seq = 0;  // the oldest message wanted
  std::size_t limit = 15;      // at most 10,000, and 8 MiB of payloads
  bool newest_first = false;   // the newest `limit`, descending; else the oldest, ascending
};
struct ChannelMessages {
  std::vector<Message> messages;
  // Of the newest message the user sent there; 0 when it is not among the newest 10,000.
  std::uint64_t user_last_seq = 0;
};

// Commands that wait for a user, and how far they reach in each command log: whoever has processed
// `messages` has processed each log up to its position.
struct CommandBacklog {
  struct Position {
    // The source channel; a targeted command's own log is named with its suffix.
    ChannelKey channel;
    std::uint64_t seq = 0;  // of the last message of that log in `messages`
  };
  std::vector<Message> messages;  // ascending by time, then message id
  std::vector<Position> positions;
};

struct ReaderLimits {
  // conversation.userMaxCount: the most recently active conversations of a user.
  std::size_t conversations_max = 1000;
  // Payloads of one page of messages; the same bound as a page of history has.
  std::size_t page_bytes_max = std::size_t{8} << 20;
  // All recents of one answer. 1,000 conversations with one message of 16 KiB each are half of it.
  std::size_t recents_bytes_max = std::size_t{32} << 20;
};

class ConversationReader {
 public:
  // Borrows all; they outlive it.
  ConversationReader(const store::PartitionReaders& readers, const store::CommitHorizon& horizon,
                     const Clock& clock, ReaderLimits limits);

  // Errors of all: storage.

  // By place, the newest first. Hidden are: channels without a readable
  // message newer than the user's deletion, disbanded ones, what ____system writes, and the types
  // without conversations (data, temp, live). Deleted ones stand behind all others, on the first
  // page; the oldest are forgotten after a time (conversation.tombstoneRetention).
  Result<std::vector<Conversation>> load_list(const ListQuery& query) const;
  // One for each channel, in that order; zeros where there is no message. Also those that the list
  // hides; without a row the user has read nothing.
  Result<std::vector<Conversation>> load_some(std::string_view uid,
                                              const std::vector<ChannelKey>& channels,
                                              std::size_t recents) const;
  // The channels of the user's conversations, most recently active first; also those that the list
  // hides for want of a newer message.
  Result<std::vector<ChannelKey>> load_channels(std::string_view uid) const;
  Result<ChannelMessages> load_messages(std::string_view uid, const MessagesQuery& query) const;
  // At most `limit` messages in all, and 8 MiB of payloads; the earliest ones of all logs.
  Result<CommandBacklog> load_commands(std::string_view uid, std::size_t limit) const;

 private:
  store::PartitionReaders readers_;
  const store::CommitHorizon& horizon_;
  const Clock& clock_;
  ReaderLimits limits_;
};

}  // namespace jindou::conversation
