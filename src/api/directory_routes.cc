#include "api/directory_routes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/body_reader.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/directory_cursor.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using conversation::Directory;
using conversation::DirectoryEntry;
using conversation::DirectoryPage;
using conversation::DirectoryQuery;

// Documented for POST /conversation/list.
constexpr std::uint64_t kLimitDefault = 50;
constexpr std::uint64_t kLimitMax = 200;

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
  query.uid = body.id("uid");
  const std::uint64_t limit = body.number("limit", kLimitMax);
  query.limit = limit == 0 ? kLimitDefault : limit;
  constexpr auto kLatest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  query.covered_ns = static_cast<std::int64_t>(body.number("completed_coverage", kLatest));
  const std::string cursor = body.text("cursor");
  if (!body.ok() || cursor.empty()) return body.problem();
  auto after = decode_cursor(cursor);
  if (!after) return std::string(after.error().detail());
  query.after = std::move(*after);
  return {};
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
      co_await services.options.read_budget->take(services.options.page_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  write_page(response, *page, query.uid, query.covered_ns);
}

// The member `channels`; problems are noted in `body`.
std::vector<ChannelKey> read_channels(BodyReader& body, std::string_view uid) {
  std::vector<ChannelKey> channels;
  std::vector<BodyReader> entries = body.objects("channels");
  if (entries.empty()) body.fail("channels is required");
  if (entries.size() > kLimitMax) {
    body.fail("channels must not have more than " + std::to_string(kLimitMax) + " entries");
    return channels;
  }
  for (BodyReader& entry : entries) {
    const std::string channel_id = entry.text("channel_id");
    const ChannelType type = entry.channel_type();
    if (!entry.ok()) body.fail("channels: " + entry.problem());
    if (!body.ok()) break;
    auto key = read_channel(uid, channel_id, type);
    if (!key) {
      body.fail("channels: " + std::string(key.error().detail()));
      break;
    }
    channels.push_back(std::move(*key));
  }
  return channels;
}

Task<void> post_retry(Services& services, Request& request, Response& response) {
  std::string uid;
  std::vector<ChannelKey> channels;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = body.id("uid");
    if (body.ok()) channels = read_channels(body, uid);
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
      co_await services.options.read_budget->take(services.options.page_read_bytes());
  if (!room_to_read) {
    answer_error(response, room_to_read.error());
    co_return;
  }
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  write_page(response, *page, uid, 0);
}

}  // namespace

std::span<const Route> directory_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/conversation/list", post_list, Auth::manager,
       "A user's conversations page by page, with what was deleted"},
      {Verb::post, "/conversation/retry", post_retry, Auth::manager,
       "Conversations that a page of /conversation/list left unresolved"},
  }};
  return routes;
}

}  // namespace jindou::api
