// Any file as a word list: what is taken for a word can be written into a file again, one a line,
// and is read as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "model/id_rules.h"
#include "moderation/word_list.h"

namespace {

using namespace jindou::moderation;

constexpr std::size_t kWordsMax = 50;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto words = parse_word_list(text, kWordsMax);
  if (!words) return 0;
  JD_ASSERT(!words->empty() && words->size() <= kWordsMax);
  std::string again;
  for (const std::string& word : *words) {
    JD_ASSERT(!word.empty() && word.size() <= kWordBytesMax);
    JD_ASSERT(jindou::is_valid_utf8(word));
    JD_ASSERT(word.find('\n') == std::string::npos);
    // One that begins with the mark of a comment, or with what stands for it.
    if (word[0] == '#') again += '\\';
    again += word;
    again += "\r\n";
  }
  // A byte order mark or a backslash in the first word means something there, and only there.
  const auto read = parse_word_list("#\n" + again, kWordsMax);
  JD_ASSERT(read.has_value());
  for (std::size_t i = 0; i < read->size(); ++i) {
    const std::string& word = (*words)[i];
    JD_ASSERT((*read)[i] == (word.starts_with("\\#") ? word.substr(1) : word));
  }
  return 0;
}
