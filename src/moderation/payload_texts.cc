#include "moderation/payload_texts.h"

#include <algorithm>
#include <optional>

#include "model/id_rules.h"
#include "moderation/text_case.h"

namespace jindou::moderation {

namespace {

constexpr std::size_t kPlain = static_cast<std::size_t>(-1);
constexpr std::string_view kAllMembers = "*";
// Bits of what is open.
constexpr char kObject = 1;
constexpr char kChosen = 2;  // its strings are texts, whatever they are called

constexpr bool is_blank(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

std::size_t skip_blanks(std::string_view json, std::size_t at) {
  while (at < json.size() && is_blank(json[at])) ++at;
  return at;
}

// The quote that ends the string whose first byte is at `at`.
struct StringEnd {
  std::size_t at = 0;
  bool escaped = false;
};
std::optional<StringEnd> find_string_end(std::string_view json, std::size_t at) {
  StringEnd end;
  // Most strings have no escape: the next quote ends them.
  end.at = json.find('"', at);
  if (end.at == std::string_view::npos) return std::nullopt;
  const std::size_t escape = json.substr(0, end.at).find('\\', at);
  if (escape == std::string_view::npos) return end;
  for (at = escape; at < json.size(); ++at) {
    if (json[at] == '"') {
      end.at = at;
      return end;
    }
    if (json[at] == '\\') {
      end.escaped = true;
      ++at;
    }
  }
  return std::nullopt;
}

std::optional<unsigned> hex4(std::string_view digits) {
  constexpr std::size_t kDigits = 4;
  if (digits.size() < kDigits) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    const char c = digits[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, unsigned character) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xc0 | (character >> 6));
    put(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    put(0xe0 | (character >> 12));
    put(0x80 | ((character >> 6) & 0x3f));
    put(0x80 | (character & 0x3f));
  } else {
    put(0xf0 | (character >> 18));
    put(0x80 | ((character >> 12) & 0x3f));
    put(0x80 | ((character >> 6) & 0x3f));
    put(0x80 | (character & 0x3f));
  }
}

// Takes the escape at the beginning of `json` off; returns its length.
std::size_t append_unescaped(std::string& out, std::string_view json) {
  constexpr std::size_t kShort = 2;
  constexpr std::size_t kUnicode = 6;
  if (json.size() < kShort) return json.size();
  switch (json[1]) {
    case 'n': out += '\n'; return kShort;
    case 't': out += '\t'; return kShort;
    case 'r': out += '\r'; return kShort;
    case 'b': out += '\b'; return kShort;
    case 'f': out += '\f'; return kShort;
    case 'u': break;
    default: out += json[1]; return kShort;
  }
  const auto first = hex4(json.substr(kShort));
  if (!first) {
    out += 'u';
    return kShort;
  }
  if (*first >= 0xd800 && *first < 0xdc00 && json.substr(kUnicode).starts_with("\\u")) {
    const auto second = hex4(json.substr(kUnicode + kShort));
    if (second && *second >= 0xdc00 && *second < 0xe000) {
      append_utf8(out, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00));
      return 2 * kUnicode;
    }
  }
  append_utf8(out, *first);
  return kUnicode;
}

}  // namespace

void PayloadTexts::read(std::string_view payload, std::span<const std::string> members) {
  payload_ = payload;
  const auto forget = [this] {
    text_.clear();
    pieces_.clear();
    places_.clear();
    open_.clear();
  };
  forget();
  if (read_json(members)) return;
  forget();
  if (is_valid_utf8(payload)) add_piece(0, payload.size(), false);
}

// Takes for JSON what has the brackets and the strings of JSON: a parser of a client may be as
// lenient as this. False: it is none.
bool PayloadTexts::read_json(std::span<const std::string> members) {
  const std::string_view json = payload_;
  const bool all = std::find(members.begin(), members.end(), kAllMembers) != members.end();
  std::size_t at = skip_blanks(json, 0);
  if (at == json.size()) return false;
  if (json[at] == '"') {
    // A string by itself.
    const auto end = find_string_end(json, at + 1);
    if (!end || skip_blanks(json, end->at + 1) != json.size()) return false;
    add_piece(at + 1, end->at, end->escaped);
    return true;
  }
  if (json[at] != '{' && json[at] != '[') return false;
  bool member_chosen = all;  // the value that comes now
  while (at < json.size()) {
    const char byte = json[at];
    if (byte == '{' || byte == '[') {
      const bool chosen = open_.empty() ? all : member_chosen;
      open_.push_back(static_cast<char>((byte == '{' ? kObject : 0) | (chosen ? kChosen : 0)));
      member_chosen = chosen;
      ++at;
    } else if (byte == '}' || byte == ']') {
      open_.pop_back();
      ++at;
      if (open_.empty()) return skip_blanks(json, at) == json.size();
      member_chosen = (open_.back() & kChosen) != 0;
    } else if (byte == '"') {
      const auto end = find_string_end(json, at + 1);
      if (!end) return false;
      const std::size_t behind = skip_blanks(json, end->at + 1);
      const bool is_key =
          (open_.back() & kObject) != 0 && behind < json.size() && json[behind] == ':';
      if (is_key) {
        std::string_view key = json.substr(at + 1, end->at - at - 1);
        if (end->escaped) {
          plain_.clear();
          while (!key.empty()) {
            if (key[0] == '\\') {
              key.remove_prefix(append_unescaped(plain_, key));
            } else {
              plain_ += key[0];
              key.remove_prefix(1);
            }
          }
          key = plain_;
        }
        member_chosen = (open_.back() & kChosen) != 0 ||
                        std::find(members.begin(), members.end(), key) != members.end();
        at = behind + 1;
      } else {
        if (member_chosen) add_piece(at + 1, end->at, end->escaped);
        at = end->at + 1;
      }
    } else {
      ++at;
    }
  }
  return false;  // something is still open
}

void PayloadTexts::add_piece(std::size_t raw_begin, std::size_t raw_end, bool escaped) {
  if (raw_begin == raw_end) return;
  if (!text_.empty()) text_ += '\n';
  Piece piece;
  piece.raw_begin = raw_begin;
  piece.text_begin = text_.size();
  piece.places_begin = kPlain;
  const std::string_view raw = payload_.substr(raw_begin, raw_end - raw_begin);
  if (!escaped) {
    append_lower(text_, raw);
  } else {
    piece.places_begin = places_.size();
    plain_.clear();
    for (std::size_t at = 0; at < raw.size();) {
      const std::size_t before = plain_.size();
      std::size_t taken = 1;
      if (raw[at] == '\\') {
        taken = append_unescaped(plain_, raw.substr(at));
      } else {
        plain_ += raw[at];
      }
      const auto place = static_cast<std::uint32_t>(raw_begin + at);
      places_.insert(places_.end(), plain_.size() - before, place);
      at += taken;
    }
    places_.push_back(static_cast<std::uint32_t>(raw_end));
    append_lower(text_, plain_);
  }
  piece.text_end = text_.size();
  pieces_.push_back(piece);
}

std::size_t PayloadTexts::raw_place(const Piece& piece, std::size_t at) const {
  const std::size_t offset = at - piece.text_begin;
  if (piece.places_begin == kPlain) return piece.raw_begin + offset;
  return places_[piece.places_begin + offset];
}

std::string PayloadTexts::masked(std::span<const Range> ranges) const {
  std::string out;
  out.reserve(payload_.size());
  std::size_t copied = 0;  // of the payload
  auto piece = pieces_.begin();
  for (const Range& range : ranges) {
    while (piece != pieces_.end() && piece->text_end <= range.begin) ++piece;
    if (piece == pieces_.end()) break;
    const std::size_t end = std::min(range.end, piece->text_end);
    const std::size_t raw_begin = raw_place(*piece, range.begin);
    out += payload_.substr(copied, raw_begin - copied);
    const auto characters = std::count_if(text_.begin() + static_cast<std::ptrdiff_t>(range.begin),
                                          text_.begin() + static_cast<std::ptrdiff_t>(end),
                                          [](char byte) { return !is_continuation(byte); });
    out.append(static_cast<std::size_t>(characters), '*');
    copied = raw_place(*piece, end);
  }
  out += payload_.substr(copied);
  return out;
}

}  // namespace jindou::moderation
