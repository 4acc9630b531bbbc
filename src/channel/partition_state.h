// What a partition keeps in memory of channels. Shared by the files that implement Partition, and
// by nobody else.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "channel/partition.h"
#include "store/records.h"

namespace jindou::channel {

// A conversation as the partition knows it: empty when there is none.
struct CachedConversation {
  std::optional<store::ConversationRecord> record;
  std::uint64_t written_read_to =
      0;                           // the row's; less than the record's while that follows from it
  bool dirty = false;              // the commit being gathered writes it
  std::uint64_t position = 0;      // of the last commit that changed it
  std::int64_t deleted_at_ns = 0;  // of the last tombstone since it is in memory; 0: none
};

// Cached state of a channel; of a command log only the record and last_seq are used.
struct Partition::Channel {
  ChannelKey key;
  bool exists = false;  // has a record
  store::ChannelRecord record;
  std::uint64_t last_seq = 0;
  // Loaded when first needed. One that was handed to effects is never changed again, but replaced.
  std::shared_ptr<UidSet> lists[3];
  bool list_handed_out[3] = {};
  // Of users who sent something or changed theirs lately.
  boost::unordered_flat_map<std::string, CachedConversation, UidHash, UidEqual> conversations;
  // The users a channel names by its id (both of a pair, a visitor) have their conversations.
  bool named_users_known = false;
  // Messages deleted one by one, with the position of the commit that does it: the store may not
  // show it yet.
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> deleted_lately;
  std::uint64_t touched_position = 0;  // of the last commit that changed it
  std::uint64_t lists_position = 0;    // of the last commit that changed rows of its lists
  ListJob* list_job = nullptr;         // while its lists are ahead of their rows
  std::uint64_t last_used = 0;
  std::size_t weight = 1;

  std::shared_ptr<const UidSet> hand_out(MemberList list) {
    list_handed_out[static_cast<int>(list)] = true;
    return lists[static_cast<int>(list)];
  }
};

// Bytes that the row of a conversation may take, or a deleted one and a tombstone, at most.
inline std::size_t conversation_row_bytes(std::string_view channel_id, std::string_view uid) {
  constexpr std::size_t kOverhead = 128;  // of keys and values
  return 2 * (channel_id.size() + uid.size()) + kOverhead;
}

// One commit syncing and one queued behind it keep the disk busy; more would only make the
// gathering ones smaller.
constexpr std::uint32_t kCommitsInFlightMax = 2;

// What one commit does to the rows of a list.
struct Partition::ListSlice {
  store::KeyKind list = store::KeyKind::subscriber;
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> readmitted;  // of those removed from a denylist
};

// How far the rows are: uids of the change, then rows that were there before.
struct Partition::Progress {
  std::size_t next = 0;
  std::string walked_to;  // key of the last row that was looked at
  std::size_t list = 0;   // of a channel that is dissolved
};

// A change of a channel's lists under way (partition_lists.cc).
struct Partition::ListJob {
  Channel* channel = nullptr;
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
  Progress progress;
  bool finished = false;  // the last slice is in a commit
  // Whose rows are on their way to the store, with the position of the commit.
  boost::unordered_flat_map<std::string, std::uint64_t, UidHash, UidEqual> shares;
  std::uint64_t turn = 0;  // when it was its turn last
  // Nothing is done before this commit is durable, or before that time.
  std::uint64_t position = 0;
  std::chrono::steady_clock::time_point retry_at;

  std::function<void(Result<void>)> done;  // empty when told already
  std::vector<std::pair<Change, std::function<void(Result<void>)>>> waiting;

  void tell(Result<void> outcome) {
    if (auto told = std::exchange(done, nullptr)) told(std::move(outcome));
  }
};

struct Partition::Flight {
  std::atomic<std::uint32_t> commits{0};
  std::atomic<std::uint64_t> durable{0};
  std::atomic<bool> failed{false};
};

}  // namespace jindou::channel
