#include "caller/item_form.h"

#include <xxhash.h>

#include <array>
#include <cstdio>
#include <utility>

#include "codec/csv_items.h"
#include "codec/json_members.h"
#include "codec/json_writer.h"

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
  } else if (!options.payload.empty()) {
    form.payload_member_ = codec::payload_member(options.payload);
  }
  codec::CsvDefaults defaults;
  defaults.from_uid = options.from;
  defaults.channel_type = options.channel_type;
  defaults.payload = options.payload;
  defaults.template_name = options.template_name;
  defaults.passed_over = kRefusedColumns;
  defaults.source.channel_type = "; give --channel-type";
  defaults.source.from_uid = "; give --from, the sender";
  defaults.source.payload = "--template or --payload";
  defaults.source.payload_subject = "--payload";
  defaults.source.instead = "say it with --payload, --template or --from, or send lines of NDJSON";
  JD_TRY(form.rows_, codec::CsvItems::create(defaults));
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
    // It would be of the first request only, where a sending may take several.
    if (member.is("payloads") || member.is("defaults")) {
      item.is_head = true;
      item.code = kInvalid;
      item.problem =
          "payloads and defaults are not taken from a file: --from, --channel-type, "
          "--payload and --template say what its lines have in common";
      return;
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

Result<void> ItemForm::set_columns(const std::vector<std::string_view>& names) {
  return rows_.set_columns(names);
}

std::string ItemForm::refused_columns() const {
  std::string text;
  for (const std::string_view name : kRefusedColumns) text.append(name).append(",");
  return text + rows_.own_columns();
}

void ItemForm::from_record(const std::vector<std::string_view>& fields, std::string_view text,
                           Item& item) const {
  item.original = text;
  auto made = rows_.item_of(fields, text, [this, &item](std::string_view made_of) {
    return number_of(item.row, made_of);
  });
  if (rows_.passes_over() && rows_.fits(fields)) item.original = rows_.own_fields(fields);
  if (made) {
    item.text = std::move(*made);
    return;
  }
  item.code = kInvalid;
  item.problem = made.error().detail();
}

}  // namespace jindou::caller
