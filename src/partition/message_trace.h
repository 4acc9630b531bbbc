// What the store knows of one message and of what became of it, also when it is gone
// (docs/decisions/0035-message-trace.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "model/message.h"
#include "partition/record_reader.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

struct MessageTrace {
  enum class State : std::uint8_t {
    stored,
    unstored,  // it was not to be kept (no_persist)
    recalled,  // its row is there, without its payload
    expired,   // its time is over
    deleted,   // by itself
    cleared,   // with all before it: at somebody's wish, as retention says, or all had expired
    gone,      // its row is not there, and the change that would say why is not kept any more
  };
  State state = State::stored;
  MessageId id{};
  ChannelKey log;                 // commands have logs of their own
  MessageSeq seq{};               // 0: unstored
  std::int64_t committed_at = 0;  // seconds
  // As it is now; none: its row is not there. It is not to be shown when the state is `expired`.
  std::optional<Message> message;
  // What happened to it, as far as that is kept, ascending by number.
  std::vector<LogChange> changes;
  bool changes_complete = true;  // nothing that happened in its log was dropped
  // How far the webhook has got in its partition, by ids of messages; none: it was never on.
  std::optional<store::WebhookCursorRecord> webhook;
};

std::string_view state_name(MessageTrace::State state);

// Empty: no commit record that is kept has such a message, so it is not there either. All as it was
// at one moment. Blocks on disk: a few reads, and the changes of its log that are kept
// (retention.changesMax). Errors: storage.
Result<std::optional<MessageTrace>> load_message_trace(const store::PartitionReader& reader,
                                                       MessageId id, std::int64_t now_seconds);

}  // namespace jindou::partition
