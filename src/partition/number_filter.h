// A Bloom filter over fingerprints that grows: says for sure when a client_msg_no was never
// indexed, so that the ordinary send, whose number is new, does not look into the table at all.
//
// Blocked: all bits of a key lie in one cache line, a look-up costs one cache miss per segment.
// Segments are filled one after another, each four times the size of the one before up to a limit;
// with 12 bits per key about one new number in a hundred is looked up in vain.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/fingerprint.h"

namespace jindou::partition {

// Not thread-safe.
class NumberFilter {
 public:
  // Beyond `bytes_max` the filter gives up: it frees its memory and answers "maybe" from then on.
  explicit NumberFilter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void add(const store::Fingerprint& fingerprint);
  // False: certainly never added.
  bool may_contain(const store::Fingerprint& fingerprint) const;
  // Back to empty.
  void clear();

  bool gave_up() const { return gave_up_; }
  std::size_t bytes() const { return bytes_; }

 private:
  // 512 bits, one cache line.
  struct alignas(64) Block {
    std::array<std::uint64_t, 8> words{};
  };
  struct Segment {
    std::vector<Block> blocks;
    std::size_t keys_left = 0;
  };

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  bool gave_up_ = false;
  std::vector<Segment> segments_;
};

}  // namespace jindou::partition
