#include "partition/partition_worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "runtime/thread_identity.h"

namespace jindou::partition {

namespace {

// A change of a list that waits for the store looks again after so long.
constexpr std::chrono::seconds kListChangeTick{1};
// A partition that is held looks after so long whether it has been for too long.
constexpr std::chrono::milliseconds kHoldTick{50};

}  // namespace

PartitionWorker::PartitionWorker(std::string thread_name, OwnedPartitions* owned,
                                 std::size_t bulk_turn_items)
    : thread_name_(std::move(thread_name)), owned_(owned), bulk_turn_items_(bulk_turn_items) {}

PartitionWorker::~PartitionWorker() { stop(); }

void PartitionWorker::follow(PartitionId id, const PartitionDeps& deps,
                             const PartitionOptions& options) {
  if (hosts_.size() <= raw(id)) {
    hosts_.resize(raw(id) + std::size_t{1});
    bulk_lines_.resize(hosts_.size());
  }
  hosts_[raw(id)] = std::make_unique<PartitionHost>(
      id, deps, options, [this] { wake(); }, owned_);
}

Result<void> PartitionWorker::add(PartitionId id, const PartitionDeps& deps,
                                  const PartitionOptions& options) {
  follow(id, deps, options);
  return host(id).open_and_wait();
}

void PartitionWorker::start() {
  wake();  // partitions may have been opened with something left to do
  for (const auto& host : hosts_) {
    if (host) host->leave_thread();
  }
  thread_ = std::thread([this] { run(); });
}

void PartitionWorker::open(PartitionId partition, OwnershipDone done) {
  push(OpenTask{partition, std::move(done)});
}

void PartitionWorker::close(PartitionId partition, OwnershipDone done) {
  push(CloseTask{partition, std::move(done)});
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

bool PartitionWorker::post_step(std::shared_ptr<Transaction> transaction, std::size_t share,
                                Transaction::Step step) {
  return push(TransactionTask{std::move(transaction), share, step});
}

bool PartitionWorker::push(Task task) {
  const auto* send = std::get_if<SendTask>(&task);
  const bool bulk = send != nullptr && send->batch->send_class() == SendClass::bulk;
  const MutexLock lock(mutex_);
  if (ended_) return false;
  if (!bulk) others_wait_.store(true, std::memory_order_relaxed);
  queue_.push_back(std::move(task));
  if (queue_.size() == 1) ready_.notify_one();
  return true;
}

void PartitionWorker::wake() {
  const MutexLock lock(mutex_);
  others_wait_.store(true, std::memory_order_relaxed);
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
      await_work(lock, changing_lists);
      tasks.swap(queue_);
      others_wait_.store(false, std::memory_order_relaxed);
      woken_ = false;
      stopping = stopping_;
    }
    for (auto& task : tasks) execute(task);
    if (!tasks.empty()) pump();  // nothing of it waits for bulk
    const bool idle = tasks.empty() && bulk_turns_.empty();
    tasks.clear();
    execute_bulk();
    for (const auto& [id, transaction] : holding_) transaction->check_time();
    const Left left = pump();
    changing_lists = left.changing_lists;
    const bool done = !left.gathered && !left.moving;
    if (stopping && idle && done && end()) break;
    if (stopping && done) wake();  // one more round, for what was queued meanwhile
  }
  for (const auto& host : hosts_) {
    if (host) host->abandon_list_jobs();
  }
}

PartitionWorker::Left PartitionWorker::pump() {
  Left left;
  for (const auto& host : hosts_) {
    if (!host) continue;
    host->pump();
    left.gathered = left.gathered || host->has_gathered();
    left.changing_lists = left.changing_lists || host->has_list_jobs();
    left.moving = left.moving || host->is_moving();
  }
  return left;
}

void PartitionWorker::await_work(MutexLock& lock, bool changing_lists) {
  const auto due = [this]() JD_REQUIRES(mutex_) { return stopping_ || woken_ || !queue_.empty(); };
  if (has_bulk()) return;  // goes on at once
  if (!holding_.empty()) {
    ready_.wait_for(lock, kHoldTick, due);
  } else if (changing_lists) {
    ready_.wait_for(lock, kListChangeTick, due);
  } else {
    ready_.wait(lock, due);
  }
}

bool PartitionWorker::end() {
  const MutexLock lock(mutex_);
  ended_ = queue_.empty();
  return ended_;
}

void PartitionWorker::execute(Task& task) {
  JD_ASSERT(owner_.is_this_thread());
  std::visit([this](auto& what) { execute(what); }, task);
}

void PartitionWorker::execute(SendTask& task) {
  const bool bulk = task.batch->send_class() == SendClass::bulk;
  for (const std::uint32_t part : task.parts) {
    PartitionHost& here = host(task.batch->parts()[part].partition);
    if (!bulk) {
      here.execute(task.batch, part);
    } else if (here.accept(task.batch, part)) {
      add_bulk({task.batch, part});
    }
  }
}

void PartitionWorker::execute(ChangeTask& task) {
  host(task.partition).execute(std::move(task.change), std::move(task.done));
}

void PartitionWorker::execute(EventTask& task) {
  host(task.partition).execute(std::move(task.event), std::move(task.done));
}

void PartitionWorker::execute(RecipientsTask& task) {
  host(task.partition).ask_recipients(task.channel, task.done);
}

void PartitionWorker::execute(TransactionTask& task) {
  const PartitionId id = task.transaction->shares()[task.share].partition;
  host(id).run(*task.transaction, task.share, task.step);
  std::erase_if(holding_, [id](const auto& held) { return held.first == id; });
  if (host(id).is_held()) holding_.emplace_back(id, std::move(task.transaction));
}

void PartitionWorker::execute(OpenTask& task) { host(task.partition).open(std::move(task.done)); }

void PartitionWorker::execute(CloseTask& task) { host(task.partition).close(std::move(task.done)); }

void PartitionWorker::add_bulk(BulkPart part) {
  const PartitionId id = part.batch->parts()[part.part].partition;
  auto& line = bulk_lines_[raw(id)];
  if (line.empty()) bulk_turns_.push_back(id);
  line.push_back(std::move(part));
}

bool PartitionWorker::has_bulk() {
  return std::ranges::any_of(bulk_turns_, [this](PartitionId id) { return !host(id).is_held(); });
}

void PartitionWorker::execute_bulk() {
  std::size_t items = 0;
  std::size_t passed_over = 0;  // turns in a row
  while (passed_over < bulk_turns_.size()) {
    if (items >= bulk_turn_items_ && others_wait_.load(std::memory_order_relaxed)) return;
    const PartitionId id = bulk_turns_.front();
    bulk_turns_.pop_front();
    if (host(id).is_held()) {
      bulk_turns_.push_back(id);
      ++passed_over;
      continue;
    }
    passed_over = 0;
    auto& line = bulk_lines_[raw(id)];
    std::size_t of_turn = 0;
    while (!line.empty() && of_turn < bulk_turn_items_) {
      const BulkPart next = std::move(line.front());
      line.pop_front();
      of_turn += next.batch->parts()[next.part].items.size();
      host(id).execute_accepted(next.batch, next.part);
    }
    items += of_turn;
    if (!line.empty()) bulk_turns_.push_back(id);
    host(id).pump();
  }
}

PartitionHost& PartitionWorker::host(PartitionId id) {
  JD_ASSERT(raw(id) < hosts_.size());
  JD_ASSERT(hosts_[raw(id)] != nullptr);
  return *hosts_[raw(id)];
}

}  // namespace jindou::partition
