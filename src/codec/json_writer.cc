#include "codec/json_writer.h"

#include <array>

#include "codec/base64.h"
#include "model/id_rules.h"

namespace jindou::codec {
namespace {

// How a byte is written: as it is, with an escape, or only after looking at its neighbours.
enum class ByteClass : unsigned char { plain, escape, multibyte };

struct ByteClasses {
  std::array<ByteClass, 256> of;
  constexpr ByteClasses() : of() {
    for (std::size_t i = 0; i < of.size(); ++i) {
      of[i] = ByteClass::plain;
      if (i < 0x20 || i == '"' || i == '\\') of[i] = ByteClass::escape;
      if (i >= 0x80) of[i] = ByteClass::multibyte;
    }
  }
};
constexpr ByteClasses kClasses;

ByteClass class_of(char c) { return kClasses.of[static_cast<unsigned char>(c)]; }

void append_escape(std::string& out, char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  out.push_back('\\');
  switch (c) {
    case '"':
    case '\\': out.push_back(c); return;
    case '\b': out.push_back('b'); return;
    case '\f': out.push_back('f'); return;
    case '\n': out.push_back('n'); return;
    case '\r': out.push_back('r'); return;
    case '\t': out.push_back('t'); return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out.append("u00");
  out.push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 15]);
}

// The size of the well-formed UTF-8 character at the start of `text`, 0 if there is none.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  std::size_t size = 0;
  if (first < 0x80) size = 1;
  if (first >= 0xc2 && first <= 0xdf) size = 2;
  if (first >= 0xe0 && first <= 0xef) size = 3;
  if (first >= 0xf0 && first <= 0xf4) size = 4;
  if (size == 0 || size > text.size() || !is_valid_utf8(text.substr(0, size))) return 0;
  return size;
}

// Escapes a text and copies runs of other bytes as they are.
void append_valid(std::string& out, std::string_view text) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (class_of(text[i]) != ByteClass::escape) continue;
    out.append(text, run, i - run);
    append_escape(out, text[i]);
    run = i + 1;
  }
  out.append(text, run);
}

void append_repaired(std::string& out, std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = character_size(text.substr(i));
    if (size == 0) {
      out.append(kReplacement);
    } else if (class_of(text[i]) == ByteClass::escape) {
      append_escape(out, text[i]);
    } else {
      out.append(text, i, size);
    }
    i += size == 0 ? 1 : size;
  }
}

}  // namespace

void json_append_escaped(std::string& out, std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && class_of(text[i]) == ByteClass::plain) ++i;
  out.append(text, 0, i);
  const auto rest = text.substr(i);
  if (!rest.empty()) {
    if (is_valid_utf8(rest)) {
      append_valid(out, rest);
    } else {
      append_repaired(out, rest);
    }
  }
}

void json_append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  json_append_escaped(out, text);
  out.push_back('"');
}

void JsonWriter::quoted(std::string_view text) { json_append_string(out_, text); }

void JsonWriter::number_string(std::uint64_t value) {
  comma();
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out_.push_back('"');
  out_.append(digits, end);
  out_.push_back('"');
  comma_due_ = true;
}

void JsonWriter::base64(std::string_view bytes) {
  comma();
  out_.push_back('"');
  base64_append(out_, bytes);
  out_.push_back('"');
  comma_due_ = true;
}

}  // namespace jindou::codec
