#include "partition/number_filter.h"

#include <algorithm>
#include <utility>

namespace jindou::partition {

namespace {

constexpr std::size_t kBitsPerKey = 12;
constexpr std::size_t kBlockBits = 512;
constexpr std::size_t kFirstSegmentKeys = 32'768;
constexpr std::size_t kSegmentKeysMax = std::size_t{1} << 22;

// One bit in each of the block's eight words: 6 bits of the hash choose it. 48 of the 64 bits of
// the number half; the sender half chooses the block.
std::uint64_t bit_of(std::uint64_t hash, unsigned word) {
  return std::uint64_t{1} << ((hash >> (word * 6)) & 63);
}

std::size_t block_of(std::uint64_t hash, std::size_t blocks) {
  // Maps the hash to [0, blocks) without a division.
  return static_cast<std::size_t>(((hash >> 32) * blocks) >> 32);
}

}  // namespace

void NumberFilter::add(const store::Fingerprint& fingerprint) {
  if (gave_up_) return;
  if (segments_.empty() || segments_.back().keys_left == 0) {
    const std::size_t doublings = std::min<std::size_t>(segments_.size() * 2, 16);
    const std::size_t keys = std::min(kFirstSegmentKeys << doublings, kSegmentKeysMax);
    const std::size_t blocks = keys * kBitsPerKey / kBlockBits;
    if (bytes_ + blocks * sizeof(Block) > bytes_max_) {
      clear();
      gave_up_ = true;
      return;
    }
    Segment segment;
    segment.blocks.resize(blocks);
    segment.keys_left = keys;
    segments_.push_back(std::move(segment));
    bytes_ += blocks * sizeof(Block);
  }
  Segment& segment = segments_.back();
  --segment.keys_left;
  Block& block = segment.blocks[block_of(fingerprint.sender, segment.blocks.size())];
  for (unsigned word = 0; word < block.words.size(); ++word) {
    block.words[word] |= bit_of(fingerprint.number, word);
  }
}

bool NumberFilter::may_contain(const store::Fingerprint& fingerprint) const {
  if (gave_up_) return true;
  // The newest first: it is the largest.
  return std::any_of(segments_.rbegin(), segments_.rend(), [&](const Segment& segment) {
    const Block& block = segment.blocks[block_of(fingerprint.sender, segment.blocks.size())];
    for (unsigned word = 0; word < block.words.size(); ++word) {
      if ((block.words[word] & bit_of(fingerprint.number, word)) == 0) return false;
    }
    return true;
  });
}

void NumberFilter::clear() {
  segments_.clear();
  bytes_ = 0;
  gave_up_ = false;
}

}  // namespace jindou::partition
