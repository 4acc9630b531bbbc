// One partition: the single writer of its channels and users.
//
// Commands are evaluated one after another. Evaluation yields one write batch, the results and the
// effects; all three leave together as a commit, and results and effects are released only when the
// commit is durable. While commits are in flight, further commands are evaluated on top of them, in
// memory; if a commit fails, that memory is dropped and read again from the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/command_group.h"
#include "partition/effects.h"
#include "partition/flight.h"
#include "partition/modules.h"
#include "partition/partition_deps.h"
#include "partition/release_order.h"
#include "partition/txn.h"
#include "runtime/thread_owner.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives on one thread, which every call asserts: the one that opens it, until leave_thread().
class Partition {
 public:
  // `wake` is called, on a thread of the log, each time a commit is finished: pump() may have work.
  Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
            std::function<void()> wake);
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // Reads the partition's state and goes on with this opening of its log, which was there before
  // anything is read. Errors: storage.
  Result<void> open(const store::LogOpening& opening);
  // The thread that opened it is done with it: the next one that calls keeps it.
  void leave_thread();

  // Evaluates one part of a batch, or one change. The outcome is released after the commit. If that
  // fails, a refusal is told as one that can be tried again: it may have been for what was not
  // stored. A part whose time is over is not evaluated.
  void execute(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute(Change change, std::function<void(Result<void>)> done);
  void execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done);
  // Makes all of the commands, in one commit, or none: the first that fails takes back those before
  // it. A message that is refused fails, with its code. Errors, beside theirs: unavailable (a long
  // change of the same lists is under way), too_large (they do not fit into one commit, or one of
  // them is a change of lists that goes in slices). Nobody is told before the next pump().
  GroupOutcome execute_all(CommandGroup group);

  // The same as a share of a transaction over several partitions (transaction.h), in a commit of
  // its own that waits for the others: until release() or take_back() the partition is held, and
  // whatever else it is told to do waits, in order. A refusal leaves it free.
  GroupOutcome hold(CommandGroup group);
  bool is_held() const { return hold_ != Hold::none; }
  // What is held stays: the commit, for append_all() of the log. Nothing may be appended before it.
  store::Commit keep();
  // The commits of all shares, to the log.
  void append_all(std::vector<store::Commit> commits);
  // They were appended: the partition goes on.
  void release();
  // What is held has never been; the partition goes on.
  void take_back();

  // Who would receive a message to the channel now. Nothing is written. Errors: storage,
  // unavailable.
  void ask_recipients(const ChannelKey& channel,
                      const std::function<void(Result<Recipients>)>& done);
  Result<Recipients> load_recipients(const ChannelKey& channel);

  // Hands the gathered commit to the log if few enough are in flight. Call after every round of
  // execute() and after every wake.
  void pump();

  // True while something was evaluated but not yet handed to the log.
  bool has_gathered() const;

  // True while a change of a list is under way: then call pump() every second, too, for one that
  // waits for the store.
  bool has_list_jobs() const;
  // The thread ends: tells those who wait for a change of a list, which goes on when the partition
  // is opened again. Call when nothing is gathered any more.
  void abandon_list_jobs();

  // True when the log has said that another node has the partition. Everything is refused from then
  // on, as not_owner.
  bool is_lost() const;
  // From now on changes of lists take no further step: what is left is finished by pump().
  void drain();
  // Whether all that was evaluated is decided, and whoever asked is told.
  bool is_drained() const;
  // Lets go of the log, when it is drained and nothing is called any more. Changes of lists go on
  // when the partition is opened again, here or elsewhere.
  void close();

 private:
  friend class PartitionProbe;  // of tests: simulation/partition_probe.h

  // Whether the commit being gathered has all that one may have.
  bool is_full() const;
  // Whether it may have so much more.
  bool has_room(std::size_t messages, std::size_t bytes) const;
  // Hands the gathered commit to the log, however many are in flight.
  void hand_over();
  // Closes it; the next one begins.
  store::Commit build_commit();
  // What the commit that is being built says of itself; the next one goes on behind it.
  CommitMark mark_commit();
  // What can be tidied between commands when a commit was handed over.
  void tidy();
  // The same, if anything is gathered, before a command that it has no room for.
  void close_commit();

  // One that is refused leaves nothing.
  SendResult evaluate(SendCommand& command);
  // Evaluates a part, takes it back, and has the results told.
  void rehearse(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  // Behind the save point of the caller.
  GroupOutcome evaluate_all(CommandGroup& group);
  // A message that is refused has a result all the same.
  Result<CommandOutcome> evaluate_in_group(Command& command);
  GroupOutcome refuse(CommandGroup& group, CommandRefusal refusal);
  Result<CommandOutcome> evaluate_one(const Change& change);
  Result<CommandOutcome> evaluate_one(AppendEvent& event);
  Result<CommandOutcome> evaluate_one(SendCommand& command);
  // Whether the lists that the change is of are being changed slice by slice.
  bool list_job_runs(const Change& change) const;
  // Until the partition is not held any more.
  void wait(std::function<void()> work) { waiting_.push_back(std::move(work)); }
  void end_hold();
  // True when a job of the same channel runs, behind which the change was put.
  bool waits_for_list_job(Change& change, std::function<void(Result<void>)>& done);
  // One step of one job, if there is one whose turn it is; reads the store again after a failure.
  void advance_list_jobs();

  store::PartitionState state() const;
  // Before the first evaluation of a commit: tells the horizon.
  void begin_gathering();
  // Adds a change to the gathered commit and evaluates it behind a save point: what fails leaves
  // nothing, in the commit and in memory, whatever it had done. One that makes the commit too large
  // is taken back and evaluated again in the next one. A message needs no save point: all that can
  // fail comes before its first change (sending.h), and how large it may be is known.
  template <class Evaluate>
  auto evaluate_change(Txn::Done done, const Evaluate& evaluate);
  // What a command may have added to the commit being gathered; equal before and after one that
  // was refused.
  struct Mark {
    std::size_t bytes = 0;
    std::size_t conversations = 0;
    std::size_t effects = 0;
    std::uint64_t counter = 0;
    std::int64_t stamp_ns = 0;
    bool operator==(const Mark&) const = default;
  };
  Mark mark() const;

  Result<void> load();
  // False while a failed commit is being digested: nothing may be evaluated.
  bool ensure_usable();
  // Why it is not usable.
  Error obstacle() const;

  runtime::ThreadOwner owner_;
  PartitionId id_;
  PartitionDeps deps_;
  PartitionOptions options_;
  std::function<void()> wake_;

  store::PartitionReader reader_;
  Modules modules_;
  bool draining_ = false;
  std::uint64_t opening_ = 0;   // of the log
  std::uint64_t position_ = 0;  // of the last commit built
  // Since the partition was read.
  std::uint64_t commits_built_ = 0;
  std::uint64_t ids_built_ = 0;  // the last one that they, or commits before, gave out
  std::unique_ptr<Txn> txn_;
  std::shared_ptr<Flight> flight_;  // shared with the log

  enum class Hold : std::uint8_t {
    none,
    open,  // behind hold_point_, which is not decided
    kept,  // its commit is not appended yet
  };
  Hold hold_ = Hold::none;
  Txn::SavePoint hold_point_;
  Mark before_hold_;
  // What came while it was held; bounded by the router's admission.
  std::deque<std::function<void()>> waiting_;
};

}  // namespace jindou::partition
