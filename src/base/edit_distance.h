// How far a word is from one that is known: for sentences that name what was probably meant.
// Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

namespace jindou {

// Levenshtein: the least number of single-character edits from a to b. Cost: the product of the
// lengths, so cut what comes from outside.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// A suggestion is worth making up to this many edits: a third of the word, for typing errors. Of a
// word of one or two characters everything short is near, and nothing is.
inline bool is_near(std::size_t distance, std::size_t length) {
  return length >= 3 && distance <= (length + 1) / 3;
}

// The one of `known` (a range of texts) that is nearest to `word`; empty when none is near. View
// into `known`. Nothing is near a word longer than 128 bytes, so a caller's text costs little.
template <class Range>
std::string_view nearest_of(const Range& known, std::string_view word) {
  constexpr std::size_t kWordBytesMax = 128;
  std::string_view best;
  if (word.size() > kWordBytesMax) return best;
  std::size_t best_distance = static_cast<std::size_t>(-1);
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return is_near(best_distance, word.size()) ? best : std::string_view();
}

}  // namespace jindou
