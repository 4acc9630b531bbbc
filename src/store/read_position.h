// How far a user has read a channel, what he wrote himself included.
//
// What a user sends moves his read position, but a row for each of his messages would cost as much
// as the messages. So a row that says `own_messages_follow` is left as it is while nothing but his
// own messages come behind it, up to kOwnMessagesUnwritten of them; who asks for the position looks
// at the messages there. Expiring messages are always written, because they leave no trace. Those
// that are to leave their sender's list as it is move nothing.
//
// Own messages that were deleted from the end of such a run are not found again: the position is
// lower by seqs that nobody can read, and no count differs.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::store {

// A reader looks at so many messages at most; a sender's row is written once for as many.
inline constexpr std::uint64_t kOwnMessagesUnwritten = 16;

// Whether the row can stay as it is when its user, who has read up to `read_to`, writes message
// `seq`; `written` is the position the row has.
constexpr bool is_implied(std::uint64_t written, std::uint64_t read_to, std::uint64_t seq) {
  return read_to + 1 == seq && seq - written <= kOwnMessagesUnwritten;
}

// The position that `row`, of user `uid` in `channel`, stands for. Moves the cursor, which is one
// of Table::main, when the row leaves it open. Blocks on disk. Errors: storage.
Result<std::uint64_t> load_read_position(PartitionCursor& cursor, const ChannelKey& channel,
                                         std::string_view uid, const ConversationRecord& row);

}  // namespace jindou::store
