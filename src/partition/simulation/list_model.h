// What the lists of channels may be.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>

#include "partition/change.h"
#include "partition/simulation/possible.h"

namespace jindou::partition::simulation {

class ListModel {
 public:
  using Lists = std::array<std::set<std::string>, 3>;  // by MemberList

  // A change is asked for, of whatever kind.
  void begin(const Change& change, const SharedOutcome& outcome);
  // False when the lists of a channel cannot be those.
  bool allows(const ChannelKey& channel, const Lists& lists) const;
  // As Possible has it.
  void settle(const ChannelKey& channel, Lists lists) { lists_[channel].settle(std::move(lists)); }
  // A change of the channel may still be on its way.
  bool is_open(const ChannelKey& channel) const;

 private:
  std::map<ChannelKey, Possible<Lists>> lists_;
};

}  // namespace jindou::partition::simulation
