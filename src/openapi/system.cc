// Monitoring, tags, access and the rest.
#include "openapi/operations.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

std::string varz_answer() {
  return object(
      {need("server_id", text("The node's number.")),
       need("server_name", text("Jindou.")),
       need("version", text("Of the server.")),
       need("commit", text("Empty.")),
       need("commit_date", text("Empty.")),
       need("tree_state", text("Empty.")),
       need("git_commit", text("Empty.")),
       need("connections", integer("Open now.")),
       need("total_connections", integer("Logins since the start.")),
       need("user_handler_count", integer("Users online.")),
       need("user_handler_conn_count", integer("Their sessions.")),
       need("in_msgs", integer("Messages received from clients.")),
       need("out_msgs", integer("Messages sent to clients.")),
       need("in_bytes", integer("Bytes received from clients.")),
       need("out_bytes", integer("Bytes sent to clients.")),
       need("slow_clients", integer("Clients cut because they did not read.")),
       need("slow_consumers", integer("The same.")),
       need("retry_queue", integer("Messages waiting to be acknowledged by a client.")),
       need("subscriptions", integer("Always 0.")),
       need("conversation_cache_count", integer("Always 0.")),
       need("start", date_time("Of the server.")),
       need("now", date_time("The server's clock.")),
       need("uptime", text("Like 4d1h2m3s.")),
       need("goroutine", integer("Threads.")),
       need("mem", integer("Resident memory in bytes.")),
       need("cpu", number("Percent of one core since the request before.")),
       need("tcp_addr", text("As GET /route.")),
       need("ws_addr", text("As GET /route.")),
       need("wss_addr", text("As GET /route.")),
       need("manager_addr", text("host:port.")),
       need("manager_on", bit("1: there is a manager port.")),
       need("api_url", text("As configured.")),
       need("manager_uid", text("As configured.")),
       need("manager_token_on", bit("1: the token is asked for.")),
       need("config",
            object({need("max_connections", integer("Of clients.")),
                    need("max_subscriptions_per_conn", integer("As gateway.subscriptionsMax.")),
                    need("max_payload", integer("Bytes of one message."))})),
       need("http_req_stats",
            object({need("uri_stats", array(object({need("uri", text("The route.")),
                                                    need("count", integer("Requests.")),
                                                    need("avg_time", text("Like 1.25ms."))})))})),
       may("conns", array(ref("Connection"), "With `show=conn`."))});
}

void add_monitoring(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::get,
      .path = "/varz",
      .tag = Tag::monitoring,
      .query = {{"show", word({"conn"}, ""), "conn: the busiest connections too.", R"("conn")"},
                {"conn_limit", integer("", 0), "How many of them; 20 unless given.", "5"},
                this_node()},
      .answer = varz_answer(),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/varz/setting",
      .tag = Tag::monitoring,
      .description = "None of these exist here.",
      .query = {this_node()},
      .answer =
          object({need("logger", object({need("trace_on", bit("0.")), need("loki_on", bit("0."))})),
                  need("prometheus_on", bit("0.")), need("stress_on", bit("0."))}),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/metrics",
      .tag = Tag::monitoring,
      .description = "Open on the manager port.",
      .answer_type = "text/plain",
  });
}

std::string tag_nodes(bool with_count) {
  const auto uid_list = need("uids", array(text("A user."), "Ascending."));
  const auto leader = need("leader_id", integer("The node."));
  const auto slots = need("slot_ids", array(integer("A partition."), "Where the users belong."));
  return array(with_count ? object({leader, need("uid_count", integer("Users.")), uid_list, slots})
                          : object({leader, uid_list, slots}));
}

std::vector<Parameter> tag_query() {
  return {{"tag_key", text(""), "As answered in `key`.", {}},
          {"channel_id", text(""),
           "Instead of a key; internal id, or with login_uid the other "
           "user.",
           R"("group1")"},
          {"channel_type", integer("", 0, 255), "Its type.", "2"},
          {"login_uid", text(""), "One of the two users of a person channel.", {}},
          this_node()};
}

void add_tags(std::vector<Operation>& out) {
  out.push_back({
      .method = Verb::get,
      .path = "/tag",
      .tag = Tag::monitoring,
      .description = "Computed for the request, so nothing is ever stale. 400 when nobody would "
                     "receive.",
      .query = tag_query(),
      .answer =
          object({need("key", text("Names the channel.")), need("channel_id", text("Internal id.")),
                  need("channel_type", channel_type()), need("nodes", tag_nodes(false)),
                  need("created_at", date_time("Now.")), need("last_get_time", date_time("Now.")),
                  need("node_version", integer("0.")), need("get_count", integer("0."))}),
  });
  out.push_back({
      .method = Verb::get,
      .path = "/tags",
      .tag = Tag::monitoring,
      .description = "The tag of the named channel; nothing is cached, so without a name the list "
                     "is empty.",
      .query = tag_query(),
      .answer = array(
          object({need("key", text("Names the channel.")), need("channel_id", text("Internal id.")),
                  need("channel_type", channel_type()), need("nodes", tag_nodes(true)),
                  need("created_at", date_time("Now.")), need("expire_at", date_time("Now.")),
                  need("last_get_at", date_time("Now.")), need("node_version", integer("0.")),
                  need("get_count", integer("0."))})),
  });
  out.push_back({
      .method = Verb::post,
      .path = "/tag/remove",
      .tag = Tag::monitoring,
      .description = "A well-formed call does nothing: receivers are not cached.",
      .example = R"({"channel_id":"group1","channel_type":2})",
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
  });
}

Property backup_member(std::string_view name, std::string_view description) {
  return need(name, integer(description));
}

void add_backups(std::vector<Operation>& out) {
  const std::string backup = object(
      {need("name", text("Its directory below `backup.dir`.")),
       need("directory", text("Where it is on the server.")),
       backup_member("made_at",
                     "When it was begun, seconds since 1970: everything acknowledged "
                     "before is in it."),
       backup_member("files", "How many it has."), backup_member("bytes", "Of all of them."),
       backup_member("linked_bytes", "Of these, what it shared with the store when it was made.")});
  const std::string example =
      R"({"name":"backup-20261130T001500Z","directory":"/var/lib/jindou/data/backups/)"
      R"(backup-20261130T001500Z","made_at":1795997700,"files":12,"bytes":73400320,)"
      R"("linked_bytes":67108864})";
  const Outcome none{404, "None are made here: `backup.dir` is empty.", {}};
  out.push_back({
      .method = Verb::post,
      .path = "/backups",
      .tag = Tag::system,
      .description = "Takes no body: where backups go is configured. The answer comes when the "
                     "backup is whole and durable. Sends go on meanwhile.",
      .answer = backup,
      .answer_example = example,
      .others = {none,
                 {409, "Another one is being made.", {}},
                 {500, "It could not be made, and nothing is left of it; `msg` says why.", {}}},
  });
  out.push_back({
      .method = Verb::get,
      .path = "/backups",
      .tag = Tag::system,
      .answer = object({need("backups", array(backup, "The newest first.")),
                        need("making", boolean("Whether one is being made."))}),
      .answer_example = R"({"backups":[)" + example + R"(],"making":false})",
      .others = {none},
  });
}

Operation import_messages() {
  return {
      .method = Verb::post,
      .path = "/import/messages",
      .tag = Tag::system,
      .description =
          "For whoever moves in from WuKongIM: ids, seqs and times stay, nobody is told, "
          "and no rule about who may send is asked. The messages go behind the last "
          "one of the channel, which the request names; the same request again does "
          "nothing. `jindou import` calls it.",
      .example = R"({"channel_id":"imported1","channel_type":2,"messages":[)"
                 R"({"message_id":1947236475592679424,"message_seq":1,"from_uid":"u1",)"
                 R"("client_msg_no":"c6a1f5e3","timestamp":1753069312,"header":{"red_dot":1},)"
                 R"("payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoiaGkifQ=="}]})",
      .answer = ref("Ack"),
      .answer_example = R"({"status":200})",
      .others = {{409, "The channel does not end with that message; nothing was stored.", {}}},
  };
}

Operation login() {
  return {
      .method = Verb::post,
      .path = "/manager/login",
      .tag = Tag::access,
      .description =
          "The token goes into the header Authorization: Bearer … of requests to the "
          "manager port. Failures are limited per user and address.",
      .example = R"({"username":"guest","password":"guest"})",
      .answer = object(
          {need("username", text("The user.")), need("token", text("A JWT.")),
           need("exp", integer("When it ends, seconds since 1970.")),
           need("expire", integer("Seconds until then.")), need("expires_in", integer("The same.")),
           need("access_token", text("The same as `token`.")), need("token_type", text("Bearer.")),
           need("expires_at", date_time("The same as `exp`.")),
           need("permissions", array(object({need("resource", text("What it is for.")),
                                             need("actions", array(word({"r", "w", "*"}, "")))}))),
           need("permission_text", text("resource:actions, joined by commas.")),
           need("user", object({need("username", text("The user.")), need("role", text("A word.")),
                                need("permissions", array(text("resource:actions.")))}))}),
      .others = {{401, "Wrong user name or password.", {}},
                 {403, "Without auth.users: guest, not straight from the server's machine.", {}},
                 {429, "Too many failures; retry after `Retry-After` seconds.", {}}},
  };
}

Operation health(std::string_view path) {
  return {
      .method = Verb::get,
      .path = path,
      .tag = Tag::system,
      .answer = ref("Health"),
      .answer_example = R"({"status":"ok"})",
      .others = {{500, "The node is not usable; `message` says why.", ref("Health")}},
  };
}

void add_docs(std::vector<Operation>& out) {
  const auto switched_off = [] {
    return object({need("status", integer("403.")), need("msg", text("A sentence.")),
                   need("error", text("The same.")), need("code", text("denied.")),
                   need("message", text("The same sentence.")),
                   need("mode", text("Of the server.")),
                   need("suggestion", text("What to change."))});
  };
  const Outcome off{403, "The documentation is switched off.", switched_off()};
  out.push_back({.method = Verb::get,
                 .path = "/docs",
                 .tag = Tag::system,
                 .description = "Needs nothing but this server. Without the token a browser gets "
                                "the page with status 401, and the page asks for it.",
                 .answer_type = "text/html",
                 .others = {off},
                 .guarded = true});
  out.push_back({.method = Verb::get,
                 .path = "/docs/openapi.json",
                 .tag = Tag::system,
                 .description = "Served in every mode, unless api.docs is false.",
                 .answer = anything("An OpenAPI 3.1 document."),
                 .others = {off}});
  out.push_back({.method = Verb::get,
                 .path = "/docs/health",
                 .tag = Tag::system,
                 .answer = object({need("status", word({"ok", "disabled"},
                                                       "disabled: /docs "
                                                       "answers 403.")),
                                   need("service", text("docs.")), need("mode", text("A word.")),
                                   need("version", text("Of the server."))})});
}

}  // namespace

std::vector<Operation> system_operations() {
  std::vector<Operation> out;
  add_monitoring(out);
  add_tags(out);
  out.push_back(login());
  add_backups(out);
  out.push_back(import_messages());
  out.push_back(health("/health"));
  out.push_back(health("/healthz"));
  out.push_back({.method = Verb::get,
                 .path = "/readyz",
                 .tag = Tag::system,
                 .answer = ref("Health"),
                 .answer_example = R"({"status":"ok"})",
                 .others = {{503, "Not now; `message` says why.", ref("Health")}}});
  out.push_back({.method = Verb::get,
                 .path = "/migrate/result",
                 .tag = Tag::system,
                 .description = "This server imports nothing while it runs.",
                 .answer = object({need("status", word({"migrated"}, "Nothing to wait for.")),
                                   need("step", word({"message"}, "Always the same.")),
                                   need("last_err", nullable(text({}), "None.")),
                                   need("try_count", integer("0."))}),
                 .answer_example =
                     R"({"status":"migrated","step":"message","last_err":null,"try_count":0})"});
  add_docs(out);
  out.push_back(
      {.method = Verb::get,
       .path = "/",
       .tag = Tag::system,
       .answer =
           object({need("name", text("jindou.")), need("version", text("Of the server.")),
                   may("docs", text("On the API port: the path of this document's page.")),
                   may("login", text("On the manager port: how to get in.")),
                   may("paths", array(text("A path."), "On the manager port: where to begin."))}),
       .answer_example = R"({"name":"jindou","version":"0.1.0","docs":"/docs"})"});
  return out;
}

}  // namespace jindou::openapi
