#include "caller/item_form.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "codec/csv.h"
#include "codec/json_members.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/payload_template.h"
#include "model/id_rules.h"

namespace jindou::caller {

namespace {

constexpr std::string_view kInvalid = "invalid";

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

void add_member(std::string& text, std::string_view member) {
  if (text.size() > 1) text += ',';
  text += member;
}

std::string string_member(std::string_view name, std::string_view value) {
  std::string member = in_quotes(name) + ':';
  codec::json_append_string(member, value);
  return member;
}

// JSON stays JSON, everything else goes as its bytes.
std::string payload_member(const std::string& payload) {
  std::string member = "\"payload\":";
  const auto parsed = codec::parse_json(payload);
  if (parsed && (parsed->is_object() || parsed->is_array())) {
    // On one line; line ends are nothing but blanks there.
    for (const char c : payload) member += c == '\n' || c == '\r' ? ' ' : c;
    return member;
  }
  codec::JsonWriter(member).base64(payload);
  return member;
}

bool is_channel_type(std::string_view text) {
  unsigned value = 0;
  const auto end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && read == end && value >= 1 && value <= 255;
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

}  // namespace

Result<ItemForm> ItemForm::create(const SendOptions& options) {
  ItemForm form;
  form.id_ = options.id;
  form.from_ = options.from;
  form.channel_type_ = options.channel_type;
  if (!options.template_name.empty()) {
    form.payload_member_ = string_member("template", options.template_name);
  }
  if (!options.payload.empty()) {
    const auto parsed = codec::PayloadTemplate::parse(options.payload);
    if (!parsed) return Error(Errc::invalid, "--payload " + parsed.error().detail());
    form.payload_names_.assign(parsed->names().begin(), parsed->names().end());
    form.names_known_ = true;
    form.payload_member_ = payload_member(options.payload);
  }
  return form;
}

std::string ItemForm::number_of(std::uint64_t row, std::string_view text) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), hash_of(id_, row));
  std::array<char, 40> digits{};
  const int size = std::snprintf(digits.data(), digits.size(), "jd%016llx%016llx",
                                 static_cast<unsigned long long>(hash.high64),
                                 static_cast<unsigned long long>(hash.low64));
  return {digits.data(), static_cast<std::size_t>(size)};
}

std::uint64_t ItemForm::options_hash() const {
  std::uint64_t hash = hash_of(id_, channel_type_);
  hash = hash_of(from_, hash);
  return hash_of(payload_member_, hash);
}

void ItemForm::from_line(std::string_view line, Item& item) const {
  item.original = line;
  const auto members = codec::json_members(line);
  if (!members) {
    // The server says what is wrong with it.
    item.text = line;
    return;
  }
  bool has_number = false;
  bool has_from = from_.empty();
  bool has_type = channel_type_ == 0;
  bool has_payload = payload_member_.empty();
  bool was_refused = false;
  std::string text = "{";
  for (const codec::JsonMember& member : *members) {
    if (member.is(kRefusedMember)) {
      was_refused = true;
      continue;
    }
    // What is absent makes room for what is filled in.
    const auto take = [&member](bool& has) {
      has = has || !member.is_absent();
      return !member.is_absent();
    };
    bool keep = true;
    if (member.is("client_msg_no")) keep = take(has_number);
    if (member.is("from_uid") || member.is("sender_uid")) keep = take(has_from);
    if (member.is("channel_type")) keep = take(has_type);
    if (member.is("payload") || member.is("payload_ref") || member.is("template")) {
      keep = take(has_payload);
    }
    if (!keep) continue;
    add_member(text, {member.name.data() - 1,
                      static_cast<std::size_t>(member.value.data() + member.value.size() -
                                               (member.name.data() - 1))});
  }
  if (was_refused && text.size() == 1) {
    item.code = kInvalid;
    item.problem = "the line is still not mended: it has nothing but why it was refused";
    return;
  }
  if (was_refused) item.original = text + '}';
  if (!has_from) add_member(text, string_member("from_uid", from_));
  if (!has_type) add_member(text, "\"channel_type\":" + std::to_string(channel_type_));
  if (!has_payload) add_member(text, payload_member_);
  if (!has_number) add_member(text, string_member("client_msg_no", number_of(item.row, text)));
  item.text = std::move(text);
  item.text += '}';
}

bool ItemForm::has_column(Use use) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [use](const Column& column) { return column.use == use; });
}

Result<void> ItemForm::set_columns(const std::vector<std::string_view>& names) {
  static constexpr std::pair<std::string_view, Use> kMembers[] = {
      {"channel_id", Use::channel_id},
      {"channel_type", Use::channel_type},
      {"from_uid", Use::from_uid},
      {"client_msg_no", Use::client_msg_no}};
  for (const std::string_view name : names) {
    if (!is_valid_utf8(name)) {
      return Error(Errc::invalid,
                   "the names of the columns are not in UTF-8; save the file as CSV in UTF-8");
    }
    Column column;
    column.name = name;
    for (const auto& [member, use] : kMembers) {
      if (name == member) column.use = use;
    }
    for (const std::string_view refused : kRefusedColumns) {
      if (name == refused) column.use = Use::refused;
    }
    if (column.use == Use::variable) {
      const auto problem = codec::variable_name_problem(name);
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
  resends_ = has_column(Use::refused);
  JD_RETURN_IF_ERROR(check_columns());
  return use_columns_of_payload();
}

Result<void> ItemForm::check_columns() const {
  if (!has_column(Use::channel_id)) {
    return Error(Errc::invalid,
                 "no column has the name channel_id; the first row has to name the columns, with "
                 "commas between them");
  }
  if (!has_column(Use::channel_type) && channel_type_ == 0) {
    return Error(
        Errc::invalid,
        "no column has the name channel_type; give --channel-type (1: persons, 2: groups)");
  }
  if (!has_column(Use::from_uid) && from_.empty()) {
    return Error(Errc::invalid, "no column has the name from_uid; give --from, the sender");
  }
  if (payload_member_.empty()) {
    return Error(Errc::invalid, "rows of CSV are made into messages with --template or --payload");
  }
  return {};
}

Result<void> ItemForm::use_columns_of_payload() {
  std::size_t variables = 0;
  for (Column& column : columns_) {
    if (column.use != Use::variable) continue;
    const bool named = std::find(payload_names_.begin(), payload_names_.end(), column.name) !=
                       payload_names_.end();
    if (names_known_ && !named) {
      column.use = Use::nothing;
    } else {
      ++variables;
    }
  }
  if (variables > codec::kVariablesMax) {
    return Error(Errc::invalid, "there are " + std::to_string(variables) +
                                    " columns for variables; an item may have " +
                                    std::to_string(codec::kVariablesMax));
  }
  for (const std::string& name : payload_names_) {
    const bool known = std::any_of(columns_.begin(), columns_.end(), [&name](const Column& column) {
      return column.use == Use::variable && column.name == name;
    });
    if (!known) {
      return Error(Errc::invalid,
                   "--payload names {{" + name + "}}, and no column for variables has that name");
    }
  }
  return {};
}

std::string ItemForm::refused_columns() const {
  std::string text;
  for (const std::string_view name : kRefusedColumns) {
    if (!text.empty()) text += ',';
    text += name;
  }
  for (const Column& column : columns_) {
    if (column.use == Use::refused) continue;
    text += ',';
    codec::append_csv_field(text, column.name);
  }
  return text;
}

void ItemForm::from_record(const std::vector<std::string_view>& fields, std::string_view text,
                           Item& item) const {
  item.original = text;
  if (fields.size() != columns_.size()) {
    item.code = kInvalid;
    item.problem = "the row has " + std::to_string(fields.size()) +
                   (fields.size() == 1 ? " field" : " fields") + ", the first row names " +
                   std::to_string(columns_.size()) + " columns";
    return;
  }
  if (resends_) {
    item.original.clear();
    bool first = true;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (columns_[i].use == Use::refused) continue;
      if (!std::exchange(first, false)) item.original += ',';
      codec::append_csv_field(item.original, fields[i]);
    }
  }
  if (!is_valid_utf8(text)) {
    item.code = kInvalid;
    item.problem = "the row is not in UTF-8; save the file as CSV in UTF-8";
    return;
  }
  std::string_view from = from_;
  std::string_view number;
  std::string type = channel_type_ == 0 ? "" : std::to_string(channel_type_);
  std::string channel;
  std::string variables = "\"vars\":";
  codec::JsonWriter vars(variables);
  vars.begin_object();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view field = fields[i];
    switch (columns_[i].use) {
      case Use::channel_id: channel = string_member("channel_id", field); break;
      case Use::channel_type:
        if (!field.empty()) type = field;
        break;
      case Use::from_uid:
        if (!field.empty()) from = field;
        break;
      case Use::client_msg_no: number = field; break;
      case Use::variable: vars.string(columns_[i].name, field); break;
      case Use::nothing:
      case Use::refused: break;
    }
  }
  vars.end_object();
  if (!is_channel_type(type)) {
    item.code = kInvalid;
    item.problem = "channel_type is " + in_quotes(type) + "; it is a number within 1..255";
    return;
  }
  std::string made = "{" + channel;
  add_member(made, "\"channel_type\":" + type);
  add_member(made, string_member("from_uid", from));
  add_member(made, payload_member_);
  add_member(made, variables);
  add_member(made, string_member("client_msg_no",
                                 number.empty() ? number_of(item.row, made) : std::string(number)));
  made += '}';
  item.text = std::move(made);
}

}  // namespace jindou::caller
