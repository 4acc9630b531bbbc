// How many messages of a channel a user has not read. Errors: storage. Blocks on disk.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "conversation/store_view.h"
#include "store/records.h"

namespace jindou::conversation {

struct Unread {
  std::uint64_t count = 0;
  // After what the user sent, deleted or set by hand; while a manual count holds, last_seq - count.
  std::uint64_t read_to = 0;
};

// Messages up to this seq do not count as unread, besides what the user marked by hand.
std::uint64_t counted_after(const store::ConversationRecord& row,
                            const store::ChannelRecord& channel);

// `last_seq`: of the newest message the user can read.
Result<Unread> count_unread(StoreView& view, const ChannelKey& key, store::ConversationRecord row,
                            const store::ChannelRecord& channel, std::uint64_t last_seq);

}  // namespace jindou::conversation
