#include "partition/simulation/view_model.h"

#include <algorithm>
#include <utility>

namespace jindou::partition::simulation {

using What = ChangeConversation::Operation;

void ViewModel::begin(const ChangeConversation& command, const Last& last,
                      const SharedOutcome& outcome) {
  const std::uint64_t up_to = command.value == 0 ? last.seq : std::min(command.value, last.seq);
  for (const auto& uid : command.uids) {
    Floor floor;
    floor.uid = uid;
    floor.outcome = outcome;
    if (command.operation == What::read) floor.read_to = up_to;
    if (command.operation == What::set_unread && command.value == 0) floor.read_to = last.seq;
    if (command.operation == What::remove) floor.deleted_to = last.seq;
    floors_[command.channel].push_back(std::move(floor));
  }
}

void ViewModel::begin(const AdvanceCommandPosition& command, const Last& last,
                      const SharedOutcome& outcome) {
  Floor floor;
  floor.uid = command.uid;
  floor.outcome = outcome;
  floor.command_read_to = std::min(command.seq, last.command_seq);
  floors_[command.channel].push_back(std::move(floor));
}

}  // namespace jindou::partition::simulation
