// In which order GET /connz lists connections.
#include "api/connection_routes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace jindou::api {
namespace {

using presence::ConnectionInfo;

// Three connections; each member under test is set to 1, 3, 2.
template <class Set>
std::string sorted_by(const std::string& sort, Set set) {
  std::vector<ConnectionInfo> connections(3);
  const unsigned values[] = {1, 3, 2};
  for (unsigned i = 0; i < 3; ++i) {
    connections[i].id = static_cast<SessionId>(10 + i);
    connections[i].uid = std::string(1, static_cast<char>('a' + i));
    set(connections[i], values[i]);
  }
  const auto before = connection_order(sort);
  if (!before) return "by id";
  std::ranges::stable_sort(connections, before);
  std::string uids;
  for (const ConnectionInfo& connection : connections) uids += connection.uid;
  return uids;
}

struct Case {
  const char* name;
  void (*set)(ConnectionInfo&, unsigned);
};

TEST(ConnectionOrder, EveryNameSortsByItsMemberInBothDirections) {
  const Case cases[] = {
      {"id", [](ConnectionInfo& c, unsigned v) { c.id = static_cast<SessionId>(v); }},
      {"inMsg", [](ConnectionInfo& c, unsigned v) { c.traffic.in_msgs = v; }},
      {"outMsg", [](ConnectionInfo& c, unsigned v) { c.traffic.out_msgs = v; }},
      {"inMsgBytes", [](ConnectionInfo& c, unsigned v) { c.traffic.in_msg_bytes = v; }},
      {"outMsgBytes", [](ConnectionInfo& c, unsigned v) { c.traffic.out_msg_bytes = v; }},
      {"inPacket", [](ConnectionInfo& c, unsigned v) { c.traffic.in_packets = v; }},
      {"outPacket", [](ConnectionInfo& c, unsigned v) { c.traffic.out_packets = v; }},
      {"inPacketBytes", [](ConnectionInfo& c, unsigned v) { c.traffic.in_packet_bytes = v; }},
      {"outPacketBytes", [](ConnectionInfo& c, unsigned v) { c.traffic.out_packet_bytes = v; }},
      {"pendingBytes", [](ConnectionInfo& c, unsigned v) { c.pending_bytes = v; }},
      {"protoVersion",
       [](ConnectionInfo& c, unsigned v) { c.protocol_version = static_cast<std::uint8_t>(v); }},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(sorted_by(each.name, each.set), "acb") << each.name;
    EXPECT_EQ(sorted_by(std::string(each.name) + "Desc", each.set), "bca") << each.name;
  }
}

TEST(ConnectionOrder, UptimeAndIdleAreDurations) {
  const auto connected = [](ConnectionInfo& c, unsigned v) { c.connected_at_ms = v; };
  const auto active = [](ConnectionInfo& c, unsigned v) { c.last_activity_ms = v; };
  EXPECT_EQ(sorted_by("uptime", connected), "bca");
  EXPECT_EQ(sorted_by("uptimeDesc", connected), "acb");
  EXPECT_EQ(sorted_by("idle", active), "bca");
  EXPECT_EQ(sorted_by("idleDesc", active), "acb");
}

TEST(ConnectionOrder, DocumentedNamesAreDescending) {
  const Case cases[] = {
      {"in_msgs", [](ConnectionInfo& c, unsigned v) { c.traffic.in_msgs = v; }},
      {"out_msgs", [](ConnectionInfo& c, unsigned v) { c.traffic.out_msgs = v; }},
      {"in_bytes", [](ConnectionInfo& c, unsigned v) { c.traffic.in_packet_bytes = v; }},
      {"out_bytes", [](ConnectionInfo& c, unsigned v) { c.traffic.out_packet_bytes = v; }},
  };
  for (const Case& each : cases) EXPECT_EQ(sorted_by(each.name, each.set), "bca") << each.name;
}

TEST(ConnectionOrder, UnknownNamesLeaveTheOrderOfIds) {
  for (const char* name : {"", "nonsense", "Desc", "inmsg"}) {
    EXPECT_FALSE(connection_order(name)) << name;
  }
}

}  // namespace
}  // namespace jindou::api
