// The stored messages of a partition's channels: appended, recalled, edited, hidden, deleted,
// freed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/message.h"
#include "partition/change_log.h"
#include "partition/channel_cache.h"
#include "partition/conversations.h"
#include "partition/event_lanes.h"
#include "partition/log_commands.h"
#include "partition/receivers.h"
#include "partition/stamps.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class MessageLog {
 public:
  struct Deps {
    store::PartitionReader reader;
    const Clock& clock;
    Stamps& stamps;
    // No message gets a seq up to here: they may have been given out before data was lost.
    std::uint64_t seq_floor = 0;
  };
  // Borrows all of them.
  MessageLog(const Deps& deps, ChangeLog& changes, ChannelCache& channels,
             Conversations& conversations, Receivers& receivers, EventLanes& lanes);

  // Gives the message the next seq of `log`, whose state is `log_state`, and stores it. `channel`
  // is null for a targeted command; else the sender's conversation is loaded, and for a targeted
  // command those of its receivers. Cannot fail.
  void append(Message& message, const ChannelKey& log, CachedChannel* channel,
              CachedChannel& log_state, Txn& txn);

  // Seqs of the log up to `last` that were not given yet never will be: the next message comes
  // behind them, and they count as those of deleted messages. Cannot fail.
  void skip_to(CachedChannel& log, std::uint64_t last, Txn& txn);

  // What a log holds up to a seq is hidden and freed. First reads what that needs; errors: storage.
  struct Clearing {
    CachedChannel* log = nullptr;
    std::uint64_t up_to = 0;
    bool has_events = false;
  };
  Result<Clearing> prepare_clearing(CachedChannel& log, std::uint64_t up_to);
  // Cannot fail.
  void clear(const Clearing& clearing, Txn& txn);

  // Errors: as the command says, storage.
  Result<void> evaluate(const ClearMessages& command, Txn& txn);
  Result<void> evaluate(const DeleteMessages& command, Txn& txn);
  Result<void> evaluate(const RecallMessage& command, Txn& txn);
  Result<void> evaluate(const EditMessage& command, Txn& txn);
  Result<void> evaluate(const SetRetention& command, Txn& txn);
  Result<void> evaluate(const ReclaimExpired& command, Txn& txn);
  Result<void> evaluate(const DropCommitRecords& command, Txn& txn);

 private:
  MessageSeq next_seq(CachedChannel& log, Txn& txn);
  // The record of the message, at its place in `log`.
  void put_row(const Message& message, const ChannelKey& log, Txn& txn);
  // The row of a message that the commits before this one leave in its log; false when there is
  // none. Not of one that is on its way to the store: nobody was told its seq. Errors: storage.
  Result<bool> find_row(const CachedChannel& log, std::uint64_t seq, std::string& value) const;
  // One that can be recalled or edited, as the commits before this one leave it. Its payload may be
  // that of before. Errors: as of RecallMessage, storage.
  Result<Message> load_revisable(const CachedChannel& channel, std::uint64_t seq,
                                 MessageId id) const;
  // The message, changed, takes its place again; `kind` says what was done. Cannot fail.
  void put_revised(store::EntryKind kind, CachedChannel& channel, Message& message,
                   std::string operator_uid, Txn& txn);
  // Up to which seq a log is empty once `gone` are; 0 when that is not worth being recorded.
  // Errors: storage.
  Result<std::uint64_t> find_empty_front(const CachedChannel& log,
                                         std::vector<std::uint64_t> gone) const;

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  Stamps& stamps_;
  std::uint64_t seq_floor_;
  // Not of messages whose time is over: they say so themselves.
  ChangeLog& changes_;
  ChannelCache& channels_;
  Conversations& conversations_;
  Receivers& receivers_;
  EventLanes& lanes_;
  std::string key_scratch_;
  std::string value_scratch_;  // of a message's record, without its payload
};

}  // namespace jindou::partition
