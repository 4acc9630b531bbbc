// The text of a word list: one word or phrase a line. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::moderation {

// A name, a sentence; more is a file that is something else.
inline constexpr std::size_t kWordBytesMax = 256;

// The words in lower case (text_case.h), in the order of the file, each once. UTF-8, with or
// without a byte order mark; lines end in LF or CRLF; blanks and tabs around a word are no part of
// it. Empty lines and those that begin with # are passed over; \# begins a word with #. Errors:
// invalid (names the line), also where there is no word at all.
Result<std::vector<std::string>> parse_word_list(std::string_view text, std::size_t words_max);

}  // namespace jindou::moderation
