// The members of HTTP request bodies, written once: a row of a table says what a member is called,
// what it may be, where it is read to and what readers are told. Reading a body (read.h), the
// OpenAPI document (openapi/body_schema.h) and the tables of docs/api.md (documentation.h) go by
// the same rows.
//
// A body is a struct with a static function `fields()` that answers its table. Members it does not
// find keep the values that the struct begins with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/channel.h"

namespace jindou::bodies {

struct Field;

// Bounds that are configuration.
struct Limits {
  std::size_t payload_bytes = 0;  // of one decoded payload
  std::size_t lookups = 0;        // channels or messages that one request may ask for
};

enum class FieldType : std::uint8_t {
  text,          // a string of at most `bytes_max` bytes
  id,            // a uid or plain channel id
  word,          // one of `words`, or "" for none
  number,        // an integer from `least` to `most`
  message_id,    // an integer or its decimal digits as a string
  flag,          // 0, 1, true or false
  channel_type,  // 1 to 255; where it may be absent 0 is the same as none
  uids,          // an array of uids; blank ones and repeats are dropped
  texts,         // an array of strings
  message_ids,   // an array of what `message_id` is
  seqs,          // an array of integers; their digits as strings are taken, too
  types,         // an array of integers from 0 to 255
  payload,       // of a message: base64, an object or an array (codec/payload_json.h)
  base64,        // not empty
  json,          // any JSON value, kept as compact text
  map,           // an object whose members have any names
  object,        // an object with a table of its own
  objects,       // an array of these
};

// The types that members are read into.
enum class Target : std::uint8_t {
  none,
  text,
  number,
  optional_number,
  signed_number,
  flag,
  channel_type,
  texts,
  numbers,
  bytes,
  object,
  objects,
};

// A member of a body's struct, whichever struct that is. Made by at<>.
struct Place {
  Target target = Target::none;
  // The member of the body at that address, which must be of the type this was made for.
  void* (*in)(void* body) = nullptr;
  // Of objects: the new last one of the list at that address.
  void* (*append)(void* list) = nullptr;
  // Of object and objects: the table of its type.
  std::span<const Field> (*fields)() = nullptr;
  // One address for each type of body.
  const char* tag = nullptr;
};

// One row. What the sentences say is without its bounds: those are told from the other members.
struct Field {
  std::string_view name = {};
  FieldType type = FieldType::text;
  // None: the member is checked, and has no effect.
  Place to = {};
  std::string_view meaning = {};  // plain text with `code`, for readers
  // Neither absent nor blank, 0 or empty.
  bool required = false;
  std::int64_t least = 0;  // of a number; below 0 only where it is read into a signed one
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  // What a number that is absent or 0 counts as, and the largest it counts as. 0: no such rule.
  std::uint64_t standard = 0;
  std::uint64_t cap = 0;
  // A negative number counts as 0, an unknown word as none.
  bool forgiving = false;
  std::size_t bytes_max = 0;  // of a text; 0: as long as the body
  std::span<const std::string_view> words = {};
  // Entries of an array of objects, from configuration or fixed; 0 and null: no bound of their own.
  std::size_t Limits::*entries_limit = nullptr;
  std::size_t entries_max = 0;  // of an array of types, too
  // Of an entry of an array: where it is noted what is wrong with it, so that the others can be
  // read. None: one bad entry is a bad body.
  Place problem_in = {};
  // A flag that must not be 1 is refused with this sentence.
  std::string_view refused = {};
};

namespace detail {

template <class T>
inline constexpr char kBodyTag = 0;

template <class T>
struct MemberPointer;
template <class Member, class Of>
struct MemberPointer<Member Of::*> {
  using Type = Member;
  using Class = Of;
};

template <auto First, auto... Rest>
struct Way {
  using Body = typename MemberPointer<decltype(First)>::Class;
  static auto& follow(Body& body) {
    if constexpr (sizeof...(Rest) == 0) {
      return body.*First;
    } else {
      return Way<Rest...>::follow(body.*First);
    }
  }
  static void* in(void* body) { return &follow(*static_cast<Body*>(body)); }
};

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class Body>
std::span<const Field> fields_of();

template <class T>
constexpr void set_target(Place& place) {
  if constexpr (std::is_same_v<T, std::string>) {
    place.target = Target::text;
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    place.target = Target::number;
  } else if constexpr (std::is_same_v<T, std::optional<std::uint64_t>>) {
    place.target = Target::optional_number;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    place.target = Target::signed_number;
  } else if constexpr (std::is_same_v<T, bool>) {
    place.target = Target::flag;
  } else if constexpr (std::is_same_v<T, ChannelType>) {
    place.target = Target::channel_type;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    place.target = Target::texts;
  } else if constexpr (std::is_same_v<T, std::vector<std::uint64_t>>) {
    place.target = Target::numbers;
  } else if constexpr (std::is_same_v<T, std::vector<std::uint8_t>>) {
    place.target = Target::bytes;
  } else if constexpr (IsVector<T>::value) {
    place.target = Target::objects;
    place.append = [](void* list) -> void* { return &static_cast<T*>(list)->emplace_back(); };
    place.fields = fields_of<typename T::value_type>;
  } else {
    place.target = Target::object;
    place.fields = fields_of<T>;
  }
}

template <auto First, auto... Rest>
constexpr Place make_place() {
  using To = Way<First, Rest...>;
  using Member = std::remove_reference_t<decltype(To::follow(std::declval<typename To::Body&>()))>;
  Place place;
  place.in = To::in;
  place.tag = &kBodyTag<typename To::Body>;
  set_target<Member>(place);
  return place;
}

// Not constexpr: a table that does not fit does not compile.
void this_row_does_not_fit();

constexpr bool fits(FieldType type, Target target) {
  // A member without effect has no place.
  if (target == Target::none) return type != FieldType::object && type != FieldType::objects;
  switch (type) {
    case FieldType::text:
    case FieldType::id:
    case FieldType::word:
    case FieldType::payload:
    case FieldType::base64:
    case FieldType::json: return target == Target::text;
    case FieldType::number:
      return target == Target::number || target == Target::optional_number ||
             target == Target::signed_number;
    case FieldType::message_id: return target == Target::number;
    case FieldType::flag: return target == Target::flag;
    case FieldType::channel_type: return target == Target::channel_type;
    case FieldType::uids:
    case FieldType::texts: return target == Target::texts;
    case FieldType::message_ids:
    case FieldType::seqs: return target == Target::numbers;
    case FieldType::types: return target == Target::bytes;
    case FieldType::map: return false;
    case FieldType::object: return target == Target::object;
    case FieldType::objects: return target == Target::objects;
  }
  return false;
}

constexpr bool fits(const Field& field, const char* tag) {
  if (field.to.target != Target::none && field.to.tag != tag) return false;
  if (field.least < 0 && field.to.target != Target::signed_number) return false;
  if (field.type == FieldType::word && field.words.empty()) return false;
  const bool always_there = field.type == FieldType::id || field.type == FieldType::payload ||
                            field.type == FieldType::base64;
  if (always_there && !field.required) return false;
  return !field.name.empty() && !field.meaning.empty() && fits(field.type, field.to.target);
}

}  // namespace detail

// The member of a body that a pointer to member names, or a chain of them: at<&Body::flags,
// &ChannelFlags::ban>.
template <auto... Path>
inline constexpr Place at = detail::make_place<Path...>();

// The table of a type of body, in the order of the documentation. View of rows that live for ever.
template <class Body>
class Fields {
 public:
  template <std::size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): an array of rows is a table.
  constexpr Fields(const std::array<Field, N>& rows) : rows_(rows) {
    for (const Field& row : rows) {
      if (!detail::fits(row, &detail::kBodyTag<Body>)) detail::this_row_does_not_fit();
    }
  }
  constexpr std::span<const Field> rows() const { return rows_; }

 private:
  std::span<const Field> rows_;
};

template <class Body>
std::span<const Field> detail::fields_of() {
  return Body::fields().rows();
}

// What `fields()` of a body answers; `Rows` is an array that lives for ever.
template <class Body, const auto& Rows>
inline constexpr Fields<Body> kTable = Rows;

// Rows that several tables share, and those of their own.
template <std::size_t... N>
constexpr auto joined(const std::array<Field, N>&... parts) {
  std::array<Field, (N + ...)> all{};
  std::size_t next = 0;
  const auto add = [&](const auto& part) {
    for (const Field& row : part) all[next++] = row;
  };
  (add(parts), ...);
  return all;
}

// The body that is posted to a path.
struct PathBody {
  std::string_view path;
  std::span<const Field> fields;
  // The body may also be the array that is its only member.
  bool or_array = false;
};

}  // namespace jindou::bodies
