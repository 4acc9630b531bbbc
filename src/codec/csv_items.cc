#include "codec/csv_items.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/payload_template.h"
#include "model/id_rules.h"

namespace jindou::codec {

namespace {

constexpr const char* kSaveAsUtf8 = "not in UTF-8; save the file as CSV in UTF-8";

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

// JSON stays JSON, everything else goes as its bytes.
std::string payload_member(const std::string& payload) {
  std::string member = "\"payload\":";
  const auto parsed = parse_json(payload);
  if (parsed && (parsed->is_object() || parsed->is_array())) return member + payload;
  JsonWriter(member).base64(payload);
  return member;
}

bool is_channel_type(std::string_view text) {
  unsigned value = 0;
  const auto* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && read == end && value >= 1 && value <= 255;
}

}  // namespace

Result<CsvItems> CsvItems::create(const CsvDefaults& defaults) {
  CsvItems items;
  items.from_uid_ = defaults.from_uid;
  items.channel_type_ = defaults.channel_type;
  if (!defaults.payload.empty()) {
    const auto parsed = PayloadTemplate::parse(defaults.payload);
    if (!parsed) return Error(Errc::invalid, "the payload " + parsed.error().detail());
    items.payload_names_.assign(parsed->names().begin(), parsed->names().end());
    items.payload_members_ = payload_member(defaults.payload);
  } else if (!defaults.template_name.empty()) {
    items.payload_members_ = "\"template\":";
    json_append_string(items.payload_members_, defaults.template_name);
    items.payload_members_ += ",\"template_version\":" + std::to_string(defaults.template_version);
  }
  return items;
}

bool CsvItems::has_column(Use use) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [use](const Column& column) { return column.use == use; });
}

Result<void> CsvItems::set_columns(const std::vector<std::string_view>& names) {
  static constexpr std::pair<std::string_view, Use> kMembers[] = {
      {"channel_id", Use::channel_id},
      {"channel_type", Use::channel_type},
      {"from_uid", Use::from_uid},
      {"client_msg_no", Use::client_msg_no}};
  for (const std::string_view name : names) {
    if (!is_valid_utf8(name)) {
      return Error(Errc::invalid, std::string("the names of the columns are ") + kSaveAsUtf8);
    }
    Column column;
    column.name = name;
    for (const auto& [member, use] : kMembers) {
      if (name == member) column.use = use;
    }
    if (column.use == Use::variable) {
      const auto problem = variable_name_problem(name);
      if (!problem.empty()) {
        return Error(Errc::invalid, "the column " + in_quotes(name) +
                                        " cannot be a variable: its name " + std::string(problem));
      }
    }
    for (const Column& other : columns_) {
      if (other.name == name) {
        return Error(Errc::invalid, "two columns have the name " + in_quotes(name));
      }
    }
    columns_.push_back(std::move(column));
  }
  return check_columns();
}

Result<void> CsvItems::check_columns() const {
  if (!has_column(Use::channel_id)) {
    return Error(Errc::invalid,
                 "no column has the name channel_id; the first row has to name the columns, with "
                 "commas between them");
  }
  if (!has_column(Use::channel_type) && channel_type_ == 0) {
    return Error(Errc::invalid,
                 "no column has the name channel_type, and it is not in the query (1: persons, 2: "
                 "groups)");
  }
  if (!has_column(Use::from_uid) && from_uid_.empty()) {
    return Error(Errc::invalid,
                 "no column has the name from_uid, and the sender is not in the query");
  }
  if (payload_members_.empty()) {
    return Error(Errc::invalid,
                 "rows of CSV are made into messages with the query parameter payload or template");
  }
  const auto variables = static_cast<std::size_t>(std::count_if(
      columns_.begin(), columns_.end(), [](const Column& c) { return c.use == Use::variable; }));
  if (variables > kVariablesMax) {
    return Error(Errc::invalid, "there are " + std::to_string(variables) +
                                    " columns for variables; an item may have " +
                                    std::to_string(kVariablesMax));
  }
  for (const std::string& name : payload_names_) {
    const bool known = std::any_of(columns_.begin(), columns_.end(), [&name](const Column& column) {
      return column.use == Use::variable && column.name == name;
    });
    if (!known) {
      return Error(Errc::invalid,
                   "the payload names {{" + name + "}}, and no column for variables has that name");
    }
  }
  return {};
}

Result<std::string> CsvItems::item_of(const std::vector<std::string_view>& fields,
                                      std::string_view text) const {
  if (fields.size() != columns_.size()) {
    return Error(Errc::invalid, "the row has " + std::to_string(fields.size()) +
                                    (fields.size() == 1 ? " field" : " fields") +
                                    ", the first row names " + std::to_string(columns_.size()) +
                                    " columns");
  }
  if (!is_valid_utf8(text)) return Error(Errc::invalid, std::string("the row is ") + kSaveAsUtf8);
  std::string_view channel;
  std::string_view from = from_uid_;
  std::string_view number;
  std::string type = channel_type_ == 0 ? "" : std::to_string(channel_type_);
  std::string item = "{\"vars\":";
  JsonWriter vars(item);
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
      case Use::client_msg_no: number = field; break;
      case Use::variable: vars.string(columns_[i].name, field); break;
    }
  }
  vars.end_object();
  if (!is_channel_type(type)) {
    return Error(Errc::invalid,
                 "channel_type is " + in_quotes(type) + "; it is a number within 1..255");
  }
  item.append(",\"channel_type\":").append(type);
  const auto add = [&item](std::string_view name, std::string_view value) {
    item.append(",\"").append(name).append("\":");
    json_append_string(item, value);
  };
  add("channel_id", channel);
  add("from_uid", from);
  if (!number.empty()) add("client_msg_no", number);
  item.append(",").append(payload_members_).append("}");
  return item;
}

}  // namespace jindou::codec
