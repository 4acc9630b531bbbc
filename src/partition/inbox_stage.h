// Before sends are handed to their partitions: the inboxes of their senders and receivers, which
// may be of other partitions, are read and go with them. So a partition evaluates with what it has
// and what came, and looks into no other one (docs/decisions/0021).
//
// An inbox in memory costs a look-up on the caller's thread. Others are read where blocking is
// allowed; meanwhile the batch waits, and whatever comes for one of its partitions waits behind it:
// sends keep their order.
//
// Freshness: an inbox is looked at after its send was posted. A change that was acknowledged before
// that holds for the send, because it is forgotten here (InboxDirectory::invalidate) before it is
// acknowledged. One that is acknowledged later need not.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/message.h"
#include "model/partition_map.h"
#include "partition/inbox_directory.h"
#include "partition/send_batch.h"

namespace jindou::partition {

// Fills in what the rules may ask of the users, for whoever hands commands to a partition without
// the stage. May read the disk. What cannot be read is noted as such.
void load_inboxes(std::span<SendCommand> commands, InboxDirectory& inboxes);

// Thread-safe.
class InboxStage {
 public:
  // Runs the work soon, on a thread that may block. False: it will not, there is too much to do.
  using RunBlocking = std::function<bool(std::function<void()> work)>;
  using Go = std::function<void(const Result<void>&)>;

  // Borrows `inboxes`.
  InboxStage(InboxDirectory& inboxes, PartitionMap map, RunBlocking run_blocking);

  // Fills in what is in memory. True: that is all of it, and nobody for the same partitions waits:
  // the batch may go on at once. False: it has to wait().
  bool pass(SendBatch& batch);

  // Calls `go` when all is filled in and all that waited before for one of the partitions has gone:
  // on this thread or another one, before the call returns or later. Errors given to `go`:
  // overloaded (too much is to be read), internal.
  // How many can wait is bounded by the router's admission.
  void wait(std::shared_ptr<SendBatch> batch, Go go);

  // Returns when nobody waits. Nobody may come any more, and work must still be run.
  void drain();

 private:
  struct Waiting {
    std::shared_ptr<SendBatch> batch;
    Go go;
    Result<void> outcome;
    std::vector<PartitionId> lines;  // in which it stands; the batch is not looked at once it goes
    std::size_t ahead = 0;           // partitions in whose line others stand before it
    bool ready = false;              // all is filled in
  };
  using WaitingPtr = std::shared_ptr<Waiting>;

  void finish(const WaitingPtr& waiting, Result<void> outcome);
  void go(WaitingPtr first);

  InboxDirectory& inboxes_;
  RunBlocking run_blocking_;

  // Equals the number of those in the lines; looked at without the mutex when a batch passes.
  std::atomic<std::size_t> count_{0};
  Mutex mutex_;
  Condition empty_;
  // By partition. A batch stands in the line of each of its own until it has gone.
  std::vector<std::deque<WaitingPtr>> lines_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
