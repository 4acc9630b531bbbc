// Commands that change channels and users (everything but sending).
//
// Each belongs to one partition: that of the channel or user it names, or the partition it says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"
#include "partition/command_variant.h"
#include "partition/log_commands.h"
#include "partition/outbox_commands.h"
#include "partition/stream_commands.h"
#include "partition/token_commands.h"

namespace jindou::partition {

// POST /channel and /channel/info: creates the channel or overwrites all its flags.
struct UpsertChannel {
  ChannelKey channel;
  ChannelFlags flags;
  // POST /channel: also brings a disbanded channel back, with its seqs going on. Without it a set
  // `disband` is not cleared (error: invalid). One that is disbanded and stays so takes no
  // subscribers (error: invalid).
  bool revives = false;
  bool reset_subscribers = false;        // remove every subscriber first
  std::vector<std::string> subscribers;  // then add these
};

enum class MemberList : std::uint8_t { subscribers, denylist, allowlist };

// Adds to, removes from or replaces one of a channel's lists. Creates the channel when missing.
// Nobody is added to a channel that was disbanded (error: invalid); that goes for everything that
// would have no effect there.
// Lists of {uid, person} belong to that user's own inbox.
struct ChangeMembers {
  enum class Operation : std::uint8_t { add, remove, replace };
  ChannelKey channel;
  MemberList list = MemberList::subscribers;
  Operation operation = Operation::add;
  std::vector<std::string> uids;
};

// Sets `disband`, removes subscribers and lists, hides all messages stored so far. The sequence
// goes on where it was, should the id ever be used again.
struct DeleteChannel {
  ChannelKey channel;
};

// Adds to or removes from the system accounts, which pass the permission rules. In force on every
// partition when the change is done.
struct ChangeSystemAccounts {
  bool add = true;
  std::vector<std::string> uids;
};

// What a user does to one of their conversations. Creates it when missing, but for `activate`:
// error not_found.
struct ChangeConversation {
  enum class Operation : std::uint8_t {
    open,        // only create it, with read position 0
    read,        // read up to `value`, or to the last message when 0; ends a manual count
    set_unread,  // show exactly min(value, last seq) as unread; 0 is `read`
    remove,      // hide it until a newer message comes
    activate,    // the user looks at it: first in the directory, also without messages
  };
  ChannelKey channel;  // internal id
  std::vector<std::string> uids;
  Operation operation = Operation::read;
  std::uint64_t value = 0;
};

// The user has processed the commands of a channel (or of a targeted command's own log, which is
// named with its suffix and type temp) up to `seq`. Never moves back.
struct AdvanceCommandPosition {
  ChannelKey channel;
  std::string uid;
  std::uint64_t seq = 0;
};

// What one POST /message/sync returned: moved by the syncack that follows.
struct CommandPosition {
  ChannelKey channel;  // as in AdvanceCommandPosition
  std::uint64_t seq = 0;
};

// Remembers the last sync of a user, replacing the one before; empty: forgets it.
struct RecordCommandSync {
  std::string uid;
  std::vector<CommandPosition> positions;
};

// Drops tombstones of conversations that are as old as `up_to_ns` or older; what is younger by now
// stays. Remembers that those up to there may be missing.
struct DropTombstones {
  PartitionId partition{};
  std::vector<std::string> keys;
  std::int64_t up_to_ns = 0;
};

// Times up to there may be named to readers: whoever opens the partition next stamps its changes
// with later ones.
struct ReserveTime {
  PartitionId partition{};
  std::int64_t until_ns = 0;
};

using Change =
    JoinedVariants<std::variant<UpsertChannel, ChangeMembers, DeleteChannel, ChangeSystemAccounts,
                                ChangeConversation, AdvanceCommandPosition, RecordCommandSync,
                                DropTombstones, ReserveTime>,
                   LogCommand, TokenCommand, OutboxCommand, StreamCommand>;

}  // namespace jindou::partition
