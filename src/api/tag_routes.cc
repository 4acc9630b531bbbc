#include "api/tag_routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/connection_routes.h"
#include "api/core_calls.h"
#include "api/text_formats.h"
#include "bodies/operators.h"
#include "bodies/read.h"
#include "model/partition_map.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::Recipients;

// Other servers cache the receivers of a channel under a random key, a "tag". Here the partition of
// the channel knows them; what is shown is computed for the request, and its key names the channel:
// "2:g1".
std::string tag_key_of(const ChannelKey& channel) {
  return std::to_string(raw(channel.type)) + ':' + channel.id;
}

std::optional<ChannelKey> channel_of_tag(std::string_view key) {
  unsigned type = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), type);
  const auto digits = static_cast<std::size_t>(end - key.data());
  if (error != std::errc() || type < 1 || type > 255) return std::nullopt;
  if (digits >= key.size() || key[digits] != ':') return std::nullopt;
  auto channel = read_channel({}, key.substr(digits + 1), static_cast<ChannelType>(type));
  if (!channel) return std::nullopt;
  return std::move(*channel);
}

struct Receivers {
  std::vector<std::string> uids;  // ascending
  std::vector<std::uint16_t> partitions;
};

Receivers list_receivers(const Recipients& recipients, PartitionMap map) {
  Receivers out;
  if (recipients.subscribers) {
    out.uids.assign(recipients.subscribers->begin(), recipients.subscribers->end());
  }
  out.uids.insert(out.uids.end(), recipients.listed.begin(), recipients.listed.end());
  std::ranges::sort(out.uids);
  out.uids.erase(std::unique(out.uids.begin(), out.uids.end()), out.uids.end());
  if (recipients.excluded) {
    std::erase_if(out.uids,
                  [&](const std::string& uid) { return recipients.excluded->contains(uid); });
  }
  std::vector<bool> used(map.count());
  for (const std::string& uid : out.uids) used[raw(map.of_user(uid))] = true;
  for (const PartitionId id : map.ids()) {
    if (used[raw(id)]) out.partitions.push_back(raw(id));
  }
  return out;
}

// Who receives; nobody at all when the channel is unknown.
Task<Result<Receivers>> load_receivers(Services& services, Request& request, ChannelKey channel) {
  auto recipients = co_await ask_recipients(services, request, std::move(channel));
  if (!recipients) co_return std::move(recipients).error();
  // A group of 100,000 takes tens of milliseconds to sort.
  auto work = [found = std::move(*recipients), map = PartitionMap(services.options.partitions)] {
    return Result<Receivers>(list_receivers(found, map));
  };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// The channel a query asks for; nothing when it names none. An error is what is wrong with it.
Result<std::optional<ChannelKey>> wanted_channel(const Request& request) {
  const std::string key = request.query_value("tag_key");
  if (!key.empty()) return channel_of_tag(key);
  const std::string id = request.query_value("channel_id");
  if (id.empty()) return std::optional<ChannelKey>();
  JD_TRY(const ChannelType type, read_query_type(request.query_value("channel_type")));
  auto channel = read_channel(request.query_value("login_uid"), id, type);
  if (!channel) return std::move(channel).error();
  return std::optional<ChannelKey>(std::move(*channel));
}

// What a query asks for: a channel and who receives in it. Nobody when it names no channel.
struct WantedTag {
  ChannelKey channel;
  Receivers receivers;
};

Task<Result<WantedTag>> load_wanted(Services& services, Request& request) {
  auto channel = wanted_channel(request);
  if (!channel) co_return std::move(channel).error();
  WantedTag tag;
  if (!*channel) co_return std::move(tag);
  tag.channel = **channel;
  auto found = co_await load_receivers(services, request, std::move(**channel));
  if (!found) co_return std::move(found).error();
  tag.receivers = std::move(*found);
  co_return std::move(tag);
}

void write_tag_channel(JsonWriter& json, const ChannelKey& channel) {
  json.string("key", tag_key_of(channel));
  json.string("channel_id", channel.id);
  json.number("channel_type", raw(channel.type));
}

void write_nodes(JsonWriter& json, const Services& services, const Receivers& receivers,
                 bool with_count) {
  json.begin_array("nodes");
  json.begin_object();
  json.number("leader_id", services.options.node_id);
  if (with_count) json.number("uid_count", receivers.uids.size());
  json.begin_array("uids");
  for (const std::string& uid : receivers.uids) json.string(uid);
  json.end_array();
  json.begin_array("slot_ids");
  for (const std::uint16_t partition : receivers.partitions) json.number(partition);
  json.end_array();
  json.end_object();
  json.end_array();
}

Task<void> get_tag(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  if (request.query_value("tag_key").empty() && request.query_value("channel_id").empty()) {
    answer_invalid(response, "channel_id and channel_type are required, or tag_key");
    co_return;
  }
  auto tag = co_await load_wanted(services, request);
  if (!tag) {
    answer_error(response, tag.error());
    co_return;
  }
  if (tag->receivers.uids.empty()) {
    answer_invalid(response, "tag not found");
    co_return;
  }
  const std::string now = rfc3339(services.deps.clock.wall_ms());
  JsonWriter json(response.body);
  json.begin_object();
  write_tag_channel(json, tag->channel);
  write_nodes(json, services, tag->receivers, false);
  json.string("created_at", now);
  json.string("last_get_time", now);
  json.number("node_version", 0);
  json.number("get_count", 0);
  json.end_object();
}

Task<void> get_tags(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  auto tag = co_await load_wanted(services, request);
  if (!tag) {
    answer_error(response, tag.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_array();
  if (!tag->receivers.uids.empty()) {
    const std::string now = rfc3339(services.deps.clock.wall_ms());
    json.begin_object();
    write_tag_channel(json, tag->channel);
    write_nodes(json, services, tag->receivers, true);
    json.string("created_at", now);
    json.string("expire_at", now);
    json.string("last_get_at", now);
    json.number("node_version", 0);
    json.number("get_count", 0);
    json.end_object();
  }
  json.end_array();
}

// There is no cache that could be stale, so a well-formed call finds everything done.
Task<void> post_tag_remove(Services& services, Request& request, Response& response) {
  std::uint64_t node = 0;
  std::string problem;
  {
    bodies::BodyReader body(request.body);
    node = bodies::read<bodies::ForgetTag>(body).node_id;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
  } else if (admit_node(services, node, response)) {
    answer_ok(response, services.options.status_style);
  }
  co_return;
}

}  // namespace

std::span<const Route> tag_routes() {
  static constexpr std::array<Route, 3> routes = {{
      {Verb::get, "/tag", get_tag, Auth::read, "Who would receive a message to a channel",
       Ports::both},
      {Verb::get, "/tags", get_tags, Auth::read, "The same as a list", Ports::both},
      {Verb::post, "/tag/remove", post_tag_remove, Auth::administer,
       "Forgets cached receivers: has nothing to do here", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
