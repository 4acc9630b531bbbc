#include "openapi/body_schema.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bodies/all_bodies.h"
#include "bodies/documentation.h"
#include "openapi/schema.h"

namespace jindou::openapi {
namespace {

using bodies::Field;
using bodies::FieldType;

std::string object_of(std::span<const Field> fields, std::string_view description);

std::string number_of(const Field& field, std::string_view description) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  if (field.forgiving) return any_integer(description);
  const auto most = std::min<std::uint64_t>(field.most, static_cast<std::uint64_t>(kMost));
  return integer(description, field.required ? 1 : field.least, static_cast<std::int64_t>(most));
}

std::string field_description(const Field& field) {
  std::string description = sentence(bodies::told(field));
  if (field.bytes_max != 0) {
    description += " At most " + std::to_string(field.bytes_max) + " bytes.";
  }
  return description;
}

std::string schema_of(const Field& field, std::string_view description) {
  switch (field.type) {
    case FieldType::text: return bounded_text(field.required ? 1 : 0, field.bytes_max, description);
    case FieldType::id: return uid(description);
    case FieldType::word: {
      std::vector<std::string_view> words(field.words.begin(), field.words.end());
      words.emplace_back();
      return word(words, description);
    }
    case FieldType::number: return number_of(field, description);
    case FieldType::message_id: return message_id(description);
    case FieldType::flag: return flag(description);
    case FieldType::channel_type: return integer(description, field.required ? 1 : 0, 255);
    case FieldType::uids: return uids(description);
    case FieldType::texts: return array(text({}), description);
    case FieldType::message_ids: return array(message_id("A message."), description);
    case FieldType::seqs: return array(integer("A position."), description);
    case FieldType::types: {
      std::string entry = integer("A type.", 0, 255);
      return field.entries_max == 0 ? array(std::move(entry), description)
                                    : array_up_to(field.entries_max, std::move(entry), description);
    }
    case FieldType::payload: return payload(description);
    case FieldType::base64: return base64(description);
    case FieldType::json: return anything(description);
    case FieldType::map: return map(anything("Any value."), description);
    case FieldType::object: return object_of(field.to.fields(), description);
    case FieldType::objects: {
      std::string entry = object_of(field.to.fields(), {});
      return field.entries_max == 0 ? array(std::move(entry), description)
                                    : array_up_to(field.entries_max, std::move(entry), description);
    }
  }
  return {};
}

std::string object_of(std::span<const Field> fields, std::string_view description) {
  std::vector<Property> members;
  members.reserve(fields.size());
  for (const Field& field : fields) {
    const std::string said = field_description(field);
    // A member that may be absent may be null, which is the same.
    const bool takes_null = !field.required && field.type != FieldType::json;
    std::string schema = takes_null ? nullable(schema_of(field, {}), said) : schema_of(field, said);
    members.push_back(Property{field.name, std::move(schema), field.required});
  }
  return object(members, description);
}

}  // namespace

std::string body_schema(const bodies::PathBody& body) {
  return body.or_array ? ref("UserList") : object_of(body.fields, {});
}

std::string user_list_schema() {
  for (const bodies::Section& section : bodies::sections()) {
    for (const bodies::PathBody& body : section.bodies) {
      if (!body.or_array) continue;
      const Field& entries = body.fields.front();
      return one_of({schema_of(entries, field_description(entries)), object_of(body.fields, {})});
    }
  }
  return {};
}

}  // namespace jindou::openapi
