// What users do to their views of a partition's channels: read, hide, look at, process commands;
// and how long is remembered what they have lost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "partition/channel_cache.h"
#include "partition/conversation_commands.h"
#include "partition/conversations.h"
#include "partition/list_slices.h"
#include "partition/receivers.h"
#include "partition/stamps.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class ConversationChanges {
 public:
  // Borrowed.
  struct Deps {
    store::PartitionReader reader;
    ChannelCache& channels;
    Conversations& conversations;
    Receivers& receivers;
    ListSlices& slices;
    Stamps& stamps;
  };
  explicit ConversationChanges(const Deps& deps)
      : partition_(deps.reader.partition()), deps_(deps) {}

  // Reads up to when tombstones were dropped. Errors: storage.
  Result<void> open();

  // Errors: as the command says, storage.
  Result<void> evaluate(const ChangeConversation& command, Txn& txn);
  Result<void> evaluate(const AdvanceCommandPosition& command, Txn& txn);
  Result<void> evaluate(const RecordCommandSync& command, Txn& txn);
  Result<void> evaluate(const DropTombstones& command, Txn& txn);

  void describe(StateLines& lines) const { lines.add("dropped", store::encode(dropped_)); }

 private:
  // Errors: not_found, invalid (disbanded), storage.
  Result<void> activate(CachedChannel& channel, const std::vector<std::string>& uids, Txn& txn);
  // Writes what a command makes of a view, null for none; nothing when that is what it is.
  void change(CachedChannel& channel, const std::string& uid,
              const store::ConversationRecord* known, const ChangeConversation& command, Txn& txn);
  // When the conversation of a tombstone was lost; 0: there is none. Errors: storage.
  Result<std::int64_t> load_lost_at(const std::string& key) const;

  PartitionId partition_;
  Deps deps_;
  store::TombstoneRecord dropped_;  // the youngest that may be missing
};

}  // namespace jindou::partition
