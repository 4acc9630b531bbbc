// What a partition keeps for the webhook: how far it has got with the messages, and who came and
// went. webhook/ reads the rows; this writes them.
#pragma once

#include "base/result.h"
#include "model/ids.h"
#include "partition/outbox_commands.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Outbox {
 public:
  explicit Outbox(PartitionId partition) : partition_(partition) {}

  // Reads how far the webhook has got. Errors: storage.
  Result<void> open(const store::PartitionReader& reader);

  // Cannot fail.
  Result<void> evaluate(const AdvanceWebhook& command, Txn& txn);
  Result<void> evaluate(const RecordPresenceEvent& command, Txn& txn);
  Result<void> evaluate(const ForgetPresenceEvents& command, Txn& txn);

  void describe(StateLines& lines) const { lines.add("webhook", store::encode(cursor_)); }

 private:
  PartitionId partition_;
  store::WebhookCursorRecord cursor_;
};

}  // namespace jindou::partition
