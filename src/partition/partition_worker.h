// A thread that runs some partitions: takes their commands from a queue, evaluates them, hands the
// commits on. Cold reads happen here, never on an io thread. Which of them this node owns changes
// while it runs (partition_host.h); commands for the others are refused as not_owner.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "partition/change.h"
#include "partition/owned_partitions.h"
#include "partition/partition_host.h"
#include "partition/partition_owner.h"
#include "partition/send_batch.h"
#include "partition/transaction.h"
#include "runtime/thread_owner.h"

namespace jindou::partition {

class PartitionWorker final : public PartitionOwner {
 public:
  // `owned` is told which partitions are owned; may be null. Outlives it. `bulk_turn_items`: bulk
  // messages of one partition that are evaluated before the next one's turn, and between two looks
  // at what others have sent.
  explicit PartitionWorker(std::string thread_name, OwnedPartitions* owned = nullptr,
                           std::size_t bulk_turn_items = 256);
  // Stops and joins.
  ~PartitionWorker() override;
  PartitionWorker(const PartitionWorker&) = delete;
  PartitionWorker& operator=(const PartitionWorker&) = delete;

  // Adds a partition, numbered `id`, that this node owns, before start(). Errors: storage,
  // unavailable.
  Result<void> add(PartitionId id, const PartitionDeps& deps, const PartitionOptions& options);
  // Adds one that it does not own until it is opened.
  void follow(PartitionId id, const PartitionDeps& deps, const PartitionOptions& options);

  void start();

  // As PartitionHost says of a partition that was added. Commands that were posted before close()
  // are evaluated, those that are posted after it refused. `done` is called on this thread.
  // Thread-safe; return at once; not after stop().
  using OwnershipDone = std::function<void(Result<void>)>;
  void open(PartitionId partition, OwnershipDone done);
  void close(PartitionId partition, OwnershipDone done);

  // The queue is bounded by the router's admission. Bulk batches wait behind everything else, of
  // which each round lets some of theirs pass, the partitions in turns.
  void post(std::shared_ptr<SendBatch> batch, std::vector<std::uint32_t> parts) override;
  void post(PartitionId partition, Change change, std::function<void(Result<void>)> done) override;
  void post(PartitionId partition, AppendEvent event,
            std::function<void(Result<EventOutcome>)> done) override;
  void post(PartitionId partition, ChannelKey channel,
            std::function<void(Result<Recipients>)> done) override;
  bool post_step(std::shared_ptr<Transaction> transaction, std::size_t share,
                 Transaction::Step step) override;

  // Evaluates what is queued, hands all of it to the commit log and ends the thread. Call while the
  // log still runs. Idempotent.
  void stop();

 private:
  struct SendTask {
    std::shared_ptr<SendBatch> batch;
    std::vector<std::uint32_t> parts;
  };
  struct ChangeTask {
    PartitionId partition{};
    Change change;
    std::function<void(Result<void>)> done;
  };
  struct EventTask {
    PartitionId partition{};
    AppendEvent event;
    std::function<void(Result<EventOutcome>)> done;
  };
  struct RecipientsTask {
    PartitionId partition{};
    ChannelKey channel;
    std::function<void(Result<Recipients>)> done;
  };
  struct OpenTask {
    PartitionId partition{};
    OwnershipDone done;
  };
  struct CloseTask {
    PartitionId partition{};
    OwnershipDone done;
  };
  struct TransactionTask {
    std::shared_ptr<Transaction> transaction;
    std::size_t share = 0;
    Transaction::Step step{};
  };
  using Task = std::variant<SendTask, ChangeTask, EventTask, RecipientsTask, OpenTask, CloseTask,
                            TransactionTask>;
  // Of a bulk batch; evaluated as a whole.
  struct BulkPart {
    std::shared_ptr<SendBatch> batch;
    std::uint32_t part = 0;
  };

  // False: the thread has ended.
  bool push(Task task);
  void wake();
  void run();
  // Waits for something to do.
  void await_work(MutexLock& lock, bool changing_lists) JD_REQUIRES(mutex_);
  // False: something was queued meanwhile.
  bool end();
  void execute(Task& task);
  void execute(SendTask& task);
  void execute(ChangeTask& task);
  void execute(EventTask& task);
  void execute(RecipientsTask& task);
  void execute(OpenTask& task);
  void execute(CloseTask& task);
  void execute(TransactionTask& task);
  // What the partitions have after a round.
  struct Left {
    bool gathered = false;
    bool changing_lists = false;
    bool moving = false;
  };
  Left pump();
  void add_bulk(BulkPart part);
  // Bulk of a partition that is not held.
  bool has_bulk();
  // Until others wait, but one turn at least. Hands over what each turn gathers, so that the log
  // writes it while the next one is evaluated. What is of a partition that is held stays where it
  // is: behind the hold it would be evaluated in one go, before everything else.
  void execute_bulk();
  PartitionHost& host(PartitionId id);

  runtime::ThreadOwner owner_;  // its thread
  std::string thread_name_;
  OwnedPartitions* owned_;
  std::size_t bulk_turn_items_;
  std::vector<std::unique_ptr<PartitionHost>> hosts_;  // by id; null where another worker has it

  Mutex mutex_;
  Condition ready_;
  std::vector<Task> queue_ JD_GUARDED_BY(mutex_);
  bool woken_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  bool ended_ JD_GUARDED_BY(mutex_) = false;
  // Something that is not bulk is queued, or a commit has ended and others may be handed over.
  std::atomic<bool> others_wait_{false};
  // Accepted bulk parts by partition, in order, and the partitions that have some, in the order of
  // their turns; its thread only.
  std::vector<std::deque<BulkPart>> bulk_lines_;
  std::deque<PartitionId> bulk_turns_;
  // Of the partitions that are held; its thread only.
  std::vector<std::pair<PartitionId, std::shared_ptr<Transaction>>> holding_;
  std::thread thread_;
};

}  // namespace jindou::partition
