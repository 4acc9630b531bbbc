#include "partition/partition_host.h"

#include <utility>

#include "base/assert.h"
#include "observe/log.h"

namespace jindou::partition {

PartitionHost::PartitionHost(PartitionId id, const PartitionDeps& deps,
                             const PartitionOptions& options, std::function<void()> wake,
                             OwnedPartitions* owned)
    : id_(id), deps_(deps), options_(options), wake_(std::move(wake)), owned_(owned) {}

PartitionHost::~PartitionHost() = default;

void PartitionHost::open(Done done) {
  JD_ASSERT(owner_.is_this_thread());
  switch (state_) {
    case Ownership::owned: return done({});
    case Ownership::opening:
    case Ownership::closing:
      return done(Error(Errc::unavailable, "the partition is being opened or closed; try again"));
    case Ownership::following: break;
  }
  state_ = Ownership::opening;
  waiting_.push_back(std::move(done));
  answer_ = std::make_shared<Answer>();
  deps_.log.open(id_, [answer = answer_, wake = wake_](Result<store::LogOpening> opening) {
    {
      const MutexLock lock(answer->mutex);
      answer->opening = std::move(opening);
    }
    wake();
  });
}

Result<void> PartitionHost::open_and_wait() {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(state_ == Ownership::following);
  return begin(store::open_and_wait(deps_.log, id_));
}

void PartitionHost::finish_opening() {
  std::optional<Result<store::LogOpening>> opening;
  {
    const MutexLock lock(answer_->mutex);
    opening.swap(answer_->opening);
  }
  if (!opening) return;
  answer_.reset();
  state_ = Ownership::following;
  tell(begin(*opening));
}

Result<void> PartitionHost::begin(const Result<store::LogOpening>& opening) {
  if (!opening) return Error(opening.error());
  // Others may have written to it since this node last looked.
  deps_.inboxes.forget(id_);
  auto partition = std::make_unique<Partition>(id_, deps_, options_, wake_);
  // Before the horizon hears of it, which is when it is read: a reservation that is made from then
  // on has to reach it, and asks for the list.
  if (owned_ != nullptr) owned_->begin(id_);
  if (const auto read = partition->open(*opening); !read) {
    if (owned_ != nullptr) owned_->end(id_);
    deps_.log.close(id_, opening->number);
    return Error(read.error());
  }
  partition_ = std::move(partition);
  state_ = Ownership::owned;
  return {};
}

void PartitionHost::close(Done done) {
  JD_ASSERT(owner_.is_this_thread());
  switch (state_) {
    case Ownership::following: return done({});
    case Ownership::opening:
      return done(Error(Errc::unavailable, "the partition is being opened; try again"));
    case Ownership::closing: break;
    case Ownership::owned: begin_closing(); break;
  }
  waiting_.push_back(std::move(done));
}

void PartitionHost::begin_closing() {
  state_ = Ownership::closing;
  partition_->drain();
  if (owned_ != nullptr) owned_->end(id_);
}

void PartitionHost::finish_closing() {
  if (accepted_ > 0 || !partition_->is_drained()) return;
  partition_->close();
  partition_.reset();
  state_ = Ownership::following;
  deps_.inboxes.forget(id_);
  tell({});
}

void PartitionHost::tell(const Result<void>& outcome) {
  for (const Done& done : std::exchange(waiting_, {})) done(outcome);
}

void PartitionHost::leave_thread() {
  if (partition_) partition_->leave_thread();
  JD_ASSERT(owner_.let_go());
}

void PartitionHost::abandon_list_jobs() {
  if (partition_) partition_->abandon_list_jobs();
}

bool PartitionHost::accepts() const {
  JD_ASSERT(owner_.is_this_thread());
  return state_ == Ownership::owned;
}

void PartitionHost::execute(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  if (!accepts()) return batch->refuse_part(part, Errc::not_owner);
  partition_->execute(batch, part);
}

void PartitionHost::execute(Change change, Done done) {
  if (!accepts()) return done(store::not_owner());
  partition_->execute(std::move(change), std::move(done));
}

void PartitionHost::execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done) {
  if (!accepts()) return done(store::not_owner());
  partition_->execute(std::move(event), std::move(done));
}

void PartitionHost::ask_recipients(const ChannelKey& channel,
                                   const std::function<void(Result<Recipients>)>& done) {
  if (!accepts()) return done(store::not_owner());
  partition_->ask_recipients(channel, done);
}

void PartitionHost::run(Transaction& transaction, std::size_t share, Transaction::Step step) {
  if (step == Transaction::Step::check && !accepts()) {
    return transaction.refuse_share(share, store::not_owner());
  }
  transaction.run(share, step, *partition_);
}

bool PartitionHost::accept(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  if (!accepts()) {
    batch->refuse_part(part, Errc::not_owner);
    return false;
  }
  ++accepted_;
  return true;
}

void PartitionHost::execute_accepted(const std::shared_ptr<SendBatch>& batch, std::size_t part) {
  JD_ASSERT(owner_.is_this_thread());
  JD_ASSERT(accepted_ > 0);
  --accepted_;
  partition_->execute(batch, part);
}

void PartitionHost::pump() {
  JD_ASSERT(owner_.is_this_thread());
  switch (state_) {
    case Ownership::following: return;
    case Ownership::opening: return finish_opening();
    case Ownership::owned:
      partition_->pump();
      if (!partition_->is_lost()) return;
      observe::log_warn("partition",
                        "partition {}: another node has it; what it had not stored "
                        "here is refused",
                        raw(id_));
      begin_closing();
      // It may be the last call: nothing that is on its way wakes anybody.
      return finish_closing();
    case Ownership::closing: partition_->pump(); return finish_closing();
  }
}

}  // namespace jindou::partition
