// What happens to stored messages but for sending: they are hidden, deleted, and freed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"

namespace jindou::partition {

// Hides and frees the messages of a channel up to a seq (inclusive; the last one at most).
// `commands` means its command log instead.
struct ClearMessages {
  ChannelKey channel;
  std::uint64_t up_to = 0;
  bool commands = false;
};

// Hides and frees single messages. Unknown seqs are skipped.
struct DeleteMessages {
  ChannelKey channel;
  std::vector<std::uint64_t> seqs;
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

using LogCommand =
    std::variant<ClearMessages, DeleteMessages, SetRetention, ReclaimExpired, DropCommitRecords>;

}  // namespace jindou::partition
