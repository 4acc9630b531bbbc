#include "partition/simulation/lane_model.h"

#include <memory>

namespace jindou::partition::simulation {

namespace {

using Effect = AppendEvent::Effect;
using Lanes = LaneModel::Lanes;

// As describe_lane() begins.
constexpr std::string_view kOpen = "0:";
constexpr std::string_view kClosed = "1:";

bool is_open(const std::string& lane) { return lane.starts_with(kOpen); }
void close(std::string& lane) { lane.replace(0, kOpen.size(), kClosed); }

void apply(const AppendEvent& event, Lanes& lanes) {
  const bool finished = lanes.contains(std::string(kFinishLane));
  const auto known = lanes.find(event.event_key);
  // What has ended stays as it is.
  if (known != lanes.end() ? !is_open(known->second) : finished) return;
  std::string& lane =
      known != lanes.end() ? known->second : (lanes[event.event_key] = std::string(kOpen));
  if (event.effect == Effect::text_delta) lane += event.text;
  if (event.effect == Effect::snapshot) lane = std::string(kOpen) + event.snapshot;
  if (event.effect != Effect::close) return;
  close(lane);
  if (event.event_key != kFinishLane) return;
  for (auto& [key, other] : lanes) {
    if (is_open(other)) close(other);
  }
}

}  // namespace

std::string describe_lane(LaneStatus status, const std::string& text) {
  return std::to_string(static_cast<int>(status)) + ":" + text;
}

void LaneModel::begin(Anchor& anchor, const AppendEvent& event, const SharedOutcome& outcome) {
  anchor.may_run = anchor.may_run || event.begins_stream;
  anchor.lanes.attempt([event](Lanes& lanes) { apply(event, lanes); }, outcome);
}

void LaneModel::begin_closing(PartitionId partition, std::uint16_t partitions) {
  for (Anchor& anchor : anchors_) {
    if (!anchor.may_run || partition_for(anchor.channel.id, partitions) != partition) continue;
    AppendEvent end;
    end.event_key = kMainLane;
    end.effect = Effect::close;
    // Nobody is told which of them it has ended.
    begin(anchor, end, std::make_shared<Outcome>());
  }
}

}  // namespace jindou::partition::simulation
