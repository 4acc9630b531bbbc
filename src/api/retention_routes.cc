#include "api/retention_routes.h"

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "bodies/read.h"
#include "bodies/retention.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using partition::History;
using partition::RetentionLimits;

// The channel a body names. Problems are noted in `body`.
ChannelKey take_place(BodyReader& body, const bodies::ChannelPlace& place) {
  if (!body.ok()) return ChannelKey();
  auto key = read_channel(place.login_uid, place.channel_id, place.channel_type);
  if (key) return std::move(*key);
  body.fail(key.error().detail());
  return ChannelKey();
}

struct Deletion {
  partition::DeleteMessages change;
  std::vector<std::uint64_t> ids;
};

std::string read_deletion(const Services& services, const Request& request, Deletion& wanted) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::DeleteMessages>(body);
  wanted.change.channel = take_place(body, given.place);
  wanted.ids = std::move(given.message_ids);
  if (given.message_id != 0) wanted.ids.push_back(given.message_id);
  wanted.change.seqs = std::move(given.message_seqs);
  const std::size_t count = wanted.ids.size() + wanted.change.seqs.size();
  if (count == 0) body.fail("message_id, message_ids or message_seqs is required");
  if (count > services.options.lookups_max) {
    body.fail("at most " + std::to_string(services.options.lookups_max) +
              " messages can be deleted at once");
  }
  return body.problem();
}

// From ids to seqs. Ids of other channels, and of commands, are left out. Blocks.
Result<partition::DeleteMessages> resolve(const History& history, const Deletion& wanted) {
  partition::DeleteMessages change;
  JD_TRY(change.channel, load_settled_channel(history, wanted.change.channel));
  for (const std::uint64_t seq : wanted.change.seqs) {
    if (seq != 0) change.seqs.push_back(seq);
  }
  for (const std::uint64_t id : wanted.ids) {
    JD_TRY(const std::optional<Message> message, history.load_by_id(static_cast<MessageId>(id)));
    if (!message || message->flags.sync_once || message->channel != change.channel) continue;
    change.seqs.push_back(raw(message->seq));
  }
  return change;
}

Task<void> post_message_delete(Services& services, Request& request, Response& response) {
  Deletion wanted;
  const std::string problem = read_deletion(services, request, wanted);
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const History& history = services.deps.history;
  auto work = [&history, wanted] { return resolve(history, wanted); };
  auto resolved = co_await load_or_answer(services, response, std::move(work));
  if (!resolved) co_return;
  if (resolved->seqs.empty()) {
    // Gone already, which is what the caller wants.
    answer_ok(response, services.options.status_style);
    co_return;
  }
  const auto done = co_await change(services, request, std::move(*resolved));
  answer_done(response, done, services.options.status_style);
}

Task<void> post_clear(Services& services, Request& request, Response& response) {
  partition::ClearMessages wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    const auto given = bodies::read<bodies::ClearMessages>(body);
    wanted.channel = take_place(body, given.place);
    wanted.up_to = given.message_seq;
    if (wanted.up_to == 0) wanted.up_to = std::numeric_limits<std::uint64_t>::max();
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  co_await settle_and_change(services, request, response, std::move(wanted));
}

Task<void> post_retention(Services& services, Request& request, Response& response) {
  partition::SetRetention wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    const auto given = bodies::read<bodies::ChannelRetention>(body);
    wanted.channel = take_place(body, given.place);
    wanted.max_age_seconds = given.max_age;
    wanted.max_count = given.max_count;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  co_await settle_and_change(services, request, response, std::move(wanted));
}

// A limit in force and where it comes from.
void write_limit(JsonWriter& json, const char* name, const char* source_name,
                 const std::optional<std::uint64_t>& own,
                 const std::optional<std::uint64_t>& configured) {
  json.number(name, own ? *own : configured.value_or(0));
  json.string(source_name, own ? "channel" : "default");
}

Task<void> get_retention(Services& services, Request& request, Response& response) {
  const std::string channel_id = request.query_value("channel_id");
  const auto type = read_query_type(request.query_value("channel_type"));
  if (!type) {
    answer_error(response, type.error());
    co_return;
  }
  const auto key = read_channel(request.query_value("login_uid"), channel_id, *type);
  if (!key) {
    answer_error(response, key.error());
    co_return;
  }
  auto work = [&deps = services.deps, channel = *key]() -> Result<RetentionLimits> {
    JD_TRY(const ChannelKey settled, load_settled_channel(deps.history, channel));
    return deps.records.load_retention(settled);
  };
  const auto own = co_await load_or_answer(services, response, std::move(work));
  if (!own) co_return;
  RetentionLimits configured;
  if (services.options.retention_defaults) configured = services.options.retention_defaults(*type);
  JsonWriter json(response.body);
  json.begin_object();
  json.string("channel_id", channel_id);
  json.number("channel_type", raw(*type));
  write_limit(json, "max_age", "max_age_source", own->max_age_seconds, configured.max_age_seconds);
  write_limit(json, "max_count", "max_count_source", own->max_count, configured.max_count);
  json.end_object();
}

}  // namespace

std::span<const Route> retention_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::post, "/message/delete", post_message_delete, Auth::administer,
       "Deletes single messages of a channel"},
      {Verb::post, "/channel/clear_messages", post_clear, Auth::administer,
       "Deletes the messages of a channel up to a seq"},
      {Verb::post, "/channel/retention", post_retention, Auth::administer,
       "Sets how long a channel keeps its messages, and how many", Ports::both},
      {Verb::get, "/channel/retention", get_retention, Auth::read,
       "How long a channel keeps its messages, and why", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
