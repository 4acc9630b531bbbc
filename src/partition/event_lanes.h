// The events of anchor messages in one partition: lanes whose text grows, and their ends
// (docs/api.md, "message events").
//
// Every accepted event is durable before it is acknowledged: added text as a row of its own, which
// is folded into the lane's row when the lane ends. Anchors being written to are kept in memory.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/message_event.h"
#include "partition/state_lines.h"
#include "partition/stream_commands.h"
#include "partition/txn.h"
#include "store/partition_reader.h"

namespace jindou::partition {

struct EventLimits {
  // Kept in memory, beside those with commits in flight.
  std::size_t anchors_max = 4096;
  std::size_t anchor_bytes_max = std::size_t{16} << 20;  // with their text
  std::size_t lanes_max = 256;                           // of one anchor, beside kFinishLane
  std::size_t text_bytes_max = std::size_t{1} << 20;     // of one lane
};

// Reads all lanes of an anchor, text included. Errors: storage.
Result<MessageEvents> read_events(const store::PartitionReader& reader, const ChannelKey& channel,
                                  MessageSeq anchor);

// Lives in its partition and on its thread.
class EventLanes {
 public:
  struct Anchor;

  // What append() has done.
  struct Applied {
    EventOutcome outcome;
    bool changed = false;     // false: a repeat, or the lane had ended; nothing is to be pushed
    bool main_ended = false;  // nothing more can come to kMainLane
  };

  EventLanes(store::PartitionReader reader, EventLimits limits);
  ~EventLanes();

  // Forgets everything; the store tells again.
  void clear();

  // Remembers a stream message just stored, so that its first event needs no look-up.
  void add_anchor(const Message& message, Txn& txn);
  // The anchor if it is in memory.
  Anchor* find(const ChannelKey& channel, std::string_view client_msg_no);
  // Takes a stored message that was looked up. Errors: storage.
  Result<Anchor*> load(const Message& message);

  // An event on kFinishLane ends every lane that is open. Errors: conflict (a delta for a lane that
  // has ended, or for any lane of a finished message), too_large (lanes, text); nothing is written
  // then.
  Result<Applied> append(const AppendEvent& event, Anchor& anchor, std::int64_t now_ms, Txn& txn);

  // Forgets anchors, least recently used first, when there is more of them than the limits allow.
  // `durable` is the position of the last durable commit. Call it between commits.
  void trim(std::uint64_t durable);

  // Anchors in memory, and about what they take.
  std::size_t anchor_count() const { return anchors_.size(); }
  std::size_t anchor_bytes() const { return bytes_; }

  void describe(StateLines& lines) const;

  // Of those in memory.
  std::vector<const Message*> messages() const;

  static const Message& message_of(const Anchor& anchor);
  static std::int64_t active_at_ms(const Anchor& anchor);

  // True when the messages [first, last] have events, stored or on their way. Errors: storage.
  Result<bool> has_any(const ChannelKey& channel, std::uint64_t first, std::uint64_t last) const;
  // Drops the events of messages that are deleted, [first, last]. Only where has_any() says so:
  // a range deletion burdens every read after it.
  void erase(const ChannelKey& channel, std::uint64_t first, std::uint64_t last, Txn& txn);

 private:
  // What an event that changes nothing is answered; empty for one that is to be applied. Errors: as
  // append().
  Result<std::optional<Applied>> check(const AppendEvent& event, const Anchor& anchor) const;
  // Cannot fail; returns what the lane is then.
  LaneStatus apply(const AppendEvent& event, Anchor& anchor, std::int64_t now_ms, Txn& txn);
  // How an anchor is put back when the event is taken back that is about to be applied.
  void remember(const AppendEvent& event, Anchor& anchor, Txn& txn);
  Anchor& insert(const Message& message);
  // Erases the anchors for which `gone(anchor)` is true.
  template <class Gone>
  void forget_if(const Gone& gone);
  static bool is_within(const Anchor& anchor, const ChannelKey& channel, std::uint64_t first,
                        std::uint64_t last);

  PartitionId partition_;
  store::PartitionReader reader_;
  EventLimits limits_;
  // By channel key and client_msg_no. Shared with what would put them back.
  boost::unordered_flat_map<std::string, std::shared_ptr<Anchor>> anchors_;
  std::uint64_t use_tick_ = 0;
  std::size_t bytes_ = 0;  // of all anchors
};

}  // namespace jindou::partition
