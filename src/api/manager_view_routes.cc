#include "api/manager_view_routes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/grants.h"
#include "api/listing_pages.h"
#include "api/loaded_answers.h"
#include "api/message_views.h"
#include "api/query_number.h"
#include "api/text_formats.h"
#include "codec/json_writer.h"
#include "config/secrets.h"
#include "conversation/conversation_reader.h"
#include "http/query.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using conversation::Conversation;

constexpr PageLimits kManagedViewLimits{50, 200};
constexpr std::size_t kManagedRecentsMax = 10;

// ---- messages -----------------------------------------------------------------------------------

void write_managed_message(JsonWriter& json, const Message& message, std::string_view viewer) {
  json.number_string("message_id", raw(message.id));
  json.number("message_seq", raw(message.seq));
  json.string("client_msg_no", message.client_msg_no);
  json.string("channel_id",
              viewer.empty() ? message.channel.id : shown_channel_id(message, viewer));
  json.number("channel_type", raw(message.channel.type));
  json.string("from_uid", message.from_uid);
  json.number("timestamp", message.timestamp);
  json.base64("payload", message.payload);
}

struct ManagedMessagesRequest : PageRequest {
  MessageWish wish;
};

// Errors: invalid.
Result<ManagedMessagesRequest> read_managed_messages(const Services& services,
                                                     const Request& request) {
  JD_TRY(MessageWish wish, read_message_wish(services, request));
  if (!request.query_value("message_id").empty()) {
    const auto id = query_number(request, "message_id", ~std::uint64_t{0});
    if (!id || *id == 0) return Error(Errc::invalid, "message_id must be the id of a message");
    wish.id = static_cast<MessageId>(*id);
  }
  JD_TRY(PageRequest page, PageRequest::read(request, list_of_channel("m/messages", wish.channel),
                                             kManagedViewLimits, {}));
  wish.limit = page.query().limit;
  wish.before_seq = http::query_number(page.query().from);
  return ManagedMessagesRequest{std::move(page), std::move(wish)};
}

Task<void> get_managed_messages(Services& services, Request& request, Response& response) {
  const auto load = [](const ApiDeps& deps, const ManagedMessagesRequest& asked) {
    return load_message_view(deps, asked.wish);
  };
  const auto write = [](JsonWriter& json, const PageRequest& page, const MessageView& found) {
    json.objects("items", found.messages, [](JsonWriter& out, const Message& message) {
      write_managed_message(out, message, {});
    });
    page.write_end(json,
                   found.more ? std::to_string(raw(found.messages.back().seq)) : std::string());
  };
  return answer_large(services, response, services.options.page_read_bytes(),
                      read_managed_messages(services, request), load, write);
}

// ---- conversations ------------------------------------------------------------------------------

struct ManagedConversationsRequest : PageRequest {
  conversation::ListQuery wish;
};

// A place as a page's cursor has it, and back.
std::string text_of_place(const conversation::ListPlace& place) {
  return std::to_string(place.stored_at_ns) + ' ' + std::to_string(raw(place.id));
}
conversation::ListPlace place_of_text(std::string_view text) {
  const std::size_t space = text.find(' ');
  const auto stored_at_ns = static_cast<std::int64_t>(http::query_number(text.substr(0, space)));
  return {stored_at_ns, static_cast<MessageId>(http::query_number(text.substr(space + 1)))};
}

// Errors: invalid.
Result<ManagedConversationsRequest> read_managed_conversations(const Request& request) {
  conversation::ListQuery wish;
  wish.uid = request.query_value("uid");
  if (const auto problem = id_problem(wish.uid); !problem.empty()) {
    return Error(Errc::invalid, "uid " + std::string(problem));
  }
  wish.recents = 1;
  if (!request.query_value("msg_count").empty()) {
    const auto count = query_number(request, "msg_count", kManagedRecentsMax);
    if (!count) {
      return Error(Errc::invalid,
                   "msg_count must be a number from 0 to " + std::to_string(kManagedRecentsMax));
    }
    wish.recents = static_cast<std::size_t>(*count);
  }
  const std::string unread = request.query_value("only_unread");
  if (unread == "1" || unread == "true") {
    wish.only_unread = true;
  } else if (!unread.empty() && unread != "0" && unread != "false") {
    return Error(Errc::invalid, "only_unread must be true or false");
  }
  const std::string list = wish.only_unread ? "m/unread/" : "m/conversations/";
  JD_TRY(PageRequest page, PageRequest::read(request, list + wish.uid, kManagedViewLimits, {}));
  if (!page.query().from.empty()) wish.below = place_of_text(page.query().from);
  wish.page = 1;
  wish.page_size = page.query().limit + 1;  // one more tells whether there are more
  return ManagedConversationsRequest{std::move(page), std::move(wish)};
}

void write_managed_conversation(JsonWriter& json, const Conversation& conversation,
                                std::string_view uid) {
  json.string("uid", uid);
  json.string("channel_id", channel_id_for(conversation.channel, uid));
  json.number("channel_type", raw(conversation.channel.type));
  json.number("unread", conversation.unread);
  json.number("timestamp", conversation.timestamp);
  json.number("last_msg_seq", conversation.last_seq);
  json.string("last_client_msg_no", conversation.last_client_msg_no);
  json.number("read_to_msg_seq", conversation.read_to);
  json.number("version", conversation.version);
  json.objects(
      "recent_messages", conversation.recents,
      [uid](JsonWriter& out, const Message& message) { write_managed_message(out, message, uid); });
}

Task<void> get_managed_conversations(Services& services, Request& request, Response& response) {
  const auto load = [](const ApiDeps& deps, const ManagedConversationsRequest& asked) {
    return deps.conversations.load_list(asked.wish);
  };
  const auto write = [](JsonWriter& json, const ManagedConversationsRequest& asked,
                        const std::vector<Conversation>& found) {
    const conversation::ListQuery& wish = asked.wish;
    const std::size_t limit = asked.query().limit;
    const bool more = found.size() > limit;
    json.string("uid", wish.uid);
    json.number("limit", limit);
    json.number("msg_count", wish.recents);
    json.boolean("only_unread", wish.only_unread);
    json.boolean("truncated", more);
    const std::span shown(found.data(), std::min(found.size(), limit));
    json.objects("items", shown, [&wish](JsonWriter& out, const Conversation& conversation) {
      write_managed_conversation(out, conversation, wish.uid);
    });
    asked.write_end(json, more ? text_of_place(shown.back().place) : std::string());
  };
  return answer_large(services, response, services.options.wide_read_bytes(),
                      read_managed_conversations(request), load, write);
}

// ---- the server ---------------------------------------------------------------------------------

struct GuardedResource {
  std::string_view name;
  std::string_view description;
};
// What a login of the manager port is asked for; reading asks for none of them.
constexpr std::array kGuardedResources = {
    GuardedResource{"backups", "Make backups."},
    GuardedResource{"batches", "Recall what a batch has sent."},
    GuardedResource{"channel", "Change channels and their lists; ban users."},
    GuardedResource{"config", "Have the settings read again."},
    GuardedResource{"conn", "End connections."},
    GuardedResource{"import", "Store messages of another server."},
    GuardedResource{"jobs", "Pause, resume, end and delete jobs."},
    GuardedResource{"message", "Send a batch; recall and edit messages."},
    GuardedResource{"tag", "Drop cached receivers."},
    GuardedResource{"user", "Make users' devices quit."},
    GuardedResource{"webhook", "Have the webhook tell again what it has given up."},
    GuardedResource{"*", "Everything."},
};

Task<void> get_managed_permissions(Services& services, Request& request, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.boolean("auth_enabled", services.access.on());
  json.string("current_user", request.user);
  json.begin_array("users");
  for (const access::UserRights& user : services.access.users()) {
    json.begin_object();
    json.string("username", user.name);
    write_grants(json, "permissions", user.permissions);
    json.end_object();
  }
  json.end_array();
  json.begin_array("resources");
  for (const GuardedResource& resource : kGuardedResources) {
    json.begin_object();
    json.string("resource", resource.name);
    json.begin_array("actions");
    json.string("w");
    json.end_array();
    json.string("description", resource.description);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  co_return;
}

// Secrets are not in it, only whether they are set. With the values in force: what waits for a
// restart is not there yet.
Task<void> get_managed_config(Services& services, Request&, Response& response) {
  std::shared_ptr<const config::Settings> settings;
  if (services.deps.settings) settings = services.deps.settings();
  if (settings == nullptr) settings = std::make_shared<const config::Settings>();
  std::shared_ptr<const config::SettingSources> sources;
  if (services.deps.setting_sources) sources = services.deps.setting_sources();
  if (sources == nullptr) sources = std::make_shared<const config::SettingSources>();
  JsonWriter json(response.body);
  json.begin_object();
  json.string("file", sources->file);
  json.begin_array("items");
  for (const config::ShownSetting& shown : config::shown_settings(*settings, sources->origins)) {
    json.begin_object();
    json.string("key", shown.key);
    json.string("value", shown.value);
    json.string("origin", shown.origin);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  co_return;
}

constexpr std::array<std::string_view, 5> kWebhookEvents = {
    "msg.notify", "msg.offline", "user.onlinestatus", "msg.recall", "msg.edit"};

Task<void> get_managed_webhook(Services& services, Request&, Response& response) {
  std::shared_ptr<const config::Settings> settings;
  if (services.deps.settings) settings = services.deps.settings();
  const config::WebhookSettings webhook = settings ? settings->webhook : config::WebhookSettings();
  JsonWriter json(response.body);
  json.begin_object();
  json.boolean("enabled", !webhook.http_addr.empty() || !webhook.grpc_addr.empty());
  json.string("http_addr", config::without_credentials(webhook.http_addr));
  json.string("grpc_addr", config::without_credentials(webhook.grpc_addr));
  json.begin_array("focus_events");
  for (const std::string& event : webhook.focus_events) json.string(event);
  json.end_array();
  json.begin_array("supported_events");
  for (const std::string_view event : kWebhookEvents) json.string(event);
  json.end_array();
  json.number("queue_size", webhook.backlog_max);
  json.number("workers", webhook.workers);
  json.number("msg_notify_batch_max_items", webhook.msg_notify_event_count_per_push);
  json.string("msg_notify_batch_max_wait",
              short_duration_text(webhook.msg_notify_event_push_interval));
  json.string("request_timeout", short_duration_text(webhook.timeout));
  json.number("retry_max_attempts", webhook.msg_notify_event_retry_max_count);
  json.string("source", "configuration");
  json.boolean("requires_restart", false);
  json.end_object();
  co_return;
}

void write_node(JsonWriter& json, Services& services, bool ready, const std::string& now) {
  const OnlineCounts online =
      services.deps.online_counts ? services.deps.online_counts() : OnlineCounts();
  const presence::TrafficTotals totals =
      services.deps.traffic_totals ? services.deps.traffic_totals() : presence::TrafficTotals();
  const std::uint16_t partitions = services.options.partitions;
  json.begin_object();
  json.number("node_id", services.options.node_id);
  json.string("name", "jindou-" + std::to_string(services.options.node_id));
  json.string("addr", services.options.api_url);
  json.string("status", "alive");
  json.string("last_heartbeat_at", now);
  json.boolean("is_local", true);
  json.number("capacity_weight", 1);
  json.begin_object("membership");
  json.string("role", "data");
  json.string("join_state", "active");
  json.boolean("schedulable", true);
  json.end_object();
  json.begin_object("health");
  json.string("status", "alive");
  json.string("last_heartbeat_at", now);
  json.boolean("fresh", true);
  json.string("freshness", "fresh");
  json.boolean("runtime_ready", ready);
  json.end_object();
  json.begin_object("slot_stats");
  json.number("count", partitions);
  json.number("leader_count", partitions);
  json.end_object();
  json.begin_object("slots");
  json.number("replica_count", partitions);
  json.number("leader_count", partitions);
  json.number("follower_count", 0);
  json.end_object();
  json.begin_object("runtime");
  json.number("node_id", services.options.node_id);
  json.number("active_online", online.sessions);
  json.number("total_online", online.sessions);
  json.number("gateway_sessions", totals.connections);
  json.boolean("accepting_new_sessions", ready);
  json.end_object();
  json.end_object();
}

Task<void> get_managed_nodes(Services& services, Request&, Response& response) {
  const std::string now = rfc3339(services.deps.clock.wall_ms());
  JsonWriter json(response.body);
  json.begin_object();
  json.string("generated_at", now);
  json.number("controller_leader_id", services.options.node_id);
  json.number("total", 1);
  json.begin_array("items");
  write_node(json, services, services.deps.accepting(), now);
  json.end_array();
  json.end_object();
  co_return;
}

}  // namespace

std::span<const Route> manager_view_routes() {
  static constexpr std::array<Route, 6> routes = {{
      {Verb::get, "/manager/messages", get_managed_messages, Auth::read,
       "The messages of a channel, the newest first, as the v3 manager lists them", Ports::both},
      {Verb::get, "/manager/conversations", get_managed_conversations, Auth::read,
       "The recent conversations of a user, as the v3 manager lists them", Ports::both},
      {Verb::get, "/manager/permissions", get_managed_permissions, Auth::administer,
       "Who may log in, and what they may do", Ports::both},
      {Verb::get, "/manager/config", get_managed_config, Auth::administer,
       "The settings in force, and where each is from", Ports::both},
      {Verb::get, "/manager/webhooks/config", get_managed_webhook, Auth::administer,
       "How the webhook is configured", Ports::both},
      {Verb::get, "/manager/nodes", get_managed_nodes, Auth::read, "The nodes", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
