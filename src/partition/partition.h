// One partition: the single writer of its channels and users.
//
// Commands are evaluated one after another. Evaluation yields one write batch, the results and the
// effects; all three leave together as a commit, and results and effects are released only when the
// commit is durable. While commits are in flight, further commands are evaluated on top of them, in
// memory; if a commit fails, that memory is dropped and read again from the store.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/message.h"
#include "observe/metrics.h"
#include "partition/account_changes.h"
#include "partition/change.h"
#include "partition/channel_cache.h"
#include "partition/client_number_index.h"
#include "partition/conversation_changes.h"
#include "partition/conversations.h"
#include "partition/effects.h"
#include "partition/flight.h"
#include "partition/id_reservation.h"
#include "partition/inbox_directory.h"
#include "partition/list_jobs.h"
#include "partition/list_slices.h"
#include "partition/list_source.h"
#include "partition/lists.h"
#include "partition/message_log.h"
#include "partition/outbox.h"
#include "partition/permission.h"
#include "partition/receivers.h"
#include "partition/sending.h"
#include "partition/stamps.h"
#include "partition/streams.h"
#include "partition/system_accounts.h"
#include "partition/tokens.h"
#include "partition/txn.h"
#include "runtime/thread_owner.h"
#include "store/bulk_loader.h"
#include "store/commit_horizon.h"
#include "store/commit_log.h"
#include "store/reader.h"
#include "store/records.h"

namespace jindou::partition {

struct PartitionOptions {
  PermissionPolicy permission;
  // A repeat of a client_msg_no within this many seconds is a duplicate; later it is a new message.
  std::int64_t idempotency_window_seconds = 7 * 24 * 3600;
  // Cached channels; those with commits in flight are kept beyond it.
  std::size_t channels_max = 8192;
  // Messages gathered into one commit while others are in flight.
  std::size_t commit_messages_max = 8192;
  // Bytes of one commit: a message that would take it beyond goes into the next one. Only a message
  // or a change that is larger by itself makes a larger commit.
  std::size_t commit_bytes_max = std::size_t{1} << 20;
  std::size_t index_generation_entries = 32768;
  std::size_t index_filter_bytes_max = std::size_t{16} << 20;
  ListLimits lists;
  EventLimits events;
};

// Everything a partition works with. All outlive it.
struct PartitionDeps {
  const store::Reader& reader;
  store::CommitLog& log;
  store::BulkLoader& loader;
  InboxDirectory& inboxes;
  SystemAccounts& accounts;
  store::CommitHorizon& horizon;
  EffectSink& effects;
  const Clock& clock;
  std::uint64_t fingerprint_seed = 0;
  std::uint16_t partitions = 1;
  // Counts refusals by reason; may be null.
  observe::Metrics* metrics = nullptr;
  // Lists that another system keeps; may be null.
  const ListSource* lists = nullptr;
  // No message gets a seq up to here: they may have been given out before data was lost.
  std::uint64_t seq_floor = 0;
};

// Lives on one thread, which every call asserts: the one that opens it, until leave_thread().
class Partition {
 public:
  // `wake` is called, on a thread of the log, each time a commit is finished: pump() may have work.
  Partition(PartitionId id, PartitionDeps deps, PartitionOptions options,
            std::function<void()> wake);
  ~Partition();
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  // Reads the partition's state. Errors: storage.
  Result<void> open();
  // The thread that opened it is done with it: the next one that calls keeps it.
  void leave_thread();

  // Evaluates one part of a batch, or one change. The outcome is released after the commit. A part
  // whose time is over is not evaluated.
  void execute(const std::shared_ptr<SendBatch>& batch, std::size_t part);
  void execute(Change change, std::function<void(Result<void>)> done);
  void execute(AppendEvent event, std::function<void(Result<EventOutcome>)> done);

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

 private:
  // Whether the commit being gathered has all that one may have.
  bool is_full() const;
  // Hands the gathered commit to the log, however many are in flight.
  void hand_over();
  // The same, if anything is gathered, in the middle of a part.
  void close_commit();

  SendResult send(SendCommand& command);
  // Has the module evaluate it whose command it is.
  template <class Command>
  Result<void> evaluate_command(const Command& command);
  // True when a job of the same channel runs, behind which the change was put.
  bool waits_for_list_job(Change& change, std::function<void(Result<void>)>& done);
  // One step of one job, if there is one whose turn it is; reads the store again after a failure.
  void advance_list_jobs();

  store::PartitionState state() const;
  // Before the first evaluation of a commit: tells the horizon.
  void begin_gathering();
  // What a command may have added to the commit being gathered; equal before and after one that
  // was refused.
  struct Mark {
    std::size_t bytes = 0;
    std::size_t conversations = 0;
    std::size_t effects = 0;
    std::uint64_t counter = 0;
    bool operator==(const Mark&) const = default;
  };
  Mark mark() const;

  // False while a failed commit is being digested: nothing may be evaluated.
  bool ensure_usable();

  runtime::ThreadOwner owner_;
  PartitionId id_;
  PartitionDeps deps_;
  PartitionOptions options_;
  std::function<void()> wake_;

  Stamps stamps_;
  IdReservation ids_;
  ChannelCache cache_;
  Receivers receivers_;
  Conversations conversations_;
  ListSlices list_slices_;
  ListJobs list_jobs_;
  ClientNumberIndex index_;
  Streams streams_;
  MessageLog log_;
  Lists lists_;
  ConversationChanges conversation_changes_;
  Tokens tokens_;
  Outbox outbox_;
  AccountChanges account_changes_;
  Sending sending_;
  std::uint64_t position_ = 0;  // of the last commit built
  std::unique_ptr<Txn> txn_;
  std::shared_ptr<Flight> flight_;  // shared with the log
};

}  // namespace jindou::partition
