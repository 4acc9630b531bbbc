#include "codec/json_members.h"

#include <cstddef>
#include <string>

#include "codec/byte_order_mark.h"
#include "codec/json_reader.h"

namespace jindou::codec {
namespace {

class MemberScanner {
 public:
  explicit MemberScanner(std::string_view text) : text_(text) {}

  // Over blanks, and `c` when it comes then.
  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool at_end() {
    skip_blanks();
    return at_ >= text_.size();
  }
  // A string whose quote was taken, without its quotes.
  std::optional<std::string_view> string() {
    const std::size_t begin = at_;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        return text_.substr(begin, at_++ - begin);
      }
    }
    return std::nullopt;
  }
  // Up to the comma or bracket behind it.
  std::optional<std::string_view> value() {
    skip_blanks();
    const std::size_t begin = at_;
    std::size_t end = at_;  // behind the last character that is no blank
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      ++at_;
      if (c == '"' && !string()) return std::nullopt;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (!is_blank(c)) end = at_;
    }
    if (end == begin) return std::nullopt;
    return text_.substr(begin, end - begin);
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool JsonMember::is(std::string_view wanted) const {
  if (name.find('\\') == std::string_view::npos) return name == wanted;
  const auto parsed = parse_json('"' + std::string(name) + '"');
  std::string_view plain;
  return parsed && parsed->get_string().get(plain) == simdjson::SUCCESS && plain == wanted;
}

std::optional<std::vector<JsonMember>> json_members(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  MemberScanner scanner(text);
  std::vector<JsonMember> members;
  if (!scanner.take('{')) return std::nullopt;
  if (!scanner.take('}')) {
    do {
      if (!scanner.take('"')) return std::nullopt;
      const auto name = scanner.string();
      if (!name || !scanner.take(':')) return std::nullopt;
      const auto value = scanner.value();
      if (!value) return std::nullopt;
      members.push_back({*name, *value});
    } while (scanner.take(','));
    if (!scanner.take('}')) return std::nullopt;
  }
  if (!scanner.at_end()) return std::nullopt;
  return members;
}

}  // namespace jindou::codec
