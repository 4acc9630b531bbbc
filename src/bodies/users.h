// The bodies of the calls about users.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bodies/field.h"

namespace jindou::bodies {

// POST /user/token.
struct UserToken {
  std::string uid;
  std::string token;
  std::uint64_t device_flag = 0;
  std::uint64_t device_level = 0;
  static Fields<UserToken> fields();
};

// POST /user/device_quit.
struct DeviceQuit {
  std::string uid;
  std::int64_t device_flag = -1;  // -1: all
  static Fields<DeviceQuit> fields();
};

// POST /user/read_token.
struct ReadTokenWish {
  std::string uid;
  std::uint64_t ttl = 0;          // seconds; 0: as configured
  std::int64_t device_flag = -1;  // -1: bound to none
  static Fields<ReadTokenWish> fields();
};

// The calls that change the system accounts.
struct SystemAccounts {
  std::vector<std::string> uids;
  static Fields<SystemAccounts> fields();
};

// POST /user/update_plugin_no.
struct PluginOfUser {
  std::string uid;
  std::string plugin_no;
  static Fields<PluginOfUser> fields();
};

// Several users: an array of strings, or an object with that array. Read by read_users().
struct Users {
  std::vector<std::string> uids;  // as they were given
  static Fields<Users> fields();
};
// Errors: invalid.
Result<Users> read_users(std::string_view body);

std::span<const PathBody> user_bodies();
std::span<const PathBody> routing_bodies();

}  // namespace jindou::bodies
