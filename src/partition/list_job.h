// A change of a channel's lists that takes many commits, as the partition has it in memory
// (list_jobs.h).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "partition/channel_cache.h"
#include "partition/effects.h"
#include "partition/list_commands.h"
#include "store/keys.h"
#include "store/list_change.h"

namespace jindou::partition {

// The rows of each list, in the order of MemberList.
inline constexpr store::KeyKind kListKinds[] = {
    store::KeyKind::subscriber, store::KeyKind::denylist, store::KeyKind::allowlist};

// Where the list of such rows is in a CachedChannel.
inline std::size_t index_of(store::KeyKind kind) {
  if (kind == store::KeyKind::denylist) return static_cast<std::size_t>(MemberList::denylist);
  if (kind == store::KeyKind::allowlist) return static_cast<std::size_t>(MemberList::allowlist);
  return static_cast<std::size_t>(MemberList::subscribers);
}

struct ListLimits {
  // Longer changes of lists are made in slices of so many uids: one commit each, of about 15 KB,
  // and a millisecond or two that others wait.
  std::size_t slice = 128;
  // Of the uids of such a change in one commit, before it is decided.
  std::size_t part_bytes = std::size_t{64} << 10;
};

// What one commit does to the rows of a list.
struct ListSlice {
  store::KeyKind list = store::KeyKind::subscriber;
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> readmitted;  // of those removed from a denylist
};

// How far the rows are: uids of the change, then rows that were there before.
struct ListProgress {
  std::size_t next = 0;
  std::string walked_to;  // key of the last row that was looked at
  std::size_t list = 0;   // of a channel that is dissolved
};

// A command for the same lists, to be evaluated when the job is finished.
struct WaitingListCommand {
  ListCommand command;
  std::function<void(Result<void>)> done;
};

// A change of a channel's lists under way.
struct ListJob {
  CachedChannel* channel = nullptr;
  store::ListChange change;

  // Before the decision: the list as it was and how much of it was copied; what was asked for and
  // how much of it was looked at; the list as it is to be. All of it gone afterwards.
  std::shared_ptr<const UidSet> before;
  UidSet::const_iterator copied_to;
  std::vector<std::string> asked;
  std::size_t looked_at = 0;
  std::shared_ptr<UidSet> wanted;
  std::uint32_t parts = 0;            // rows of uids that were written
  std::optional<ChannelFlags> flags;  // set with the decision

  bool decided = false;
  ListProgress progress;
  bool finished = false;  // the last slice is in a commit
  // Whose rows are on their way to the store, with the position of the commit.
  boost::unordered_flat_map<std::string, std::uint64_t, UidHash, UidEqual> shares;
  std::uint64_t turn = 0;  // when it was its turn last
  // Nothing is done before this commit is durable, or before that time.
  std::uint64_t position = 0;
  std::chrono::steady_clock::time_point retry_at;

  std::function<void(Result<void>)> done;  // empty when told already
  std::vector<WaitingListCommand> waiting;

  void tell(Result<void> outcome) {
    if (auto told = std::exchange(done, nullptr)) told(std::move(outcome));
  }
};

}  // namespace jindou::partition
