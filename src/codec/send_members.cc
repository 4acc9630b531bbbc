#include "codec/send_members.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "codec/json_reader.h"

namespace jindou::codec {
namespace {

namespace dom = simdjson::dom;

using Member = SendMember;

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

void read_string(dom::element value, std::string_view name, std::string_view& out,
                 ItemProblems& problems) {
  if (value.is_null()) return;
  if (value.get_string().get(out) != simdjson::SUCCESS) problems.add(name, "must be a string");
}

std::optional<std::uint64_t> read_number(dom::element value, std::string_view name,
                                         std::uint64_t most, ItemProblems& problems,
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
void take_flag(dom::element value, const SendField& field, const Name& name, SendFields& fields,
               ItemProblems& problems) {
  if (value.is_null()) return;
  const auto on = to_flag(value);
  if (!on) problems.add(name(), std::string(kFlagRule));
  fields.given |= bit_of(field.member);
  if (on.value_or(false)) fields.on |= bit_of(field.member);
}

void read_number_field(dom::element value, const SendField& field, SendFields& fields,
                       ItemProblems& problems) {
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

void read_header(dom::element value, SendFields& fields, ItemProblems& problems) {
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
    } else if (field != nullptr) {
      take_flag(member.value, *field, shown_name, fields, problems);
    }
  }
  if (repeats.others_repeat()) problems.add("header", "must not have a member twice");
}

void read_array_field(dom::element value, std::string_view name, std::optional<dom::array>& out,
                      ItemProblems& problems) {
  if (value.is_null()) return;
  dom::array list;
  if (value.get_array().get(list) == simdjson::SUCCESS) {
    out = list;
  } else {
    problems.add(name, "must be an array of strings: put a single one in [ and ]");
  }
}

void read_variables(dom::element value, std::string_view name, SendFields& fields,
                    ItemProblems& problems) {
  if (value.is_null()) return;
  dom::object variables;
  if (value.get_object().get(variables) == simdjson::SUCCESS) {
    fields.variables = variables;
  } else {
    problems.add(name, "must be an object with a value for each variable");
  }
}

void read_field(dom::element value, const SendField& field, SendFields& fields,
                ItemProblems& problems) {
  switch (field.type) {
    case SendFieldType::payload:
      if (!value.is_null()) fields.payload = value;
      break;
    case SendFieldType::id:
    case SendFieldType::text:
      read_string(value, field.name, fields.texts[static_cast<unsigned>(field.member)], problems);
      break;
    case SendFieldType::flag:
      take_flag(
          value, field, [&field] { return field.name; }, fields, problems);
      break;
    case SendFieldType::number:
    case SendFieldType::channel_type: read_number_field(value, field, fields, problems); break;
    case SendFieldType::uids:
      read_array_field(value, field.name, fields.subscribers, problems);
      break;
    case SendFieldType::header: read_header(value, fields, problems); break;
    case SendFieldType::variables: read_variables(value, field.name, fields, problems); break;
  }
}

void read_label(std::string_view text, std::string_view name, std::size_t bytes_max,
                std::string& out, ItemProblems& problems) {
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

}  // namespace

void SendFields::take_missing(const SendFields& defaults) {
  constexpr std::uint32_t kOfThePayload = bit_of(Member::payload_ref) |
                                          bit_of(Member::template_name) |
                                          bit_of(Member::template_version);
  for (std::size_t i = 0; i < kSendMembers; ++i) {
    const std::uint32_t bit = 1U << i;
    if ((kOfThePayload & bit) != 0) continue;
    if (texts[i].empty()) texts[i] = defaults.texts[i];
    if ((given & bit) == 0) numbers[i] = defaults.numbers[i];
  }
  for (const Member member : {Member::from_uid, Member::channel_id, Member::client_msg_no}) {
    const auto i = static_cast<unsigned>(member);
    if (is_blank(texts[i])) texts[i] = defaults.texts[i];
  }
  on |= defaults.on & ~given;
  given |= defaults.given & ~kOfThePayload;
}

void read_send_fields(dom::object object, SendFields& fields, ItemProblems& problems) {
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

void read_subscribers(dom::array list, const SendLimits& limits, UidCheck check,
                      std::vector<std::string>& out, ItemProblems& problems,
                      std::vector<std::size_t>* places) {
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
  std::size_t next = 0;
  for (const dom::element entry : list) {
    const std::size_t place = next++;
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
    if (places != nullptr) places->push_back(place);
  }
  if (out.empty()) problems.add(kName, "must name at least one user");
}

std::size_t memory_of(const std::vector<std::string>& uids) {
  std::size_t bytes = 0;
  for (const std::string& uid : uids) bytes += sizeof(std::string) + uid.size();
  return bytes;
}

void read_id(std::string_view text, std::string_view name, std::string& out,
             ItemProblems& problems) {
  if (is_blank(text)) {
    problems.add(name, "is required");
  } else if (const auto problem = id_problem(text); !problem.empty()) {
    problems.add(name, problem, text.size() > kIdBytesMax ? Errc::too_large : Errc::invalid);
  } else {
    out = text;
  }
}

void read_optional_members(const SendFields& fields, const SendLimits& limits, BatchItem& item,
                           ItemProblems& problems) {
  const auto label = [&](Member member, std::size_t bytes_max, std::string& out) {
    const SendField& field = send_fields()[static_cast<unsigned>(member)];
    read_label(fields.text(member), field.name, bytes_max, out, problems);
  };
  item.flags.no_persist = fields.flag(Member::no_persist);
  item.flags.red_dot = fields.flag(Member::red_dot);
  item.flags.sync_once = fields.flag(Member::sync_once);
  item.sender_conversation = fields.is_given(Member::sender_conversation)
                                 ? fields.flag(Member::sender_conversation)
                                 : limits.sender_conversation;
  item.expire = fields.number(Member::expire);
  if (fields.is_given(Member::if_last_seq)) item.if_last_seq = fields.number(Member::if_last_seq);
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

}  // namespace jindou::codec
