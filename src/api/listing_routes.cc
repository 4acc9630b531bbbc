#include "api/listing_routes.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/connection_routes.h"
#include "api/core_calls.h"
#include "api/listing_pages.h"
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
  const std::string given_type = request.query_value("channel_type");
  const auto type = read_query_type(given_type);
  if (!type) {
    answer_error(response, type.error());
    co_return;
  }
  const auto page = PageRequest::read(request, "channels/" + given_type, kChannelLimits);
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  std::optional<ChannelType> only;
  if (*type != ChannelType::none) only = *type;
  auto work = [listings = listings_of(services.deps), query = page->query(), only] {
    return listings.load_channels(query, only);
  };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("items");
  for (const ListedChannel& listed : found->entries) {
    json.begin_object();
    write_channel(json, listed);
    json.end_object();
  }
  json.end_array();
  page->write_end(json, found->next);
  json.end_object();
}

// The channel that the query names. Errors: invalid.
Result<ChannelKey> channel_in_query(const Request& request) {
  JD_TRY(const ChannelType type, read_query_type(request.query_value("channel_type")));
  return stored_channel(request.query_value("channel_id"), type);
}

Task<void> get_channel_info(Services& services, Request& request, Response& response) {
  const auto channel = channel_in_query(request);
  if (!channel) {
    answer_error(response, channel.error());
    co_return;
  }
  auto work = [&deps = services.deps, wanted = *channel] {
    return load_channel_detail(deps, wanted);
  };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  write_channel(json, found->listed);
  json.number("last_message_seq", raw(found->last_seq));
  json.boolean("has_subscribers", found->has(MemberList::subscribers));
  json.boolean("has_denylist", found->has(MemberList::denylist));
  json.boolean("has_allowlist", found->has(MemberList::allowlist));
  json.end_object();
}

Task<void> get_members(Services& services, Request& request, Response& response, MemberList list,
                       std::string name) {
  const auto channel = channel_in_query(request);
  if (!channel) {
    answer_error(response, channel.error());
    co_return;
  }
  name += '/' + std::to_string(raw(channel->type)) + '/' + channel->id;
  const auto page = PageRequest::read(request, std::move(name), kMemberLimits);
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  auto work = [&deps = services.deps, listings = listings_of(services.deps), query = page->query(),
               wanted = *channel, list]() -> Result<partition::ListingPage<std::string>> {
    JD_TRY(const ChannelKey settled, load_settled_channel(deps.history, wanted));
    return listings.load_members(settled, list, query);
  };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("items");
  for (const std::string& uid : found->entries) {
    json.begin_object();
    json.string("uid", uid);
    json.end_object();
  }
  json.end_array();
  page->write_end(json, found->next);
  json.end_object();
}

Task<void> get_subscribers(Services& services, Request& request, Response& response) {
  return get_members(services, request, response, MemberList::subscribers, "subscribers");
}
Task<void> get_denylist(Services& services, Request& request, Response& response) {
  return get_members(services, request, response, MemberList::denylist, "denylist");
}
Task<void> get_allowlist(Services& services, Request& request, Response& response) {
  return get_members(services, request, response, MemberList::allowlist, "allowlist");
}

void write_devices(JsonWriter& json, const UserDetail& detail) {
  json.begin_array("devices");
  for (const auto& [flag, device] : devices_of(detail)) {
    json.begin_object();
    json.number("device_flag", flag);
    json.number("device_level", raw(device.level));
    json.flag("token_set", device.token_set);
    json.flag("online", device.sessions > 0);
    json.number("session_count", device.sessions);
    json.end_object();
  }
  json.end_array();
}

Task<void> get_users(Services& services, Request& request, Response& response) {
  const auto page = PageRequest::read(request, "users", kUserLimits);
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  auto work = [listings = listings_of(services.deps), query = page->query()] {
    return listings.load_users(query);
  };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("items");
  for (const ListedUser& user : found->entries) {
    const std::vector<DeviceFlag> online = online_flags(services, user.uid);
    json.begin_object();
    json.string("uid", user.uid);
    json.flag("banned", user.banned);
    json.flag("system_account", user.system_account);
    json.flag("online", !online.empty());
    json.begin_array("online_device_flags");
    for (const DeviceFlag flag : online) json.number(raw(flag));
    json.end_array();
    json.number("device_count", user.devices.size());
    json.number("token_set_count", tokens_set(user));
    json.end_object();
  }
  json.end_array();
  page->write_end(json, found->next);
  json.end_object();
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
  write_devices(json, *found);
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
      {Verb::get, "/channel/subscribers", get_subscribers, Auth::read,
       "The subscribers of a channel page by page", Ports::both},
      {Verb::get, "/channel/denylist", get_denylist, Auth::read,
       "The denylist of a channel page by page", Ports::both},
      {Verb::get, "/channel/allowlist", get_allowlist, Auth::read,
       "The allowlist of a channel page by page", Ports::both},
      {Verb::get, "/users", get_users, Auth::read, "The stored users page by page", Ports::both},
      {Verb::get, "/user/info", get_user_info, Auth::read,
       "What is stored of a user, and where they are online", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
