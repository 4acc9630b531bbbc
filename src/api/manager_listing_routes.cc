#include "api/manager_listing_routes.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/connection_routes.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "api/stored_details.h"
#include "api/text_formats.h"
#include "api/whole_lists.h"
#include "codec/json_writer.h"
#include "http/query.h"
#include "partition/list_commands.h"
#include "partition/listings.h"
#include "presence/connection_info.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::ListedChannel;
using partition::ListedUser;
using partition::MemberList;
using presence::ConnectionInfo;

constexpr PageLimits kManagedLimits{50, 200};
constexpr PageLimits kManagedMemberLimits{100, 500};
constexpr PageLimits kManagedConnectionLimits{100, 100};

constexpr std::string_view kChannelsPath = "/manager/channels/";

std::string_view device_name(DeviceFlag flag) {
  switch (flag) {
    case DeviceFlag::app: return "app";
    case DeviceFlag::web: return "web";
    case DeviceFlag::desktop: return "pc";
    case DeviceFlag::system: return "system";
  }
  return "unknown";
}
std::string_view level_name(DeviceLevel level) {
  return level == DeviceLevel::master ? "master" : "slave";
}

// Partitions stand for what is called slots there.
void write_slot(JsonWriter& json, PartitionId partition) {
  json.number("slot_id", raw(partition));
  json.number("hash_slot", raw(partition));
}

// ---- channels -----------------------------------------------------------------------------------

void write_managed_channel(JsonWriter& json, const Services& services,
                           const ListedChannel& listed) {
  json.string("channel_id", listed.channel.id);
  json.number("channel_type", raw(listed.channel.type));
  write_slot(json, services.deps.records.readers().map().of_channel(listed.channel));
  json.boolean("ban", listed.flags.ban);
  json.boolean("disband", listed.flags.disband);
  json.boolean("send_ban", listed.flags.send_ban);
}

Task<void> get_managed_channels(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  const std::string type = request.query_value("type");
  if (!read_query_type(type)) {
    answer_invalid(response, "type must be a number from 1 to 255");
    co_return;
  }
  auto page = read_channel_page(request, "manager/channels/", type, kManagedLimits, "keyword");
  const auto write = [&services](JsonWriter& json, const ListedChannel& listed) {
    write_managed_channel(json, services, listed);
  };
  co_await answer_page(services, response, std::move(page), load_channel_page, write);
}

// The channel of "/manager/channels/{channel_type}/{channel_id}". Errors: invalid.
Result<ChannelKey> channel_in_path(const Request& request) {
  JD_TRY(const ChannelType type, read_query_type(path_parameter(request, kChannelsPath)));
  return stored_channel(decode_path_part(second_path_parameter(request, kChannelsPath)), type);
}

Task<void> get_managed_channel(Services& services, Request& request, Response& response) {
  const auto write = [&services](JsonWriter& json, const ChannelKey&, const ChannelDetail& found) {
    write_managed_channel(json, services, found.listed);
    json.boolean("has_subscribers", found.has(MemberList::subscribers));
    json.boolean("has_allowlist", found.has(MemberList::allowlist));
    json.boolean("has_denylist", found.has(MemberList::denylist));
  };
  return answer_loaded(services, response, channel_in_path(request), load_channel_detail, write);
}

// A page of a list, or the one user that `uid` names if it is on it. Errors: invalid.
Result<MemberPageRequest> members_in_path(const Request& request, MemberList list) {
  JD_TRY(ChannelKey channel, channel_in_path(request));
  std::string uid = request.query_value("uid");
  if (!uid.empty() && !request.query_value("cursor").empty()) {
    return Error(Errc::invalid, "uid looks for one user, cursor goes on: give one of them");
  }
  JD_TRY(MemberPageRequest page,
         read_member_page(request, "m/", std::move(channel), list, kManagedMemberLimits));
  page.uid = std::move(uid);
  return page;
}

template <MemberList kList>
Task<void> get_managed_members(Services& services, Request& request, Response& response) {
  return answer_page(services, response, members_in_path(request, kList), load_member_page,
                     write_uid);
}

// ---- connections --------------------------------------------------------------------------------

void write_managed_connection(JsonWriter& json, const Services& services,
                              const ConnectionInfo& connection) {
  json.number("node_id", services.options.node_id);
  json.number("session_id", raw(connection.id));
  json.string("uid", connection.uid);
  json.string("device_id", connection.device_id);
  json.string("device_flag", device_name(connection.device_flag));
  json.string("device_level", level_name(connection.device_level));
  json.number("slot_id", raw(services.deps.records.readers().map().of_user(connection.uid)));
  json.string("state", "active");
  json.string("listener", connection.transport);
  json.string("connected_at", rfc3339(connection.connected_at_ms));
  const std::string host =
      connection.ip.find(':') == std::string::npos ? connection.ip : '[' + connection.ip + ']';
  json.string("remote_addr", host + ':' + std::to_string(connection.port));
  json.string("local_addr", "");
}

void write_managed_connections(JsonWriter& json, std::string_view name, const Services& services,
                               const std::vector<ConnectionInfo>& connections) {
  json.objects(name, connections, [&services](JsonWriter& out, const ConnectionInfo& connection) {
    write_managed_connection(out, services, connection);
  });
}

Task<void> get_managed_connections(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  const auto page =
      PageRequest::read(request, "manager/connections", kManagedConnectionLimits, "uid");
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  presence::ConnectionQuery query;
  query.uid_part = page->query().prefix;  // anywhere in it
  query.keep = page->query().limit + 1;   // one more tells whether there are more
  if (!page->query().from.empty()) {
    query.after = static_cast<SessionId>(http::query_number(page->query().from));
  }
  presence::ConnectionPage found = co_await collect_connections(services, std::move(query));
  std::string next;
  if (found.connections.size() > page->query().limit) {
    found.connections.resize(page->query().limit);
    next = std::to_string(raw(found.connections.back().id));
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.number("total", found.connections.size());
  write_managed_connections(json, "items", services, found.connections);
  page->write_end(json, next);
  json.end_object();
}

// ---- users --------------------------------------------------------------------------------------

Task<void> get_managed_users(Services& services, Request& request, Response& response) {
  const auto write = [&services](JsonWriter& json, const ListedUser& user) {
    const std::vector<DeviceFlag> online = online_flags(services, user.uid);
    json.string("uid", user.uid);
    write_slot(json, services.deps.records.readers().map().of_user(user.uid));
    json.boolean("online", !online.empty());
    json.number("online_device_count", online.size());
    json.begin_array("online_device_flags");
    for (const DeviceFlag flag : online) json.string(device_name(flag));
    json.end_array();
    json.number("device_count", user.devices.size());
    json.number("token_set_count", tokens_set(user));
  };
  auto page = PageRequest::read(request, "manager/users", kManagedLimits, "keyword");
  return answer_page(services, response, std::move(page), load_user_page, write);
}

void write_managed_device(JsonWriter& json,
                          const std::pair<const std::uint8_t, DeviceOfUser>& entry) {
  const auto& [flag, device] = entry;
  json.string("device_flag", device_name(static_cast<DeviceFlag>(flag)));
  json.string("device_level", level_name(device.level));
  json.boolean("token_set", device.token_set);
  json.boolean("online", device.sessions > 0);
  json.number("online_session_count", device.sessions);
}

Task<void> get_managed_user(Services& services, Request& request, Response& response) {
  const std::string uid = decode_path_part(path_parameter(request));
  const auto found = co_await load_user_detail(services, uid);
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.string("uid", uid);
  write_slot(json, services.deps.records.readers().map().of_user(uid));
  json.boolean("online", !found->connections.empty());
  json.objects("devices", devices_of(*found), write_managed_device);
  write_managed_connections(json, "connections", services, found->connections);
  json.end_object();
}

Task<void> get_managed_system_users(Services& services, Request&, Response& response) {
  const auto list = co_await system_accounts_or_answer(services, response);
  if (!list) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  json.objects("items", list->uids, write_uid);
  json.number("total", list->uids.size());
  json.end_object();
}

}  // namespace

std::span<const Route> manager_listing_routes() {
  static constexpr std::array<Route, 9> routes = {{
      {Verb::get, "/manager/channels", get_managed_channels, Auth::read,
       "The stored channels, as the v3 manager lists them", Ports::both},
      {Verb::get, "/manager/channels/{channel_type}/{channel_id}", get_managed_channel, Auth::read,
       "A channel, as the v3 manager shows it", Ports::both},
      {Verb::get, "/manager/channels/{channel_type}/{channel_id}/subscribers",
       get_managed_members<MemberList::subscribers>, Auth::read, "Its subscribers", Ports::both},
      {Verb::get, "/manager/channels/{channel_type}/{channel_id}/allowlist",
       get_managed_members<MemberList::allowlist>, Auth::read, "Its allowlist", Ports::both},
      {Verb::get, "/manager/channels/{channel_type}/{channel_id}/denylist",
       get_managed_members<MemberList::denylist>, Auth::read, "Its denylist", Ports::both},
      {Verb::get, "/manager/users", get_managed_users, Auth::read,
       "The stored users, as the v3 manager lists them", Ports::both},
      {Verb::get, "/manager/users/{uid}", get_managed_user, Auth::read,
       "A user, as the v3 manager shows them", Ports::both},
      {Verb::get, "/manager/system-users", get_managed_system_users, Auth::read,
       "The system accounts", Ports::both},
      {Verb::get, "/manager/connections", get_managed_connections, Auth::read,
       "The client connections of this node, as the v3 manager lists them", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
