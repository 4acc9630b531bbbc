#include "openapi/schema.h"

#include <cctype>
#include <utility>

#include "codec/json_writer.h"

namespace jindou::openapi {
namespace {

using codec::JsonWriter;

// {"type":…, members, "description":…}
std::string typed(std::string_view type, std::string_view members, std::string_view description) {
  std::string out;
  out += "{\"type\":\"";
  out += type;
  out += '"';
  if (!members.empty()) {
    out += ',';
    out += members;
  }
  if (!description.empty()) {
    out += ",\"description\":";
    codec::json_append_string(out, description);
  }
  out += '}';
  return out;
}

}  // namespace

Property need(std::string_view name, std::string schema) {
  return Property{name, std::move(schema), true};
}

Property may(std::string_view name, std::string schema) {
  return Property{name, std::move(schema), false};
}

std::string object(const std::vector<Property>& properties, std::string_view description) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.string("type", "object");
  if (!description.empty()) json.string("description", description);
  json.begin_object("properties");
  bool any_required = false;
  for (const Property& property : properties) {
    json.key(property.name);
    json.raw(property.schema);
    any_required = any_required || property.required;
  }
  json.end_object();
  if (any_required) {
    json.begin_array("required");
    for (const Property& property : properties) {
      if (property.required) json.string(property.name);
    }
    json.end_array();
  }
  json.end_object();
  return out;
}

std::string array(std::string items, std::string_view description) {
  return typed("array", "\"items\":" + items, description);
}

std::string array_up_to(std::size_t items_max, std::string items, std::string_view description) {
  return typed("array", "\"maxItems\":" + std::to_string(items_max) + ",\"items\":" + items,
               description);
}

std::string map(std::string values, std::string_view description) {
  return typed("object", "\"additionalProperties\":" + values, description);
}

std::string text(std::string_view description) { return typed("string", {}, description); }

std::string bounded_text(std::size_t least, std::size_t most, std::string_view description) {
  std::string members;
  if (least != 0) members += "\"minLength\":" + std::to_string(least);
  if (least != 0 && most != 0) members += ',';
  if (most != 0) members += "\"maxLength\":" + std::to_string(most);
  return typed("string", members, description);
}

std::string word(std::initializer_list<std::string_view> words, std::string_view description) {
  return word(std::span(words.begin(), words.size()), description);
}

std::string word(std::span<const std::string_view> words, std::string_view description) {
  std::string list;
  JsonWriter json(list);
  json.begin_array();
  for (const std::string_view entry : words) json.string(entry);
  json.end_array();
  return typed("string", "\"enum\":" + list, description);
}

std::string base64(std::string_view description) {
  return typed("string", "\"contentEncoding\":\"base64\"", description);
}

std::string payload(std::string_view description) { return ref("Payload", description); }

std::string date_time(std::string_view description) {
  return typed("string", "\"format\":\"date-time\"", description);
}

std::string integer(std::string_view description, std::int64_t min, std::int64_t max) {
  std::string members = "\"minimum\":" + std::to_string(min);
  if (max != std::numeric_limits<std::int64_t>::max()) {
    members += ",\"maximum\":" + std::to_string(max);
  } else {
    members += ",\"format\":\"int64\"";
  }
  return typed("integer", members, description);
}

std::string any_integer(std::string_view description) {
  return typed("integer", "\"format\":\"int64\"", description);
}

std::string number(std::string_view description) { return typed("number", {}, description); }

std::string boolean(std::string_view description) { return typed("boolean", {}, description); }

std::string flag(std::string_view description) { return ref("Flag", description); }

std::string bit(std::string_view description) {
  return typed("integer", "\"enum\":[0,1]", description);
}

std::string anything(std::string_view description) {
  if (description.empty()) return "{}";
  std::string out = "{\"description\":";
  codec::json_append_string(out, description);
  return out + "}";
}

std::string nullable(std::string schema, std::string_view description) {
  std::string out = "{\"anyOf\":[" + schema + ",{\"type\":\"null\"}]";
  if (!description.empty()) {
    out += ",\"description\":";
    codec::json_append_string(out, description);
  }
  return out + "}";
}

std::string one_of(std::initializer_list<std::string> schemas) {
  std::string out = "{\"oneOf\":[";
  bool first = true;
  for (const std::string& schema : schemas) {
    if (!first) out += ',';
    out += schema;
    first = false;
  }
  return out + "]}";
}

std::string ref(std::string_view name) { return ref(name, {}); }

std::string ref(std::string_view name, std::string_view description) {
  std::string out = "{\"$ref\":\"#/components/schemas/";
  out += name;
  out += '"';
  if (!description.empty()) {
    out += ",\"description\":";
    codec::json_append_string(out, description);
  }
  return out + "}";
}

std::string sentence(std::string_view meaning) {
  std::string out(meaning);
  out.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(out.front())));
  if (!out.ends_with('.') && !out.ends_with("…")) out += '.';
  return out;
}

std::string page_of(std::string items, std::vector<Property> members) {
  members.push_back(need("items", array(std::move(items))));
  members.push_back(need("has_more", boolean("There is another page.")));
  members.push_back(may("next_cursor", text("Where it begins.")));
  return object(members);
}

std::string uid(std::string_view description) { return ref("Id", description); }

std::string uids(std::string_view description) { return array(ref("Id"), description); }

std::string channel_type(std::string_view description) { return integer(description, 1, 255); }

std::string message_id(std::string_view description) { return ref("MessageId", description); }

std::string ok_status() { return ref("OkStatus"); }

}  // namespace jindou::openapi
