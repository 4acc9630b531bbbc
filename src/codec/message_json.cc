#include "codec/message_json.h"

#include <algorithm>
#include <array>
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

using Member = SendMember;

// Sets of members, a bit for each.
constexpr std::uint32_t bit_of(Member member) { return 1U << static_cast<unsigned>(member); }
static_assert(kSendMembers <= 32);

// Finds repeated members of one object: a bit for each known one, and a list of the others, which
// is sorted at the end because its length is the sender's choice.
class Repeats {
 public:
  // False when this member was there before. `field`: null for one that is none of ours.
  bool add(const SendField* field, std::string_view name) {
    if (field == nullptr) {
      others_.push_back(name);
      return true;
    }
    const std::uint32_t bit = bit_of(field->member);
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
  std::optional<dom::array> subscribers;
  std::array<std::string_view, kSendMembers> texts{};
  std::array<std::uint32_t, kSendMembers> numbers{};
  std::uint32_t given = 0;  // of the numbers, which are there
  std::uint32_t on = 0;     // of the flags, wherever they stand, which are
  std::uint32_t bad = 0;    // has been complained about, so is not checked further

  std::string_view text(Member member) const { return texts[static_cast<unsigned>(member)]; }
  // 0 when absent.
  std::uint32_t number(Member member) const { return numbers[static_cast<unsigned>(member)]; }
  bool has_number(Member member) const { return (given & bit_of(member)) != 0; }
  bool flag(Member member) const { return (on & bit_of(member)) != 0; }
  bool good(Member member) const { return (bad & bit_of(member)) == 0; }
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

// `name` is asked for when there is a problem.
template <class Name>
bool read_flag(dom::element value, const Name& name, Problems& problems) {
  if (value.is_null()) return false;
  const auto on = to_flag(value);
  if (!on) problems.add(name(), std::string(kFlagRule));
  return on.value_or(false);
}

void read_number_field(dom::element value, const SendField& field, Fields& fields,
                       Problems& problems) {
  // What is too long is told as what it is.
  const bool duration = field.member == Member::expire;
  const std::uint64_t least = field.type == SendFieldType::channel_type ? 1 : 0;
  const auto number = read_number(value, field.name,
                                  duration ? std::numeric_limits<std::uint32_t>::max() : field.most,
                                  problems, least);
  if (!number) return;
  if (*number > field.most) {
    problems.add(field.name, "is a number of seconds from now, at most " +
                                 std::to_string(field.most) + " (ten years); a Unix time is none");
    return;
  }
  fields.numbers[static_cast<unsigned>(field.member)] = static_cast<std::uint32_t>(*number);
  fields.given |= bit_of(field.member);
}

void read_header(dom::element value, Fields& fields, Problems& problems) {
  if (value.is_null()) return;
  dom::object header;
  if (value.get_object().get(header) != simdjson::SUCCESS) {
    problems.add("header", "must be an object");
    return;
  }
  Repeats repeats;
  for (const auto member : header) {
    const SendField* field = find_send_field(member.key);
    if (field != nullptr && !field->in_header) field = nullptr;
    const auto shown_name = [&member] { return "header." + std::string(member.key); };
    if (!repeats.add(field, member.key)) {
      problems.add(shown_name(), "must not be given twice");
    } else if (field != nullptr && read_flag(member.value, shown_name, problems)) {
      fields.on |= bit_of(field->member);
    }
  }
  if (repeats.others_repeat()) problems.add("header", "must not have a member twice");
}

void read_array_field(dom::element value, std::string_view name, std::optional<dom::array>& out,
                      Problems& problems) {
  if (value.is_null()) return;
  dom::array list;
  if (value.get_array().get(list) == simdjson::SUCCESS) {
    out = list;
  } else {
    problems.add(name, "must be an array of strings: put a single one in [ and ]");
  }
}

void read_field(dom::element value, const SendField& field, Fields& fields, Problems& problems) {
  switch (field.type) {
    case SendFieldType::payload:
      if (!value.is_null()) fields.payload = value;
      break;
    case SendFieldType::id:
    case SendFieldType::text:
      read_string(value, field.name, fields.texts[static_cast<unsigned>(field.member)], problems);
      break;
    case SendFieldType::flag:
      if (read_flag(
              value, [&field] { return field.name; }, problems)) {
        fields.on |= bit_of(field.member);
      }
      break;
    case SendFieldType::number:
    case SendFieldType::channel_type: read_number_field(value, field, fields, problems); break;
    case SendFieldType::uids:
      read_array_field(value, field.name, fields.subscribers, problems);
      break;
    case SendFieldType::header: read_header(value, fields, problems); break;
  }
}

void read_fields(dom::object object, Fields& fields, Problems& problems) {
  Repeats repeats;
  for (const auto member : object) {
    const SendField* field = find_send_field(member.key);
    if (!repeats.add(field, member.key)) {
      problems.add(member.key, "must not be given twice");
    } else if (field != nullptr) {
      const std::size_t before = problems.count();
      read_field(member.value, *field, fields, problems);
      if (problems.count() != before) fields.bad |= bit_of(field->member);
    }
  }
  if (repeats.others_repeat()) problems.add("", "must not have a member twice");
  const std::string_view sender = fields.text(Member::sender_uid);
  if (is_blank(fields.text(Member::from_uid)) && !sender.empty()) {
    fields.texts[static_cast<unsigned>(Member::from_uid)] = sender;
  }
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
  const auto label = [&](Member member, std::size_t bytes_max, std::string& out) {
    const SendField& field = send_fields()[static_cast<unsigned>(member)];
    read_label(fields.text(member), field.name, bytes_max, out, problems);
  };
  item.flags.no_persist = fields.flag(Member::no_persist);
  item.flags.red_dot = fields.flag(Member::red_dot);
  item.flags.sync_once = fields.flag(Member::sync_once);
  item.expire = fields.number(Member::expire);
  if (!is_blank(fields.text(Member::client_msg_no))) {
    label(Member::client_msg_no, kClientMsgNoBytesMax, item.client_msg_no);
    item.client_msg_no_given = true;
  }
  label(Member::stream_no, kLabelBytesMax, item.stream_no);
  label(Member::tag_key, kLabelBytesMax, item.tag_key);
  label(Member::topic, kLabelBytesMax, item.topic);
  // Whether there is a topic is told by the topic.
  const std::uint32_t setting = fields.number(Member::setting);
  item.setting = static_cast<std::uint8_t>(setting & (kSettingReceipt | kSettingSignal));
  item.is_stream =
      fields.flag(Member::is_stream) || !item.stream_no.empty() || (setting & kSettingStream) != 0;
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
    read_id(fields.text(Member::from_uid), "from_uid", item.from_uid, problems);
  }
  if (fields.good(Member::channel_id)) {
    read_id(fields.text(Member::channel_id), "channel_id", item.channel_id, problems);
  }
  const std::uint32_t type = fields.number(Member::channel_type);
  if (!fields.has_number(Member::channel_type)) {
    if (fields.good(Member::channel_type)) problems.add("channel_type", "is required");
  } else if (type == 0) {
    problems.add("channel_type", "must be from 1 to 255");
  } else {
    item.channel_type = static_cast<ChannelType>(type);
  }
  if (fields.subscribers) {
    read_subscribers(*fields.subscribers, limits, UidCheck::here, item.subscribers, problems);
  }
  read_optional_members(fields, item, problems);
  problems.finish_item(index, fields.text(Member::client_msg_no));
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
  if (problems.empty())
    read_id(fields.text(Member::from_uid), "from_uid", message.from_uid, problems);
  if (problems.empty()) {
    if (!fields.subscribers || fields.subscribers->size() == 0) {
      problems.add("subscribers",
                   fields.text(Member::channel_id).empty() ? kNoSubscribers : kSingleMessage);
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

std::variant<BatchItem, ItemProblem> parse_item(std::string_view text, const SendLimits& limits) {
  const auto parsed = parse_json(text);
  if (!parsed) {
    ItemProblem problem;
    problem.code = parsed.error().code();
    problem.text = parsed.error().detail();
    constexpr std::string_view kBody = "the body ";
    if (problem.text.starts_with(kBody)) problem.text.replace(0, kBody.size(), "the line ");
    return problem;
  }
  Problems problems(1);
  BatchItem item;
  read_batch_item(*parsed, 0, limits, item, problems);
  if (!problems.empty()) return std::move(problems.take().front());
  return item;
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
  const bool has_channel = !is_blank(fields.text(Member::channel_id));
  const std::uint32_t type = fields.number(Member::channel_type);
  // Without sync_once the message goes into its channel, and only these users read it.
  const bool command = targeted && fields.flag(Member::sync_once);
  if (!has_channel && !command) problems.add("channel_id", "is required");
  if (command && has_channel) {
    problems.add("subscribers", "with sync_once and channel_id exclude each other");
  }
  if (!command && type == 0) problems.add("channel_type", "is required, from 1 to 255");
  if (has_channel)
    read_id(fields.text(Member::channel_id), "channel_id", item.channel_id, problems);
  item.channel_type = static_cast<ChannelType>(type);
  if (is_blank(fields.text(Member::from_uid))) {
    item.from_uid = kSystemUid;
  } else {
    read_id(fields.text(Member::from_uid), "from_uid", item.from_uid, problems);
  }
  if (targeted) {
    read_subscribers(*fields.subscribers, limits, UidCheck::here, item.subscribers, problems);
  }
  read_optional_members(fields, item, problems);
  if (!problems.empty()) return problems.first();
  return item;
}

}  // namespace jindou::codec
