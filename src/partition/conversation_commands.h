// What users do to their views of channels: what they have read, hidden, processed.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"

namespace jindou::partition {

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

using ConversationCommand =
    std::variant<ChangeConversation, AdvanceCommandPosition, RecordCommandSync, DropTombstones>;

}  // namespace jindou::partition
