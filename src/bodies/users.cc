#include "bodies/users.h"

#include <array>

#include "bodies/body_reader.h"
#include "bodies/rows.h"
#include "model/id_rules.h"

namespace jindou::bodies {
namespace {

using enum FieldType;

constexpr bool kOrArray = true;

constexpr std::array kUserToken = {
    uid_row<&UserToken::uid>(),
    Field{.name = "token",
          .to = at<&UserToken::token>,
          .meaning = "what the device has to show",
          .required = true,
          .bytes_max = kTokenBytesMax},
    Field{.name = "device_flag",
          .type = number,
          .to = at<&UserToken::device_flag>,
          .meaning = "0 app, 1 web, 2 desktop",
          .most = 255},
    Field{.name = "device_level",
          .type = number,
          .to = at<&UserToken::device_level>,
          .meaning = "1: master, 0: slave",
          .most = 1},
};

constexpr std::array kDeviceQuit = {
    uid_row<&DeviceQuit::uid>(),
    Field{.name = "device_flag",
          .type = number,
          .to = at<&DeviceQuit::device_flag>,
          .meaning = "one device flag; absent or -1: all of them",
          .least = -1,
          .most = 255},
};

constexpr std::array kReadTokenWish = {
    uid_row<&ReadTokenWish::uid>("who reads with it"),
    number_row<&ReadTokenWish::ttl>(
        "ttl", "seconds that it is good for, at most `jwt.readExpireMax`; 0: `jwt.readExpire`"),
    Field{.name = "device_flag",
          .type = number,
          .to = at<&ReadTokenWish::device_flag>,
          .meaning = "the device whose own token it ends with; absent or -1: none",
          .least = -1,
          .most = 255},
};

constexpr std::array kSystemAccounts = {
    Field{.name = "uids",
          .type = uids,
          .to = at<&SystemAccounts::uids>,
          .meaning = "the users; may be empty"},
};

constexpr std::array kPluginOfUser = {
    uid_row<&PluginOfUser::uid>(),
    Field{.name = "plugin_no",
          .to = at<&PluginOfUser::plugin_no>,
          .meaning = "the plugin",
          .required = true},
};

constexpr std::array kUsers = {
    Field{.name = "uids",
          .type = texts,
          .to = at<&Users::uids>,
          .meaning = "the users; this array alone may be the body, too",
          .required = true},
};

constexpr std::array kUserPaths = {
    PathBody{"/user/token", kUserToken},
    PathBody{"/user/device_quit", kDeviceQuit},
    PathBody{"/user/read_token", kReadTokenWish},
    PathBody{"/user/onlinestatus", kUsers, kOrArray},
    PathBody{"/user/systemuids_add", kSystemAccounts},
    PathBody{"/user/systemuid_add", kSystemAccounts},
    PathBody{"/user/systemuids_remove", kSystemAccounts},
    PathBody{"/user/systemuid_remove", kSystemAccounts},
    PathBody{"/user/systemuids_add_to_cache", kSystemAccounts},
    PathBody{"/user/systemuids_remove_from_cache", kSystemAccounts},
    PathBody{"/user/update_plugin_no", kPluginOfUser},
};

constexpr std::array kRoutingPaths = {
    PathBody{"/route/batch", kUsers, kOrArray},
};

}  // namespace

Fields<UserToken> UserToken::fields() { return kTable<UserToken, kUserToken>; }
Fields<DeviceQuit> DeviceQuit::fields() { return kTable<DeviceQuit, kDeviceQuit>; }
Fields<ReadTokenWish> ReadTokenWish::fields() { return kTable<ReadTokenWish, kReadTokenWish>; }
Fields<SystemAccounts> SystemAccounts::fields() { return kTable<SystemAccounts, kSystemAccounts>; }
Fields<PluginOfUser> PluginOfUser::fields() { return kTable<PluginOfUser, kPluginOfUser>; }
Fields<Users> Users::fields() { return kTable<Users, kUsers>; }

Result<Users> read_users(std::string_view body) {
  Users users;
  JD_TRY(users.uids, read_uid_array(body, kUsers.front().name));
  return users;
}

std::span<const PathBody> user_bodies() { return kUserPaths; }
std::span<const PathBody> routing_bodies() { return kRoutingPaths; }

}  // namespace jindou::bodies
