#include "store/read_position.h"

#include <string>

#include "store/keys.h"

namespace jindou::store {

Result<std::uint64_t> load_read_position(PartitionCursor& cursor, const ChannelKey& channel,
                                         std::string_view uid, const ConversationRecord& row) {
  const PartitionId partition = cursor.partition();
  std::uint64_t position = row.read_to;
  if (!row.own_messages_follow) return position;
  const std::string prefix = message_prefix(partition, channel);
  bool at = cursor.seek(message_key(partition, channel, MessageSeq{row.read_to + 1}));
  while (at && cursor.key().starts_with(prefix)) {
    const std::uint64_t seq = raw(seq_of_message_key(cursor.key()));
    if (seq - row.read_to > kOwnMessagesUnwritten) break;
    JD_TRY(const MessageHead head, decode_message_head(cursor.value()));
    if (head.from_uid != uid || !head.sender_conversation) break;
    position = seq;
    at = cursor.next();
  }
  if (!at) JD_RETURN_IF_ERROR(cursor.status());
  return position;
}

}  // namespace jindou::store
