// Commands that change channels and users (everything but sending).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/channel.h"
#include "model/device.h"

namespace jindou::channel {

// POST /channel and /channel/info: creates the channel or overwrites all its flags. A set `disband`
// is never cleared (error: invalid).
struct UpsertChannel {
  ChannelKey channel;
  ChannelFlags flags;
  bool reset_subscribers = false;        // remove every subscriber first
  std::vector<std::string> subscribers;  // then add these
};

enum class MemberList : std::uint8_t { subscribers, denylist, allowlist };

// Adds to, removes from or replaces one of a channel's lists. Creates the channel when missing.
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

// Registers or replaces the token of one (uid, device_flag). Error: denied when the user is banned.
struct StoreToken {
  std::string uid;
  DeviceFlag device_flag = DeviceFlag::app;
  DeviceLevel level = DeviceLevel::slave;
  std::string token;
};

using Change = std::variant<UpsertChannel, ChangeMembers, DeleteChannel, StoreToken>;

}  // namespace jindou::channel
