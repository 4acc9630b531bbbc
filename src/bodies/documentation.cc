#include "bodies/documentation.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jindou::bodies {
namespace {

// 10000 as "10,000".
std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t end = out.size(); end > 3; end -= 3) out.insert(end - 3, ",");
  return out;
}

std::string shown_number(const Field& field) {
  // A bound that nobody reaches is not worth its digits.
  constexpr std::uint64_t kShownMost = (std::uint64_t{1} << 53) - 2;
  const std::int64_t least = field.required ? 1 : field.least;
  if (field.forgiving || field.most > kShownMost) {
    return field.required ? "integer, not 0" : "integer";
  }
  return std::to_string(least) + (least < 0 ? " to " : "–") + grouped(field.most);
}

std::string shown_words(const Field& field) {
  std::string out;
  for (const std::string_view word : field.words) {
    if (!out.empty()) out += ", ";
    out.append("`").append(word).append("`");
  }
  return out;
}

// In a cell of a table a bar ends the cell.
void append_cell(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
}

void append_rows(std::string& out, std::span<const Field> fields, const std::string& place,
                 std::string first_cell) {
  for (const Field& field : fields) {
    const std::string name = place + std::string(field.name);
    out.append(first_cell).append("| `").append(name).append("` | ");
    out.append(shown_type(field)).append(field.required ? " | yes | " : " | no | ");
    append_cell(out, told(field));
    out += " |\n";
    // The path stands in its first line only.
    if (!first_cell.empty()) first_cell = "| ";
    if (field.to.fields != nullptr) {
      const bool list = field.type == FieldType::objects;
      append_rows(out, field.to.fields(), name + (list ? "[]." : "."), first_cell);
    }
  }
}

}  // namespace

std::string told(const Field& field) {
  std::string out(field.meaning);
  if (field.standard != 0) {
    out += "; " + grouped(field.standard) +
           (field.forgiving ? " unless given or below 1" : " unless given");
  }
  if (field.cap != 0) {
    out += field.standard != 0 ? ", " : "; ";
    out += "more than " + grouped(field.cap) + " counts as " + grouped(field.cap);
  }
  return out;
}

std::string shown_type(const Field& field) {
  switch (field.type) {
    case FieldType::text:
      return field.bytes_max == 0 ? "string" : "string, ≤ " + grouped(field.bytes_max) + " bytes";
    case FieldType::id: return "string";
    case FieldType::word: return shown_words(field);
    case FieldType::number: return shown_number(field);
    case FieldType::message_id: return "integer or digits";
    case FieldType::flag: return "0/1";
    case FieldType::channel_type: return field.required ? "1–255" : "0–255";
    case FieldType::uids:
    case FieldType::texts: return "string[]";
    case FieldType::message_ids: return "(integer or digits)[]";
    case FieldType::seqs: return "integer[]";
    case FieldType::types:
      return field.entries_max == 0 ? "(0–255)[]" : "(0–255)[], ≤ " + grouped(field.entries_max);
    case FieldType::payload: return "base64, object or array";
    case FieldType::base64: return "base64";
    case FieldType::json: return "any JSON";
    case FieldType::map:
    case FieldType::object: return "object";
    case FieldType::objects:
      return field.entries_max == 0 ? "object[]" : "object[], ≤ " + grouped(field.entries_max);
  }
  return {};
}

std::string members_markdown(std::span<const PathBody> bodies) {
  bool several = false;
  for (const PathBody& body : bodies) {
    several = several || body.fields.data() != bodies.front().fields.data();
  }
  std::string out =
      several
          ? "| body of | member | type | required | meaning |\n| --- | --- | --- | --- | --- |\n"
          : "| member | type | required | meaning |\n| --- | --- | --- | --- |\n";
  for (std::size_t i = 0; i < bodies.size();) {
    const std::span<const Field> fields = bodies[i].fields;
    std::string paths;
    for (; i < bodies.size() && bodies[i].fields.data() == fields.data(); ++i) {
      paths += paths.empty() ? "| " : ", ";
      paths.append("`").append(bodies[i].path).append("`");
    }
    append_rows(out, fields, {}, several ? paths + " " : std::string());
  }
  return out;
}

}  // namespace jindou::bodies
