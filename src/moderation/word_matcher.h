// Finds the words of all lists in a text, in one pass however many they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::moderation {

// Immutable; thread-safe. The memory that a search needs is kept per thread.
class WordMatcher {
 public:
  // One bit for each list that a word is in.
  using ListBits = std::uint32_t;
  static constexpr std::size_t kListsMax = 32;

  struct Word {
    std::string text;  // in lower case, not empty
    ListBits lists = 0;
  };
  struct Match {
    std::size_t begin = 0;  // bytes
    std::size_t end = 0;
    ListBits lists = 0;
  };

  // False: this build, or this processor, has none; compile() says so.
  static bool is_available();

  // Each text once. Takes long: about a second for 20,000 words, all on this thread. Errors:
  // unavailable (as is_available), internal.
  static Result<std::shared_ptr<const WordMatcher>> compile(std::vector<Word> words);

  virtual ~WordMatcher() = default;
  WordMatcher(const WordMatcher&) = delete;
  WordMatcher& operator=(const WordMatcher&) = delete;

  virtual std::size_t words() const = 0;
  // Of what was compiled.
  virtual std::size_t bytes() const = 0;

  // Replaces `matches` by those in `text`, which is in lower case (text_case.h), in the order of
  // their ends. They may overlap. Where a word begins or ends with a letter or digit that stands in
  // a word between blanks (is_of_spaced_word), the text does not go on with another one there.
  virtual void find(std::string_view text, std::vector<Match>& matches) const = 0;

 protected:
  WordMatcher() = default;
};

}  // namespace jindou::moderation
