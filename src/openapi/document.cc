#include "openapi/document.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <utility>

#include "base/ascii.h"
#include "bodies/all_bodies.h"
#include "codec/json_writer.h"
#include "http/exchange.h"
#include "openapi/body_schema.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

using codec::JsonWriter;

struct TagText {
  Tag tag;
  std::string_view name;
  std::string_view description;
};
constexpr std::array kTags = {
    TagText{Tag::messages, "Messages", "Sending messages, one or many at a time."},
    TagText{Tag::jobs, "Jobs", "Batches that are sent in the background."},
    TagText{Tag::templates, "Templates",
            "Stored payloads with places for variables, which a batch names."},
    TagText{Tag::events, "Message events",
            "What happens to a message after it was sent, such as "
            "the growing text of an answer."},
    TagText{Tag::channels, "Channels", "Channels, their subscribers, denylists and allowlists."},
    TagText{Tag::history, "History", "Reading stored messages."},
    TagText{Tag::retention, "Retention", "Deleting messages, and how long they are kept."},
    TagText{Tag::conversations, "Conversations",
            "A user's list of chats: unread counts and read "
            "positions."},
    TagText{Tag::users, "Users", "Device tokens, online status, system accounts."},
    TagText{Tag::routing, "Routing", "Where clients connect."},
    TagText{Tag::connections, "Connections", "The connections of this node."},
    TagText{Tag::monitoring, "Monitoring", "Numbers about the running server."},
    TagText{Tag::access, "Access", "Logging in to the manager port."},
    TagText{Tag::system, "System", "Health, documentation, and the rest."},
};

std::string_view tag_name(Tag tag) {
  for (const TagText& entry : kTags) {
    if (entry.tag == tag) return entry.name;
  }
  return "System";
}

const Operation* find_operation(std::span<const Operation> operations,
                                const DocumentedRoute& route) {
  const auto found = std::ranges::find_if(operations, [&route](const Operation& operation) {
    return operation.method == route.method && operation.path == route.path;
  });
  return found == operations.end() ? nullptr : &*found;
}

// "post_message_sendbatch": letters, digits and underscores only, unique like method and path.
std::string operation_id(std::string_view method, std::string_view path) {
  std::string out(method);
  for (const char c : path) {
    out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return out;
}

// Another content type than JSON.
void write_text_content(JsonWriter& json, std::string_view type, std::string_view description) {
  json.begin_object(type);
  json.begin_object("schema");
  json.string("type", "string");
  json.string("description", description);
  json.end_object();
  json.end_object();
}

// `lines`, `rows`: what those of the same as NDJSON and as CSV are; empty: there is none.
void write_json_content(JsonWriter& json, std::string_view schema, std::string_view example,
                        std::string_view lines = {}, std::string_view rows = {}) {
  json.begin_object("content");
  json.begin_object("application/json");
  json.key("schema");
  json.raw(schema);
  if (!example.empty()) {
    json.key("example");
    json.raw(example);
  }
  json.end_object();
  if (!lines.empty()) write_text_content(json, "application/x-ndjson", lines);
  if (!rows.empty()) write_text_content(json, "text/csv", rows);
  json.end_object();
}

void write_parameter(JsonWriter& json, std::string_view place, const Parameter& parameter) {
  json.begin_object();
  json.string("name", parameter.name);
  json.string("in", place);
  if (parameter.required || parameter.in_path) json.boolean("required", true);
  json.string("description", parameter.description);
  json.key("schema");
  json.raw(parameter.schema);
  if (!parameter.example.empty()) {
    json.key("example");
    json.raw(parameter.example);
  }
  json.end_object();
}

void write_parameters(JsonWriter& json, const Operation& operation) {
  if (operation.query.empty() && operation.headers.empty()) return;
  json.begin_array("parameters");
  for (const Parameter& parameter : operation.query) {
    write_parameter(json, parameter.in_path ? "path" : "query", parameter);
  }
  for (const Parameter& parameter : operation.headers) write_parameter(json, "header", parameter);
  json.end_array();
}

void write_outcome(JsonWriter& json, std::string_view status, std::string_view description,
                   std::string_view schema, std::string_view example, std::string_view lines = {}) {
  json.begin_object(status);
  json.string("description", description);
  if (!schema.empty()) write_json_content(json, schema, example, lines);
  json.end_object();
}

void write_error_reference(JsonWriter& json, std::string_view status) {
  json.begin_object(status);
  json.string("$ref", "#/components/responses/Error" + std::string(status));
  json.end_object();
}

void write_responses(JsonWriter& json, const DocumentedRoute& route, const Operation& operation) {
  json.begin_object("responses");
  if (operation.succeeds) {
    if (operation.answer.empty()) {
      json.begin_object("200");
      json.string("description", "Done.");
      json.begin_object("content");
      json.begin_object(operation.answer_type);
      // Of events some tools take the schema for that of each one (as OpenAPI 3.2 has it), others
      // for that of the whole text.
      if (operation.answer_type != "text/event-stream") {
        json.begin_object("schema");
        json.string("type", "string");
        json.end_object();
      }
      json.end_object();
      json.end_object();
      json.end_object();
    } else {
      write_outcome(json, "200", "Done.", operation.answer, operation.answer_example,
                    operation.answer_lines);
    }
  }
  const auto special = [&operation](unsigned status) {
    return std::ranges::any_of(operation.others,
                               [status](const Outcome& o) { return o.status == status; });
  };
  for (const Outcome& outcome : operation.others) {
    const bool error = outcome.schema.empty() && outcome.status >= 400;
    write_outcome(json, std::to_string(outcome.status), outcome.description,
                  error ? ref("Error") : outcome.schema, {});
  }
  const bool takes_input = !operation.body.empty() || !operation.query.empty();
  if (takes_input && !special(400)) write_error_reference(json, "400");
  const bool guarded = route.asks_for_credential || operation.guarded;
  if (guarded && !special(401)) write_error_reference(json, "401");
  const bool may_refuse = route.asks_for_permission || !route.scopes.empty();
  if (may_refuse && !special(403)) write_error_reference(json, "403");
  if (!operation.body.empty() && !special(413)) write_error_reference(json, "413");
  if (!operation.body.empty() && !special(415)) write_error_reference(json, "415");
  for (const unsigned status : {429U, 500U, 503U}) {
    if (!special(status)) write_error_reference(json, std::to_string(status));
  }
  json.end_object();
}

// `scopes`: of which a key needs one; none: any key will do. `for_readers`: a read token, too.
void write_security(JsonWriter& json, Scopes scopes, bool for_readers = false) {
  const auto write_scheme = [&json](std::string_view scheme, std::string_view scope) {
    json.begin_object();
    json.begin_array(scheme);
    if (!scope.empty()) json.string(scope);
    json.end_array();
    json.end_object();
  };
  json.begin_array("security");
  write_scheme("token", {});
  write_scheme("bearer", {});
  if (scopes.empty()) write_scheme("key", {});
  // What stands in one array is needed together, so each has its own.
  for (const Scope scope : {Scope::send, Scope::read, Scope::administer}) {
    if (scopes.has(scope)) write_scheme("key", scope_name(scope));
  }
  if (for_readers) write_scheme("reader", {});
  json.begin_object();  // none at all, while neither managerToken nor apiKeys are configured
  json.end_object();
  json.end_array();
}

void write_operation(JsonWriter& json, const DocumentedRoute& route, const Operation& operation) {
  const std::string method = ascii_lower(to_string(route.method));
  json.begin_object(method);
  json.string("operationId", operation_id(method, route.path));
  json.begin_array("tags");
  json.string(tag_name(operation.tag));
  json.end_array();
  json.string("summary", route.summary);
  if (!operation.description.empty()) json.string("description", operation.description);
  if (operation.deprecated) json.boolean("deprecated", true);
  if (route.on_manager_port) {
    json.begin_array("x-ports");
    if (route.on_api_port) json.string("api");
    json.string("manager");
    json.end_array();
  }
  if (!route.asks_for_credential && !operation.guarded) {
    json.begin_array("security");
    json.end_array();
  } else if (!route.scopes.empty()) {
    write_security(json, route.scopes, route.for_readers);
  }
  write_parameters(json, operation);
  if (!operation.body.empty()) {
    json.begin_object("requestBody");
    json.boolean("required", true);
    write_json_content(json, operation.body, operation.example, operation.body_lines,
                       operation.body_rows);
    json.end_object();
  }
  write_responses(json, route, operation);
  json.end_object();
}

struct ErrorText {
  std::string_view status;
  std::string_view description;
};
constexpr std::array kErrors = {
    ErrorText{"400", "The request is malformed; nothing was done."},
    ErrorText{"401",
              "The header `token` is missing or wrong, or the API key or read token has expired."},
    ErrorText{
        "403",
        "Not permitted; see `reason`, the permissions of the login, the scopes of the API key, or "
        "what a read token is for."},
    ErrorText{"413", "The body, decoded, is larger than api.maxBodyBytes."},
    ErrorText{"415", "The Content-Encoding is neither gzip nor zstd."},
    ErrorText{"429",
              "Too much is in flight, or a rate limit is reached; nothing was done. Retry after "
              "`Retry-After` seconds."},
    ErrorText{"500", "The store failed, or the outcome is unknown; see `code`."},
    ErrorText{"503", "The server is stopping or recovering; nothing was done. Retry later."},
};

void write_components(JsonWriter& json) {
  json.begin_object("components");
  json.begin_object("schemas");
  for (const Component& component : components()) {
    json.key(component.name);
    json.raw(component.schema);
  }
  json.end_object();
  json.begin_object("responses");
  for (const ErrorText& error : kErrors) {
    const std::string name = "Error" + std::string(error.status);
    write_outcome(json, name, error.description, ref("Error"), {});
  }
  json.end_object();
  json.begin_object("securitySchemes");
  json.begin_object("token");
  json.string("type", "apiKey");
  json.string("in", "header");
  json.string("name", "token");
  json.string(
      "description",
      "The configured managerToken. Not needed when neither it nor apiKeys are configured.");
  json.end_object();
  json.begin_object("key");
  json.string("type", "apiKey");
  json.string("in", "header");
  json.string("name", "token");
  json.string("description",
              "The secret of one of the configured apiKeys, with the scope named at the path; "
              "`administer` includes all. It may come as `Authorization: Bearer` as well.");
  json.end_object();
  json.begin_object("bearer");
  json.string("type", "http");
  json.string("scheme", "bearer");
  json.string("bearerFormat", "JWT");
  json.string("description", "What POST /manager/login answered; for the manager port.");
  json.end_object();
  json.begin_object("reader");
  json.string("type", "http");
  json.string("scheme", "bearer");
  json.string("bearerFormat", "JWT");
  json.string("description",
              "What POST /user/read_token answered: a client reads the conversations and messages "
              "of its user with it. `uid` and `login_uid` are that user, or are left out.");
  json.end_object();
  json.end_object();
  json.end_object();
}

void write_info(JsonWriter& json, std::string_view version) {
  json.string("openapi", "3.1.0");
  json.begin_object("info");
  json.string("title", "Jindou HTTP API");
  json.string("version", version);
  json.string(
      "description",
      "Instant-messaging server with the WuKongIM interface. Bodies are JSON in UTF-8. "
      "Unknown members are ignored, null counts as absent, types are strict. Every error "
      "has the same body. Where the server exports traces (tracing.endpoint), a request may "
      "have the header traceparent of W3C Trace Context, and the header Trace-Id of its "
      "answer names its trace.");
  json.begin_object("license");
  json.string("name", "Apache License 2.0");
  json.string("identifier", "Apache-2.0");
  json.end_object();
  json.end_object();
  json.begin_array("servers");
  json.begin_object();
  json.string("url", "/");
  json.string("description", "This server.");
  json.end_object();
  json.end_array();
  write_security(json, {});
}

}  // namespace

std::span<const Operation> all_operations() {
  static const std::vector<Operation> kOperations = [] {
    std::vector<Operation> all;
    for (auto group :
         {message_operations, job_operations, template_operations, event_operations,
          channel_operations, conversation_operations, directory_operations, listing_operations,
          manager_view_operations, cluster_operations, user_operations, system_operations}) {
      std::ranges::move(group(), std::back_inserter(all));
    }
    for (Operation& operation : all) {
      if (operation.method != Verb::post) continue;
      const bodies::PathBody* body = bodies::find_body(operation.path);
      if (body != nullptr) operation.body = body_schema(*body);
    }
    return all;
  }();
  return kOperations;
}

std::string document(std::span<const DocumentedRoute> routes, std::span<const Operation> operations,
                     std::string_view version) {
  std::string out;
  out.reserve(std::size_t{200} << 10);
  JsonWriter json(out);
  json.begin_object();
  write_info(json, version);
  json.begin_array("tags");
  for (const TagText& tag : kTags) {
    json.begin_object();
    json.string("name", tag.name);
    json.string("description", tag.description);
    json.end_object();
  }
  json.end_array();
  json.begin_object("paths");
  // Paths in the order of the operations: examples build on those before them.
  std::vector<std::string_view> paths;
  for (const Operation& operation : operations) {
    if (std::ranges::find(paths, operation.path) == paths.end()) paths.push_back(operation.path);
  }
  for (const std::string_view path : paths) {
    // Where both ports answer one path in different ways, one operation tells of both.
    std::vector<Verb> written;
    for (const DocumentedRoute& route : routes) {
      if (route.path != path || std::ranges::find(written, route.method) != written.end()) continue;
      const Operation* operation = find_operation(operations, route);
      if (operation == nullptr) continue;
      if (written.empty()) json.begin_object(path);
      written.push_back(route.method);
      write_operation(json, route, *operation);
    }
    if (!written.empty()) json.end_object();
  }
  json.end_object();
  write_components(json);
  json.end_object();
  return out;
}

}  // namespace jindou::openapi
