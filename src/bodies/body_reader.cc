#include "bodies/body_reader.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "codec/base64.h"
#include "codec/payload_json.h"
#include "model/id_rules.h"

namespace jindou::bodies {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kUidArray = "the body must be an array of uids, such as [\"u1\",\"u2\"]";
constexpr std::string_view kRepeatedMember = "an object must not have a member twice";
// Nobody is told such a bound.
constexpr std::uint64_t kUnbounded = std::numeric_limits<std::int64_t>::max();

bool repeats_member(dom::object object) {
  std::vector<std::string_view> names;
  for (const auto field : object) names.push_back(field.key);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

bool is_integer(dom::element value) {
  return value.type() == dom::element_type::INT64 || value.type() == dom::element_type::UINT64;
}

}  // namespace

BodyReader::BodyReader(const codec::JsonText& body) {
  auto parsed = codec::parse_json(body);
  if (!parsed) {
    problem_ = parsed.error().detail();
    if (problem_.empty()) problem_ = "the body is not valid JSON";
    return;
  }
  dom::object object;
  if (parsed->get_object().get(object) != simdjson::SUCCESS) {
    problem_ = parsed->is_array() ? "the body must be an object, not an array"
                                  : "the body must be an object, such as {\"uid\":\"u1\"}";
    return;
  }
  take(object);
}

BodyReader::BodyReader(dom::object object) { take(object); }

void BodyReader::take(dom::object object) {
  object_ = object;
  if (repeats_member(object_)) {
    problem_ = kRepeatedMember;
    return;
  }
  readable_ = true;
}

void BodyReader::fail(std::string_view text) {
  if (problem_.empty()) problem_ = text;
}

void BodyReader::fail_member(std::string_view name, std::string_view text) {
  if (!problem_.empty()) return;
  problem_ = name;
  problem_ += ' ';
  problem_ += text;
}

dom::element BodyReader::find(std::string_view name, bool& found) {
  found = false;
  dom::element value;
  if (!readable_) return value;
  found = object_.at_key(name).get(value) == simdjson::SUCCESS && !value.is_null();
  return value;
}

bool BodyReader::has(std::string_view name) const {
  dom::element value;
  return readable_ && object_.at_key(name).get(value) == simdjson::SUCCESS && !value.is_null();
}

bool BodyReader::has_text(std::string_view name) const {
  dom::element value;
  return readable_ && object_.at_key(name).get(value) == simdjson::SUCCESS && value.is_string();
}

bool BodyReader::has_object(std::string_view name) const {
  dom::element value;
  return readable_ && object_.at_key(name).get(value) == simdjson::SUCCESS && value.is_object();
}

std::string BodyReader::text(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  if (!found) return {};
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    fail_member(name, "must be a string");
    return {};
  }
  return std::string(text);
}

std::uint64_t BodyReader::to_number(dom::element value, std::string_view name, std::uint64_t most,
                                    std::uint64_t shown_least) {
  std::uint64_t number = 0;
  if (!is_integer(value)) {
    fail_member(name,
                value.is_string() ? "must be an integer, without quotes" : "must be an integer");
  } else if (const bool negative = value.get_uint64().get(number) != simdjson::SUCCESS;
             negative && most >= kUnbounded) {
    fail_member(name, "must not be negative");
  } else if (negative || number > most) {
    fail_member(name,
                "must be from " + std::to_string(shown_least) + " to " + std::to_string(most));
    number = 0;
  }
  return number;
}

std::uint64_t BodyReader::number(std::string_view name, std::uint64_t most,
                                 std::uint64_t shown_least) {
  bool found = false;
  const dom::element value = find(name, found);
  return found ? to_number(value, name, most, shown_least) : 0;
}

std::int64_t BodyReader::signed_number(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  std::int64_t number = 0;
  if (found && (!is_integer(value) || value.get_int64().get(number) != simdjson::SUCCESS)) {
    fail_member(name, "must be an integer of 64 bits");
  }
  return number;
}

bool BodyReader::flag(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  if (!found) return false;
  const auto on = codec::to_flag(value);
  if (!on) fail_member(name, codec::kFlagRule);
  return on.value_or(false);
}

ChannelType BodyReader::channel_type(std::string_view name) {
  // 0 is the same as none, but nobody should be told to give it.
  return static_cast<ChannelType>(number(name, std::numeric_limits<std::uint8_t>::max(), 1));
}

std::uint64_t BodyReader::to_id(dom::element value, std::string_view name) {
  std::string_view digits;
  if (value.get_string().get(digits) != simdjson::SUCCESS) {
    return to_number(value, name, std::numeric_limits<std::int64_t>::max());
  }
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    fail_member(name, "must be an integer or a string of decimal digits");
    return 0;
  }
  return id;
}

std::uint64_t BodyReader::message_id(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  return found ? to_id(value, name) : 0;
}

std::vector<dom::element> BodyReader::entries(std::string_view name, std::string_view of_what) {
  std::vector<dom::element> out;
  bool found = false;
  const dom::element value = find(name, found);
  if (!found) return out;
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) {
    fail_member(name,
                "must be an array of " + std::string(of_what) + ": put a single one in [ and ]");
    return out;
  }
  for (const dom::element entry : list) out.push_back(entry);
  return out;
}

std::vector<std::string> BodyReader::texts(std::string_view name) {
  std::vector<std::string> out;
  for (const dom::element entry : entries(name, "strings")) {
    std::string_view text;
    if (entry.get_string().get(text) != simdjson::SUCCESS) {
      fail_member(name, "must be an array of strings");
      return {};
    }
    out.emplace_back(text);
  }
  return out;
}

std::vector<std::uint64_t> BodyReader::numbers(std::string_view name) {
  std::vector<std::uint64_t> out;
  for (const dom::element entry : entries(name, "integers")) out.push_back(to_id(entry, name));
  return out;
}

std::string BodyReader::id(std::string_view name) {
  std::string value = text(name);
  if (!ok()) return {};
  if (is_blank(value)) {
    fail_member(name, "is required");
  } else if (const auto why = id_problem(value); !why.empty()) {
    fail_member(name, why);
  }
  return value;
}

std::vector<std::string> BodyReader::uids(std::string_view name) {
  std::vector<std::string> given = texts(name);
  std::vector<std::string> out;
  out.reserve(given.size());
  std::unordered_set<std::string_view> seen;
  for (const std::string& uid : given) {
    if (is_blank(uid) || !seen.insert(uid).second) continue;
    if (const auto why = id_problem(uid); !why.empty()) {
      fail_member(name, "has an entry that " + std::string(why));
      return {};
    }
    out.push_back(uid);
  }
  return out;
}

std::vector<std::uint8_t> BodyReader::bytes(std::string_view name) {
  std::vector<std::uint8_t> out;
  for (const dom::element entry : entries(name, "integers")) {
    out.push_back(static_cast<std::uint8_t>(
        to_number(entry, name, std::numeric_limits<std::uint8_t>::max())));
  }
  return out;
}

BodyReader BodyReader::object(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  dom::object object;
  if (!found) return BodyReader();
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    fail_member(name, "must be an object");
    return BodyReader();
  }
  return BodyReader(object);
}

std::vector<BodyReader> BodyReader::objects(std::string_view name) {
  std::vector<BodyReader> out;
  for (const dom::element entry : entries(name, "objects")) {
    dom::object object;
    if (entry.get_object().get(object) != simdjson::SUCCESS) {
      fail_member(name, "must be an array of objects");
      return {};
    }
    out.push_back(BodyReader(object));
  }
  return out;
}

std::string BodyReader::payload(std::string_view name, std::size_t bytes_max) {
  bool found = false;
  const dom::element value = find(name, found);
  std::string out;
  if (!found) {
    fail_member(name, "is required");
  } else if (const auto problem = codec::read_payload(value, bytes_max, out);
             !problem.text.empty()) {
    fail_member(name, problem.text);
  }
  return out;
}

std::string BodyReader::base64(std::string_view name, std::size_t bytes_max) {
  const std::string given = text(name);
  std::string out;
  if (given.empty()) {
    fail_member(name, "is required");
  } else if (!codec::base64_decode(given, out)) {
    fail_member(name, "must be standard base64 with padding");
  } else if (out.empty()) {
    fail_member(name, "must not be empty");
  } else if (out.size() > bytes_max) {
    fail_member(name, "must not be longer than " + std::to_string(bytes_max) + " bytes");
  }
  return out;
}

std::string BodyReader::json(std::string_view name) {
  bool found = false;
  const dom::element value = find(name, found);
  return found ? std::string(simdjson::minify(value)) : std::string();
}

Result<std::vector<std::string>> read_uid_array(const codec::JsonText& body,
                                                std::string_view member) {
  JD_TRY(const dom::element root, codec::parse_json(body));
  dom::object object;
  if (root.get_object().get(object) == simdjson::SUCCESS && repeats_member(object)) {
    return Error(Errc::invalid, std::string(kRepeatedMember));
  }
  dom::array list;
  if (root.get_array().get(list) != simdjson::SUCCESS &&
      root.at_key(member).get_array().get(list) != simdjson::SUCCESS) {
    return Error(Errc::invalid, std::string(kUidArray));
  }
  std::vector<std::string> out;
  for (const dom::element entry : list) {
    std::string_view uid;
    if (entry.get_string().get(uid) != simdjson::SUCCESS) {
      return Error(Errc::invalid, std::string(kUidArray));
    }
    out.emplace_back(uid);
  }
  return out;
}

}  // namespace jindou::bodies
