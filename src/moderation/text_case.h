// Letters of texts that are compared without regard to case. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jindou::moderation {

// Appends the text in lower case: Latin, Greek and Cyrillic, also in full width. Every character
// keeps its number of bytes, so that a place in the one is the same place in the other; those whose
// other form has another length stay (the dotted capital I). Bytes that are no UTF-8 stay, too.
void append_lower(std::string& out, std::string_view text);

// Whether the character is one of words that are written with blanks around them: letters and
// digits of Latin, Greek and Cyrillic, and the underscore. Others, such as Chinese, are found
// anywhere.
bool is_of_spaced_word(char32_t character);

// Whether a byte of UTF-8 goes on with a character that has begun.
inline bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// Of a text in UTF-8; 0 where there is none, or no UTF-8.
char32_t first_character(std::string_view text);
char32_t last_character(std::string_view text);

}  // namespace jindou::moderation
