// Which messages may be gone, and which must be: changes that take messages away, as far as callers
// know of them.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "model/channel.h"
#include "partition/simulation/outcome.h"

namespace jindou::partition::simulation {

class Removals {
 public:
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

  struct Removal {
    std::uint64_t up_to = 0;       // all of the log, inclusive
    std::set<std::uint64_t> seqs;  // and these
    std::uint64_t known_last = 0;  // the last seq of the log that had been told by then
    SharedOutcome outcome = {};    // none: of what expired, it only may be
  };

  void begin(const ChannelKey& log, Removal removal) {
    removals_[log].push_back(std::move(removal));
  }

  bool any(const ChannelKey& log) const { return removals_.contains(log); }

  bool may_be_gone(const ChannelKey& log, std::uint64_t seq) const {
    return find(log, seq, [](const Removal& removal) {
      return removal.outcome == nullptr || removal.outcome->may_hold();
    });
  }

  bool must_be_gone(const ChannelKey& log, std::uint64_t seq) const {
    return find(log, seq, [seq](const Removal& removal) {
      return removal.outcome != nullptr && removal.outcome->must_hold() &&
             seq <= removal.known_last;
    });
  }

  // Expiry frees messages without a change, and a deletion after it finds none.
  bool may_have_expired(const ChannelKey& log, std::uint64_t seq) const {
    return find(log, seq, [](const Removal& removal) { return removal.outcome == nullptr; });
  }

 private:
  template <class Counts>
  bool find(const ChannelKey& log, std::uint64_t seq, const Counts& counts) const {
    const auto of_log = removals_.find(log);
    if (of_log == removals_.end()) return false;
    for (const Removal& removal : of_log->second) {
      if ((seq <= removal.up_to || removal.seqs.contains(seq)) && counts(removal)) return true;
    }
    return false;
  }

  std::map<ChannelKey, std::vector<Removal>> removals_;
};

}  // namespace jindou::partition::simulation
