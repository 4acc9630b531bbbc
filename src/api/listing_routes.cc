#include "api/listing_routes.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/connection_routes.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "api/stored_details.h"
#include "codec/json_writer.h"
#include "partition/list_commands.h"
#include "partition/listings.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::ListedChannel;
using partition::ListedUser;
using partition::MemberList;

constexpr PageLimits kChannelLimits{100, 1000};
constexpr PageLimits kMemberLimits{100, 10'000};
constexpr PageLimits kUserLimits{100, 1000};

void write_channel(JsonWriter& json, const ListedChannel& listed) {
  json.string("channel_id", listed.channel.id);
  json.number("channel_type", raw(listed.channel.type));
  json.flag("large", listed.flags.large);
  json.flag("ban", listed.flags.ban);
  json.flag("disband", listed.flags.disband);
  json.flag("send_ban", listed.flags.send_ban);
  json.flag("allow_stranger", listed.flags.allow_stranger);
  json.number("created_at", listed.created_at);
}

Task<void> get_channels(Services& services, Request& request, Response& response) {
  auto page =
      read_channel_page(request, "channels/", request.query_value("channel_type"), kChannelLimits);
  return answer_page(services, response, std::move(page), load_channel_page, write_channel);
}

// The channel that the query names. Errors: invalid.
Result<ChannelKey> channel_in_query(const Request& request) {
  JD_TRY(const ChannelType type, read_query_type(request.query_value("channel_type")));
  return stored_channel(request.query_value("channel_id"), type);
}

Task<void> get_channel_info(Services& services, Request& request, Response& response) {
  const auto write = [](JsonWriter& json, const ChannelKey&, const ChannelDetail& found) {
    write_channel(json, found.listed);
    json.number("last_message_seq", raw(found.last_seq));
    json.boolean("has_subscribers", found.has(MemberList::subscribers));
    json.boolean("has_denylist", found.has(MemberList::denylist));
    json.boolean("has_allowlist", found.has(MemberList::allowlist));
  };
  return answer_loaded(services, response, channel_in_query(request), load_channel_detail, write);
}

// Errors: invalid.
Result<MemberPageRequest> members_in_query(const Request& request, MemberList list) {
  JD_TRY(ChannelKey channel, channel_in_query(request));
  return read_member_page(request, "", std::move(channel), list, kMemberLimits);
}

template <MemberList kList>
Task<void> get_members(Services& services, Request& request, Response& response) {
  return answer_page(services, response, members_in_query(request, kList), load_member_page,
                     write_uid);
}

Task<void> get_users(Services& services, Request& request, Response& response) {
  const auto write = [&services](JsonWriter& json, const ListedUser& user) {
    const std::vector<DeviceFlag> online = online_flags(services, user.uid);
    json.string("uid", user.uid);
    json.flag("banned", user.banned);
    json.flag("system_account", user.system_account);
    json.flag("online", !online.empty());
    json.begin_array("online_device_flags");
    for (const DeviceFlag flag : online) json.number(raw(flag));
    json.end_array();
    json.number("device_count", user.devices.size());
    json.number("token_set_count", tokens_set(user));
  };
  return answer_page(services, response, PageRequest::read(request, "users", kUserLimits),
                     load_user_page, write);
}

void write_device(JsonWriter& json, const std::pair<const std::uint8_t, DeviceOfUser>& entry) {
  const auto& [flag, device] = entry;
  json.number("device_flag", flag);
  json.number("device_level", raw(device.level));
  json.flag("token_set", device.token_set);
  json.flag("online", device.sessions > 0);
  json.number("session_count", device.sessions);
}

Task<void> get_user_info(Services& services, Request& request, Response& response) {
  const std::string uid = request.query_value("uid");
  const auto found = co_await load_user_detail(services, uid);
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  const std::int64_t now_ms = services.deps.clock.wall_ms();
  JsonWriter json(response.body);
  json.begin_object();
  json.string("uid", uid);
  json.flag("banned", found->user.banned);
  json.flag("system_account", found->user.system_account);
  json.flag("online", !found->connections.empty());
  json.objects("devices", devices_of(*found), write_device);
  json.begin_array("connections");
  for (const auto& connection : found->connections) {
    write_connection(json, connection, services.options.node_id, now_ms);
  }
  json.end_array();
  json.end_object();
}

}  // namespace

std::span<const Route> listing_routes() {
  static constexpr std::array<Route, 7> routes = {{
      {Verb::get, "/channels", get_channels, Auth::read, "The stored channels page by page",
       Ports::both},
      {Verb::get, "/channel/info", get_channel_info, Auth::read, "Flags of a channel", Ports::both},
      {Verb::get, "/channel/subscribers", get_members<MemberList::subscribers>, Auth::read,
       "The subscribers of a channel page by page", Ports::both},
      {Verb::get, "/channel/denylist", get_members<MemberList::denylist>, Auth::read,
       "The denylist of a channel page by page", Ports::both},
      {Verb::get, "/channel/allowlist", get_members<MemberList::allowlist>, Auth::read,
       "The allowlist of a channel page by page", Ports::both},
      {Verb::get, "/users", get_users, Auth::read, "The stored users page by page", Ports::both},
      {Verb::get, "/user/info", get_user_info, Auth::read,
       "What is stored of a user, and where they are online", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
