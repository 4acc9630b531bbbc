#include "tracing/otlp_json.h"

#include <charconv>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace jindou::tracing {
namespace {

// Span.SpanKind and Status.StatusCode of the protocol.
constexpr int kInternal = 1;
constexpr int kServer = 2;
constexpr int kFailed = 2;

// Of an answer to a caller who is to blame the span is well (conventions for HTTP, "Status").
constexpr unsigned kServerFaults = 500;

class Attributes {
 public:
  explicit Attributes(codec::JsonWriter& json) : json_(json) { json_.begin_array("attributes"); }

  void text(std::string_view key, std::string_view value) {
    begin(key);
    json_.string("stringValue", value);
    end();
  }
  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    json_.number_string("intValue", value);
    end();
  }
  void close() { json_.end_array(); }

 private:
  void begin(std::string_view key) {
    json_.begin_object();
    json_.string("key", key);
    json_.begin_object("value");
  }
  void end() {
    json_.end_object();
    json_.end_object();
  }

  codec::JsonWriter& json_;
};

void write_ids(codec::JsonWriter& json, const observe::RequestTrace& trace,
               const observe::SpanId& id, const observe::SpanId& parent) {
  json.string("traceId", trace.id());
  json.string("spanId", observe::hex_of(id));
  if (parent != observe::SpanId{}) json.string("parentSpanId", observe::hex_of(parent));
}

void write_time(codec::JsonWriter& json, const SpanTime& time) {
  json.number_string("startTimeUnixNano", static_cast<std::uint64_t>(time.begin_ns));
  json.number_string("endTimeUnixNano", static_cast<std::uint64_t>(time.end_ns));
}

void write_attributes(codec::JsonWriter& json, const observe::RequestTrace& trace,
                      const ServerSpan& server) {
  Attributes attributes(json);
  attributes.text("http.request.method", server.method);
  attributes.text("http.route", server.route);
  attributes.number("http.response.status_code", server.status);
  if (server.status >= kServerFaults) {
    attributes.text("error.type", std::to_string(server.status));
  }
  attributes.text("client.address", server.client);
  attributes.number("http.request.body.size", server.request_bytes);
  attributes.number("http.response.body.size", server.answer_bytes);
  if (!server.key.empty()) attributes.text("jindou.api_key", server.key);
  if (const auto& items = trace.items(); items.all > 0) {
    attributes.number("jindou.items", items.all);
    attributes.number("jindou.items_refused", items.refused);
    attributes.number("jindou.items_unknown", items.unknown);
  }
  if (trace.parts_left_out() > 0) {
    attributes.number("jindou.parts_left_out", trace.parts_left_out());
  }
  attributes.close();
}

}  // namespace

std::string spans_json(const observe::RequestTrace& trace, const ServerSpan& server,
                       std::span<const PartSpan> parts) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object();
  write_ids(json, trace, trace.span(), trace.context().parent);
  json.string("name", std::string(server.method) + ' ' + std::string(server.route));
  json.number("kind", kServer);
  write_time(json, server.time);
  write_attributes(json, trace, server);
  json.begin_object("status");
  if (server.status >= kServerFaults) json.number("code", kFailed);
  json.end_object();
  json.end_object();
  for (const PartSpan& part : parts) {
    json.begin_object();
    write_ids(json, trace, part.id, trace.span());
    json.string("name", part.name);
    json.number("kind", kInternal);
    write_time(json, part.time);
    json.end_object();
  }
  return out;
}

std::string export_head(const Resource& resource) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object();
  json.begin_array("resourceSpans");
  json.begin_object();
  json.begin_object("resource");
  Attributes attributes(json);
  attributes.text("service.name", "jindou");
  attributes.text("service.version", resource.version);
  attributes.text("service.instance.id", std::to_string(resource.node_id));
  attributes.close();
  json.end_object();
  json.begin_array("scopeSpans");
  json.begin_object();
  json.begin_object("scope");
  json.string("name", "jindou");
  json.string("version", resource.version);
  json.end_object();
  json.begin_array("spans");
  return out;
}

std::string_view export_tail() { return "]}]}]}"; }

std::uint64_t rejected_spans(std::string_view answer) {
  const auto parsed = codec::parse_json(answer);
  if (!parsed) return 0;
  simdjson::dom::element value;
  if (parsed->at_key("partialSuccess").at_key("rejectedSpans").get(value) != simdjson::SUCCESS) {
    return 0;
  }
  std::uint64_t count = 0;
  if (value.get_uint64().get(count) == simdjson::SUCCESS) return count;
  // As the encoding has it, a 64-bit number is a text.
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc() && end == text.data() + text.size() ? count : 0;
}

}  // namespace jindou::tracing
