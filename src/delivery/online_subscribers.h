// Which sessions of a shard belong to the subscribers of large channels.
//
// Finding them takes a walk through the set of subscribers or through all sessions, whichever is
// smaller; for the channels used last the result is kept and followed up as sessions come, so that
// a message to a group of 100,000 with ten of them online costs ten, not 100,000. Sessions that
// leave make their handles stale, which the next use drops.
//
// Sets are immutable snapshots, so one whose list changes is another set; nothing here keeps a set
// alive. Lives on one shard; not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "delivery/sink_handle.h"
#include "model/uid_set.h"

namespace jindou::delivery {

class OnlineSubscribers {
 public:
  struct Limits {
    // Each is looked at when a session comes: 64 cost a login a few microseconds.
    std::size_t sets = 64;
    // Over all sets: 8 MiB. A set that has more alone is kept all the same, alone.
    std::size_t handles = std::size_t{1} << 20;
  };
  using Handles = std::vector<SinkHandle>;

  explicit OnlineSubscribers(Limits limits) : limits_(limits) {}

  // What is kept of `set`, each session once, without those for which `alive(handle)` is false.
  // Null: nothing is kept. Valid until the next call of a function that is not const.
  template <class Alive>
  const Handles* find(const std::shared_ptr<const UidSet>& set, Alive&& alive) {
    Entry* entry = entry_of(set);
    if (entry == nullptr) return nullptr;
    Handles& handles = entry->handles;
    handles.erase(std::remove_if(handles.begin(), handles.end(),
                                 [&alive](SinkHandle handle) { return !alive(handle); }),
                  handles.end());
    entry->stale_from = stale_from(handles.size());
    entry->last_used = ++uses_;
    return &handles;
  }
  // How many handles are kept of `set`, stale ones included. Null: nothing is kept.
  std::optional<std::size_t> count(const std::shared_ptr<const UidSet>& set) const;
  // Keeps what a walk has found: every session of a subscriber, once. Forgets what was used longest
  // ago if there is too much.
  void keep(const std::shared_ptr<const UidSet>& set, Handles handles);
  // A session came.
  void add_session(std::string_view uid, SinkHandle handle);

  std::size_t sets() const { return entries_.size(); }
  std::size_t handles() const;

 private:
  struct Entry {
    const UidSet* set = nullptr;
    std::weak_ptr<const UidSet> alive;  // expired: another set may have its address
    Handles handles;
    // With so many handles most are stale, because sessions came and went while nobody sent: the
    // set is forgotten instead of followed up.
    std::size_t stale_from = 0;
    std::uint64_t last_used = 0;
  };

  static std::size_t stale_from(std::size_t handles) { return 2 * handles + 1024; }
  Entry* entry_of(const std::shared_ptr<const UidSet>& set);

  // Forgets sets that nobody has any more, then those used longest ago until the limits hold. The
  // one used last always stays.
  void trim();

  Limits limits_;
  std::vector<Entry> entries_;
  std::uint64_t uses_ = 0;
};

}  // namespace jindou::delivery
