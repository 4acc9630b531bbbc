// One partition: the single writer of its channels and users.
//
// Commands are evaluated one after another. Evaluation yields one write batch, the results and the
// effects; all three leave together as a commit, and results and effects are released only when the
// commit is durable. While commits are in flight, further commands are evaluated on top of them, in
// memory; if a commit fails, that memory is dropped and read again from the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/message.h"
#include "partition/change.h"
#include "partition/command_group.h"
#include "partition/effects.h"
#include "partition/flight.h"
#include "partition/modules.h"
#include "partition/partition_deps.h"
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

  // Evaluates one part of a batch, or one change. The outcome is released after the commit. A part
  // whose time is over is not evaluated.
  void execute(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute(Change change, std::function<void(Result<void>)> done);
  void execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done);
  // Makes all of the commands, in one commit, or none: the first that fails takes back those before
  // it. A message that is refused fails, with its code. Of changes of lists, long ones end later;
  // the commands are told of when all have. Error, beside theirs: unavailable (a long change of the
  // same lists is under way).
  void execute_all(std::vector<Command> commands, CommandGroup::Done done);

  // Who would receive a message to the channel now. Answers at once: nothing is written.
  // Errors: storage, unavailable.
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
  // Hands the gathered commit to the log, however many are in flight.
  void hand_over();
  // The same, if anything is gathered, in the middle of a part.
  void close_commit();

  SendResult send(SendCommand& command);
  Result<void> evaluate_all(std::vector<Command>& commands,
                            const std::shared_ptr<CommandGroup>& group);
  Result<CommandOutcome> evaluate_one(const Change& change);
  Result<CommandOutcome> evaluate_one(AppendEvent& event);
  Result<CommandOutcome> evaluate_one(SendCommand& command);
  // Of the change evaluated last: whose inbox is read anew.
  void note_inbox(const Change& change);
  // True when a job of the same channel runs, behind which the change was put.
  bool waits_for_list_job(Change& change, std::function<void(Result<void>)>& done);
  // One step of one job, if there is one whose turn it is; reads the store again after a failure.
  void advance_list_jobs();

  store::PartitionState state() const;
  // Before the first evaluation of a commit: tells the horizon.
  void begin_gathering();
  // Evaluates behind a save point: what fails leaves nothing, in the commit and in memory, whatever
  // it had done. A message needs none: all that can fail comes before its first change (sending.h).
  template <class Evaluate>
  auto all_or_nothing(const Evaluate& evaluate);
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
  std::unique_ptr<Txn> txn_;
  std::shared_ptr<Flight> flight_;  // shared with the log
};

}  // namespace jindou::partition
