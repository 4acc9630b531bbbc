// What the core hands on after a commit: what happened, and who is to be told of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/overloaded.h"
#include "model/message.h"
#include "model/message_event.h"
#include "partition/recipients.h"

namespace jindou::partition {

// To how many users a message of a job has been pushed so far, by whoever delivers it.
struct JobPushes {
  explicit JobPushes(std::shared_ptr<const std::string> id) : job(std::move(id)) {}

  std::shared_ptr<const std::string> job;  // its id
  std::atomic<std::uint64_t> users{0};     // online, each once, the sender not among them
};

// A message was accepted.
struct CommittedMessage {
  std::shared_ptr<const Message> message;
  SessionId origin_session{};              // not echoed to this session
  std::shared_ptr<JobPushes> pushes = {};  // null: it is of no job
};

// Something happened to a message that was accepted before: text came, a lane was closed.
struct CommittedEvent {
  std::shared_ptr<const MessageEvent> event;
};

// One thing that is told. Whoever takes it visits `what` with a case for each alternative and no
// catch-all: a new alternative does not compile before each of them says what becomes of it.
struct CommitEffect {
  std::variant<CommittedMessage, CommittedEvent> what;
  Recipients recipients;
};

// The channel in whose order it is told. A command belongs to the channel it is shown in, not to
// the log it is stored in.
inline const ChannelKey& channel_of(const CommitEffect& effect) {
  return std::visit(Overloaded{[](const CommittedMessage& committed) -> const ChannelKey& {
                                 return committed.message->channel;
                               },
                               [](const CommittedEvent& committed) -> const ChannelKey& {
                                 return committed.event->channel;
                               }},
                    effect.what);
}

// What one partition's commit tells, in commit order.
struct CommittedBatch {
  std::vector<CommitEffect> effects;
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
