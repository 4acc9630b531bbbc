#include "api/conversation_routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/body_reader.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/reading.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using conversation::Conversation;
using conversation::ConversationReader;
using conversation::ListQuery;
using conversation::MessagesQuery;
using partition::ChangeConversation;
using partition::History;

// Messages with each conversation of one answer, at most and when the caller says nothing where
// none is not what was meant.
constexpr std::int64_t kRecentsMax = 50;
constexpr std::int64_t kMessagesDefault = 15;
// Messages of one channel in POST /conversation/syncMessages.
constexpr std::int64_t kMessagesMax = 1000;
constexpr std::int64_t kPageSizeMax = 500;

// "channel_id:channel_type:seq". An id may hold ':' itself, so it is split at the last two.
std::optional<ListQuery::KnownChannel> parse_known_channel(std::string_view entry) {
  const auto number = [](std::string_view digits, auto& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const auto last = entry.rfind(':');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const auto middle = entry.rfind(':', last - 1);
  if (middle == std::string_view::npos || middle == 0) return std::nullopt;
  ListQuery::KnownChannel channel;
  std::uint8_t type = 0;
  if (!number(entry.substr(middle + 1, last - middle - 1), type)) return std::nullopt;
  if (!number(entry.substr(last + 1), channel.seq)) return std::nullopt;
  channel.channel_id = entry.substr(0, middle);
  channel.type = static_cast<ChannelType>(type);
  return channel;
}

// Entries joined by '|'. An id may hold one, so an entry ends only where ":type:seq" stands before
// it. What is left over is no entry and is ignored.
std::vector<ListQuery::KnownChannel> parse_known(std::string_view text) {
  std::vector<ListQuery::KnownChannel> known;
  std::size_t bar = 0;
  while (!text.empty()) {
    if (text.front() == '|') {
      text.remove_prefix(1);
      continue;
    }
    bar = text.find('|', bar);
    auto channel = parse_known_channel(text.substr(0, bar));
    if (bar == std::string_view::npos) {
      if (channel) known.push_back(std::move(*channel));
      break;
    }
    if (!channel) {
      ++bar;
      continue;
    }
    known.push_back(std::move(*channel));
    text.remove_prefix(bar + 1);
    bar = 0;
  }
  return known;
}

// A conversation whose messages carry their events.
struct Shown {
  Conversation conversation;
  EventfulMessages recents;
};

// Older recents are left out when there is no room for them. Blocks.
Result<std::vector<Shown>> with_events(const History& history, std::vector<Conversation> list,
                                       AnswerRoom room) {
  std::vector<Shown> shown;
  shown.reserve(list.size());
  for (Conversation& conversation : list) {
    Shown& entry = shown.emplace_back();
    JD_TRY(entry.recents, add_events(history, std::move(conversation.recents), room));
    entry.conversation = std::move(conversation);
  }
  return shown;
}

void write_conversations(JsonWriter& json, const std::vector<Shown>& list, std::string_view uid) {
  json.begin_array();
  for (const Shown& entry : list) {
    const Conversation& conversation = entry.conversation;
    json.begin_object();
    json.string("channel_id", channel_id_for(conversation.channel, uid));
    json.number("channel_type", raw(conversation.channel.type));
    json.number("unread", conversation.unread);
    json.number("timestamp", conversation.timestamp);
    json.number("last_msg_seq", conversation.last_seq);
    json.string("last_client_msg_no", conversation.last_client_msg_no);
    json.number("offset_msg_seq", 0);
    json.number("readed_to_msg_seq", conversation.read_to);
    json.number("version", conversation.version);
    if (conversation.deleted) json.number("is_deleted", 1);
    json.begin_array("recents");
    write_all(json, entry.recents, uid);
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

Task<void> post_sync(Services& services, Request& request, Response& response) {
  ListQuery query;
  std::string problem;
  {
    BodyReader body(request.body);
    query.uid = body.id("uid");
    query.version = std::max<std::int64_t>(0, body.signed_number("version"));
    query.known = parse_known(body.text("last_msg_seqs"));
    const std::int64_t recents = body.signed_number("msg_count");
    query.recents = static_cast<std::size_t>(std::clamp<std::int64_t>(recents, 0, kRecentsMax));
    query.only_unread = body.flag("only_unread");
    query.deleted = body.flag("with_deleted");
    for (const std::uint8_t type : body.bytes("exclude_channel_types")) {
      query.exclude_types.push_back(static_cast<ChannelType>(type));
    }
    query.page = static_cast<std::size_t>(std::max<std::int64_t>(0, body.signed_number("page")));
    query.page_size = static_cast<std::size_t>(
        std::clamp<std::int64_t>(body.signed_number("page_size"), 0, kPageSizeMax));
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&reader, &history, query, room]() -> Result<std::vector<Shown>> {
    JD_TRY(std::vector<Conversation> list, reader.load_list(query));
    return with_events(history, std::move(list), room);
  };
  const auto room_to_read =
      co_await services.options.read_budget->take(services.options.wide_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const auto list = co_await services.deps.blocking.run(std::move(work));
  if (!list) {
    answer_error(response, list.error());
    co_return;
  }
  JsonWriter json(response.body);
  write_conversations(json, *list, query.uid);
}

// One entry of the member `channels`.
struct NamedChannel {
  std::string channel_id;  // as the caller wrote it
  ChannelKey key;
  std::uint64_t last_seq = 0;
};

// Reads the member `channels`; problems are noted in `body`.
std::vector<NamedChannel> read_channels(BodyReader& body, std::string_view uid,
                                        std::size_t channels_max) {
  std::vector<NamedChannel> channels;
  std::vector<BodyReader> entries = body.objects("channels");
  if (entries.size() > channels_max) {
    body.fail("channels must not have more than " + std::to_string(channels_max) + " entries");
    return channels;
  }
  for (BodyReader& entry : entries) {
    NamedChannel& channel = channels.emplace_back();
    channel.channel_id = entry.text("channel_id");
    const ChannelType type = entry.channel_type();
    channel.last_seq = entry.number("last_msg_seq");
    if (!entry.ok()) {
      body.fail("channels: " + entry.problem());
      break;
    }
    auto key = read_channel(uid, channel.channel_id, type);
    if (!key) {
      body.fail("channels: " + key.error().detail());
      break;
    }
    channel.key = std::move(*key);
  }
  return channels;
}

Task<void> post_sync_by_channels(Services& services, Request& request, Response& response) {
  std::string uid;
  std::vector<NamedChannel> channels;
  std::int64_t recents = 0;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = body.id("uid");
    if (body.ok()) channels = read_channels(body, uid, services.options.lookups_max);
    if (channels.empty()) body.fail("channels is required");
    recents = body.signed_number("msg_count");
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto count =
      static_cast<std::size_t>(recents <= 0 ? kMessagesDefault : std::min(recents, kRecentsMax));
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&reader, &history, uid, channels, count, room]() -> Result<std::vector<Shown>> {
    std::vector<ChannelKey> keys;
    keys.reserve(channels.size());
    for (const NamedChannel& channel : channels) {
      JD_TRY(ChannelKey key, load_settled_channel(history, channel.key));
      keys.push_back(std::move(key));
    }
    JD_TRY(std::vector<Conversation> list, reader.load_some(uid, keys, count));
    return with_events(history, std::move(list), room);
  };
  const auto room_to_read =
      co_await services.options.read_budget->take(services.options.wide_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const auto list = co_await services.deps.blocking.run(std::move(work));
  if (!list) {
    answer_error(response, list.error());
    co_return;
  }
  JsonWriter json(response.body);
  write_conversations(json, *list, uid);
}

Task<void> post_channels(Services& services, Request& request, Response& response) {
  std::string uid;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = body.id("uid");
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  auto work = [&reader, uid] { return reader.load_channels(uid); };
  const auto channels = co_await services.deps.blocking.run(std::move(work));
  if (!channels) {
    answer_error(response, channels.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_array();
  for (const ChannelKey& channel : *channels) {
    json.begin_object();
    json.string("channel_id", channel_id_for(channel, uid));
    json.number("channel_type", raw(channel.type));
    json.string("internal_id", channel.id);
    json.end_object();
  }
  json.end_array();
}

// What POST /conversation/syncMessages answers for one channel.
struct ChannelPage {
  EventfulMessages messages;
  std::uint64_t user_last_seq = 0;
};

// Blocks. Errors: storage; too_large, when the answer would hold more than `room` has.
Result<std::vector<ChannelPage>> load_channel_pages(const ConversationReader& reader,
                                                    const History& history, std::string_view uid,
                                                    const std::vector<NamedChannel>& channels,
                                                    std::size_t limit, bool newest_first,
                                                    AnswerRoom room) {
  std::vector<ChannelPage> pages;
  for (const NamedChannel& channel : channels) {
    MessagesQuery query;
    JD_TRY(query.channel, load_settled_channel(history, channel.key));
    query.from_seq = channel.last_seq;
    query.limit = limit;
    query.newest_first = newest_first;
    JD_TRY(auto loaded, reader.load_messages(uid, query));
    ChannelPage& page = pages.emplace_back();
    page.user_last_seq = loaded.user_last_seq;
    JD_TRY(page.messages, add_events(history, std::move(loaded.messages), room));
    if (room.full()) {
      return Error(Errc::too_large, "the answer is too large: ask for fewer channels or messages");
    }
  }
  return pages;
}

Task<void> post_sync_messages(Services& services, Request& request, Response& response) {
  std::string uid;
  std::vector<NamedChannel> channels;
  std::int64_t count = 0;
  bool newest_first = false;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = body.id("uid");
    if (body.ok()) channels = read_channels(body, uid, services.options.lookups_max);
    count = body.signed_number("msg_count");
    newest_first = body.flag("order_by_last");
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto limit =
      static_cast<std::size_t>(count <= 0 ? kMessagesDefault : std::min(count, kMessagesMax));
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&reader, &history, uid, channels, limit, newest_first, room] {
    return load_channel_pages(reader, history, uid, channels, limit, newest_first, room);
  };
  const auto room_to_read =
      co_await services.options.read_budget->take(services.options.wide_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const auto pages = co_await services.deps.blocking.run(std::move(work));
  if (!pages) {
    answer_error(response, pages.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_array();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    json.begin_object();
    json.string("channel_id", channels[i].channel_id);
    json.number("channel_type", raw(channels[i].key.type));
    json.begin_array("messages");
    write_all(json, (*pages)[i].messages, uid);
    json.end_array();
    json.number("user_last_msg_seq", (*pages)[i].user_last_seq);
    json.end_object();
  }
  json.end_array();
}

// Reads whose conversation is meant, and `value_name` (if not empty) into `value`. Empty, or what
// is wrong with the body.
std::string read_action(const Request& request, std::string_view value_name,
                        ChangeConversation& wanted) {
  BodyReader body(request.body);
  const std::string uid = body.id("uid");
  const std::string channel_id = body.text("channel_id");
  const ChannelType type = body.channel_type();
  if (!value_name.empty()) wanted.value = body.number(value_name);
  if (!body.ok()) return body.problem();
  auto key = read_channel(uid, channel_id, type);
  if (!key) return key.error().detail();
  const bool paired = type == ChannelType::person || type == ChannelType::agent;
  if (paired && peer_in_pair(key->id, uid).empty()) {
    return "uid is not one of the two users of the channel";
  }
  wanted.channel = std::move(*key);
  wanted.uids.push_back(uid);
  return {};
}

Task<void> act(Services& services, Request& request, Response& response,
               ChangeConversation::Operation operation, std::string_view value_name) {
  ChangeConversation wanted;
  wanted.operation = operation;
  const std::string problem = read_action(request, value_name, wanted);
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  co_await settle_and_change(services, request, response, std::move(wanted));
}

Task<void> post_clear_unread(Services& services, Request& request, Response& response) {
  return act(services, request, response, ChangeConversation::Operation::read, "message_seq");
}
Task<void> post_set_unread(Services& services, Request& request, Response& response) {
  return act(services, request, response, ChangeConversation::Operation::set_unread, "unread");
}
Task<void> post_delete(Services& services, Request& request, Response& response) {
  return act(services, request, response, ChangeConversation::Operation::remove, "");
}
Task<void> post_activate(Services& services, Request& request, Response& response) {
  return act(services, request, response, ChangeConversation::Operation::activate, "");
}

}  // namespace

std::span<const Route> conversation_routes() {
  static constexpr std::array<Route, 12> routes = {{
      {Verb::post, "/conversation/sync", post_sync, Auth::manager,
       "The conversations of a user, newest first"},
      {Verb::post, "/conversations/sync", post_sync, Auth::manager,
       "Another name for /conversation/sync"},
      {Verb::post, "/conversation/syncMessages", post_sync_messages, Auth::manager,
       "Messages of several channels"},
      {Verb::post, "/conversation/channels", post_channels, Auth::manager,
       "The channels of a user's conversations"},
      {Verb::post, "/conversation/syncByChannels", post_sync_by_channels, Auth::manager,
       "The conversations of a user with the channels named"},
      {Verb::post, "/conversations/clearUnread", post_clear_unread, Auth::manager,
       "Marks a conversation as read"},
      {Verb::post, "/conversation/clearUnread", post_clear_unread, Auth::manager,
       "Another name for /conversations/clearUnread"},
      {Verb::post, "/conversations/setUnread", post_set_unread, Auth::manager,
       "Sets the unread count of a conversation"},
      {Verb::post, "/conversation/setUnread", post_set_unread, Auth::manager,
       "Another name for /conversations/setUnread"},
      {Verb::post, "/conversations/delete", post_delete, Auth::manager,
       "Hides a conversation until a newer message comes"},
      {Verb::post, "/conversation/delete", post_delete, Auth::manager,
       "Another name for /conversations/delete"},
      {Verb::post, "/conversations/activate", post_activate, Auth::manager,
       "Brings a conversation to the front of /conversation/list"},
  }};
  return routes;
}

}  // namespace jindou::api
