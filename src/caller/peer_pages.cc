#include "caller/peer_pages.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json_reader.h"

namespace jindou::caller {

namespace {

using PeerObject = simdjson::dom::object;
using PeerElement = simdjson::dom::element;

Error no_page() {
  return Error(Errc::invalid, "the answer of the other server is none of WuKongIM 2; is it one?");
}

// Of the answer: what codec::parse_json says is about the body of a request.
Result<PeerElement> parse_answer(std::string_view json) {
  auto root = codec::parse_json(json);
  if (root) return root;
  if (root.error().code() == Errc::overloaded) {
    return Error(Errc::overloaded, "not enough memory to parse the answer of the other server");
  }
  return Error(Errc::invalid, "the answer of the other server is no JSON, or was cut off");
}

std::string peer_text(const PeerObject& from, std::string_view name) {
  std::string_view text;
  if (from[name].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

// 0 for what is none, or negative.
std::uint64_t peer_number(const PeerObject& from, std::string_view name) {
  std::uint64_t number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? number : 0;
}

// An id: digits, as a string or not.
std::uint64_t peer_id(const PeerObject& from, std::string_view name) {
  std::string_view digits;
  if (from[name].get(digits) != simdjson::SUCCESS) return peer_number(from, name);
  std::uint64_t id = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return read.ec == std::errc() && read.ptr == digits.data() + digits.size() ? id : 0;
}

unsigned peer_byte(const PeerObject& from, std::string_view name) {
  return static_cast<unsigned>(std::min<std::uint64_t>(peer_number(from, name), 256));
}

bool peer_flag(const PeerObject& from, std::string_view name) {
  return peer_number(from, name) == 1;
}

// Each object of the array `name` of the answer, which may be null.
template <class Take>
Result<PeerObject> each_of(std::string_view json, std::string_view name, const Take& take) {
  JD_TRY(const PeerElement root, parse_answer(json));
  PeerObject answer;
  PeerElement list;
  if (root.get(answer) != simdjson::SUCCESS) return no_page();
  if (answer[name].get(list) != simdjson::SUCCESS) return no_page();
  if (list.is_null()) return answer;
  simdjson::dom::array entries;
  if (list.get(entries) != simdjson::SUCCESS) return no_page();
  for (const PeerElement entry : entries) {
    PeerObject object;
    if (entry.get(object) != simdjson::SUCCESS) return no_page();
    take(object);
  }
  return answer;
}

// A page that goes on by the time of creation.
template <class Entry, class Make>
Result<PeerPage<Entry>> parse_by_creation(std::string_view json, const Make& make) {
  PeerPage<Entry> page;
  std::int64_t last = 0;
  const auto take = [&](const PeerObject& entry) {
    page.entries.push_back(make(entry));
    std::int64_t created_at = 0;
    if (entry["created_at"].get(created_at) == simdjson::SUCCESS) last = created_at;
  };
  JD_TRY(const PeerObject answer, each_of(json, "data", take));
  if (!peer_flag(answer, "more")) return page;
  if (last <= 0) {
    return Error(Errc::invalid,
                 "a page of the other server says that there is more and not where it goes on");
  }
  page.next = last;
  return page;
}

PeerChannel peer_channel_of(const PeerObject& entry) {
  return {peer_text(entry, "channel_id"), peer_byte(entry, "channel_type"), peer_flag(entry, "ban"),
          peer_flag(entry, "disband")};
}

PeerMessage peer_message_of(const PeerObject& entry) {
  PeerMessage message;
  message.id = peer_id(entry, "message_idstr");
  if (message.id == 0) message.id = peer_id(entry, "message_id");
  message.seq = peer_number(entry, "message_seq");
  message.from_uid = peer_text(entry, "from_uid");
  message.client_msg_no = peer_text(entry, "client_msg_no");
  message.timestamp = peer_number(entry, "timestamp");
  PeerObject header;
  message.red_dot =
      entry["header"].get(header) == simdjson::SUCCESS && peer_flag(header, "red_dot");
  message.setting = peer_byte(entry, "setting");
  message.topic = peer_text(entry, "topic");
  message.expire = peer_number(entry, "expire");
  message.payload = peer_text(entry, "payload");
  return message;
}

}  // namespace

Result<PeerPage<PeerChannel>> parse_peer_channels(std::string_view json) {
  return parse_by_creation<PeerChannel>(json, peer_channel_of);
}

Result<PeerPage<PeerDevice>> parse_peer_devices(std::string_view json) {
  return parse_by_creation<PeerDevice>(json, [](const PeerObject& entry) {
    return PeerDevice{peer_text(entry, "uid"), peer_text(entry, "token"),
                      peer_byte(entry, "device_flag"), peer_byte(entry, "device_level")};
  });
}

Result<std::vector<PeerConversation>> parse_peer_conversations(std::string_view json) {
  std::vector<PeerConversation> conversations;
  const auto take = [&](const PeerObject& entry) {
    conversations.push_back({peer_text(entry, "uid"), peer_text(entry, "channel_id"),
                             peer_byte(entry, "channel_type"), peer_flag(entry, "type"),
                             peer_number(entry, "readed_to_msg_seq")});
  };
  JD_TRY([[maybe_unused]] const PeerObject answer, each_of(json, "data", take));
  return conversations;
}

Result<std::vector<PeerMessage>> parse_peer_messages(std::string_view json, bool& more) {
  std::vector<PeerMessage> messages;
  const auto take = [&](const PeerObject& entry) { messages.push_back(peer_message_of(entry)); };
  JD_TRY(const PeerObject answer, each_of(json, "messages", take));
  more = peer_flag(answer, "more");
  return messages;
}

Result<std::vector<PeerChannel>> parse_peer_search(std::string_view json, std::uint64_t& last) {
  std::vector<PeerChannel> channels;
  const auto take = [&](const PeerObject& entry) {
    channels.push_back(peer_channel_of(entry));
    last = std::max(last, peer_id(entry, "message_id"));
  };
  JD_TRY([[maybe_unused]] const PeerObject answer, each_of(json, "data", take));
  return channels;
}

Result<std::vector<std::string>> parse_peer_uids(std::string_view json) {
  std::vector<std::string> uids;
  JD_TRY(const PeerElement root, parse_answer(json));
  if (root.is_null()) return uids;
  simdjson::dom::array entries;
  if (root.get(entries) != simdjson::SUCCESS) return no_page();
  for (const PeerElement entry : entries) {
    std::string_view uid;
    if (entry.get(uid) != simdjson::SUCCESS) return no_page();
    uids.emplace_back(uid);
  }
  return uids;
}

void write_imported(codec::JsonWriter& json, const PeerMessage& message) {
  json.begin_object();
  json.number("message_id", message.id);
  json.number("message_seq", message.seq);
  json.string("from_uid", message.from_uid);
  json.string("client_msg_no", message.client_msg_no);
  json.number("timestamp", message.timestamp);
  json.begin_object("header");
  json.flag("red_dot", message.red_dot);
  json.end_object();
  json.number("setting", message.setting);
  json.string("topic", message.topic);
  json.number("expire", message.expire);
  json.string("payload", message.payload);
  json.end_object();
}

}  // namespace jindou::caller
