#include "caller/lookup_text.h"

#include <time.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace jindou::caller {

namespace {

using FoundObject = simdjson::dom::object;

constexpr std::uint64_t kYear10000 = 253402300800;  // in seconds since 1970
constexpr std::size_t kConnectionsTold = 1000;      // by GET /user/info
constexpr std::array<std::string_view, 3> kHasMembers = {"has_subscribers", "has_denylist",
                                                         "has_allowlist"};
constexpr std::array<std::string_view, 5> kChannelFlags = {"large", "ban", "disband", "send_ban",
                                                           "allow_stranger"};

Error no_answer() {
  return Error(Errc::invalid,
               "the server answers with what was not asked for; is it a Jindou server?");
}

Result<FoundObject> parse_entry(std::string_view json) {
  const auto parsed = codec::parse_json(json);
  FoundObject entry;
  if (!parsed || parsed->get(entry) != simdjson::SUCCESS) return no_answer();
  return entry;
}

std::string shown_member(const FoundObject& entry, std::string_view name) {
  std::string text = printable(text_member(entry, name));
  return text.empty() ? "-" : text;
}

std::string shown_number(const FoundObject& entry, std::string_view name) {
  return std::to_string(number_member(entry, name));
}

// Of flags the names of those that are set.
template <std::size_t kCount>
std::string set_flags(const FoundObject& entry, const std::array<std::string_view, kCount>& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (number_member(entry, name) == 0) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text.empty() ? "-" : text;
}

// The bytes that standard base64 with padding stands for.
std::uint64_t payload_bytes(const FoundObject& message) {
  const std::string text = text_member(message, "payload");
  const auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  const std::size_t bytes = text.size() / 4 * 3;
  return bytes - std::min(bytes, padding);
}

Columns::Row channel_row(const FoundObject& channel) {
  return {shown_number(channel, "channel_type"), utc_text(number_member(channel, "created_at")),
          set_flags(channel, kChannelFlags), shown_member(channel, "channel_id")};
}

Columns::Row user_row(const FoundObject& user) {
  constexpr std::array<std::string_view, 2> kStates = {"banned", "system_account"};
  std::string online;
  simdjson::dom::array flags;
  if (user["online_device_flags"].get(flags) == simdjson::SUCCESS) {
    for (const simdjson::dom::element flag : flags) {
      if (!online.empty()) online += ',';
      online += printable(simdjson::minify(flag));
    }
  }
  return {online.empty() ? "-" : online, shown_number(user, "device_count"),
          shown_number(user, "token_set_count"), set_flags(user, kStates),
          shown_member(user, "uid")};
}

Columns::Row message_row(const FoundObject& message) {
  return {shown_number(message, "message_seq"),   utc_text(number_member(message, "timestamp")),
          shown_member(message, "message_id"),    std::to_string(payload_bytes(message)),
          shown_member(message, "client_msg_no"), shown_member(message, "from_uid")};
}

Columns::Row connection_row(const FoundObject& connection) {
  const std::string ip = text_member(connection, "ip");
  const bool is_v6 = ip.find(':') != std::string::npos;
  const std::string host = printable(is_v6 ? '[' + ip + ']' : ip);
  return {shown_number(connection, "id"),
          shown_number(connection, "device_flag"),
          shown_member(connection, "transport"),
          host + ':' + shown_number(connection, "port"),
          shown_member(connection, "start"),
          shown_member(connection, "idle"),
          shown_number(connection, "pending_bytes"),
          shown_member(connection, "uid")};
}

Columns::Row device_row(const FoundObject& device) {
  return {shown_number(device, "device_flag"),
          number_member(device, "device_level") == 1 ? "master" : "slave",
          number_member(device, "token_set") != 0 ? "set" : "-",
          shown_number(device, "session_count")};
}

}  // namespace

Listing channel_listing() { return {{"TYPE", "CREATED", "FLAGS", "ID"}, channel_row}; }
Listing user_listing() { return {{"ONLINE", "DEVICES", "TOKENS", "STATE", "UID"}, user_row}; }
Listing message_listing() {
  return {{"SEQ", "TIME", "MESSAGE_ID", "BYTES", "CLIENT_MSG_NO", "FROM"}, message_row};
}
Listing connection_listing() {
  return {{"ID", "DEVICE_FLAG", "TRANSPORT", "ADDRESS", "START", "IDLE", "PENDING_BYTES", "UID"},
          connection_row};
}
Listing device_listing() { return {{"DEVICE_FLAG", "LEVEL", "TOKEN", "SESSIONS"}, device_row}; }

std::vector<Columns::Row> rows_of(const Listing& listing, const std::vector<FoundObject>& entries) {
  std::vector<Columns::Row> rows;
  for (const FoundObject& entry : entries) rows.push_back(listing.row(entry));
  return rows;
}

std::vector<FoundObject> objects_in(const FoundObject& from, std::string_view name) {
  std::vector<FoundObject> found;
  simdjson::dom::array entries;
  if (from[name].get(entries) != simdjson::SUCCESS) return found;
  for (const simdjson::dom::element each : entries) {
    FoundObject entry;
    if (each.get(entry) == simdjson::SUCCESS) found.push_back(entry);
  }
  return found;
}

std::string utc_text(std::uint64_t seconds) {
  if (seconds == 0 || seconds >= kYear10000) return "-";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Result<ChannelFacts> parse_channel_facts(std::string_view json) {
  JD_TRY(const FoundObject from, parse_entry(json));
  if (text_member(from, "channel_id").empty()) return no_answer();
  ChannelFacts facts;
  for (const auto [name, value] : from) {
    const auto list = std::find(kHasMembers.begin(), kHasMembers.end(), name);
    if (list != kHasMembers.end()) {
      bool has = false;
      facts.has.at(static_cast<std::size_t>(list - kHasMembers.begin())) =
          value.get(has) == simdjson::SUCCESS && has;
      continue;
    }
    if (!facts.members.empty()) facts.members += ',';
    codec::json_append_string(facts.members, name);
    facts.members += ':' + simdjson::minify(value);
  }
  return facts;
}

Result<std::string> last_message_json(std::string_view json) {
  JD_TRY(const FoundObject from, parse_entry(json));
  const std::vector<FoundObject> messages = objects_in(from, "items");
  if (messages.empty()) return std::string("null");
  const FoundObject& last = messages.front();
  std::string text;
  codec::JsonWriter out(text);
  out.begin_object();
  out.number("message_seq", number_member(last, "message_seq"));
  out.string("message_id", text_member(last, "message_id"));
  out.string("client_msg_no", text_member(last, "client_msg_no"));
  out.string("from_uid", text_member(last, "from_uid"));
  out.string("time", utc_text(number_member(last, "timestamp")));
  out.number("payload_bytes", payload_bytes(last));
  out.end_object();
  return text;
}

Result<std::string> user_text(std::string_view json) {
  constexpr std::array<std::string_view, 2> kApart = {"devices", "connections"};
  std::string text = lines_of(json, kApart);
  JD_TRY(const FoundObject user, parse_entry(json));
  for (const auto& [name, listing] :
       {std::pair(kApart[0], device_listing()), std::pair(kApart[1], connection_listing())}) {
    const auto rows = rows_of(listing, objects_in(user, name));
    if (!rows.empty()) text += '\n' + Columns(listing.names).text(rows);
  }
  return text;
}

Result<UserConnections> parse_connections(std::string_view json, int device_flag) {
  JD_TRY(const FoundObject user, parse_entry(json));
  const std::vector<FoundObject> all = objects_in(user, "connections");
  UserConnections found;
  found.all = all.size() < kConnectionsTold;
  for (const FoundObject& connection : all) {
    const bool wanted = device_flag < 0 || number_member(connection, "device_flag") ==
                                               static_cast<std::uint64_t>(device_flag);
    if (wanted) found.ids.push_back(number_member(connection, "id"));
  }
  return found;
}

Result<std::string> ban_body(std::string_view info, std::string_view uid, bool ban) {
  std::string text;
  codec::JsonWriter out(text);
  out.begin_object();
  out.string("channel_id", uid);
  out.number("channel_type", 1);
  if (info.empty()) {
    out.flag("ban", ban);
    out.end_object();
    return text;
  }
  JD_TRY(const FoundObject from, parse_entry(info));
  // Without all of them the others would be written as 0.
  for (const std::string_view name : kChannelFlags) {
    std::uint64_t flag = 0;
    if (from[name].get(flag) != simdjson::SUCCESS) return no_answer();
    if (name == "disband" && flag != 0 && !ban) {
      return Error(Errc::conflict,
                   "the user stays out all the same: their channel of type 1 is "
                   "disbanded, and POST /channel brings it back");
    }
    out.flag(name, name == "ban" ? ban : flag != 0);
  }
  out.end_object();
  return text;
}

}  // namespace jindou::caller
