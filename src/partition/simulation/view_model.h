// How far users' views of channels must have got: what was read or hidden and acknowledged stays so
// until the lists of the channel change.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "partition/change.h"
#include "partition/simulation/outcome.h"
#include "store/records.h"

namespace jindou::partition::simulation {

class ViewModel {
 public:
  // The last seqs of a channel and of its command log that callers had been told of.
  struct Last {
    std::uint64_t seq = 0;
    std::uint64_t command_seq = 0;
  };

  void begin(const ChangeConversation& command, const Last& last, const SharedOutcome& outcome);
  void begin(const AdvanceCommandPosition& command, const Last& last, const SharedOutcome& outcome);
  // Conversations begin anew: nothing is known of them until the next change.
  void forget(const ChannelKey& channel) { floors_.erase(channel); }

  struct Floor {
    std::string uid;
    std::uint64_t read_to = 0;
    std::uint64_t deleted_to = 0;
    std::uint64_t command_read_to = 0;
    SharedOutcome outcome;
  };
  const std::map<ChannelKey, std::vector<Floor>>& floors() const { return floors_; }

 private:
  std::map<ChannelKey, std::vector<Floor>> floors_;
};

}  // namespace jindou::partition::simulation
