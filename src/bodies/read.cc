#include "bodies/read.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "model/id_rules.h"

namespace jindou::bodies {
namespace {

constexpr std::string_view kRequired = "is required";

// Moves what was read to the member of the body at `into`; without a place it is dropped.
template <class T>
void put(const Field& field, Target target, void* into, T value) {
  if (field.to.target == Target::none) return;
  JD_ASSERT(field.to.target == target);
  *static_cast<T*>(field.to.in(into)) = std::move(value);
}

void read_text(BodyReader& reader, const Field& field, void* into) {
  std::string text = reader.text(field.name);
  if (field.required && is_blank(text)) {
    reader.fail_member(field.name, kRequired);
  } else if (field.bytes_max != 0 && text.size() > field.bytes_max) {
    reader.fail_member(field.name,
                       "must not be longer than " + std::to_string(field.bytes_max) + " bytes");
  }
  put(field, Target::text, into, std::move(text));
}

// "a, b or c"
std::string alternatives(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

void read_word(BodyReader& reader, const Field& field, void* into) {
  std::string word = reader.text(field.name);
  if (!word.empty() && std::ranges::find(field.words, word) == field.words.end()) {
    if (!field.forgiving) reader.fail_member(field.name, "must be " + alternatives(field.words));
    word.clear();
  }
  put(field, Target::text, into, std::move(word));
}

void read_signed(BodyReader& reader, const Field& field, void* into) {
  if (!reader.has(field.name)) return;
  const std::int64_t number = reader.signed_number(field.name);
  if (number < field.least || (number > 0 && static_cast<std::uint64_t>(number) > field.most)) {
    reader.fail_member(field.name, "must be from " + std::to_string(field.least) + " to " +
                                       std::to_string(field.most));
  }
  put(field, Target::signed_number, into, number);
}

void read_number(BodyReader& reader, const Field& field, void* into) {
  if (field.to.target == Target::signed_number) return read_signed(reader, field, into);
  if (field.to.target == Target::optional_number && !reader.has(field.name)) return;
  std::uint64_t number = 0;
  if (field.forgiving) {
    const std::int64_t given = reader.signed_number(field.name);
    if (given > 0) number = static_cast<std::uint64_t>(given);
  } else {
    number = reader.number(field.name, field.most);
  }
  if (number == 0) number = field.standard;
  if (field.cap != 0) number = std::min(number, field.cap);
  if (field.required && number == 0) reader.fail_member(field.name, kRequired);
  if (field.to.target == Target::optional_number) {
    put(field, Target::optional_number, into, std::optional<std::uint64_t>(number));
  } else {
    put(field, Target::number, into, number);
  }
}

void read_message_id(BodyReader& reader, const Field& field, void* into) {
  const std::uint64_t id = reader.message_id(field.name);
  if (field.required && id == 0) reader.fail_member(field.name, kRequired);
  put(field, Target::number, into, id);
}

void read_flag(BodyReader& reader, const Field& field, void* into) {
  const bool on = reader.flag(field.name);
  if (on && !field.refused.empty()) reader.fail(field.refused);
  put(field, Target::flag, into, on);
}

void read_channel_type(BodyReader& reader, const Field& field, void* into) {
  const ChannelType type = reader.channel_type(field.name);
  if (type != ChannelType::none) {
    put(field, Target::channel_type, into, type);
  } else if (field.required) {
    reader.fail_member(field.name, "is required, from 1 to 255");
  }
}

void read_uids(BodyReader& reader, const Field& field, void* into) {
  std::vector<std::string> uids = reader.uids(field.name);
  if (field.required && uids.empty()) {
    reader.fail_member(field.name, "must name at least one user");
  }
  put(field, Target::texts, into, std::move(uids));
}

void read_object(BodyReader& reader, const Field& field, void* into, const Limits& limits) {
  BodyReader inner = reader.object(field.name);
  read_fields(inner, field.to.fields(), field.to.in(into), limits);
  if (!inner.ok()) reader.fail(std::string(field.name) + ": " + inner.problem());
}

std::string too_many(std::size_t most) {
  return "must not have more than " + std::to_string(most) + " entries";
}

void read_types(BodyReader& reader, const Field& field, void* into) {
  std::vector<std::uint8_t> types = reader.bytes(field.name);
  if (field.entries_max != 0 && types.size() > field.entries_max) {
    reader.fail_member(field.name, too_many(field.entries_max));
  }
  put(field, Target::bytes, into, std::move(types));
}

void read_objects(BodyReader& reader, const Field& field, void* into, const Limits& limits) {
  std::vector<BodyReader> entries = reader.objects(field.name);
  if (field.required && entries.empty()) reader.fail_member(field.name, kRequired);
  const std::size_t most =
      field.entries_limit != nullptr ? limits.*field.entries_limit : field.entries_max;
  if (most != 0 && entries.size() > most) {
    reader.fail_member(field.name, too_many(most));
    return;
  }
  void* const list = field.to.in(into);
  for (BodyReader& entry : entries) {
    void* const element = field.to.append(list);
    read_fields(entry, field.to.fields(), element, limits);
    if (entry.ok()) continue;
    if (field.problem_in.target == Target::text) {
      *static_cast<std::string*>(field.problem_in.in(element)) = entry.problem();
    } else {
      reader.fail(std::string(field.name) + ": " + entry.problem());
      return;
    }
  }
}

void read_field(BodyReader& reader, const Field& field, void* into, const Limits& limits) {
  switch (field.type) {
    case FieldType::text: return read_text(reader, field, into);
    case FieldType::id: return put(field, Target::text, into, reader.id(field.name));
    case FieldType::word: return read_word(reader, field, into);
    case FieldType::number: return read_number(reader, field, into);
    case FieldType::message_id: return read_message_id(reader, field, into);
    case FieldType::flag: return read_flag(reader, field, into);
    case FieldType::channel_type: return read_channel_type(reader, field, into);
    case FieldType::uids: return read_uids(reader, field, into);
    case FieldType::texts: return put(field, Target::texts, into, reader.texts(field.name));
    case FieldType::message_ids:
    case FieldType::seqs: return put(field, Target::numbers, into, reader.numbers(field.name));
    case FieldType::types: return read_types(reader, field, into);
    case FieldType::payload:
      return put(field, Target::text, into, reader.payload(field.name, limits.payload_bytes));
    case FieldType::base64:
      return put(field, Target::text, into, reader.base64(field.name, limits.payload_bytes));
    case FieldType::json: return put(field, Target::text, into, reader.json(field.name));
    case FieldType::map: reader.object(field.name); return;
    case FieldType::object: return read_object(reader, field, into, limits);
    case FieldType::objects: return read_objects(reader, field, into, limits);
  }
}

}  // namespace

void read_fields(BodyReader& reader, std::span<const Field> fields, void* into,
                 const Limits& limits) {
  for (const Field& field : fields) read_field(reader, field, into, limits);
}

}  // namespace jindou::bodies
