#include "codec/csv_items.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include "base/assert.h"
#include "codec/csv.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/payload_template.h"
#include "codec/send_fields.h"
#include "model/id_rules.h"

namespace jindou::codec {

namespace {

// Those with a default, or a place, of their own, and behind them those that go into the item as
// they are. Not the members without effect: as variables they have one.
constexpr std::size_t kMembersOfTheirOwn = 5;
constexpr std::array<std::string_view, 14> kMemberColumns = {
    "channel_id", "channel_type", "from_uid",  "client_msg_no", "if_last_seq",
    "expire",     "no_persist",   "red_dot",   "sync_once",     "sender_conversation",
    "topic",      "stream_no",    "is_stream", "setting",
};

constexpr std::string_view kPayloadRef = "payload_ref";

// Members of an item that no column is.
constexpr std::array<std::string_view, 8> kOtherMembers = {
    "payload", kPayloadRef, "template",    "template_version",
    "vars",    "header",    "subscribers", "sender_uid",
};

constexpr const char* kSaveAsUtf8 = "not in UTF-8; save the file as CSV in UTF-8";

std::string csv_name_in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

// As JSON has it: without zeros in front, too.
bool is_number_within(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && read == end && value >= least && value <= most &&
         (text.size() == 1 || text.front() != '0');
}

void add_text_member(std::string& item, std::string_view name, std::string_view value) {
  item.append(",\"").append(name).append("\":");
  json_append_string(item, value);
}

// A member that has the value which the field says; the item's reader knows the rest of its rules.
Result<void> add_plain_member(std::string& item, std::string_view name, std::string_view value) {
  const SendField* const field = find_send_field(name);
  JD_ASSERT(field != nullptr);
  std::string takes;
  if (field->type == SendFieldType::text) {
    add_text_member(item, name, value);
    return {};
  }
  if (field->type == SendFieldType::flag) {
    if (value != "0" && value != "1" && value != "true" && value != "false") {
      takes = "0 or 1, true or false";
    }
  } else if (!is_number_within(value, 0, field->most)) {
    takes = "a number within 0.." + std::to_string(field->most);
  }
  if (!takes.empty()) {
    return Error(Errc::invalid,
                 std::string(name) + " is " + csv_name_in_quotes(value) + "; it is " + takes);
  }
  item.append(",\"").append(name).append("\":").append(value);
  return {};
}

}  // namespace

std::span<const std::string_view> csv_member_columns() { return kMemberColumns; }

std::string payload_member(std::string_view payload) {
  std::string member = "\"payload\":";
  const auto parsed = parse_json(payload);
  if (parsed && (parsed->is_object() || parsed->is_array())) {
    // Line ends are nothing but blanks there.
    for (const char c : payload) member += c == '\n' || c == '\r' ? ' ' : c;
    return member;
  }
  JsonWriter(member).base64(payload);
  return member;
}

Result<CsvItems> CsvItems::create(const CsvDefaults& defaults) {
  CsvItems items;
  items.from_uid_ = defaults.from_uid;
  items.channel_type_ = defaults.channel_type;
  items.passed_over_ = defaults.passed_over;
  items.source_ = defaults.source;
  if (!defaults.payload.empty()) {
    const auto parsed = PayloadTemplate::parse(defaults.payload);
    if (!parsed) {
      return Error(Errc::invalid,
                   std::string(defaults.source.payload_subject) + " " + parsed.error().detail());
    }
    items.payload_names_.assign(parsed->names().begin(), parsed->names().end());
    items.names_known_ = true;
    items.payload_members_ = payload_member(defaults.payload);
  } else if (!defaults.template_name.empty()) {
    items.payload_members_ = "\"template\":";
    json_append_string(items.payload_members_, defaults.template_name);
    if (defaults.template_version != 0) {
      items.payload_members_ +=
          ",\"template_version\":" + std::to_string(defaults.template_version);
    }
  }
  return items;
}

CsvItems::Use CsvItems::use_of(std::string_view name) const {
  static_assert(static_cast<std::size_t>(Use::if_last_seq) + 1 == kMembersOfTheirOwn);
  const auto* const member = std::find(kMemberColumns.begin(), kMemberColumns.end(), name);
  const auto place = static_cast<std::size_t>(member - kMemberColumns.begin());
  if (place < kMembersOfTheirOwn) return static_cast<Use>(place);
  if (shared_.has_head && name == kPayloadRef) return Use::payload_ref;
  const bool passed =
      std::find(passed_over_.begin(), passed_over_.end(), name) != passed_over_.end();
  if (passed) return Use::passed_over;
  return place < kMemberColumns.size() && !is_named(name) ? Use::plain : Use::variable;
}

bool CsvItems::is_named(std::string_view name) const {
  return std::find(payload_names_.begin(), payload_names_.end(), name) != payload_names_.end();
}

// Behind a head other payloads may have other places, and its defaults may fill some in.
bool CsvItems::places_known() const { return names_known_ && !shared_.has_head; }

bool CsvItems::has_column(Use use) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [use](const Column& column) { return column.use == use; });
}

Result<void> CsvItems::set_columns(const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    if (!is_valid_utf8(name)) {
      return Error(Errc::invalid, std::string("the names of the columns are ") + kSaveAsUtf8);
    }
    Column column;
    column.name = name;
    column.use = use_of(name);
    if (column.use == Use::variable) {
      const bool is_member =
          std::find(kOtherMembers.begin(), kOtherMembers.end(), name) != kOtherMembers.end();
      if (is_member && !is_named(name)) {
        return Error(Errc::invalid, "the column " + csv_name_in_quotes(name) +
                                        " has the name of a member that rows do not take: " +
                                        std::string(source_.instead) +
                                        ", or give the column another name");
      }
      const auto problem = variable_name_problem(name);
      if (!problem.empty()) {
        return Error(Errc::invalid, "the column " + csv_name_in_quotes(name) +
                                        " cannot be a variable: its name " + std::string(problem));
      }
    }
    for (const Column& other : columns_) {
      if (other.name == name) {
        return Error(Errc::invalid, "two columns have the name " + csv_name_in_quotes(name));
      }
    }
    columns_.push_back(std::move(column));
  }
  JD_RETURN_IF_ERROR(check_columns());
  return choose_variables();
}

Result<void> CsvItems::check_columns() const {
  if (!has_column(Use::channel_id) && !shared_.channel_id) {
    return Error(Errc::invalid,
                 "no column has the name channel_id; the first row has to name the columns, with "
                 "commas between them");
  }
  if (!has_column(Use::channel_type) && channel_type_ == 0 && !shared_.channel_type) {
    return Error(Errc::invalid, "no column has the name channel_type" +
                                    std::string(source_.channel_type) + " (1: persons, 2: groups)");
  }
  if (!has_column(Use::from_uid) && from_uid_.empty() && !shared_.from_uid) {
    return Error(Errc::invalid, "no column has the name from_uid" + std::string(source_.from_uid));
  }
  if (payload_members_.empty() && !shared_.payload && !has_column(Use::payload_ref)) {
    return Error(Errc::invalid,
                 "rows of CSV are made into messages with " + std::string(source_.payload));
  }
  return {};
}

Result<void> CsvItems::choose_variables() {
  const bool all_known = places_known();
  std::size_t variables = 0;
  for (Column& column : columns_) {
    if (column.use == Use::plain && !all_known) ++variables;
    if (column.use != Use::variable) continue;
    if (all_known && !is_named(column.name)) {
      column.use = Use::unused;
    } else {
      ++variables;
    }
  }
  if (variables > kVariablesMax) {
    return Error(Errc::invalid, "there are " + std::to_string(variables) +
                                    " columns for variables; an item may have " +
                                    std::to_string(kVariablesMax));
  }
  if (!all_known) return {};
  for (const std::string& name : payload_names_) {
    const bool known = std::any_of(columns_.begin(), columns_.end(), [&name](const Column& column) {
      return column.use == Use::variable && column.name == name;
    });
    if (!known) {
      return Error(Errc::invalid, std::string(source_.payload_subject) + " names {{" + name +
                                      "}}, and no column for variables has that name");
    }
  }
  return {};
}

Result<std::string> CsvItems::item_of(const std::vector<std::string_view>& fields,
                                      std::string_view text, const MakeNumber& number) const {
  if (fields.size() != columns_.size()) {
    return Error(Errc::invalid, "the row has " + std::to_string(fields.size()) +
                                    (fields.size() == 1 ? " field" : " fields") +
                                    ", the first row names " + std::to_string(columns_.size()) +
                                    " columns");
  }
  if (!is_valid_utf8(text)) return Error(Errc::invalid, std::string("the row is ") + kSaveAsUtf8);
  std::string_view channel;
  std::string_view from = from_uid_;
  std::string_view own_number;
  std::string_view last_seq;
  std::string_view payload_ref;
  std::string type = channel_type_ == 0 ? "" : std::to_string(channel_type_);
  std::string plain;
  std::string variables = ",\"vars\":";
  JsonWriter vars(variables);
  vars.begin_object();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view field = fields[i];
    switch (columns_[i].use) {
      case Use::channel_id: channel = field; break;
      case Use::channel_type:
        if (!field.empty()) type = field;
        break;
      case Use::from_uid:
        if (!field.empty()) from = field;
        break;
      case Use::client_msg_no: own_number = field; break;
      case Use::if_last_seq: last_seq = field; break;
      case Use::plain:
        if (!field.empty()) JD_RETURN_IF_ERROR(add_plain_member(plain, columns_[i].name, field));
        if (!places_known()) vars.string(columns_[i].name, field);
        break;
      case Use::payload_ref: payload_ref = field; break;
      case Use::variable: vars.string(columns_[i].name, field); break;
      case Use::unused:
      case Use::passed_over: break;
    }
  }
  vars.end_object();
  const bool type_is_shared = type.empty() && shared_.channel_type;
  if (!type_is_shared && !is_number_within(type, 1, 255)) {
    return Error(Errc::invalid,
                 "channel_type is " + csv_name_in_quotes(type) + "; it is a number within 1..255");
  }
  if (!last_seq.empty() && !is_number_within(last_seq, 0, kIfLastSeqMax)) {
    return Error(Errc::invalid, "if_last_seq is " + csv_name_in_quotes(last_seq) +
                                    "; it is a number within 0.." + std::to_string(kIfLastSeqMax));
  }
  // Numbers that callers make are of these bytes: another order would make others.
  std::string item = "{\"channel_id\":";
  json_append_string(item, channel);
  if (!type_is_shared) item.append(",\"channel_type\":").append(type);
  add_text_member(item, "from_uid", from);
  if (!last_seq.empty()) item.append(",\"if_last_seq\":").append(last_seq);
  item.append(plain);
  if (!payload_ref.empty()) {
    add_text_member(item, kPayloadRef, payload_ref);
  } else if (!payload_members_.empty()) {
    item.append(",").append(payload_members_);
  }
  item.append(variables);
  if (!own_number.empty()) {
    add_text_member(item, "client_msg_no", own_number);
  } else if (number) {
    add_text_member(item, "client_msg_no", number(item));
  }
  item += '}';
  return item;
}

std::string CsvItems::own_columns() const {
  std::vector<std::string_view> names;
  for (const Column& column : columns_) names.emplace_back(column.name);
  return own_fields(names);
}

std::string CsvItems::own_fields(const std::vector<std::string_view>& fields) const {
  JD_ASSERT(fields.size() == columns_.size());
  std::string text;
  bool first = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (columns_[i].use == Use::passed_over) continue;
    if (!std::exchange(first, false)) text += ',';
    append_csv_field(text, fields[i]);
  }
  return text;
}

}  // namespace jindou::codec
