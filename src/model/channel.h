// Channels: what messages are addressed to.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "model/ids.h"

namespace jindou {

// Values of the wire and the HTTP API. Any other value from 13 to 255 behaves like a group.
enum class ChannelType : std::uint8_t {
  none = 0,
  person = 1,
  group = 2,
  customer_service = 3,
  community = 4,
  community_topic = 5,
  info = 6,
  data = 7,
  temp = 8,
  live = 9,
  visitors = 10,
  agent = 11,
  agent_group = 12,
};

constexpr std::uint8_t raw(ChannelType type) { return static_cast<std::uint8_t>(type); }

// False for the types that never appear in a user's list of conversations.
constexpr bool has_conversations(ChannelType type) {
  return type != ChannelType::none && type != ChannelType::data && type != ChannelType::temp &&
         type != ChannelType::live;
}

// The identity of a channel inside the server. For a person channel the id is the internal one,
// "a@b" (see person_channel_id), never the peer's uid; flags and lists of a person's own inbox live
// under {uid, person}.
struct ChannelKey {
  std::string id;
  ChannelType type = ChannelType::none;

  ChannelKey() = default;
  ChannelKey(std::string channel_id, ChannelType channel_type)
      : id(std::move(channel_id)), type(channel_type) {}
  bool operator==(const ChannelKey&) const = default;
  auto operator<=>(const ChannelKey&) const = default;
};

struct ChannelKeyHash {
  std::size_t operator()(const ChannelKey& key) const noexcept {
    return std::hash<std::string_view>{}(key.id) * 31 + raw(key.type);
  }
};

// What an operator or back end has switched on for a channel (HTTP: 0/1 members of POST /channel).
struct ChannelFlags {
  bool large = false;
  bool ban = false;
  bool disband = false;
  bool send_ban = false;
  bool allow_stranger = false;
  bool operator==(const ChannelFlags&) const = default;
};

// The built-in system account: default author of messages sent over HTTP without from_uid; shown to
// clients as an empty uid; passes every permission check but `disband`.
inline constexpr std::string_view kSystemUid = "____system";
inline constexpr std::string_view kManagerUid = "____manager";
// Marks messages the API injects in other servers; a client must not connect with it.
inline constexpr std::string_view kReservedDeviceId = "____device";
// Suffix of the log that holds a channel's command messages (sync_once = 1).
inline constexpr std::string_view kCommandSuffix = "____cmd";
// A uid with this suffix is a visitor, where visitors are switched on.
inline constexpr std::string_view kVisitorSuffix = "___vstr";
// Receives commands for a list of users that are to be delivered online only.
inline constexpr std::string_view kOnlineCommandChannel = "systemcmdonline";

// CRC-32 (IEEE 802.3) of the bytes; fixed for ever, because it orders person channel ids.
std::uint32_t crc32_ieee(std::string_view bytes);

// The internal id of the conversation of two users: "larger@smaller" by CRC-32, ties by bytes.
std::string person_channel_id(std::string_view a, std::string_view b);

// The two halves of "a@b" (split at the first '@'); both empty if there is none.
std::pair<std::string_view, std::string_view> split_pair_id(std::string_view id);

// The other half of a pair id, seen from `viewer`; empty if the viewer is not a half.
std::string_view peer_in_pair(std::string_view id, std::string_view viewer);

// The partition of a channel or user: XXH64 of the id, without a command suffix, modulo
// `partitions`, so that a channel, its command log and all its types live together. Both orders of
// a pair id count as the one of person_channel_id: what an agent and a user write to each other
// meets in one partition, whoever begins. `partitions` is fixed when a store is created. Who is not
// a test asks PartitionMap (partition_map.h).
PartitionId partition_for(std::string_view id, std::uint16_t partitions);

}  // namespace jindou
