#include "api/conversation_routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "api/reader_gate.h"
#include "api/reading.h"
#include "bodies/conversations.h"
#include "bodies/read.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using conversation::Conversation;
using conversation::ConversationReader;
using conversation::ListQuery;
using conversation::MessagesQuery;
using partition::ChangeConversation;
using partition::History;

// ":255:" and the 20 digits of a seq.
constexpr std::size_t kTailBytesMax = 25;
// What an entry takes beside its id, in the query and in what is made of it to look channels up.
constexpr std::size_t kKnownBytes = 256;

// "channel_id:channel_type:seq". An id may hold ':' itself, so it is split at the last two. Costs
// the same however long the entry is: it is asked at each '|' of a text of the caller's.
std::optional<ListQuery::KnownChannel> parse_known_channel(std::string_view entry) {
  const auto number = [](std::string_view digits, auto& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const std::size_t from = entry.size() - std::min(entry.size(), kTailBytesMax);
  const std::string_view tail = entry.substr(from);
  const auto last = tail.rfind(':');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const auto middle = tail.rfind(':', last - 1);
  if (middle == std::string_view::npos || from + middle == 0) return std::nullopt;
  ListQuery::KnownChannel channel;
  std::uint8_t type = 0;
  if (!number(tail.substr(middle + 1, last - middle - 1), type)) return std::nullopt;
  if (!number(tail.substr(last + 1), channel.seq)) return std::nullopt;
  channel.channel_id = entry.substr(0, from + middle);
  channel.type = static_cast<ChannelType>(type);
  return channel;
}

// Entries joined by '|'. An id may hold one, so an entry ends only where ":type:seq" stands before
// it. What is left over is no entry and is ignored. Ends behind `most` entries, with one more.
std::vector<ListQuery::KnownChannel> parse_known(std::string_view text, std::size_t most) {
  std::vector<ListQuery::KnownChannel> known;
  std::size_t bar = 0;
  while (!text.empty() && known.size() <= most) {
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

std::size_t memory_of(const std::vector<ListQuery::KnownChannel>& known) {
  std::size_t bytes = 0;
  for (const auto& channel : known) bytes += kKnownBytes + 2 * channel.channel_id.size();
  return bytes;
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

// A conversation may be that of a user who is not in the channel, because somebody has set what he
// has read there. Who reads with a token of his own is not shown its messages.
Task<Result<void>> drop_recents_of_others(Services& services, Request& request,
                                          std::vector<Shown>& list) {
  if (request.reader == nullptr) co_return Result<void>();
  std::vector<std::size_t> places;
  std::vector<ChannelKey> channels;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].recents.messages.empty()) continue;
    places.push_back(i);
    channels.push_back(list[i].conversation.channel);
  }
  const auto own = co_await find_own_channels(services, request, std::move(channels));
  if (!own) co_return Result<void>(own.error());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!(*own)[i]) list[places[i]].recents = EventfulMessages();
  }
  co_return Result<void>();
}

Task<void> post_sync(Services& services, Request& request, Response& response) {
  const std::size_t known_max = services.options.known_channels_max;
  ListQuery query;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::ConversationSync>(body);
    query.uid = std::move(given.uid);
    query.version = static_cast<std::int64_t>(given.version);
    query.known = parse_known(given.last_msg_seqs, known_max);
    if (query.known.size() > known_max) {
      body.fail_member("last_msg_seqs",
                       "must not have more than " + std::to_string(known_max) + " entries");
    }
    query.recents = given.msg_count;
    query.only_unread = given.only_unread;
    query.deleted = given.with_deleted;
    for (const std::uint8_t type : given.exclude_channel_types) {
      query.exclude_types.push_back(static_cast<ChannelType>(type));
    }
    query.page = given.page;
    query.page_size = given.page_size;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  const std::string uid = query.uid;
  const std::size_t bytes = services.options.wide_read_bytes() + memory_of(query.known);
  auto work = [&reader, &history, query = std::move(query), room]() -> Result<std::vector<Shown>> {
    JD_TRY(std::vector<Conversation> list, reader.load_list(query));
    return with_events(history, std::move(list), room);
  };
  const auto room_to_read = co_await room_or_answer(services, response, bytes);
  if (!room_to_read) co_return;
  auto list = co_await load_or_answer(services, response, std::move(work));
  if (!list) co_return;
  const auto dropped = co_await drop_recents_of_others(services, request, *list);
  if (!dropped) {
    answer_error(response, dropped.error());
    co_return;
  }
  JsonWriter json(response.body);
  write_conversations(json, *list, uid);
}

Task<void> post_sync_by_channels(Services& services, Request& request, Response& response) {
  bodies::SyncByChannels wanted;
  std::vector<ChannelKey> channels;
  std::string problem;
  {
    BodyReader body(request.body);
    wanted = bodies::read<bodies::SyncByChannels>(body, services.options.body_limits());
    channels = read_channels(body, wanted.uid, wanted.channels);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto allowed = co_await check_own_channels(services, request, channels);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&reader, &history, uid = wanted.uid, channels = std::move(channels),
               count = wanted.msg_count, room]() -> Result<std::vector<Shown>> {
    std::vector<ChannelKey> keys;
    keys.reserve(channels.size());
    for (const ChannelKey& channel : channels) {
      JD_TRY(ChannelKey key, load_settled_channel(history, channel));
      keys.push_back(std::move(key));
    }
    JD_TRY(std::vector<Conversation> list, reader.load_some(uid, keys, count));
    return with_events(history, std::move(list), room);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.wide_read_bytes());
  if (!room_to_read) co_return;
  const auto list = co_await load_or_answer(services, response, std::move(work));
  if (!list) co_return;
  JsonWriter json(response.body);
  write_conversations(json, *list, wanted.uid);
}

Task<void> post_channels(Services& services, Request& request, Response& response) {
  std::string uid;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = bodies::read<bodies::OneUser>(body).uid;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  auto work = [&reader, uid] { return reader.load_channels(uid); };
  const auto channels = co_await load_or_answer(services, response, std::move(work));
  if (!channels) co_return;
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

// `channels` are the keys of those wanted. Blocks. Errors: storage; too_large, when the answer
// would hold more than `room` has.
Result<std::vector<ChannelPage>> load_channel_pages(const ConversationReader& reader,
                                                    const History& history,
                                                    const bodies::SyncMessages& wanted,
                                                    const std::vector<ChannelKey>& channels,
                                                    AnswerRoom room) {
  std::vector<ChannelPage> pages;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    MessagesQuery query;
    JD_TRY(query.channel, load_settled_channel(history, channels[i]));
    query.from_seq = wanted.channels[i].last_msg_seq;
    query.limit = wanted.msg_count;
    query.newest_first = wanted.order_by_last;
    JD_TRY(auto loaded, reader.load_messages(wanted.uid, query));
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
  bodies::SyncMessages wanted;
  std::vector<ChannelKey> channels;
  std::string problem;
  {
    BodyReader body(request.body);
    wanted = bodies::read<bodies::SyncMessages>(body, services.options.body_limits());
    channels = read_channels(body, wanted.uid, wanted.channels);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto allowed = co_await check_own_channels(services, request, channels);
  if (!allowed) {
    answer_read_error(response, allowed.error());
    co_return;
  }
  const ConversationReader& reader = services.deps.conversations;
  const History& history = services.deps.history;
  const AnswerRoom room(services.options.answer_bytes_max, services.options.page_bytes_max);
  auto work = [&reader, &history, wanted, channels = std::move(channels), room] {
    return load_channel_pages(reader, history, wanted, channels, room);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.wide_read_bytes());
  if (!room_to_read) co_return;
  const auto pages = co_await load_or_answer(services, response, std::move(work));
  if (!pages) co_return;
  JsonWriter json(response.body);
  json.begin_array();
  for (std::size_t i = 0; i < pages->size(); ++i) {
    json.begin_object();
    json.string("channel_id", wanted.channels[i].channel_id);
    json.number("channel_type", raw(wanted.channels[i].channel_type));
    json.begin_array("messages");
    write_all(json, (*pages)[i].messages, wanted.uid);
    json.end_array();
    json.number("user_last_msg_seq", (*pages)[i].user_last_seq);
    json.end_object();
  }
  json.end_array();
}

// Whose conversation is meant. Empty, or what is wrong with that.
std::string take_conversation(const bodies::UserChannel& given, ChangeConversation& wanted) {
  const ChannelType type = given.channel_type;
  auto key = read_channel(given.uid, given.channel_id, type);
  if (!key) return key.error().detail();
  const bool paired = type == ChannelType::person || type == ChannelType::agent;
  if (paired && peer_in_pair(key->id, given.uid).empty()) {
    return "uid is not one of the two users of the channel";
  }
  wanted.channel = std::move(*key);
  wanted.uids.push_back(given.uid);
  return {};
}

Task<void> act(Services& services, Request& request, Response& response, std::string problem,
               bodies::UserChannel given, ChangeConversation wanted) {
  if (problem.empty()) problem = take_conversation(given, wanted);
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  co_await settle_and_change(services, request, response, std::move(wanted));
}

Task<void> post_clear_unread(Services& services, Request& request, Response& response) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::ClearUnread>(body);
  ChangeConversation wanted;
  wanted.operation = ChangeConversation::Operation::read;
  wanted.value = given.message_seq;
  return act(services, request, response, body.problem(), std::move(given.conversation),
             std::move(wanted));
}

Task<void> post_set_unread(Services& services, Request& request, Response& response) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::SetUnread>(body);
  ChangeConversation wanted;
  wanted.operation = ChangeConversation::Operation::set_unread;
  wanted.value = given.unread;
  return act(services, request, response, body.problem(), std::move(given.conversation),
             std::move(wanted));
}

Task<void> act_without_value(Services& services, Request& request, Response& response,
                             ChangeConversation::Operation operation) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::UserChannel>(body);
  ChangeConversation wanted;
  wanted.operation = operation;
  return act(services, request, response, body.problem(), std::move(given), std::move(wanted));
}

Task<void> post_conversation_delete(Services& services, Request& request, Response& response) {
  return act_without_value(services, request, response, ChangeConversation::Operation::remove);
}
Task<void> post_activate(Services& services, Request& request, Response& response) {
  return act_without_value(services, request, response, ChangeConversation::Operation::activate);
}

}  // namespace

std::span<const Route> conversation_routes() {
  static constexpr std::array<Route, 12> routes = {{
      {Verb::post, "/conversation/sync", post_sync, Auth::read_own,
       "The conversations of a user, newest first"},
      {Verb::post, "/conversations/sync", post_sync, Auth::read_own,
       "Another name for /conversation/sync"},
      {Verb::post, "/conversation/syncMessages", post_sync_messages, Auth::read_own,
       "Messages of several channels"},
      {Verb::post, "/conversation/channels", post_channels, Auth::read_own,
       "The channels of a user's conversations"},
      {Verb::post, "/conversation/syncByChannels", post_sync_by_channels, Auth::read_own,
       "The conversations of a user with the channels named"},
      {Verb::post, "/conversations/clearUnread", post_clear_unread, Auth::administer,
       "Marks a conversation as read"},
      {Verb::post, "/conversation/clearUnread", post_clear_unread, Auth::administer,
       "Another name for /conversations/clearUnread"},
      {Verb::post, "/conversations/setUnread", post_set_unread, Auth::administer,
       "Sets the unread count of a conversation"},
      {Verb::post, "/conversation/setUnread", post_set_unread, Auth::administer,
       "Another name for /conversations/setUnread"},
      {Verb::post, "/conversations/delete", post_conversation_delete, Auth::administer,
       "Hides a conversation until a newer message comes"},
      {Verb::post, "/conversation/delete", post_conversation_delete, Auth::administer,
       "Another name for /conversations/delete"},
      {Verb::post, "/conversations/activate", post_activate, Auth::administer,
       "Brings a conversation to the front of /conversation/list"},
  }};
  return routes;
}

}  // namespace jindou::api
