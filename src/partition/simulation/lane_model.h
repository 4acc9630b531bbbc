// What the lanes of anchor messages may hold.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "partition/change.h"
#include "partition/simulation/possible.h"

namespace jindou::partition::simulation {

class LaneModel {
 public:
  // By event key: the status and the text.
  using Lanes = std::map<std::string, std::string>;

  struct Anchor {
    ChannelKey channel;
    std::string from_uid;
    std::string client_msg_no;
    Possible<Lanes> lanes;
    bool may_run = false;  // as a stream of the older endpoints
  };

  void add(Anchor anchor) { anchors_.push_back(std::move(anchor)); }
  std::vector<Anchor>& anchors() { return anchors_; }

  static void begin(Anchor& anchor, const AppendEvent& event, const SharedOutcome& outcome);
  // Ends what runs in the channels of a partition, or not.
  void begin_closing(PartitionId partition, std::uint16_t partitions);

 private:
  std::vector<Anchor> anchors_;
};

// As LaneModel::Lanes has it.
std::string describe_lane(LaneStatus status, const std::string& text);

}  // namespace jindou::partition::simulation
