#include "conversation/unread.h"

#include <algorithm>

namespace jindou::conversation {

std::uint64_t counted_after(const store::ConversationRecord& row,
                            const store::ChannelRecord& channel) {
  const std::uint64_t seen = std::max({row.read_to, row.deleted_to, channel.cleared_to});
  // What a user marked as unread stays so until he reads it; sending goes on moving read_to.
  return row.manual_count > 0 ? std::max(row.manual_at, seen) : seen;
}

Result<Unread> count_unread(StoreView& view, const ChannelKey& key, store::ConversationRecord row,
                            const store::ChannelRecord& channel, std::uint64_t last_seq) {
  if (last_seq > row.read_to) {
    JD_TRY(row.read_to, view.load_read_position(key, row));
  }
  JD_TRY(const std::uint64_t newer,
         view.count_readable(key, channel, counted_after(row, channel), last_seq));
  Unread unread;
  unread.count = row.manual_count + newer;
  if (row.manual_count > 0) {
    unread.read_to = last_seq > unread.count ? last_seq - unread.count : 0;
  } else {
    unread.read_to = counted_after(row, channel);
  }
  return unread;
}

}  // namespace jindou::conversation
