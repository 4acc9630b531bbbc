// A partition as it is on this node, whoever owns it. The partition itself lives from when this
// node owns it until it does not any more.
//
//   from       to         when
//   following  opening    open()
//   opening    owned      the log is this node's, and what the store has is read
//   opening    following  the log or the store cannot do that now
//   owned      closing    close(), or the log says that another node has opened the partition
//   closing    following  all that was accepted is decided, and whoever asked is told
//
// Commands are accepted while it is owned. At any other time they are refused at once, as
// not_owner: nothing of them is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "partition/owned_partitions.h"
#include "partition/partition.h"
#include "partition/transaction.h"
#include "runtime/thread_owner.h"

namespace jindou::partition {

enum class Ownership : std::uint8_t { following, opening, owned, closing };

// Lives on its worker's thread, which every call asserts: the one that uses it first, until
// leave_thread().
class PartitionHost {
 public:
  using Done = std::function<void(Result<void>)>;

  // It is followed. `deps` outlive it. `wake` is called on threads of the log when pump() may have
  // work. `owned` is told what becomes of it; may be null.
  PartitionHost(PartitionId id, const PartitionDeps& deps, const PartitionOptions& options,
                std::function<void()> wake, OwnedPartitions* owned);
  ~PartitionHost();
  PartitionHost(const PartitionHost&) = delete;
  PartitionHost& operator=(const PartitionHost&) = delete;

  Ownership state() const { return state_; }

  // Makes this node the owner; `done` is told when commands are accepted. Errors: unavailable (the
  // log cannot tell now, or the partition is being opened or closed), storage. Nothing happens when
  // it is owned.
  void open(Done done);
  // The same, and waits. For a start, when nobody else waits for this thread.
  Result<void> open_and_wait();
  // Finishes what was accepted, then lets go of the log; `done` is told when another node may have
  // it. Changes of lists under way go on where it is opened next. Errors: unavailable (it is being
  // opened). Nothing happens when it is followed.
  void close(Done done);
  // See Partition.
  void leave_thread();
  // The thread ends: whoever waits for a change of a list is told.
  void abandon_list_jobs();

  // As Partition says of each. Errors beside theirs: not_owner, at once.
  void execute(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute(Change change, Done done);
  void execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done);
  void ask_recipients(const ChannelKey& channel,
                      const std::function<void(Result<Recipients>)>& done);
  // A step of a transaction. One that was checked here is finished here: what is held is not
  // drained.
  void run(Transaction& transaction, std::size_t share, Transaction::Step step);
  bool is_held() const { return partition_ && partition_->is_held(); }
  // Accepts a part that is evaluated by execute_accepted() later, also when the partition is being
  // closed by then. False, and it is refused: see execute().
  bool accept(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute_accepted(const std::shared_ptr<SendBatch>& batch, std::size_t part);

  // Call after every round of execute() and after every wake.
  void pump();
  bool has_gathered() const { return partition_ && partition_->has_gathered(); }
  bool has_list_jobs() const { return state_ == Ownership::owned && partition_->has_list_jobs(); }
  // Neither here nor elsewhere: somebody waits for pump().
  bool is_moving() const { return state_ == Ownership::opening || state_ == Ownership::closing; }

 private:
  struct Answer {
    Mutex mutex;
    std::optional<Result<store::LogOpening>> opening JD_GUARDED_BY(mutex);
  };

  bool accepts() const;
  void finish_opening();
  Result<void> begin(const Result<store::LogOpening>& opening);
  void begin_closing();
  void finish_closing();
  void tell(const Result<void>& outcome);

  runtime::ThreadOwner owner_;
  PartitionId id_;
  PartitionDeps deps_;
  PartitionOptions options_;
  std::function<void()> wake_;
  OwnedPartitions* owned_;

  Ownership state_ = Ownership::following;
  std::unique_ptr<Partition> partition_;  // while it is owned or closing
  std::shared_ptr<Answer> answer_;        // of the log, while it is opening
  std::size_t accepted_ = 0;              // parts that are still to be evaluated
  std::vector<Done> waiting_;             // for the end of opening or closing
};

}  // namespace jindou::partition
