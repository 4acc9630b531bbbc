// Messages of other servers, stored as they were there (docs/decisions/0046).
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "partition/channel_cache.h"
#include "partition/conversations.h"
#include "partition/id_reservation.h"
#include "partition/import_commands.h"
#include "partition/message_log.h"
#include "partition/receivers.h"
#include "partition/txn.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Lives in its partition and on its thread. Remembers nothing of its own.
class Imports {
 public:
  struct Deps {
    store::PartitionReader reader;
    const Clock& clock;
    // No message gets a seq up to here: they may have been given out before data was lost.
    std::uint64_t seq_floor = 0;
  };
  // Borrows all of them.
  Imports(const Deps& deps, IdReservation& ids, ChannelCache& channels, Receivers& receivers,
          Conversations& conversations, MessageLog& log)
      : deps_(deps),
        ids_(ids),
        channels_(channels),
        receivers_(receivers),
        conversations_(conversations),
        log_(log) {}

  // Errors: as the command says, storage.
  Result<void> evaluate(const ImportMessages& command, Txn& txn);

 private:
  // Whether the last message of the log, which is not empty, has that id. So has one that was
  // deleted or has expired: nothing is left that could be told from it. Errors: unavailable (it is
  // on its way to the store), storage.
  Result<bool> ends_with(const CachedChannel& channel, MessageId id) const;
  // Whether the log ends where the messages go on. Errors: conflict, unavailable, storage.
  Result<void> check_place(const ImportMessages& command, const CachedChannel& channel) const;
  // What the messages move besides the log. Errors: storage.
  Result<void> load_senders(const ImportMessages& command, CachedChannel& channel);

  Deps deps_;
  IdReservation& ids_;
  ChannelCache& channels_;
  Receivers& receivers_;
  Conversations& conversations_;
  MessageLog& log_;
};

}  // namespace jindou::partition
