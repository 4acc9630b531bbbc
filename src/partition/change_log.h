// What a log went through that is no new message, in order: each change has the next number of its
// log, 1, 2, 3 …, a row under it, and an entry in the commit record (docs/decisions/0022). A reader
// that has all up to a number asks for what came behind it (RecordReader::load_changes).
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "model/ids.h"
#include "partition/channel_cache.h"
#include "partition/id_reservation.h"
#include "partition/txn.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class ChangeLog {
 public:
  struct Deps {
    const Clock& clock;
    // No change gets a number up to here: they may have been given out before data was lost.
    std::uint64_t number_floor = 0;
    // Rows of one log; the oldest go. At least 1.
    std::uint64_t kept_max = 0;
  };
  // Borrows all.
  ChangeLog(PartitionId partition, const Deps& deps, IdReservation& ids);

  // `seq`: what the kind says. The log's record changes: ChannelCache::remember() comes before,
  // put_record() behind, once for any number of changes. Cannot fail.
  void add(store::EntryKind kind, CachedChannel& log, std::uint64_t seq, Txn& txn);

  // After a change that makes all before it pointless: only the last one is kept. As add().
  void keep_last(CachedChannel& log, Txn& txn);

 private:
  void drop(CachedChannel& log, std::uint64_t up_to, Txn& txn);

  PartitionId partition_;
  Deps deps_;
  IdReservation& ids_;
};

}  // namespace jindou::partition
