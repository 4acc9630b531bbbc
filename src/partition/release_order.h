// That what a partition evaluated leaves it in that order: a commit is told behind those that were
// built before it, with the positions and the ids that come next, and each log goes on where it
// was. Asserted on the thread of the log by what was told before, not where any of it was given
// out.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "model/channel.h"
#include "partition/effects.h"

namespace jindou::partition {

// What a commit is when it is handed to the log.
struct CommitMark {
  std::uint64_t number = 0;    // among those built since the partition was read: 1, 2, 3 …
  std::uint64_t position = 0;  // of the partition's log, behind it
  // Its message id counters are behind `ids_from`, up to `ids_to`; reserved are those up to
  // `id_bound`.
  std::uint64_t ids_from = 0;
  std::uint64_t ids_to = 0;
  std::uint64_t id_bound = 0;
};

// Seqs of a log that a commit gave out, or passed over for ever: from `first` to `last`.
struct SeqRun {
  ChannelKey log;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Lives as long as what was read of the partition and holds. Told of commits one after the other,
// until one of them fails.
class ReleaseOrder {
 public:
  // Where the partition was when it was read.
  ReleaseOrder(std::uint64_t position, std::uint64_t ids_to)
      : position_(position), ids_to_(ids_to) {}

  // A commit is durable, and what it did is about to be told: `effects`, and messages with `seqs`.
  void pass(const CommitMark& mark, std::span<const SeqRun> seqs,
            std::span<const CommitEffect> effects);

 private:
  void follow(std::span<const SeqRun> seqs);

  std::uint64_t number_ = 0;
  std::uint64_t position_;
  std::uint64_t ids_to_;
  // Of the logs that were told of. False: some were not noted.
  bool follows_ = SlowAssertions::on();
  boost::unordered_flat_map<ChannelKey, std::uint64_t, ChannelKeyHash> last_seqs_;
};

}  // namespace jindou::partition
