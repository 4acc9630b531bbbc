// Reads of stored messages and of what happened to them. Everything acknowledged is visible here.
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/message_event.h"
#include "partition/message_trace.h"
#include "partition/partition_history.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Finds the partition; partition_history.h reads it.
class History {
 public:
  // Borrows `clock`, which outlives it. `fingerprint_seed` is that of the store.
  History(const store::PartitionReaders& readers, const Clock& clock,
          std::uint64_t fingerprint_seed);

  // Errors of all: storage.
  Result<RangePage> load_range(const RangeQuery& query) const;
  // 0 when the channel holds no message. Counts deleted messages too.
  Result<MessageSeq> load_last_seq(const ChannelKey& channel) const;
  // Empty when unknown, expired or cleared.
  Result<std::optional<Message>> load_by_id(MessageId id) const;
  Result<std::optional<Message>> load_by_seq(const ChannelKey& channel, MessageSeq seq) const;
  // Whether a message that was committed can still be read, as load_by_seq() would find; true for
  // one that was not to be stored.
  Result<bool> is_there(const Message& message) const;
  // Of the messages with that client_msg_no in the channel that are there and that the viewer can
  // read (empty: all), the one with the smallest seq.
  Result<std::optional<Message>> load_by_client_msg_no(const ChannelKey& channel,
                                                       std::string_view client_msg_no,
                                                       std::string_view viewer = {}) const;
  // See PartitionHistory::load_sent.
  Result<std::optional<Message>> load_sent(const ChannelKey& channel,
                                           std::string_view client_msg_no,
                                           std::string_view from_uid,
                                           const SentWithin& within) const;
  // What is known of a message, also when it is gone; empty: nothing is.
  Result<std::optional<MessageTrace>> load_trace(MessageId id) const;
  // The same by its channel (internal id), of which the commands are looked for, too; see
  // PartitionHistory::load_trace_by_client_msg_no.
  Result<std::optional<MessageTrace>> load_trace_by_client_msg_no(const ChannelKey& channel,
                                                                  std::string_view client_msg_no,
                                                                  std::string_view viewer) const;
  // See PartitionHistory::load_read_to.
  Result<std::vector<std::uint64_t>> load_read_to(const Message& message,
                                                  const std::vector<std::string>& uids) const;

  // The newest message the viewer can read; empty when there is none.
  Result<std::optional<Message>> load_last(const ChannelKey& channel,
                                           std::string_view viewer) const;
  // What happened to a message since it was sent; nothing for one that is no anchor.
  Result<MessageEvents> load_events(const ChannelKey& channel, MessageSeq anchor) const;

  // The client_msg_no of the stream an older endpoint has running in the channel; empty: none.
  Result<std::string> load_running_stream(const ChannelKey& channel) const;

  // The agent channel between the two: that of (a, b), unless only that of (b, a) exists.
  Result<ChannelKey> load_agent_channel(std::string_view a, std::string_view b) const;

 private:
  PartitionHistory of(const ChannelKey& channel) const;

  store::PartitionReaders readers_;
  const Clock& clock_;
  std::uint64_t fingerprint_seed_;
};

}  // namespace jindou::partition
