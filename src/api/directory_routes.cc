#include "api/directory_routes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/directory_cursor.h"
#include "api/loaded_answers.h"
#include "api/reader_gate.h"
#include "bodies/conversations.h"
#include "bodies/read.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using conversation::Directory;
using conversation::DirectoryEntry;
using conversation::DirectoryPage;
using conversation::DirectoryQuery;

void write_keys(JsonWriter& json, std::string_view name, const std::vector<ChannelKey>& channels,
                std::string_view uid) {
  json.begin_array(name);
  for (const ChannelKey& channel : channels) {
    json.begin_object();
    json.string("channel_id", channel_id_for(channel, uid));
    json.number("channel_type", raw(channel.type));
    json.end_object();
  }
  json.end_array();
}

void write_last_message(JsonWriter& json, const std::optional<Message>& message) {
  if (!message) {
    json.key("last_message");
    json.null();
    return;
  }
  json.begin_object("last_message");
  json.number("message_id", raw(message->id));
  json.number_string("message_idstr", raw(message->id));
  json.number("message_seq", raw(message->seq));
  // Nobody is shown the built-in account.
  json.string("from_uid", message->from_uid == kSystemUid ? std::string_view() : message->from_uid);
  json.string("client_msg_no", message->client_msg_no);
  // The stamp runs ahead of the wall clock when that has gone back.
  const std::uint64_t part_ns = std::min<std::uint64_t>(message->timestamp_ns, 999'999'999);
  json.number("server_timestamp_ms",
              message->timestamp * 1'000 + static_cast<std::int64_t>(part_ns / 1'000'000));
  json.base64("payload", message->payload);
  json.end_object();
}

void write_entry(JsonWriter& json, const DirectoryEntry& entry, std::string_view uid) {
  json.begin_object();
  json.string("channel_id", channel_id_for(entry.channel, uid));
  json.number("channel_type", raw(entry.channel.type));
  json.number("active_at", entry.active_at_ns);
  json.number("read_seq", entry.read_to);
  json.number("deleted_to_seq", entry.deleted_to);
  json.number("unread", entry.unread);
  write_last_message(json, entry.last_message);
  json.end_object();
}

// `covered_ns`: what the client says it has everything up to; 0: nothing.
void write_page(Response& response, const DirectoryPage& page, std::string_view uid,
                std::int64_t covered_ns) {
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_array("conversations");
  for (const DirectoryEntry& entry : page.entries) write_entry(json, entry, uid);
  json.end_array();
  write_keys(json, "deletes", page.deleted, uid);
  write_keys(json, "unresolved", page.unresolved, uid);
  if (page.last) json.string("next_cursor", encode_cursor(*page.last));
  json.boolean("done", page.done);
  json.number("coverage", page.coverage_ns);
  json.number("tombstones_retained_since", page.deletions_since_ns);
  json.boolean("reset_required", covered_ns > 0 && covered_ns < page.deletions_since_ns);
  json.end_object();
}

std::string read_list_query(const Request& request, DirectoryQuery& query) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::ConversationList>(body);
  query.uid = std::move(given.uid);
  query.limit = given.limit;
  query.covered_ns = static_cast<std::int64_t>(given.completed_coverage);
  if (!body.ok() || given.cursor.empty()) return body.problem();
  auto after = decode_cursor(given.cursor);
  if (!after) return std::string(after.error().detail());
  query.after = std::move(*after);
  return {};
}

// As in conversation_routes.cc: messages of channels that a reader is not in are not shown to him.
Task<Result<void>> drop_messages_of_others(Services& services, Request& request,
                                           DirectoryPage& page) {
  if (request.reader == nullptr) co_return Result<void>();
  std::vector<ChannelKey> channels;
  channels.reserve(page.entries.size());
  for (const DirectoryEntry& entry : page.entries) channels.push_back(entry.channel);
  const auto own = co_await find_own_channels(services, request, std::move(channels));
  if (!own) co_return Result<void>(own.error());
  for (std::size_t i = 0; i < page.entries.size(); ++i) {
    if (!(*own)[i]) page.entries[i].last_message.reset();
  }
  co_return Result<void>();
}

// The answer of both routes.
Task<void> answer_directory(Services& services, Request& request, Response& response,
                            DirectoryPage page, std::string uid, std::int64_t covered_ns) {
  const auto dropped = co_await drop_messages_of_others(services, request, page);
  if (!dropped) {
    answer_error(response, dropped.error());
    co_return;
  }
  write_page(response, page, uid, covered_ns);
}

Task<void> post_list(Services& services, Request& request, Response& response) {
  DirectoryQuery query;
  const std::string problem = read_list_query(request, query);
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const Directory& directory = services.deps.directory;
  auto work = [&directory, query] { return directory.load_page(query); };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  auto page = co_await load_or_answer(services, response, std::move(work));
  if (!page) co_return;
  co_await answer_directory(services, request, response, std::move(*page), std::move(query.uid),
                            query.covered_ns);
}

Task<void> post_conversation_retry(Services& services, Request& request, Response& response) {
  std::string uid;
  std::vector<ChannelKey> channels;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::ConversationRetry>(body);
    channels = read_channels(body, given.uid, given.channels);
    uid = std::move(given.uid);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const Directory& directory = services.deps.directory;
  const partition::History& history = services.deps.history;
  auto work = [&directory, &history, uid, channels]() -> Result<DirectoryPage> {
    std::vector<ChannelKey> settled;
    settled.reserve(channels.size());
    for (const ChannelKey& channel : channels) {
      JD_TRY(ChannelKey key, load_settled_channel(history, channel));
      settled.push_back(std::move(key));
    }
    return directory.load_some(uid, settled);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  auto page = co_await load_or_answer(services, response, std::move(work));
  if (!page) co_return;
  co_await answer_directory(services, request, response, std::move(*page), std::move(uid), 0);
}

}  // namespace

std::span<const Route> directory_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/conversation/list", post_list, Auth::read_own,
       "A user's conversations page by page, with what was deleted"},
      {Verb::post, "/conversation/retry", post_conversation_retry, Auth::read_own,
       "Conversations that a page of /conversation/list left unresolved"},
  }};
  return routes;
}

}  // namespace jindou::api
