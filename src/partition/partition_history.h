// Reads of one partition's stored messages and of what happened to them. As History (history.h),
// which stands on it, but for those who are inside a partition, too.
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
#include "store/partition_reader.h"

namespace jindou::partition {

// POST /channel/messagesync (docs/api.md, "ranges").
struct RangeQuery {
  ChannelKey channel;  // internal id
  std::string viewer;  // hides messages that are restricted to other users; empty sees all
  std::uint64_t start_seq = 0;
  std::uint64_t end_seq = 0;
  std::int64_t limit = 0;      // <= 0: 100; at most 10,000
  bool towards_newer = false;  // pull_mode 1
  // Of payloads: a page ends there whatever its limit says; `more` tells, and callers page on. It
  // has one message at most for each 512 bytes of it, or 100.
  std::size_t bytes_max = std::size_t{8} << 20;
};

struct RangePage {
  std::vector<Message> messages;  // ascending by seq
  bool more = false;
  bool forward = false;  // read upwards: what was left out is newer; else it is older
};

// Seconds of the wall clock.
struct SentWithin {
  std::int64_t after_s = 0;  // not at that second yet
  std::int64_t until_s = 0;  // in that second, too
};

// A value, made for each use. Thread-safe; every load_ call blocks on disk. All channels and
// messages asked for are of its partition.
class PartitionHistory {
 public:
  // Borrows `clock`. `fingerprint_seed` is that of the store.
  PartitionHistory(const store::PartitionReader& reader, const Clock& clock,
                   std::uint64_t fingerprint_seed)
      : partition_(reader.partition()),
        reader_(reader),
        clock_(clock),
        fingerprint_seed_(fingerprint_seed) {}

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
  // Of the messages that the sender has sent with that client_msg_no, and that were to be stored,
  // the newest of that time; empty when that one is not there any more, or there was none.
  Result<std::optional<Message>> load_sent(const ChannelKey& channel,
                                           std::string_view client_msg_no,
                                           std::string_view from_uid,
                                           const SentWithin& within) const;
  // What is known of the message with that id; empty as load_message_trace() says.
  Result<std::optional<MessageTrace>> load_trace(MessageId id) const;
  // Of the one that load_by_client_msg_no() finds; where none is there any more, of the first one
  // that was. Of one that is gone nothing but the hash of the number is kept, so it is found by
  // that, whoever could read it.
  Result<std::optional<MessageTrace>> load_trace_by_client_msg_no(const ChannelKey& log,
                                                                  std::string_view client_msg_no,
                                                                  std::string_view viewer) const;
  // Up to which seq of its log each of the users has read, the log being that of `message`; of a
  // command, what they have acknowledged. 0: nothing.
  Result<std::vector<std::uint64_t>> load_read_to(const Message& message,
                                                  const std::vector<std::string>& uids) const;

  // The newest message the viewer can read; empty when there is none.
  Result<std::optional<Message>> load_last(const ChannelKey& channel,
                                           std::string_view viewer) const;
  // What happened to a message since it was sent; nothing for one that is no anchor.
  Result<MessageEvents> load_events(const ChannelKey& channel, MessageSeq anchor) const;

  // The client_msg_no of the stream an older endpoint has running in the channel; empty: none.
  Result<std::string> load_running_stream(const ChannelKey& channel) const;

  // Whether there is, or was, anything of the channel.
  Result<bool> is_known(const ChannelKey& channel) const;

 private:
  struct Bounds;
  Result<Bounds> load_bounds(const ChannelKey& channel) const;
  // A message that was committed under a number, as its hash says.
  struct Numbered {
    std::uint64_t counter = 0;  // of its id
    std::uint64_t seq = 0;      // 0: not stored
    std::uint64_t sender = 0;   // hash, as in store::Fingerprint
    std::int64_t timestamp = 0;
  };
  // Each once, ascending by id; of each sender the newest one at least.
  Result<std::vector<Numbered>> find_numbered(const ChannelKey& log,
                                              std::string_view client_msg_no) const;

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  std::uint64_t fingerprint_seed_;
};

}  // namespace jindou::partition
