#include "moderation/word_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <utility>

#include "model/id_rules.h"
#include "moderation/text_case.h"

namespace jindou::moderation {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Of ASCII; also the end of a line of old Macs, which would make one word of a whole file.
bool has_control(std::string_view word) {
  return std::any_of(word.begin(), word.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value < 0x20 || value == 0x7f;
  });
}

}  // namespace

Result<std::vector<std::string>> parse_word_list(std::string_view text, std::size_t words_max) {
  std::vector<std::string> words;
  boost::unordered_flat_set<std::string> known;
  const auto bad = [](std::size_t line, std::string_view why) {
    return Error(Errc::invalid, fmt::format("line {}: {}", line, why));
  };
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.ends_with('\r')) word.remove_suffix(1);
    if (!is_valid_utf8(word)) return bad(line, "is not UTF-8");
    word = trim(word);
    if (word.empty() || word.starts_with('#')) continue;
    if (word.starts_with("\\#")) word.remove_prefix(1);
    if (has_control(word)) return bad(line, "has a control character");
    if (word.size() > kWordBytesMax) {
      return bad(line, fmt::format("is longer than {} bytes", kWordBytesMax));
    }
    std::string lower;
    append_lower(lower, word);
    if (!known.insert(lower).second) continue;
    if (words.size() == words_max) {
      return bad(line, fmt::format("there are more than {} words", words_max));
    }
    words.push_back(std::move(lower));
  }
  if (words.empty()) return Error(Errc::invalid, "there is no word in it");
  return words;
}

}  // namespace jindou::moderation
