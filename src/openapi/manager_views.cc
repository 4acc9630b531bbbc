// What the released managers of this interface show.
#include "observe/audit_event.h"
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::vector<Parameter> joined_query(std::vector<Parameter> first, std::vector<Parameter> rest) {
  for (Parameter& parameter : rest) first.push_back(std::move(parameter));
  return first;
}

Parameter managed_keyword() { return {"keyword", text(""), "Only ids that begin so.", {}}; }

std::vector<Property> managed_slot() {
  return {need("slot_id", integer("The partition.", 0, 65535)),
          need("hash_slot", integer("The same.", 0, 65535))};
}

std::vector<Property> managed_channel() {
  std::vector<Property> members = managed_slot();
  members.push_back(need("channel_id", text("As it is stored.")));
  members.push_back(need("channel_type", channel_type()));
  members.push_back(need("ban", boolean("Nobody can send.")));
  members.push_back(need("disband", boolean("Dissolved.")));
  members.push_back(need("send_ban", boolean("Members cannot send.")));
  return members;
}

std::string managed_connection() {
  return object({need("node_id", integer("The node that has it.")),
                 need("session_id", integer("The `id` of GET /connz.")),
                 need("uid", text("Whose it is.")), need("device_id", text("As the client said.")),
                 need("device_flag", text("app, web, pc, system or unknown.")),
                 need("device_level", word({"master", "slave"}, "")),
                 need("slot_id", integer("The partition of the user.", 0, 65535)),
                 need("state", word({"active"}, "")),
                 need("listener", word({"tcp", "ws", "tls", "wss"}, "")),
                 need("connected_at", date_time("")), need("remote_addr", text("host:port.")),
                 need("local_addr", text("Empty."))});
}

std::string managed_message() {
  return object(
      {need("message_id", text("Decimal digits.")),
       need("message_seq", integer("In its channel.", 1)),
       need("client_msg_no", text("As the sender numbered it.")),
       need("channel_id", text("As it is stored; of a conversation as its user sees it.")),
       need("channel_type", channel_type()), need("from_uid", text("The sender.")),
       need("timestamp", integer("Seconds since 1970.")), need("payload", base64("The content."))});
}

void add_managed_channels(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::get,
      .path = "/manager/channels",
      .tag = Tag::monitoring,
      .description = "As GET /channels, with the members of the v3 manager.",
      .query = joined_query(
          {{"type", channel_type(), "Only this type.", "2"}, managed_keyword(), this_node()},
          page_query(50, 200)),
      .answer = page_of(object(managed_channel())),
  });
  const std::vector<Parameter> place = {path_part("channel_type", channel_type(), "2"),
                                        path_part("channel_id", text(""), R"("group1")")};
  std::vector<Property> detail = managed_channel();
  detail.push_back(need("has_subscribers", boolean("Somebody is a subscriber.")));
  detail.push_back(need("has_allowlist", boolean("Somebody is on the allowlist.")));
  detail.push_back(need("has_denylist", boolean("Somebody is on the denylist.")));
  out.push_back({
      .method = Verb::get,
      .path = "/manager/channels/{channel_type}/{channel_id}",
      .tag = Tag::monitoring,
      .query = place,
      .answer = object(detail),
      .others = {{404, "It was never created and has no messages.", {}}},
  });
  for (const std::string_view path : {"/manager/channels/{channel_type}/{channel_id}/subscribers",
                                      "/manager/channels/{channel_type}/{channel_id}/allowlist",
                                      "/manager/channels/{channel_type}/{channel_id}/denylist"}) {
    std::vector<Parameter> query = joined_query(place, page_query(100, 500));
    query.push_back({"prefix", text(""), "Only uids that begin so.", {}});
    query.push_back({"uid", text(""), "Only this user, if on the list; not with `cursor`.", {}});
    out.push_back({
        .method = Verb::get,
        .path = path,
        .tag = Tag::monitoring,
        .query = std::move(query),
        .answer = page_of(object({need("uid", text("The user."))})),
    });
  }
}

void add_managed_users(std::vector<Operation>& out) {
  std::vector<Property> user = managed_slot();
  user.push_back(need("uid", text("The user.")));
  user.push_back(need("online", boolean("Online on this node.")));
  std::vector<Property> listed = user;
  listed.push_back(need("online_device_count", integer("Device flags that are online.")));
  listed.push_back(need("online_device_flags", array(text("app, web, pc, system or unknown."))));
  listed.push_back(need("device_count", integer("Stored devices.")));
  listed.push_back(need("token_set_count", integer("Those with a token.")));
  out.push_back({
      .method = Verb::get,
      .path = "/manager/users",
      .tag = Tag::monitoring,
      .description = "As GET /users, with the members of the v3 manager.",
      .query = joined_query({managed_keyword()}, page_query(50, 200)),
      .answer = page_of(object(listed)),
  });
  user.push_back(
      need("devices", array(object({need("device_flag", text("app, web, pc, system or unknown.")),
                                    need("device_level", word({"master", "slave"}, "")),
                                    need("token_set", boolean("There is one.")),
                                    need("online", boolean("Online on this node.")),
                                    need("online_session_count", integer("On this node."))}))));
  user.push_back(need("connections", array(managed_connection())));
  out.push_back({
      .method = Verb::get,
      .path = "/manager/users/{uid}",
      .tag = Tag::monitoring,
      .description = "Tokens are never told.",
      .query = {path_part("uid", text(""), R"("u1")")},
      .answer = object(user),
      .others = {{404, "Nothing is stored of the user, who is not online either.", {}}},
  });
  out.push_back({
      .method = Verb::get,
      .path = "/manager/system-users",
      .tag = Tag::monitoring,
      .answer = object({need("items", array(object({need("uid", text("The account."))}))),
                        need("total", integer("How many."))}),
      .others = {{413, "There are more than api.wholeListMax.", {}}},
  });
  out.push_back({
      .method = Verb::get,
      .path = "/manager/connections",
      .tag = Tag::monitoring,
      .description = "By session_id; `total` is how many are on the page.",
      .query = joined_query(
          {{"uid", text(""), "Only of users whose uid has this in it.", {}}, this_node()},
          page_query(100, 100)),
      .answer = page_of(managed_connection(), {need("total", integer("On the page."))}),
  });
}

void add_managed_messages(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::get,
      .path = "/manager/messages",
      .tag = Tag::monitoring,
      .description = "The newest first. With `message_id` or `client_msg_no` that message alone.",
      .query = joined_query({{"channel_id", text(""), "As GET /channel/info.", R"("group1")", true},
                             {"channel_type", channel_type(), "Its type.", "2", true},
                             {"message_id", message_id(""), "Only this one.", {}},
                             {"client_msg_no", text(""), "Only this one.", {}}},
                            page_query(50, 200)),
      .answer = page_of(managed_message()),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/manager/conversations",
      .tag = Tag::monitoring,
      .description = "The newest first, as many as conversation.userMaxCount. What a newer message "
                     "brings to the front meanwhile is not on the pages that follow.",
      .query =
          joined_query({{"uid", text(""), "The user.", R"("u1")", true},
                        {"msg_count", integer("", 0, 10), "Messages of each; 1 unless given.", "1"},
                        {"only_unread", text(""), "true: only those with unread messages.", {}}},
                       page_query(50, 200)),
      .answer = page_of(
          object({need("uid", text("The user.")),
                  need("channel_id", text("The other user for type 1.")),
                  need("channel_type", channel_type()), need("unread", integer("Unread messages.")),
                  need("timestamp", integer("Of the newest message.")),
                  need("last_msg_seq", integer("Of the newest message.")),
                  need("last_client_msg_no", text("Of the newest message.")),
                  need("read_to_msg_seq", integer("Read up to here.")),
                  need("version", integer("As POST /conversation/sync.")),
                  need("recent_messages", array(managed_message()))}),
          {need("uid", text("The user.")), need("limit", integer("As in the query.")),
           need("msg_count", integer("As in the query.")),
           need("only_unread", boolean("As in the query.")),
           need("truncated", boolean("As has_more."))}),
  });
}

void add_managed_audit(std::vector<Operation>& out) {
  const std::string line = object({
      need("id", integer("Of the line; newer ones have larger ones.")),
      need("time", date_time("When it was written.")),
      need("event", word(observe::kAuditEventNames, "What it is about.")),
      may("action", text("Method and route.")),
      may("port", word({"api", "manager"}, "Where it was asked.")),
      may("status", integer("Of the answer.")),
      may("outcome", word({"ok", "denied", "failed", "unknown"}, "Whether it was done.")),
      may("cause", text("Why the caller was refused.")),
      may("by", text("What the caller has shown: token, key, login, reader, password, open, "
                     "nobody, signal.")),
      may("who", text("Whose that is.")),
      may("address", text("Of the caller.")),
      may("target", text("What it was done to, as channel/2/g1.")),
      may("with", map(anything("Flags, numbers and ids of the request."))),
      may("with_bytes", integer("With ids too long for a line: so many bytes.")),
      may("request_id", text("X-Request-Id.")),
      may("trace_id", text("The trace that the request belongs to.")),
      may("seconds", number("How long it took.")),
      may("left_out", integer("Refusals before it that have no line.")),
      may("cut", integer("The rest was too long: so many bytes.")),
  });
  std::vector<Parameter> query = {
      {"event", word(observe::kAuditEventNames, ""), "Only lines about it.", {}}};
  for (Parameter& parameter : page_query(50, 200)) query.push_back(std::move(parameter));
  out.push_back({
      .method = Verb::get,
      .path = "/manager/audit",
      .tag = Tag::monitoring,
      .description = "The newest first, as far as they are in memory (`audit.recentBytes`): those "
                     "of this node since its start. What lasts is the log itself.",
      .query = std::move(query),
      .answer = page_of(line, {need("on", boolean("audit.on.")),
                               need("file", text("audit.file; empty: lines are in the log.")),
                               need("node_id", integer("Whose lines these are."))}),
  });
}

void add_managed_server(std::vector<Operation>& out) {
  const std::string grants = array(object({need("resource", text("What it is for.")),
                                           need("actions", array(word({"r", "w", "*"}, "")))}));
  out.push_back({
      .method = Verb::get,
      .path = "/manager/permissions",
      .tag = Tag::access,
      .description = "Reading asks for a login and no permission.",
      .answer =
          object({need("auth_enabled", boolean("As auth.on.")),
                  need("current_user", text("Who asks; empty: nobody that has a name.")),
                  need("users", array(object({need("username", text("Who may log in.")),
                                              need("permissions", grants)}))),
                  need("resources", array(object({need("resource", text("What is asked for.")),
                                                  need("actions", array(text("What may be done."))),
                                                  need("description", text("What it is."))})))}),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/manager/config",
      .tag = Tag::monitoring,
      .description = "Secrets are shown as (set) or (empty). A change that waits for a restart is "
                     "not there yet.",
      .answer = object(
          {need("file", text("That was read; empty: none.")),
           need("items", array(object({need("key", text("As in the file.")),
                                       need("value", text("As `jindou config` shows it.")),
                                       need("origin", text("default, fitted to the memory, file, "
                                                           "environment or flag."))})))}),
  });
  out.push_back({
      .method = Verb::post,
      .path = "/config/reload",
      .tag = Tag::system,
      .description = "Takes no body: the settings are read from the file, the environment and the "
                     "flags of the start. Names of settings are told, never values.",
      .answer = object({need("applied", array(text("A setting that counts from now on."))),
                        need("waiting", array(text("A setting that waits for a restart."))),
                        need("warnings", array(text("What is in the file and has no effect.")))}),
      .answer_example = R"({"applied":["logger.level"],"waiting":["api.maxBatch"],"warnings":[]})",
      .others = {{409, "Something in it is wrong, and nothing changed; `msg` says what.", {}},
                 {429, "Many wait for a reload already.", {}}},
  });
  add_managed_audit(out);
  out.push_back({
      .method = Verb::get,
      .path = "/manager/webhooks/config",
      .tag = Tag::monitoring,
      .description = "Without secrets.",
      .answer = object(
          {need("enabled", boolean("Somebody is told.")),
           need("http_addr", text("webhook.httpAddr; *** stands for what is secret in it.")),
           need("grpc_addr", text("webhook.grpcAddr.")),
           need("focus_events", array(text("webhook.focusEvents; none: all."))),
           need("supported_events", array(text("All there are."))),
           need("queue_size", integer("webhook.backlogMax.")),
           need("workers", integer("webhook.workers.")),
           need("msg_notify_batch_max_items", integer("webhook.msgNotifyEventCountPerPush.")),
           need("msg_notify_batch_max_wait", text("webhook.msgNotifyEventPushInterval.")),
           need("request_timeout", text("webhook.timeout.")),
           need("retry_max_attempts", integer("webhook.msgNotifyEventRetryMaxCount.")),
           need("source", text("configuration.")),
           need("requires_restart", boolean("false: a reload applies changes."))}),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/manager/nodes",
      .tag = Tag::monitoring,
      .description = "There is one node.",
      .answer = object(
          {need("generated_at", date_time("")), need("controller_leader_id", integer("This node.")),
           need("total", integer("How many.")),
           need("items",
                array(object(
                    {need("node_id", integer("As cluster.nodeId.")), need("name", text("")),
                     need("addr", text("external.apiUrl.")), need("status", text("alive.")),
                     need("last_heartbeat_at", date_time("")), need("is_local", boolean("")),
                     need("capacity_weight", integer("")), need("membership", map(anything(""))),
                     need("health", map(anything(""))),
                     need("slot_stats", map(integer("Partitions."))),
                     need("slots", map(integer("Partitions."))),
                     need("runtime", map(anything("")))})))}),
  });
}

}  // namespace

std::vector<Operation> manager_view_operations() {
  std::vector<Operation> out;
  add_managed_channels(out);
  add_managed_users(out);
  add_managed_messages(out);
  add_managed_server(out);
  return out;
}

}  // namespace jindou::openapi
