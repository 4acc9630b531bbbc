// Changes of channels: their flags and lists, and their end.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"

namespace jindou::partition {

// POST /channel and /channel/info: creates the channel or overwrites all its flags.
struct UpsertChannel {
  ChannelKey channel;
  ChannelFlags flags;
  // POST /channel: also brings a disbanded channel back, with its seqs going on. Without it a set
  // `disband` is not cleared (error: invalid). One that is disbanded and stays so takes no
  // subscribers (error: invalid).
  bool revives = false;
  bool reset_subscribers = false;        // remove every subscriber first
  std::vector<std::string> subscribers;  // then add these
};

enum class MemberList : std::uint8_t { subscribers, denylist, allowlist };

// Adds to, removes from or replaces one of a channel's lists. Creates the channel when missing.
// Nobody is added to a channel that was disbanded (error: invalid); that goes for everything that
// would have no effect there.
// Lists of {uid, person} belong to that user's own inbox.
struct ChangeMembers {
  enum class Operation : std::uint8_t { add, remove, replace };
  ChannelKey channel;
  MemberList list = MemberList::subscribers;
  Operation operation = Operation::add;
  std::vector<std::string> uids;
};

// Sets `disband`, removes subscribers and lists, hides all messages stored so far. The sequence
// goes on where it was, should the id ever be used again.
struct DeleteChannel {
  ChannelKey channel;
};

using ListCommand = std::variant<UpsertChannel, ChangeMembers, DeleteChannel>;

}  // namespace jindou::partition
