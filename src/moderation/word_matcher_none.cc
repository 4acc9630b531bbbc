// Where the distribution has neither Hyperscan nor Vectorscan for the architecture.
#include "moderation/word_matcher.h"

namespace jindou::moderation {

bool WordMatcher::is_available() { return false; }

Result<std::shared_ptr<const WordMatcher>> WordMatcher::compile(std::vector<Word>) {
  return Error(Errc::unavailable,
               "this build has no word lists: Hyperscan and Vectorscan were missing");
}

}  // namespace jindou::moderation
