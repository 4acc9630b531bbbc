#include "codec/message_json.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "codec/json_reader.h"
#include "codec/payload_json.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

namespace dom = simdjson::dom;

// Takes the problems of one body. The item's index and client_msg_no are added when the item is
// done, because its client_msg_no may come after the member that is wrong.
class Problems {
 public:
  explicit Problems(std::size_t most) : most_(most) {}

  void add(std::string_view field, std::string_view text, Errc code = Errc::invalid) {
    if (full()) return;
    ItemProblem& problem = list_.emplace_back();
    problem.field = field;
    problem.text = field.empty() ? std::string("the message") : std::string(field);
    problem.text += ' ';
    problem.text += text;
    problem.code = code;
  }
  void finish_item(std::size_t index, std::string_view client_msg_no) {
    for (; done_ < list_.size(); ++done_) {
      list_[done_].index = index;
      // Echoed in the answer, so an oversized one is not.
      if (client_msg_no.size() <= kClientMsgNoBytesMax) list_[done_].client_msg_no = client_msg_no;
    }
  }
  std::size_t count() const { return list_.size(); }
  bool full() const { return list_.size() >= most_; }
  bool empty() const { return list_.empty(); }
  Error first() const { return Error(list_.front().code, list_.front().text); }
  std::vector<ItemProblem> take() { return std::move(list_); }

 private:
  std::vector<ItemProblem> list_;
  std::size_t done_ = 0;
  std::size_t most_;
};

enum class Member : std::uint8_t {
  payload,
  from_uid,
  channel_id,
  channel_type,
  header,
  client_msg_no,
  stream_no,
  is_stream,
  expire,
  subscribers,
  tag_key,
  topic,
  no_persist,
  red_dot,
  sync_once,
  setting,
  sender_uid,
  device_id,
  unknown,
};

enum class Place : bool { item, header };

Member flag_of(std::string_view name) {
  if (name == "no_persist") return Member::no_persist;
  if (name == "red_dot") return Member::red_dot;
  if (name == "sync_once") return Member::sync_once;
  return Member::unknown;
}

// Chosen by length first: a name is compared once or twice, not twelve times.
Member member_of(std::string_view name, Place place) {
  const auto is = [name](const char* other) {
    return std::memcmp(name.data(), other, name.size()) == 0;
  };
  if (place == Place::header) {
    return flag_of(name);
  }
  if (const Member flag = flag_of(name); flag != Member::unknown) return flag;
  switch (name.size()) {
    case 5: return is("topic") ? Member::topic : Member::unknown;
    case 6:
      if (is("header")) return Member::header;
      return is("expire") ? Member::expire : Member::unknown;
    case 7:
      if (is("payload")) return Member::payload;
      if (is("setting")) return Member::setting;
      return is("tag_key") ? Member::tag_key : Member::unknown;
    case 8: return is("from_uid") ? Member::from_uid : Member::unknown;
    case 9:
      if (is("device_id")) return Member::device_id;
      if (is("stream_no")) return Member::stream_no;
      return is("is_stream") ? Member::is_stream : Member::unknown;
    case 10:
      if (is("channel_id")) return Member::channel_id;
      return is("sender_uid") ? Member::sender_uid : Member::unknown;
    case 11: return is("subscribers") ? Member::subscribers : Member::unknown;
    case 12: return is("channel_type") ? Member::channel_type : Member::unknown;
    case 13: return is("client_msg_no") ? Member::client_msg_no : Member::unknown;
    default: return Member::unknown;
  }
}

// Finds repeated members of one object: a bit for each known one, and a list of the others, which
// is sorted at the end because its length is the sender's choice.
class Repeats {
 public:
  // False when this member was there before.
  bool add(Member member, std::string_view name) {
    if (member == Member::unknown) {
      others_.push_back(name);
      return true;
    }
    const std::uint32_t bit = 1U << static_cast<unsigned>(member);
    const bool fresh = (seen_ & bit) == 0;
    seen_ |= bit;
    return fresh;
  }
  bool others_repeat() {
    if (others_.size() < 2) return false;
    std::sort(others_.begin(), others_.end());
    return std::adjacent_find(others_.begin(), others_.end()) != others_.end();
  }

 private:
  std::uint32_t seen_ = 0;
  std::vector<std::string_view> others_;
};

// The members of one object with the right types, not yet checked any further. Absent, null and
// empty are the same thing to every rule, so there is no third state. Borrows from the parsed
// document.
struct Fields {
  std::optional<dom::element> payload;
  std::string_view from_uid;
  std::string_view channel_id;
  std::string_view client_msg_no;
  std::string_view stream_no;
  std::string_view tag_key;
  std::string_view topic;
  std::optional<std::uint8_t> channel_type;
  std::optional<dom::array> subscribers;
  std::uint32_t expire = 0;
  std::string_view sender_uid;  // stands for a from_uid that is blank
  std::string_view device_id;   // checked, and without effect
  std::uint8_t setting = 0;
  bool is_stream = false;
  MessageFlags flags;      // of the header; when all is read, of both places
  MessageFlags own_flags;  // beside the header
  std::uint32_t bad = 0;   // bit per Member: has been complained about, so is not checked further

  bool good(Member member) const { return (bad >> static_cast<unsigned>(member) & 1U) == 0; }
};

void read_string(dom::element value, std::string_view name, std::string_view& out,
                 Problems& problems) {
  if (value.is_null()) return;
  if (value.get_string().get(out) != simdjson::SUCCESS) problems.add(name, "must be a string");
}

std::optional<std::uint64_t> read_number(dom::element value, std::string_view name,
                                         std::uint64_t most, Problems& problems,
                                         std::uint64_t shown_least = 0) {
  if (value.is_null()) return std::nullopt;
  const auto type = value.type();
  if (type != dom::element_type::INT64 && type != dom::element_type::UINT64) {
    problems.add(name,
                 value.is_string() ? "must be an integer, without quotes" : "must be an integer");
    return std::nullopt;
  }
  std::uint64_t number = 0;
  if (value.get_uint64().get(number) != simdjson::SUCCESS || number > most) {
    problems.add(name,
                 "must be from " + std::to_string(shown_least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

bool read_flag(dom::element value, std::string_view name, Problems& problems) {
  if (value.is_null()) return false;
  const auto on = to_flag(value);
  if (!on) problems.add(name, std::string(kFlagRule));
  return on.value_or(false);
}

void read_expire(dom::element value, std::uint32_t& out, Problems& problems) {
  constexpr std::string_view kName = "expire";
  const auto seconds =
      read_number(value, kName, std::numeric_limits<std::uint32_t>::max(), problems);
  if (!seconds) return;
  if (*seconds > kExpireSecondsMax) {
    problems.add(kName, "is a number of seconds from now, at most " +
                            std::to_string(kExpireSecondsMax) +
                            " (ten years); a Unix time is none");
    return;
  }
  out = static_cast<std::uint32_t>(*seconds);
}

void read_header(dom::element value, MessageFlags& flags, Problems& problems) {
  if (value.is_null()) return;
  dom::object header;
  if (value.get_object().get(header) != simdjson::SUCCESS) {
    problems.add("header", "must be an object");
    return;
  }
  Repeats repeats;
  for (const auto field : header) {
    const Member member = member_of(field.key, Place::header);
    if (!repeats.add(member, field.key)) {
      problems.add("header." + std::string(field.key), "must not be given twice");
      continue;
    }
    switch (member) {
      case Member::no_persist:
        flags.no_persist = read_flag(field.value, "header.no_persist", problems);
        break;
      case Member::red_dot:
        flags.red_dot = read_flag(field.value, "header.red_dot", problems);
        break;
      case Member::sync_once:
        flags.sync_once = read_flag(field.value, "header.sync_once", problems);
        break;
      default: break;
    }
  }
  if (repeats.others_repeat()) problems.add("header", "must not have a member twice");
}

void read_fields(dom::object object, Fields& fields, Problems& problems) {
  Repeats repeats;
  for (const auto field : object) {
    const std::string_view name = field.key;
    const dom::element value = field.value;
    const Member member = member_of(name, Place::item);
    if (!repeats.add(member, name)) {
      problems.add(name, "must not be given twice");
      continue;
    }
    const std::size_t before = problems.count();
    switch (member) {
      case Member::payload:
        if (!value.is_null()) fields.payload = value;
        break;
      case Member::from_uid: read_string(value, name, fields.from_uid, problems); break;
      case Member::channel_id: read_string(value, name, fields.channel_id, problems); break;
      case Member::client_msg_no: read_string(value, name, fields.client_msg_no, problems); break;
      case Member::stream_no: read_string(value, name, fields.stream_no, problems); break;
      case Member::tag_key: read_string(value, name, fields.tag_key, problems); break;
      case Member::topic: read_string(value, name, fields.topic, problems); break;
      case Member::header: read_header(value, fields.flags, problems); break;
      // Beside the header too: either place switches on.
      case Member::no_persist:
        fields.own_flags.no_persist = read_flag(value, name, problems);
        break;
      case Member::red_dot: fields.own_flags.red_dot = read_flag(value, name, problems); break;
      case Member::sync_once: fields.own_flags.sync_once = read_flag(value, name, problems); break;
      case Member::sender_uid: read_string(value, name, fields.sender_uid, problems); break;
      case Member::device_id: read_string(value, name, fields.device_id, problems); break;
      case Member::setting:
        if (const auto bits =
                read_number(value, name, std::numeric_limits<std::uint8_t>::max(), problems)) {
          fields.setting = static_cast<std::uint8_t>(*bits);
        }
        break;
      case Member::is_stream: fields.is_stream = read_flag(value, name, problems); break;
      case Member::channel_type:
        if (const auto type =
                read_number(value, name, std::numeric_limits<std::uint8_t>::max(), problems, 1)) {
          fields.channel_type = static_cast<std::uint8_t>(*type);
        }
        break;
      case Member::expire: read_expire(value, fields.expire, problems); break;
      case Member::subscribers: {
        if (value.is_null()) break;
        dom::array list;
        if (value.get_array().get(list) == simdjson::SUCCESS) {
          fields.subscribers = list;
        } else {
          problems.add(name, "must be an array of strings: put a single one in [ and ]");
        }
        break;
      }
      default: break;
    }
    if (problems.count() != before) fields.bad |= 1U << static_cast<unsigned>(member);
  }
  if (repeats.others_repeat()) problems.add("", "must not have a member twice");
  if (is_blank(fields.from_uid) && !fields.sender_uid.empty()) {
    fields.from_uid = fields.sender_uid;
  }
  fields.flags.no_persist |= fields.own_flags.no_persist;
  fields.flags.red_dot |= fields.own_flags.red_dot;
  fields.flags.sync_once |= fields.own_flags.sync_once;
}

enum class UidCheck : bool { here, by_caller };

// Copies the list without blanks and repeats. A list of nothing but blanks is a problem and not an
// empty list: empty means "everybody", which is the last thing its author had in mind.
void read_subscribers(dom::array list, const SendLimits& limits, UidCheck check,
                      std::vector<std::string>& out, Problems& problems) {
  constexpr std::string_view kName = "subscribers";
  if (list.size() == 0) return;
  if (list.size() > limits.subscribers_max) {
    problems.add(kName,
                 "must not have more than " + std::to_string(limits.subscribers_max) + " entries",
                 Errc::too_large);
    return;
  }
  std::unordered_set<std::string_view> seen;
  seen.reserve(list.size());
  for (const dom::element entry : list) {
    std::string_view uid;
    if (entry.get_string().get(uid) != simdjson::SUCCESS) {
      problems.add(kName, "must be an array of strings");
      return;
    }
    if (is_blank(uid) || !seen.insert(uid).second) continue;
    if (check == UidCheck::here) {
      if (const auto problem = id_problem(uid); !problem.empty()) {
        problems.add(kName, problem);
        return;
      }
    }
    out.emplace_back(uid);
  }
  if (out.empty()) problems.add(kName, "must name at least one user");
}

void read_payload(const Fields& fields, const SendLimits& limits, std::string& out,
                  Problems& problems) {
  constexpr std::string_view kName = "payload";
  if (!fields.payload) {
    problems.add(kName, "is required");
    return;
  }
  const auto problem = codec::read_payload(*fields.payload, limits.payload_bytes_max, out);
  if (!problem.text.empty()) problems.add(kName, problem.text, problem.code);
}

// A uid or channel id that has to be there.
void read_id(std::string_view text, std::string_view name, std::string& out, Problems& problems) {
  if (is_blank(text)) {
    problems.add(name, "is required");
  } else if (const auto problem = id_problem(text); !problem.empty()) {
    problems.add(name, problem, text.size() > kIdBytesMax ? Errc::too_large : Errc::invalid);
  } else {
    out = text;
  }
}

void read_label(std::string_view text, std::string_view name, std::size_t bytes_max,
                std::string& out, Problems& problems) {
  if (text.size() > bytes_max) {
    problems.add(name, "must not be longer than " + std::to_string(bytes_max) + " bytes",
                 Errc::too_large);
  } else if (!is_valid_utf8(text)) {
    // Escapes like a lone "\ud800" can make text that was no problem to the parser.
    problems.add(name, "must be valid UTF-8");
  } else {
    out = text;
  }
}

void read_optional_members(const Fields& fields, BatchItem& item, Problems& problems) {
  item.flags = fields.flags;
  item.expire = fields.expire;
  if (!is_blank(fields.client_msg_no)) {
    read_label(fields.client_msg_no, "client_msg_no", kClientMsgNoBytesMax, item.client_msg_no,
               problems);
    item.client_msg_no_given = true;
  }
  read_label(fields.stream_no, "stream_no", kLabelBytesMax, item.stream_no, problems);
  read_label(fields.tag_key, "tag_key", kLabelBytesMax, item.tag_key, problems);
  read_label(fields.topic, "topic", kLabelBytesMax, item.topic, problems);
  // Whether there is a topic is told by the topic.
  item.setting = fields.setting & (kSettingReceipt | kSettingSignal);
  item.is_stream =
      fields.is_stream || !item.stream_no.empty() || (fields.setting & kSettingStream) != 0;
}

void read_batch_item(dom::element element, std::size_t index, const SendLimits& limits,
                     BatchItem& item, Problems& problems) {
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    problems.add("", "must be an object");
    problems.finish_item(index, {});
    return;
  }
  Fields fields;
  read_fields(object, fields, problems);
  if (fields.good(Member::payload)) {
    read_payload(fields, limits, item.payload, problems);
  }
  if (fields.good(Member::from_uid)) {
    read_id(fields.from_uid, "from_uid", item.from_uid, problems);
  }
  if (fields.good(Member::channel_id)) {
    read_id(fields.channel_id, "channel_id", item.channel_id, problems);
  }
  if (!fields.channel_type.has_value()) {
    if (fields.good(Member::channel_type)) problems.add("channel_type", "is required");
  } else if (*fields.channel_type == 0) {
    problems.add("channel_type", "must be from 1 to 255");
  } else {
    item.channel_type = static_cast<ChannelType>(*fields.channel_type);
  }
  if (fields.subscribers) {
    read_subscribers(*fields.subscribers, limits, UidCheck::here, item.subscribers, problems);
  }
  read_optional_members(fields, item, problems);
  problems.finish_item(index, fields.client_msg_no);
}

BatchBody read_array(dom::array list, const SendLimits& limits) {
  const std::size_t size = list.size();
  if (size == 0) return Error(Errc::invalid, "the batch is empty");
  if (size > limits.items_max) {
    return Error(Errc::too_large, "a batch must not have more than " +
                                      std::to_string(limits.items_max) + " items (api.maxBatch)");
  }
  Problems problems(limits.problems_max);
  std::vector<BatchItem> items(size);
  std::size_t index = 0;
  for (const dom::element element : list) {
    read_batch_item(element, index, limits, items[index], problems);
    if (problems.full()) break;
    ++index;
  }
  if (!problems.empty()) return problems.take();
  return items;
}

constexpr std::string_view kNoSubscribers =
    "is required: an object is one message for many users. Other messages go into an array";
constexpr std::string_view kSingleMessage =
    "is required: an object is one message for many users. Put a message for a channel into an "
    "array, with [ and ] around it, or post it to /message/send";

constexpr const char* kWantsArray =
    "the body must be an array of messages: [{\"from_uid\":…,\"channel_id\":…,\"payload\":…}, …]";

BatchBody read_legacy(dom::object object, const SendLimits& limits) {
  Problems problems(1);
  Fields fields;
  LegacyBatch batch;
  read_fields(object, fields, problems);
  BatchItem& message = batch.message;
  if (problems.empty() && !fields.subscribers && !fields.payload)
    return Error(Errc::invalid, kWantsArray);
  if (problems.empty()) read_id(fields.from_uid, "from_uid", message.from_uid, problems);
  if (problems.empty()) {
    if (!fields.subscribers || fields.subscribers->size() == 0) {
      problems.add("subscribers", fields.channel_id.empty() ? kNoSubscribers : kSingleMessage);
    } else {
      read_subscribers(*fields.subscribers, limits, UidCheck::by_caller, batch.subscribers,
                       problems);
    }
  }
  if (problems.empty()) read_payload(fields, limits, message.payload, problems);
  if (problems.empty()) read_optional_members(fields, message, problems);
  if (!problems.empty()) return problems.first();
  message.channel_type = ChannelType::person;
  return batch;
}

}  // namespace

BatchBody parse_batch(std::string_view body, const SendLimits& limits) {
  auto parsed = parse_json(body);
  if (!parsed) return std::move(parsed).error();
  dom::array list;
  if (parsed->get_array().get(list) == simdjson::SUCCESS) return read_array(list, limits);
  dom::object object;
  if (parsed->get_object().get(object) == simdjson::SUCCESS) return read_legacy(object, limits);
  return Error(Errc::invalid, kWantsArray);
}

Result<BatchItem> parse_send(std::string_view body, const SendLimits& limits) {
  JD_TRY(const auto element, parse_json(body));
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    return Error(Errc::invalid,
                 element.is_array()
                     ? "the body must be an object: several messages go to /message/sendbatch"
                     : "the body must be an object, with the members of one message");
  }
  Problems problems(1);
  Fields fields;
  BatchItem item;
  read_fields(object, fields, problems);
  if (problems.empty()) read_payload(fields, limits, item.payload, problems);
  if (!problems.empty()) return problems.first();

  const bool targeted = fields.subscribers && fields.subscribers->size() > 0;
  const bool has_channel = !is_blank(fields.channel_id);
  const auto type = fields.channel_type.value_or(0);
  // Without sync_once the message goes into its channel, and only these users read it.
  const bool command = targeted && fields.flags.sync_once;
  if (!has_channel && !command) problems.add("channel_id", "is required");
  if (command && has_channel) {
    problems.add("subscribers", "with sync_once and channel_id exclude each other");
  }
  if (!command && type == 0) problems.add("channel_type", "is required, from 1 to 255");
  if (has_channel) read_id(fields.channel_id, "channel_id", item.channel_id, problems);
  item.channel_type = static_cast<ChannelType>(type);
  if (is_blank(fields.from_uid)) {
    item.from_uid = kSystemUid;
  } else {
    read_id(fields.from_uid, "from_uid", item.from_uid, problems);
  }
  if (targeted) {
    read_subscribers(*fields.subscribers, limits, UidCheck::here, item.subscribers, problems);
  }
  read_optional_members(fields, item, problems);
  if (!problems.empty()) return problems.first();
  return item;
}

}  // namespace jindou::codec
