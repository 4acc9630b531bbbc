// Flags and lists of users' own inboxes ({uid, person}), as the permission rules of any partition
// need them; inbox_stage.h fetches them for a send. A cache in front of the store, which follows
// the commits that are applied to it, before anybody is told of them (applied_rows.h).
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/inbox.h"
#include "model/uid_set.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Thread-safe.
class InboxDirectory {
 public:
  // `entries_max`: cached users, including those known to have no inbox record.
  InboxDirectory(const store::PartitionReaders& readers, std::size_t entries_max);

  // Null for a user without flags and lists. Errors: storage. May read the disk.
  Result<std::shared_ptr<const Inbox>> load(std::string_view uid);
  // The same from memory alone; empty when it is not there.
  std::optional<std::shared_ptr<const Inbox>> find(std::string_view uid);

  // The next load() reads the store.
  void invalidate(std::string_view uid);
  // Forgets the users of a partition: others may write to it, or have written.
  void forget(PartitionId partition);
  // Forgets everybody: the store was opened again, and may hold what nobody was told of.
  void clear();

 private:
  static constexpr std::size_t kStripes = 16;
  struct Stripe {
    Mutex mutex;
    boost::unordered_flat_map<std::string, std::shared_ptr<const Inbox>, UidHash, UidEqual> inboxes
        JD_GUARDED_BY(mutex);
    // Counts invalidations: a read that began before one must not enter the cache after it.
    std::uint64_t generation JD_GUARDED_BY(mutex) = 0;
  };

  Stripe& stripe_of(std::string_view uid);
  Result<std::shared_ptr<const Inbox>> read(std::string_view uid) const;

  store::PartitionReaders readers_;
  std::size_t stripe_entries_max_;
  std::array<Stripe, kStripes> stripes_;
};

// Reads one list of a channel. Errors: storage.
Result<UidSet> read_members(const store::PartitionReader& reader, std::string_view prefix);

}  // namespace jindou::partition
