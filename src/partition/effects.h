// What the core hands on after a commit: committed messages with their recipients.
#pragma once

#include <memory>
#include <vector>

#include "model/message.h"
#include "model/message_event.h"
#include "partition/recipients.h"

namespace jindou::partition {

struct CommittedMessage {
  // Exactly one of the two.
  std::shared_ptr<const Message> message;
  std::shared_ptr<const MessageEvent> event;
  Recipients recipients;
  SessionId origin_session{};  // not echoed to this session
};

// The messages and events of one partition's commit, in commit order.
struct CommittedBatch {
  std::vector<CommittedMessage> messages;
  // Released when the fan-out of the batch is finished; while it lives the messages count as in
  // flight, so that a slow fan-out is felt as `overloaded` by new senders.
  std::vector<std::shared_ptr<void>> admissions;
};

// Implemented by delivery::FanOut.
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // Called on a thread of the commit log, in commit order per partition. Must not block.
  virtual void post_committed(std::shared_ptr<const CommittedBatch> batch) = 0;
};

}  // namespace jindou::partition
