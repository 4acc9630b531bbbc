#include "partition/partition_worker.h"

#include <chrono>
#include <utility>

#include "base/assert.h"
#include "runtime/thread_identity.h"

namespace jindou::partition {

namespace {

// A change of a list that waits for the store looks again after so long.
constexpr std::chrono::seconds kListChangeTick{1};
// Bulk messages that are evaluated between two looks at what others have sent: about a millisecond.
constexpr std::size_t kBulkTurnItems = 256;

}  // namespace

PartitionWorker::PartitionWorker(std::string thread_name) : thread_name_(std::move(thread_name)) {}

PartitionWorker::~PartitionWorker() { stop(); }

Result<void> PartitionWorker::add(PartitionId id, const PartitionDeps& deps,
                                  const PartitionOptions& options) {
  if (partitions_.size() <= raw(id)) partitions_.resize(raw(id) + std::size_t{1});
  auto added = std::make_unique<Partition>(id, deps, options, [this] { wake(); });
  JD_TRY(const store::LogOpening opening, store::open_and_wait(deps.log, id));
  JD_RETURN_IF_ERROR(added->open(opening));
  partitions_[raw(id)] = std::move(added);
  return {};
}

void PartitionWorker::start() {
  wake();  // partitions may have been opened with something left to do
  for (const auto& owned : partitions_) {
    if (owned) owned->leave_thread();
  }
  thread_ = std::thread([this] { run(); });
}

void PartitionWorker::post(std::shared_ptr<SendBatch> batch, std::vector<std::uint32_t> parts) {
  push(SendTask{std::move(batch), std::move(parts)});
}

void PartitionWorker::post(PartitionId partition, Change change,
                           std::function<void(Result<void>)> done) {
  push(ChangeTask{partition, std::move(change), std::move(done)});
}

void PartitionWorker::post(PartitionId partition, AppendEvent event,
                           std::function<void(Result<EventOutcome>)> done) {
  push(EventTask{partition, std::move(event), std::move(done)});
}

void PartitionWorker::post(PartitionId partition, ChannelKey channel,
                           std::function<void(Result<Recipients>)> done) {
  push(RecipientsTask{partition, std::move(channel), std::move(done)});
}

void PartitionWorker::push(Task task) {
  const auto* send = std::get_if<SendTask>(&task);
  const bool bulk = send != nullptr && send->batch->send_class() == SendClass::bulk;
  const MutexLock lock(mutex_);
  if (!bulk) others_wait_.store(true, std::memory_order_relaxed);
  queue_.push_back(std::move(task));
  if (queue_.size() == 1) ready_.notify_one();
}

void PartitionWorker::wake() {
  const MutexLock lock(mutex_);
  if (woken_) return;
  woken_ = true;
  ready_.notify_one();
}

void PartitionWorker::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void PartitionWorker::run() {
  runtime::name_this_thread(thread_name_);
  JD_ASSERT(owner_.is_this_thread());
  std::vector<Task> tasks;
  bool changing_lists = false;
  for (;;) {
    bool stopping = false;
    {
      MutexLock lock(mutex_);
      const auto due = [this]()
                           JD_REQUIRES(mutex_) { return stopping_ || woken_ || !queue_.empty(); };
      if (!bulk_.empty()) {
        // Goes on at once.
      } else if (changing_lists) {
        ready_.wait_for(lock, kListChangeTick, due);
      } else {
        ready_.wait(lock, due);
      }
      tasks.swap(queue_);
      others_wait_.store(false, std::memory_order_relaxed);
      woken_ = false;
      stopping = stopping_;
    }
    for (auto& task : tasks) execute(task);
    const bool idle = tasks.empty() && bulk_.empty();
    tasks.clear();
    execute_bulk();
    bool gathered = false;
    changing_lists = false;
    for (const auto& owned : partitions_) {
      if (!owned) continue;
      owned->pump();
      gathered = gathered || owned->has_gathered();
      changing_lists = changing_lists || owned->has_list_jobs();
    }
    if (stopping && idle && !gathered) break;
    if (stopping && !gathered) wake();  // one more round, for what was queued meanwhile
  }
  for (const auto& owned : partitions_) {
    if (owned) owned->abandon_list_jobs();
  }
}

void PartitionWorker::execute(Task& task) {
  JD_ASSERT(owner_.is_this_thread());
  if (auto* send = std::get_if<SendTask>(&task)) {
    const bool bulk = send->batch->send_class() == SendClass::bulk;
    for (const std::uint32_t part : send->parts) {
      if (bulk) {
        bulk_.push_back({send->batch, part});
        continue;
      }
      partition(send->batch->parts()[part].partition).execute(send->batch, part);
    }
    return;
  }
  if (auto* change = std::get_if<ChangeTask>(&task)) {
    partition(change->partition).execute(std::move(change->change), std::move(change->done));
    return;
  }
  if (auto* event = std::get_if<EventTask>(&task)) {
    partition(event->partition).execute(std::move(event->event), std::move(event->done));
    return;
  }
  auto& question = std::get<RecipientsTask>(task);
  question.done(partition(question.partition).load_recipients(question.channel));
}

void PartitionWorker::execute_bulk() {
  std::size_t items = 0;
  while (!bulk_.empty()) {
    if (items >= kBulkTurnItems && others_wait_.load(std::memory_order_relaxed)) return;
    const BulkPart next = std::move(bulk_.front());
    bulk_.pop_front();
    const SendBatch::Part& part = next.batch->parts()[next.part];
    items += part.items.size();
    partition(part.partition).execute(next.batch, next.part);
  }
}

Partition& PartitionWorker::partition(PartitionId id) {
  JD_ASSERT(raw(id) < partitions_.size());
  JD_ASSERT(partitions_[raw(id)] != nullptr);
  return *partitions_[raw(id)];
}

}  // namespace jindou::partition
