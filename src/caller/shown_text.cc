#include "caller/shown_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "codec/json_reader.h"

namespace jindou::caller {

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  // U+0080 to U+009F: some terminals obey them, too.
  for (std::size_t at = 0; (at = out.find('\xc2', at)) != std::string::npos; ++at) {
    if (at + 1 < out.size() && (static_cast<unsigned char>(out[at + 1]) & 0xe0) == 0x80) {
      out.replace(at, 2, "?");
    }
  }
  return out;
}

std::string text_member(const simdjson::dom::object& from, std::string_view name) {
  std::string_view text;
  if (from[name].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::uint64_t number_member(const simdjson::dom::object& from, std::string_view name) {
  std::uint64_t number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? number : 0;
}

std::string lines_of(std::string_view json, std::span<const std::string_view> left_out) {
  const auto parsed = codec::parse_json(json);
  simdjson::dom::object from;
  if (!parsed || parsed->get(from) != simdjson::SUCCESS) return std::string(json) + '\n';
  std::string text;
  for (const auto [name, value] : from) {
    if (std::find(left_out.begin(), left_out.end(), name) != left_out.end()) continue;
    std::string_view words;
    const bool is_text = value.get(words) == simdjson::SUCCESS;
    text.append(name).append(": ");
    text += printable(is_text ? std::string(words) : simdjson::minify(value));
    text += '\n';
  }
  return text;
}

Columns::Columns(Row names) : names_(std::move(names)), widths_(names_.size()) {}

std::string Columns::text(const std::vector<Row>& rows) {
  std::string text;
  if (rows.empty()) return text;
  if (!named_) widen(names_);
  for (const Row& row : rows) widen(row);
  if (!named_) append(text, names_);
  named_ = true;
  for (const Row& row : rows) append(text, row);
  return text;
}

void Columns::widen(const Row& row) {
  for (std::size_t i = 0; i < widths_.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
}

void Columns::append(std::string& text, const Row& row) const {
  for (std::size_t i = 0; i + 1 < row.size(); ++i) {
    text += row[i] + std::string(widths_[i] + 2 - row[i].size(), ' ');
  }
  text += row.back();
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

}  // namespace jindou::caller
