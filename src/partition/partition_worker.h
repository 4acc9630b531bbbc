// A thread that runs some partitions: takes their commands from a queue, evaluates them, hands the
// commits on. Cold reads happen here, never on an io thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "partition/change.h"
#include "partition/partition.h"
#include "partition/send_batch.h"
#include "runtime/thread_owner.h"

namespace jindou::partition {

class PartitionWorker {
 public:
  explicit PartitionWorker(std::string thread_name);
  // Stops and joins.
  ~PartitionWorker();
  PartitionWorker(const PartitionWorker&) = delete;
  PartitionWorker& operator=(const PartitionWorker&) = delete;

  // Adds a partition, numbered `id`, before start(). Errors: storage.
  Result<void> add(PartitionId id, const PartitionDeps& deps, const PartitionOptions& options);

  void start();

  // The queue is bounded by the router's admission. Bulk batches wait behind everything else, of
  // which each round lets some of theirs pass. Thread-safe; returns at once.
  void post(std::shared_ptr<SendBatch> batch, std::vector<std::uint32_t> parts);
  void post(PartitionId partition, Change change, std::function<void(Result<void>)> done);
  void post(PartitionId partition, AppendEvent event,
            std::function<void(Result<EventOutcome>)> done);
  // Asks who receives what is sent to the channel.
  void post(PartitionId partition, ChannelKey channel,
            std::function<void(Result<Recipients>)> done);

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
  using Task = std::variant<SendTask, ChangeTask, EventTask, RecipientsTask>;
  // Of a bulk batch; evaluated as a whole.
  struct BulkPart {
    std::shared_ptr<SendBatch> batch;
    std::uint32_t part = 0;
  };

  void push(Task task);
  void wake();
  void run();
  void execute(Task& task);
  // Until others wait, but one turn at least.
  void execute_bulk();
  Partition& partition(PartitionId id);

  runtime::ThreadOwner owner_;  // its thread
  std::string thread_name_;
  std::vector<std::unique_ptr<Partition>> partitions_;  // by id; null where another worker owns it

  Mutex mutex_;
  Condition ready_;
  std::vector<Task> queue_ JD_GUARDED_BY(mutex_);
  bool woken_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::atomic<bool> others_wait_{false};  // something that is not bulk is queued
  std::deque<BulkPart> bulk_;             // its thread only
  std::thread thread_;
};

}  // namespace jindou::partition
