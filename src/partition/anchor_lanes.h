// The lanes of one anchor message as the store holds them, and what an event makes of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/message_event.h"
#include "partition/stream_commands.h"
#include "partition/txn.h"
#include "store/partition_reader.h"

namespace jindou::partition {

struct LoadedLane {
  LaneState state;
  std::uint64_t rows = 0;  // of added text
  std::string last_delta_id;
};

struct AnchorLanes {
  std::uint64_t last_msg_event_seq = 0;
  std::map<std::string, LoadedLane, std::less<>> lanes;
};

// Text included. Errors: storage.
Result<AnchorLanes> read_anchor_lanes(const store::PartitionReader& reader,
                                      const ChannelKey& channel, MessageSeq anchor);

// Adds to a lane, or replaces what it shows, and is not numbered.
bool is_delta(AppendEvent::Effect effect);

// Changes the lane that the event is for, and its rows; an event on kFinishLane that is no delta
// ends the others. Cannot fail: the event was checked.
LoadedLane& apply_to_lane(const AppendEvent& event, const Message& anchor, PartitionId partition,
                          std::int64_t now_ms, AnchorLanes& lanes, Txn& txn);

// The lanes as they were before an event that is about to be applied. Of text that only grows,
// which may be a megabyte, the size is enough.
class LanesBefore {
 public:
  LanesBefore(const AppendEvent& event, AnchorLanes& lanes);
  void put_back(AnchorLanes& lanes) const;

 private:
  struct Lane {
    LoadedLane lane;                        // without the text, where its size is enough
    std::optional<std::size_t> text_bytes;  // then
  };
  static Lane remember(LoadedLane& lane, bool text_grows);

  std::string event_key_;
  bool is_new_ = false;  // the lane that the event is for
  std::vector<Lane> lanes_;
  std::uint64_t last_msg_event_seq_;
};

}  // namespace jindou::partition
