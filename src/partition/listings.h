// Lists of what is stored, a page at a time: channels, users, the members of a channel's lists. For
// whoever reads back what was written.
//
// Channels come in the order of their type, the length of their id, and the id; users in that of
// the length of their uid, and the uid: that is how the keys of the store lie
// (docs/decisions/0039-reading-back.md). The members of a list come in the order of their uids.
// Lengths are in bytes, and bytes are compared.
//
// A page begins at a place and names the one at which the next begins. What is there all the time
// is on one page of a walk and no more, whatever is written meanwhile; what comes or goes meanwhile
// is on one or on none. A page reads the store as of one moment and takes a bounded number of steps
// (Listings::kSteps), each a seek; it has fewer entries than asked for, or none, when these are
// used up, and the next goes on from there.
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/device.h"
#include "partition/list_commands.h"
#include "store/partition_reader.h"

namespace jindou::partition {

struct ListingQuery {
  std::string prefix = {};  // only ids that begin with it; empty: all
  std::string from = {};    // ListingPage::next of the page before; empty: from the beginning
  std::size_t limit = 100;
};

template <class Entry>
struct ListingPage {
  std::vector<Entry> entries;
  std::string next;  // where the next page begins: bytes that mean nothing; empty: there is none
};

// One that has a record (it was created, or an operator changed something) or messages. Logs of
// commands are none.
struct ListedChannel {
  ChannelKey channel;  // internal id
  ChannelFlags flags;
  std::int64_t created_at = 0;  // seconds; 0: it has no record, only messages
};

struct StoredDevice {
  DeviceFlag flag = DeviceFlag::app;
  DeviceLevel level = DeviceLevel::slave;
  bool token_set = false;  // false: it was made worthless
};

// One who has a device with a token, flags or lists of his own, or a conversation.
struct ListedUser {
  std::string uid;
  std::vector<StoredDevice> devices;  // ascending by flag
  bool banned = false;                // by the flags of the own inbox
  bool system_account = false;
};

class Listings {
 public:
  // So many seeks at most for one page of channels or users, besides one or two for each entry.
  static constexpr std::size_t kSteps = 20'000;

  // Of any number of `steps_max` so many are taken that a page gets on.
  explicit Listings(const store::PartitionReaders& readers, std::size_t steps_max = kSteps);

  // Errors of all: storage.
  // `type`: only those of this type; empty: all.
  Result<ListingPage<ListedChannel>> load_channels(const ListingQuery& query,
                                                   std::optional<ChannelType> type) const;
  Result<ListingPage<ListedUser>> load_users(const ListingQuery& query) const;
  // While a long change of the list is under way, what it is to become; then a page costs one look
  // at each of the users that are changed.
  Result<ListingPage<std::string>> load_members(const ChannelKey& channel, MemberList list,
                                                const ListingQuery& query) const;

  // One of load_channels(); empty: there is none.
  Result<std::optional<ListedChannel>> load_channel(const ChannelKey& channel) const;
  // One of load_users(); empty: there is none.
  Result<std::optional<ListedUser>> load_user(std::string_view uid) const;

 private:
  // Of a channel that is there; moves nothing. Errors: storage.
  Result<ListedChannel> read_channel(store::PartitionCursors& cursors, ChannelKey channel) const;
  // Moves the cursors. Errors: storage.
  Result<ListedUser> read_user(store::PartitionCursors& cursors, std::string uid) const;

  store::PartitionReaders readers_;
  std::size_t steps_max_;
};

}  // namespace jindou::partition
