// Messages that another server has stored.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"
#include "model/message.h"

namespace jindou::partition {

// Stores messages as another server has them, with the ids, seqs and times that it gave them:
// nobody is asked whether they may be sent, and nobody is told of them. Seqs that are left out are
// taken as those of deleted messages. The senders have read up to what they sent, as with a
// message of their own; whoever the channel's id names has a conversation.
//
// What it begins behind must be there, so a channel that somebody has written to stays as it is;
// of a last message that was deleted or has expired only the seq is compared. Whoever was not told
// that it is done can ask again: where the log ends with the last of the messages nothing happens.
// The message id counter of the partition moves up to the last seq. Errors: conflict (the log ends
// with another message), invalid (the messages are not in order, or have ids of our own),
// unavailable (the channel or its lists are being changed).
struct ImportMessages {
  ChannelKey channel;  // internal id, without command suffix
  // The last message that the channel has; 0: none.
  std::uint64_t after_seq = 0;
  MessageId after_id{};
  // Ascending by seq. `channel` of each is filled in; flags but red_dot count for nothing, and a
  // time to come is now.
  std::vector<Message> messages;
};

using ImportCommand = std::variant<ImportMessages>;

}  // namespace jindou::partition
