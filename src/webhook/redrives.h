// Dead letters of msg.notify that are to be told again, as they are in the store
// (partition/outbox.h writes them). They go the way of what is told for the first time:
// message_stream.h.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "partition/outbox_commands.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::webhook {

struct RedriveLimits {
  std::size_t messages = 100;
  std::size_t payload_bytes = std::size_t{3} << 20;  // one message may be larger
};

struct Redrives {
  // All given up for the same reason: of messages, recalls or edits.
  store::EntryKind kind = store::EntryKind::message;
  std::vector<Message> messages;                  // as they are now
  std::vector<partition::WebhookLetter> letters;  // for each of them, its own
  // There is nothing to be told of any more: the message was deleted.
  std::vector<partition::WebhookLetter> gone;
  std::vector<partition::WebhookLetter> unreadable;

  bool empty() const { return messages.empty() && gone.empty() && unreadable.empty(); }
};

// Whether the receiver is told of that in a channel of that type.
using ChoosesLetter = std::function<bool(store::EntryKind kind, ChannelType type)>;

// There are some, whoever they are for. Errors: storage.
Result<bool> has_redrives(store::PartitionCursor& cursor);

// The first ones that are for this receiver, in the order in which they were to be told. Empty:
// there are none. Blocks on disk. Errors: storage.
Result<Redrives> load_redrives(const store::PartitionReader& reader, store::PartitionCursor& cursor,
                               const ChoosesLetter& chooses, const RedriveLimits& limits);

}  // namespace jindou::webhook
