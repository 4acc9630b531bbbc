#include "api/history_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/body_reader.h"
#include "api/channel_ids.h"
#include "api/query.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using channel::History;
using channel::RangePage;
using channel::RangeQuery;
using codec::JsonWriter;

void write_page(JsonWriter& json, std::uint64_t start_seq, std::uint64_t end_seq, bool more,
                const std::vector<Message>& messages, std::string_view viewer) {
  json.begin_object();
  json.number("start_message_seq", start_seq);
  json.number("end_message_seq", end_seq);
  json.flag("more", more);
  json.begin_array("messages");
  for (const Message& message : messages) write_message(json, message, viewer);
  json.end_array();
  json.end_object();
}

// A message that was sent to some of a channel's users only is nobody else's business.
bool may_read(const Message& message, std::string_view viewer) {
  if (viewer.empty() || message.subscribers.empty() || message.from_uid == viewer) return true;
  return std::ranges::find(message.subscribers, viewer) != message.subscribers.end();
}

Task<void> post_messagesync(Services& services, Request& request, Response& response) {
  RangeQuery query;
  std::string channel_id;
  ChannelType type = ChannelType::none;
  std::string problem;
  {
    BodyReader body(request.body);
    query.viewer = body.id("login_uid");
    channel_id = body.text("channel_id");
    type = body.channel_type();
    query.start_seq = body.number("start_message_seq");
    query.end_seq = body.number("end_message_seq");
    query.limit = body.signed_number("limit");
    query.towards_newer = body.number("pull_mode") == 1;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  auto key = read_channel(query.viewer, channel_id, type);
  if (!key) {
    answer_error(response, key.error());
    co_return;
  }
  query.channel = std::move(*key);
  const History& history = services.deps.history;
  // Copied: the work may outlive this call when the process stops.
  auto work = [&history, query] { return history.load_range(query); };
  const auto page = co_await services.deps.blocking.run(std::move(work));
  if (!page) {
    answer_error(response, page.error());
    co_return;
  }
  JsonWriter json(response.body);
  write_page(json, query.start_seq, query.end_seq, page->more, page->messages, query.viewer);
}

Task<void> get_max_message_seq(Services& services, Request& request, Response& response) {
  const std::uint64_t number = query_number(request.query_value("channel_type"));
  const auto type = static_cast<ChannelType>(number > 255 ? 0 : number);
  const auto key =
      read_channel(request.query_value("login_uid"), request.query_value("channel_id"), type);
  if (!key) {
    answer_error(response, key.error());
    co_return;
  }
  const History& history = services.deps.history;
  auto work = [&history, channel = *key] { return history.load_last_seq(channel); };
  const auto seq = co_await services.deps.blocking.run(std::move(work));
  if (!seq) {
    answer_error(response, seq.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.number("message_seq", raw(*seq));
  json.end_object();
}

// What POST /messages and POST /message ask for.
struct Lookup {
  std::optional<ChannelKey> channel;  // empty: by id alone, in all channels
  std::string viewer;
  std::vector<std::uint64_t> seqs;
  std::vector<std::uint64_t> ids;
  std::vector<std::string> client_msg_nos;
};

// Found messages in the order seqs, ids, client numbers. Blocks.
Result<std::vector<Message>> load_all(const History& history, const Lookup& lookup) {
  std::vector<Message> found;
  const auto take = [&](Result<std::optional<Message>>& loaded) {
    if (!*loaded) return;
    Message& message = **loaded;
    if (lookup.channel && message.channel != *lookup.channel) return;
    if (may_read(message, lookup.viewer)) found.push_back(std::move(message));
  };
  for (const std::uint64_t seq : lookup.seqs) {
    if (seq == 0) continue;
    auto loaded = history.load_by_seq(*lookup.channel, static_cast<MessageSeq>(seq));
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  for (const std::uint64_t id : lookup.ids) {
    if (id == 0) continue;
    auto loaded = history.load_by_id(static_cast<MessageId>(id));
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  for (const std::string& number : lookup.client_msg_nos) {
    if (number.empty()) continue;
    auto loaded = history.load_by_client_msg_no(*lookup.channel, number);
    if (!loaded) return std::move(loaded).error();
    take(loaded);
  }
  return found;
}

// Reads the members that say where to look. False: answered.
bool read_place(BodyReader& body, Lookup& lookup, Response& response) {
  lookup.viewer = body.text("login_uid");
  const std::string channel_id = body.text("channel_id");
  const ChannelType type = body.channel_type();
  if (!body.ok()) {
    answer_invalid(response, body.problem());
    return false;
  }
  if (is_blank(channel_id)) return true;
  auto key = read_channel(lookup.viewer, channel_id, type);
  if (!key) {
    answer_error(response, key.error());
    return false;
  }
  lookup.channel = std::move(*key);
  return true;
}

bool read_messages_body(const Services& services, const Request& request, Lookup& lookup,
                        Response& response) {
  BodyReader body(request.body);
  if (!read_place(body, lookup, response)) return false;
  lookup.ids = body.numbers("message_ids");
  if (lookup.channel) {
    lookup.seqs = body.numbers("message_seqs");
    lookup.client_msg_nos = body.texts("client_msg_nos");
  } else if (lookup.ids.empty()) {
    body.fail("message_ids is required");
  }
  const std::size_t selectors =
      lookup.ids.size() + lookup.seqs.size() + lookup.client_msg_nos.size();
  if (selectors > services.options.lookups_max) {
    body.fail("at most " + std::to_string(services.options.lookups_max) +
              " messages can be looked up at once");
  }
  if (!body.ok()) answer_invalid(response, body.problem());
  return body.ok();
}

Task<void> post_messages(Services& services, Request& request, Response& response) {
  Lookup lookup;
  if (!read_messages_body(services, request, lookup, response)) co_return;
  const History& history = services.deps.history;
  auto work = [&history, lookup] { return load_all(history, lookup); };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  if (lookup.channel) {
    JsonWriter json(response.body);
    write_page(json, 0, 0, false, *found, lookup.viewer);
    co_return;
  }
  if (found->empty()) {
    answer_error(response, 404, errc_name(Errc::not_found), "none of the messages was found");
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_array();
  for (const Message& message : *found) write_message(json, message, lookup.viewer);
  json.end_array();
}

bool read_message_body(const Request& request, Lookup& lookup, Response& response) {
  BodyReader body(request.body);
  if (!read_place(body, lookup, response)) return false;
  const std::uint64_t id = body.message_id("message_id");
  std::string number = body.text("client_msg_no");
  if (id != 0) {
    lookup.ids.push_back(id);
  } else if (number.empty()) {
    body.fail("message_id or client_msg_no is required");
  } else if (!lookup.channel) {
    body.fail("client_msg_no needs channel_id and channel_type");
  } else {
    lookup.client_msg_nos.push_back(std::move(number));
  }
  if (!body.ok()) answer_invalid(response, body.problem());
  return body.ok();
}

Task<void> post_message(Services& services, Request& request, Response& response) {
  Lookup lookup;
  if (!read_message_body(request, lookup, response)) co_return;
  const History& history = services.deps.history;
  auto work = [&history, lookup] { return load_all(history, lookup); };
  const auto found = co_await services.deps.blocking.run(std::move(work));
  if (!found) {
    answer_error(response, found.error());
    co_return;
  }
  if (found->empty()) {
    answer_error(response, 404, errc_name(Errc::not_found), "message not found");
    co_return;
  }
  JsonWriter json(response.body);
  write_message(json, found->front(), lookup.viewer);
}

}  // namespace

std::span<const Route> history_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::post, "/channel/messagesync", post_messagesync, Auth::manager,
       "Reads a range of a channel's messages"},
      {Verb::get, "/channel/max_message_seq", get_max_message_seq, Auth::manager,
       "The last message_seq of a channel"},
      {Verb::post, "/messages", post_messages, Auth::manager, "Looks up several messages"},
      {Verb::post, "/message", post_message, Auth::manager, "Looks up one message"},
  }};
  return routes;
}

}  // namespace jindou::api
