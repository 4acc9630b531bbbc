// All that is stored of one channel or one user, and where the user is online: for the answers
// about one of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/device.h"
#include "partition/list_commands.h"
#include "partition/listings.h"
#include "presence/connection_info.h"

namespace jindou::api {

struct ChannelDetail {
  partition::ListedChannel listed;
  MessageSeq last_seq{};
  std::array<bool, 3> has_members{};  // by list
  bool has(partition::MemberList list) const { return has_members[static_cast<std::size_t>(list)]; }
};

// Of the channel named by its internal id. Blocks. Errors: not_found, storage.
Result<ChannelDetail> load_channel_detail(const ApiDeps& deps, ChannelKey wanted);

struct UserDetail {
  partition::ListedUser user;
  // On this node, by id, at most kConnectionsOfUser.
  std::vector<presence::ConnectionInfo> connections;
};
inline constexpr std::size_t kConnectionsOfUser = 1000;

// Errors: invalid, for what is no uid; not_found, storage, overloaded.
Task<Result<UserDetail>> load_user_detail(Services& services, std::string uid);

// One device flag of a user.
struct DeviceOfUser {
  DeviceLevel level = DeviceLevel::slave;  // as stored, else of the last of its sessions
  bool token_set = false;
  std::size_t sessions = 0;
};
// Those that are stored and those that are online, by flag.
std::map<std::uint8_t, DeviceOfUser> devices_of(const UserDetail& detail);

// The device flags a user is online with; empty when offline.
std::vector<DeviceFlag> online_flags(const Services& services, std::string_view uid);
// How many devices have a token that is worth something.
std::size_t tokens_set(const partition::ListedUser& user);

}  // namespace jindou::api
