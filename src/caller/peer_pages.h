// What a WuKongIM server of version 2 answers with: pages of its manager paths (/cluster/...), and
// of /channel/messagesync. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json_writer.h"

namespace jindou::caller {

struct PeerChannel {
  std::string id;  // internal
  unsigned type = 0;
  bool ban = false;
  bool disband = false;
};
struct PeerConversation {
  std::string uid;
  std::string channel_id;  // internal
  unsigned channel_type = 0;
  bool of_commands = false;
  std::uint64_t read_to = 0;
};
struct PeerDevice {
  std::string uid;
  std::string token;
  unsigned flag = 0;
  unsigned level = 0;
};
struct PeerMessage {
  std::uint64_t id = 0;
  std::uint64_t seq = 0;
  std::string from_uid;
  std::string client_msg_no;
  std::uint64_t timestamp = 0;  // seconds
  bool red_dot = false;
  unsigned setting = 0;
  std::string topic;
  std::uint64_t expire = 0;  // seconds
  std::string payload;       // base64
};

// `next`: the offset_created_at of the next page; 0: there is none.
template <class Entry>
struct PeerPage {
  std::vector<Entry> entries;
  std::int64_t next = 0;
};

// Errors of all: invalid, for what is none of these, or does not say where it goes on.
Result<PeerPage<PeerChannel>> parse_peer_channels(std::string_view json);
Result<PeerPage<PeerDevice>> parse_peer_devices(std::string_view json);
// These have no offset: a page without entries is the last one.
Result<std::vector<PeerConversation>> parse_peer_conversations(std::string_view json);
// Ascending by seq; `more`: there may be others behind them.
Result<std::vector<PeerMessage>> parse_peer_messages(std::string_view json, bool& more);
// Of /cluster/messages only whose they are; `last`: the largest id.
Result<std::vector<PeerChannel>> parse_peer_search(std::string_view json, std::uint64_t& last);
// An array of uids, or null for none.
Result<std::vector<std::string>> parse_peer_uids(std::string_view json);

// As an entry of POST /import/messages.
void write_imported(codec::JsonWriter& json, const PeerMessage& message);

}  // namespace jindou::caller
