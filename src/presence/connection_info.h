// What an operator is shown of client connections (GET /connz, GET /varz). Plain values: the
// gateway fills them in, the API reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.h"
#include "model/ids.h"

namespace jindou::presence {

// What has passed over one connection.
struct TrafficCounts {
  std::uint64_t in_msgs = 0;   // SENDs, those refused included
  std::uint64_t out_msgs = 0;  // RECVs, repeats included
  // Payloads of those messages in plain text.
  std::uint64_t in_msg_bytes = 0;
  std::uint64_t out_msg_bytes = 0;
  // All protocol frames and their bytes, without WebSocket headers.
  std::uint64_t in_packets = 0;
  std::uint64_t out_packets = 0;
  std::uint64_t in_packet_bytes = 0;
  std::uint64_t out_packet_bytes = 0;
};

// One authenticated connection at the moment it was looked at.
struct ConnectionInfo {
  SessionId id{};
  std::string uid;
  std::string device_id;
  DeviceFlag device_flag = DeviceFlag::app;
  DeviceLevel device_level = DeviceLevel::slave;
  std::string_view protocol;  // a constant: "wkproto" or "json"
  std::uint8_t protocol_version = 0;
  std::string_view transport;     // a constant: "tcp", "ws", "tls" or "wss"
  std::size_t subscriptions = 0;  // channels it has subscribed to for itself
  std::string ip;                 // of the client, as far as is known; empty when it is gone
  std::uint16_t port = 0;
  std::int64_t connected_at_ms = 0;   // wall clock, as is the next
  std::int64_t last_activity_ms = 0;  // the last byte from the client
  std::size_t pending_bytes = 0;      // queued for the client and not yet taken by the kernel
  TrafficCounts traffic;
};

// Which connections, and how many of them. The answer to a query holds `keep` connections whatever
// the number of clients, so the caller bounds it.
struct ConnectionQuery {
  std::string uid_part;  // only users whose uid contains it; empty: everybody
  // Only these, those that are gone left out; empty: all. So it costs nothing how many others there
  // are.
  std::vector<SessionId> only;
  SessionId after{};      // only those with a greater id
  std::size_t keep = 20;  // how many of the first ones
  // The order, as for std::sort; empty: ascending by id. Connections that are equal in it come in
  // ascending order of their ids. Called on several threads at once.
  std::function<bool(const ConnectionInfo&, const ConnectionInfo&)> before;
};

struct ConnectionPage {
  std::vector<ConnectionInfo> connections;  // the first `keep`, in order
  std::size_t total = 0;                    // all that match
};

// Sums over the whole node since its start, ended connections included.
struct TrafficTotals {
  std::uint64_t in_msgs = 0;
  std::uint64_t out_msgs = 0;
  std::uint64_t in_bytes = 0;  // protocol frames
  std::uint64_t out_bytes = 0;
  std::uint64_t slow_clients = 0;  // connections cut because their client did not read
  std::size_t connections = 0;     // open now, those that have not logged in included
  std::size_t retry_queue = 0;     // messages waiting for a RECVACK now
};

}  // namespace jindou::presence
