// A stage of the intake: callers with an API key send as its senders and to its channels only
// (docs/decisions/0031-api-keys.md).
#pragma once

#include <optional>
#include <string_view>

#include "model/api_key.h"
#include "model/channel.h"
#include "model/message.h"
#include "observe/metrics.h"
#include "partition/intake_stage.h"

namespace jindou::partition {

// Why the key may not send this; none: it may. Each user whom it lists has to be one whom the
// channel reaches by its id, or one whom the key may send to as a person; of a command to a list of
// users each has to be the latter.
std::optional<SendResult> key_refusal(const ApiKey& key, const SendCommand& command);
// The same of whoever does something in the channel (internal id) as that user.
std::optional<SendResult> key_refusal(const ApiKey& key, std::string_view uid,
                                      const ChannelKey& channel);

// "sender" or "channel", of a refusal of these functions.
std::string_view key_refusal_cause(const SendResult& refusal);

class RightsStage final : public IntakeStage {
 public:
  // Borrowed; null: nothing is counted.
  explicit RightsStage(observe::Metrics* metrics = nullptr) : metrics_(metrics) {}
  bool enabled() const override { return true; }
  void examine(IntakeTurn& turn) override;

 private:
  observe::Metrics* metrics_;
};

}  // namespace jindou::partition
