// How many bulk messages users have been sent in a day (bulk.perReceiverPerDay). A command names
// the partition of its users.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/ids.h"

namespace jindou::partition {

// Counts messages for their receivers, for each up to so many of one day. One that was counted on
// that day or the day before is not counted again. Which of them had room is in the rows of both
// days afterwards (store::BulkCountRecord).
struct CountBulk {
  struct Message {
    std::string uid;           // the receiver
    std::uint64_t number = 0;  // a hash; the same when it is sent again
  };
  PartitionId partition{};
  std::uint32_t day = 0;   // since the epoch, of UTC
  std::uint32_t most = 0;  // for a receiver
  std::vector<Message> messages;
};

// Forgets the counts of all days before that one.
struct ForgetBulkCounts {
  PartitionId partition{};
  std::uint32_t before_day = 0;
};

using BulkCommand = std::variant<CountBulk, ForgetBulkCounts>;

}  // namespace jindou::partition
