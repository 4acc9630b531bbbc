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
#include "store/reader.h"

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

class History {
 public:
  // Borrows both; they outlive it. `partitions` and `fingerprint_seed` are those of the store.
  History(const store::Reader& reader, const Clock& clock, std::uint16_t partitions,
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
  struct Bounds;
  Result<Bounds> load_bounds(const ChannelKey& channel) const;
  Result<bool> is_known(const ChannelKey& channel) const;

  const store::Reader& reader_;
  const Clock& clock_;
  std::uint16_t partitions_;
  std::uint64_t fingerprint_seed_;
};

}  // namespace jindou::partition
