#include "api/connection_routes.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/text_formats.h"
#include "bodies/operators.h"
#include "bodies/read.h"
#include "http/query.h"
#include "model/id_rules.h"
#include "runtime/await_callback.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using presence::ConnectionInfo;
using presence::ConnectionPage;
using presence::ConnectionQuery;

constexpr std::size_t kConnectionsDefault = 20;
// A page of 10,000 is about 8 MB of JSON.
constexpr std::size_t kConnectionsMax = 10'000;
// Beyond the connections that one node can have.
constexpr std::size_t kOffsetMax = 1'000'000;

struct SortKey {
  std::string_view name;
  // Ascending; values compare as the older interface orders them.
  std::int64_t (*value)(const ConnectionInfo&);
};

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

constexpr std::array kSortKeys = {
    SortKey{"id", [](const ConnectionInfo& c) { return signed_of(raw(c.id)); }},
    SortKey{"inMsg", [](const ConnectionInfo& c) { return signed_of(c.traffic.in_msgs); }},
    SortKey{"outMsg", [](const ConnectionInfo& c) { return signed_of(c.traffic.out_msgs); }},
    SortKey{"inMsgBytes",
            [](const ConnectionInfo& c) { return signed_of(c.traffic.in_msg_bytes); }},
    SortKey{"outMsgBytes",
            [](const ConnectionInfo& c) { return signed_of(c.traffic.out_msg_bytes); }},
    SortKey{"inPacket", [](const ConnectionInfo& c) { return signed_of(c.traffic.in_packets); }},
    SortKey{"outPacket", [](const ConnectionInfo& c) { return signed_of(c.traffic.out_packets); }},
    SortKey{"inPacketBytes",
            [](const ConnectionInfo& c) { return signed_of(c.traffic.in_packet_bytes); }},
    SortKey{"outPacketBytes",
            [](const ConnectionInfo& c) { return signed_of(c.traffic.out_packet_bytes); }},
    SortKey{"pendingBytes", [](const ConnectionInfo& c) { return signed_of(c.pending_bytes); }},
    // The younger, the smaller its uptime; the same with idle.
    SortKey{"uptime", [](const ConnectionInfo& c) { return -c.connected_at_ms; }},
    SortKey{"idle", [](const ConnectionInfo& c) { return -c.last_activity_ms; }},
    SortKey{"protoVersion",
            [](const ConnectionInfo& c) { return std::int64_t{c.protocol_version}; }},
};

struct SortAlias {
  std::string_view name;
  std::string_view means;
};
constexpr std::array kSortAliases = {
    SortAlias{"in_msgs", "inMsgDesc"},
    SortAlias{"out_msgs", "outMsgDesc"},
    SortAlias{"in_bytes", "inPacketBytesDesc"},
    SortAlias{"out_bytes", "outPacketBytesDesc"},
};

std::string device_text(const ConnectionInfo& connection) {
  std::string text;
  switch (connection.device_flag) {
    case DeviceFlag::app: text = "App"; break;
    case DeviceFlag::web: text = "Web"; break;
    case DeviceFlag::desktop: text = "Desktop"; break;
    case DeviceFlag::system: text = "System"; break;
    default: text = "Device " + std::to_string(raw(connection.device_flag)); break;
  }
  return text + (connection.device_level == DeviceLevel::master ? "(master)" : "(slave)");
}

Task<void> get_connz(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  const std::size_t offset =
      std::min<std::size_t>(http::query_number(request.query_value("offset")), kOffsetMax);
  std::size_t limit =
      std::min<std::size_t>(http::query_number(request.query_value("limit")), kConnectionsMax);
  if (limit == 0) limit = kConnectionsDefault;
  ConnectionQuery query;
  query.uid_part = request.query_value("uid");
  query.keep = offset + limit;
  query.before = connection_order(request.query_value("sort"));
  const ConnectionPage page = co_await collect_connections(services, std::move(query));

  const std::int64_t now_ms = services.deps.clock.wall_ms();
  const std::size_t begin = std::min(offset, page.connections.size());
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("connections");
  for (std::size_t i = begin; i < page.connections.size(); ++i) {
    write_connection(json, page.connections[i], services.options.node_id, now_ms);
  }
  json.end_array();
  json.string("now", rfc3339(now_ms));
  json.number("num_connections", page.connections.size() - begin);
  json.number("total", page.total);
  json.number("offset", offset);
  json.number("limit", limit);
  json.end_object();
}

// Of both calls that end a connection. False: answered.
bool read_end_connection(const Services& services, const Request& request,
                         bodies::EndConnection& wanted, Response& response) {
  bodies::BodyReader body(request.body);
  wanted = bodies::read<bodies::EndConnection>(body);
  if (is_blank(wanted.uid)) wanted.uid.clear();
  if (!body.ok()) {
    answer_invalid(response, body.problem());
    return false;
  }
  return admit_node(services, wanted.node_id, response) &&
         admit_node(services, wanted.op_node_id, response);
}

Task<void> end_connection(Services& services, Request& request, Response& response, bool tell) {
  bodies::EndConnection wanted;
  if (read_end_connection(services, request, wanted, response)) {
    services.deps.kick_connection(wanted.uid, static_cast<SessionId>(wanted.conn_id), tell);
    answer_ok(response, services.options.status_style);
  }
  co_return;
}

Task<void> post_remove(Services& services, Request& request, Response& response) {
  return end_connection(services, request, response, false);
}
Task<void> post_kick(Services& services, Request& request, Response& response) {
  return end_connection(services, request, response, true);
}

}  // namespace

bool admit_node(const Services& services, std::uint64_t node_id, Response& response) {
  if (node_id == 0 || node_id == services.options.node_id) return true;
  answer_invalid(response, "node not found");
  return false;
}

bool admit_node(const Services& services, const Request& request, Response& response) {
  return admit_node(services, http::query_number(request.query_value("node_id")), response);
}

std::function<bool(const ConnectionInfo&, const ConnectionInfo&)> connection_order(
    std::string_view sort) {
  for (const SortAlias& alias : kSortAliases) {
    if (alias.name == sort) sort = alias.means;
  }
  const bool descending = sort.ends_with("Desc");
  if (descending) sort.remove_suffix(4);
  for (const SortKey& key : kSortKeys) {
    if (key.name != sort) continue;
    const auto value = key.value;
    if (descending) {
      return
          [value](const ConnectionInfo& a, const ConnectionInfo& b) { return value(b) < value(a); };
    }
    return
        [value](const ConnectionInfo& a, const ConnectionInfo& b) { return value(a) < value(b); };
  }
  return {};
}

Task<ConnectionPage> collect_connections(Services& services, ConnectionQuery query) {
  auto begin = [&](std::function<void(ConnectionPage)> complete) {
    services.deps.collect_connections(std::move(query), std::move(complete));
  };
  co_return co_await runtime::await_callback<ConnectionPage>(begin);
}

void write_connection(JsonWriter& json, const ConnectionInfo& connection, std::uint64_t node_id,
                      std::int64_t now_ms) {
  const presence::TrafficCounts& traffic = connection.traffic;
  const auto since = [now_ms](std::int64_t then_ms) {
    return uptime_text(std::chrono::milliseconds(now_ms - then_ms));
  };
  json.begin_object();
  json.number("id", raw(connection.id));
  json.number("cid", raw(connection.id));
  json.string("uid", connection.uid);
  json.string("ip", connection.ip);
  json.number("port", connection.port);
  json.string("start", rfc3339(connection.connected_at_ms));
  json.string("last_activity", rfc3339(connection.last_activity_ms));
  json.string("uptime", since(connection.connected_at_ms));
  json.string("idle", since(connection.last_activity_ms));
  json.number("pending_bytes", connection.pending_bytes);
  json.number("in_msgs", traffic.in_msgs);
  json.number("out_msgs", traffic.out_msgs);
  json.number("in_msg_bytes", traffic.in_msg_bytes);
  json.number("out_msg_bytes", traffic.out_msg_bytes);
  json.number("in_packets", traffic.in_packets);
  json.number("out_packets", traffic.out_packets);
  json.number("in_packet_bytes", traffic.in_packet_bytes);
  json.number("out_packet_bytes", traffic.out_packet_bytes);
  json.number("in_bytes", traffic.in_packet_bytes);
  json.number("out_bytes", traffic.out_packet_bytes);
  json.number("subscriptions", connection.subscriptions);
  json.string("device", device_text(connection));
  json.string("device_id", connection.device_id);
  json.number("device_flag", raw(connection.device_flag));
  json.number("device_level", raw(connection.device_level));
  json.string("protocol", connection.protocol);
  json.number("version", connection.protocol_version);
  json.string("transport", connection.transport);
  json.string("proxy_type_format", "");
  json.number("leader_id", node_id);
  json.number("node_id", node_id);
  json.end_object();
}

std::span<const Route> connection_routes() {
  static constexpr std::array<Route, 3> routes = {{
      {Verb::get, "/connz", get_connz, Auth::read, "The client connections of this node",
       Ports::both},
      {Verb::post, "/conn/remove", post_remove, Auth::administer, "Closes a connection at once",
       Ports::both},
      {Verb::post, "/conn/kick", post_kick, Auth::administer,
       "Tells a client not to come back, then closes its connection", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
