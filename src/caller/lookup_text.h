// What is shown of channels, users, connections and messages that a server was asked for, of the
// objects that docs/api.md describes. No content of a message is in it. Pure.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "caller/shown_text.h"

namespace jindou::caller {

// How one kind of entry is shown: the names of its columns, and its row.
struct Listing {
  Columns::Row names;
  Columns::Row (*row)(const simdjson::dom::object& entry) = nullptr;
};
Listing channel_listing();     // of GET /channels
Listing user_listing();        // of GET /users
Listing message_listing();     // of GET /manager/messages
Listing connection_listing();  // of GET /connz
Listing device_listing();      // of the devices of GET /user/info

std::vector<Columns::Row> rows_of(const Listing& listing,
                                  const std::vector<simdjson::dom::object>& entries);
// The objects of the array `name`, as long as `from` is valid. What is no object is left out.
std::vector<simdjson::dom::object> objects_in(const simdjson::dom::object& from,
                                              std::string_view name);

// 1700000000 as "2023-11-14T22:13:20Z"; "-" for 0 and for what is no time of this age.
std::string utc_text(std::uint64_t seconds);

// Of GET /channel/info.
struct ChannelFacts {
  std::string members;  // those of a JSON object, but for what only says which lists there are
  std::array<bool, 3> has{};  // subscribers, denylist, allowlist
};
// Errors: invalid.
Result<ChannelFacts> parse_channel_facts(std::string_view json);
// What a member `last_message` tells of the first entry of GET /manager/messages; null for none.
// Errors: invalid.
Result<std::string> last_message_json(std::string_view json);

// An answer to GET /user/info: lines, then devices and connections. Errors: invalid.
Result<std::string> user_text(std::string_view json);

// The connections that GET /user/info has of a user.
struct UserConnections {
  std::vector<std::uint64_t> ids;
  bool all = true;  // it tells of no more than 1,000
};
// Those of one device flag; -1: all. Errors: invalid.
Result<UserConnections> parse_connections(std::string_view json, int device_flag);

// The body of POST /channel/info that bans `uid` or lets them in, with their other flags as GET
// /channel/info has them; `info` is empty for a user without flags. Errors: invalid; conflict, for
// who would stay out all the same.
Result<std::string> ban_body(std::string_view info, std::string_view uid, bool ban);

}  // namespace jindou::caller
