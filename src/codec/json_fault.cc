#include "codec/json_fault.h"

#include <charconv>
#include <cstdint>
#include <system_error>
#include <vector>

#include "base/ascii.h"

namespace jindou::codec {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

enum class Numbers : bool { of_64_bits, any };

// Walks through one text. A fault is noted once, with its place; then everything returns false.
class Scanner {
 public:
  Scanner(std::string_view text, std::size_t depth_max, Numbers numbers)
      : text_(text), depth_max_(depth_max), numbers_(numbers) {}

  void run() {
    if (!value()) return;
    while (!open_.empty()) {
      if (!next_in_container()) return;
    }
    skip_space();
    if (!at_end()) fail("there is something behind the value");
  }
  const char* what() const { return what_; }
  std::size_t where() const { return where_; }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip_space() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }
  bool fail(const char* what) {
    what_ = what;
    where_ = at_;
    return false;
  }
  // What stands where something else was expected; the end of the text goes first.
  bool unexpected(const char* what) { return fail(at_end() ? "the text ends too early" : what); }

  // A value, or the beginning of a container, which is then open.
  bool value() {
    skip_space();
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open_.size() == depth_max_) return fail("objects and arrays are nested too deep");
      ++at_;
      open_.push_back(c == '{');
      fresh_ = true;
      return true;
    }
    fresh_ = false;
    if (c == '"') return string();
    if (c == '-' || is_ascii_digit(c)) return number();
    if (c == '\'') return fail("strings need double quotes, not single ones");
    if (is_letter(c)) return word();
    if (c == '/') return fail("JSON has no comments");
    if (c == ']' || c == '}') return fail("a value is missing, or a comma is too many");
    return unexpected("a value was expected");
  }

  // The next entry of the innermost container, or its end.
  bool next_in_container() {
    const bool object = open_.back();
    const char end = object ? '}' : ']';
    skip_space();
    if (peek() == end) {
      ++at_;
      open_.pop_back();
      fresh_ = false;
      return true;
    }
    if (!fresh_) {
      if (peek() != ',') {
        return unexpected(object ? "a comma or } was expected" : "a comma or ] was expected");
      }
      ++at_;
      skip_space();
      if (peek() == end) return fail("there is a comma behind the last entry");
    }
    return object ? member() : value();
  }

  bool member() {
    skip_space();
    if (peek() == '\'' || is_letter(peek())) return fail("names of members need double quotes");
    if (peek() != '"') return unexpected("the name of a member was expected, in double quotes");
    if (!string()) return false;
    skip_space();
    if (peek() != ':') return unexpected("a colon was expected behind the name of a member");
    ++at_;
    return value();
  }

  bool string() {
    const std::size_t begin = at_;
    ++at_;
    while (true) {
      if (at_end()) {
        at_ = begin;
        return fail("a string has no closing quote");
      }
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"') break;
      if (byte < 0x20) {
        return fail("a string has an unescaped control character, such as a line break (\\n)");
      }
      if (byte == '\\') {
        if (!escape()) return false;
      } else {
        ++at_;
      }
    }
    ++at_;
    return true;
  }

  bool escape() {
    const std::size_t begin = at_;
    ++at_;
    const char c = peek();
    if (c != 'u') {
      if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) {
        at_ = begin;
        return fail("a string has an escape that JSON does not know");
      }
      ++at_;
      return true;
    }
    at_ = begin;
    const int unit = code_unit();
    if (unit < 0) return fail("a string has \\u without four hex digits");
    const bool high = unit >= 0xd800 && unit < 0xdc00;
    const bool low = unit >= 0xdc00 && unit < 0xe000;
    const int second = high ? code_unit() : 0;
    if (low || (high && (second < 0xdc00 || second >= 0xe000))) {
      at_ = begin;
      return fail("a string has half of a surrogate pair");
    }
    return true;
  }

  // "\uXXXX"; negative, without a step, when there is none.
  int code_unit() {
    if (text_.size() - at_ < 6 || text_[at_] != '\\' || text_[at_ + 1] != 'u') return -1;
    int unit = 0;
    const char* const first = text_.data() + at_ + 2;
    const auto [end, error] = std::from_chars(first, first + 4, unit, 16);
    if (error != std::errc() || end != first + 4 || unit < 0) return -1;
    at_ += 6;
    return unit;
  }

  void skip_digits() {
    while (is_ascii_digit(peek())) ++at_;
  }

  bool number() {
    const std::size_t begin = at_;
    bool integer = true;
    if (peek() == '-') ++at_;
    if (!is_ascii_digit(peek())) return unexpected("a number needs digits");
    if (peek() == '0' && at_ + 1 < text_.size() && is_ascii_digit(text_[at_ + 1])) {
      return fail("a number must not begin with 0");
    }
    skip_digits();
    if (peek() == '.') {
      integer = false;
      ++at_;
      if (!is_ascii_digit(peek())) return unexpected("a number needs digits behind its point");
      skip_digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!is_ascii_digit(peek())) return unexpected("a number needs digits in its exponent");
      skip_digits();
    }
    if (is_letter(peek()) || peek() == '.') return fail("a number has something behind its digits");
    if (numbers_ == Numbers::any || fits(text_.substr(begin, at_ - begin), integer)) return true;
    at_ = begin;
    return fail("a number is out of range (64 bits)");
  }

  static bool fits(std::string_view text, bool integer) {
    const char* const end = text.data() + text.size();
    if (!integer) {
      double value = 0;
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      // What is too small for a double counts as 0.
      const bool small = text.find("e-") != text.npos || text.find("E-") != text.npos;
      return error != std::errc::result_out_of_range || small;
    }
    std::int64_t negative = 0;
    std::uint64_t positive = 0;
    const auto result = text.front() == '-' ? std::from_chars(text.data(), end, negative)
                                            : std::from_chars(text.data(), end, positive);
    return result.ec == std::errc();
  }

  bool word() {
    for (const std::string_view known : {"true", "false", "null"}) {
      if (!text_.substr(at_).starts_with(known)) continue;
      at_ += known.size();
      if (!is_letter(peek()) && !is_ascii_digit(peek())) return true;
      at_ -= known.size();
    }
    return fail("text needs double quotes; the only words are true, false and null");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_max_;
  Numbers numbers_;
  std::vector<bool> open_;  // true: an object
  bool fresh_ = false;      // the innermost container has no entry yet
  const char* what_ = nullptr;
  std::size_t where_ = 0;
};

// Bytes of the character at the front of `text`; 0 when there is none. RFC 3629 section 4.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t bytes = first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
  if (text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : bytes;
}

// The offset of the first byte that begins no character; npos when all is well.
std::size_t find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = character_bytes(text.substr(i));
    if (bytes == 0) return i;
    i += bytes;
  }
  return std::string_view::npos;
}

JsonFault fault_at(std::string_view text, std::size_t offset, const char* what) {
  JsonFault fault;
  fault.what = what;
  const std::string_view before = text.substr(0, offset);
  fault.line = 1;
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != '\n') continue;
    ++fault.line;
    line_begin = i + 1;
  }
  fault.column = 1;
  for (const char c : before.substr(line_begin)) {
    // Bytes that go on with a character are not counted.
    if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) ++fault.column;
  }
  return fault;
}

}  // namespace

JsonFault find_json_fault(std::string_view text, std::size_t depth_max) {
  const std::size_t bad = find_bad_utf8(text);
  if (bad != std::string_view::npos) return fault_at(text, bad, "the text is not valid UTF-8");
  Scanner scanner(text, depth_max, Numbers::of_64_bits);
  scanner.run();
  if (scanner.what() == nullptr) return JsonFault();
  return fault_at(text, scanner.where(), scanner.what());
}

bool is_json(std::string_view text) {
  if (find_bad_utf8(text) != std::string_view::npos) return false;
  Scanner scanner(text, text.size(), Numbers::any);
  scanner.run();
  return scanner.what() == nullptr;
}

std::string_view other_format(std::string_view body) {
  if (body.starts_with("\xff\xfe") || body.starts_with("\xfe\xff")) return "UTF-16 text";
  if (body.starts_with("\x1f\x8b")) return "gzip";
  while (!body.empty() && is_space(body.front())) body.remove_prefix(1);
  if (body.starts_with("--")) return "multipart form data";
  if (body.starts_with('<')) return "XML or HTML";
  std::size_t name = 0;
  const auto in_name = [](char c) {
    return is_letter(c) || is_ascii_digit(c) || c == '.' || c == '-' || c == '%' || c == '+';
  };
  while (name < body.size() && in_name(body[name])) ++name;
  if (name > 0 && name < body.size() && body[name] == '=') return "form fields (a=1&b=2)";
  return {};
}

}  // namespace jindou::codec
