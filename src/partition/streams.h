// The events of a partition's anchor messages, and which stream of the older endpoints runs in
// which channel.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "partition/channel_cache.h"
#include "partition/event_lanes.h"
#include "partition/receivers.h"
#include "partition/stream_commands.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Streams {
 public:
  // Borrowed; the seed is that of the store.
  struct Deps {
    store::PartitionReader reader;
    const Clock& clock;
    std::uint64_t fingerprint_seed = 0;
  };
  // Borrows `channels` and `receivers`, too.
  Streams(const Deps& deps, EventLimits limits, ChannelCache& channels, Receivers& receivers);

  // Reads which streams run, forgets everything else. Errors: storage.
  Result<void> open();

  // Errors: not_found, invalid (the anchor is no stream message), conflict, too_large, storage.
  Result<EventOutcome> append(AppendEvent& event, Txn& txn);
  // Each stream ends as a whole or stays as it is: cannot fail.
  Result<void> evaluate(const CloseIdleStreams& command, Txn& txn);

  void describe(StateLines& lines) const;

  // For whoever stores or deletes messages that have events.
  EventLanes& lanes() { return lanes_; }

 private:
  friend class PartitionProbe;  // of tests

  // The anchor of an event. Errors: not_found, invalid (not a stream message), storage.
  Result<EventLanes::Anchor*> load_anchor(const ChannelKey& channel,
                                          const std::string& client_msg_no);
  // Before a change: how what runs in the channel is put back when the command is taken back.
  void remember_running(const ChannelKey& channel, Txn& txn);
  void end_running(const ChannelKey& channel, Txn& txn);
  static void push_event(const AppendEvent& event, const EventOutcome& outcome,
                         const ChannelKey& channel, Recipients recipients, std::int64_t now_ms,
                         Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  std::uint64_t fingerprint_seed_;
  ChannelCache& channels_;
  Receivers& receivers_;
  EventLanes lanes_;
  // By channel; read from the store at open().
  boost::unordered_flat_map<ChannelKey, store::RunningStreamRecord, ChannelKeyHash> running_;
};

}  // namespace jindou::partition
