// /connz, /conn/remove and /conn/kick: looking at client connections and ending them.
#pragma once

#include <span>
#include <string_view>

#include "api/route.h"
#include "codec/json_writer.h"
#include "presence/connection_info.h"

namespace jindou::api {

std::span<const Route> connection_routes();

// True when a request may be answered here: the parameter names no node, or this one. Otherwise it
// has been answered with 400.
bool admit_node(const Services& services, std::uint64_t node_id, Response& response);
// The same with the query parameter node_id.
bool admit_node(const Services& services, const Request& request, Response& response);

// The value of "sort": the documented and the older names, each older one also with the suffix
// "Desc". Empty for an unknown name: by id.
std::function<bool(const presence::ConnectionInfo&, const presence::ConnectionInfo&)>
connection_order(std::string_view sort);

// The connections that a query asks for. Suspends.
Task<presence::ConnectionPage> collect_connections(Services& services,
                                                   presence::ConnectionQuery query);

// One element of "connections" and "conns". `now_ms` is wall clock.
void write_connection(codec::JsonWriter& json, const presence::ConnectionInfo& connection,
                      std::uint64_t node_id, std::int64_t now_ms);

}  // namespace jindou::api
