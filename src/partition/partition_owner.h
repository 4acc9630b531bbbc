// Who owns partitions, as the router sees them: a worker of this node, or the way to another node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "partition/change.h"
#include "partition/recipients.h"
#include "partition/stream_commands.h"
#include "partition/transaction.h"

namespace jindou::partition {

class SendBatch;

// Takes the commands of the partitions that it owns, and keeps the order of each partition.
// Thread-safe; returns at once. What it is asked for a partition that it does not own (any more) it
// refuses: nothing of that was done.
class PartitionOwner {
 public:
  virtual ~PartitionOwner() = default;

  // Parts of a batch, by number.
  virtual void post(std::shared_ptr<SendBatch> batch, std::vector<std::uint32_t> parts) = 0;
  virtual void post(PartitionId partition, Change change,
                    std::function<void(Result<void>)> done) = 0;
  virtual void post(PartitionId partition, AppendEvent event,
                    std::function<void(Result<EventOutcome>)> done) = 0;
  // Asks who receives what is sent to the channel.
  virtual void post(PartitionId partition, ChannelKey channel,
                    std::function<void(Result<Recipients>)> done) = 0;
  // A step of a transaction with the partition of that share. False: it is not made here, because
  // the thread has ended, or because the partitions are on another node, where nobody is to be held
  // (docs/decisions/0023).
  virtual bool post_step(std::shared_ptr<Transaction> /*transaction*/, std::size_t /*share*/,
                         Transaction::Step /*step*/) {
    return false;
  }
};

}  // namespace jindou::partition
