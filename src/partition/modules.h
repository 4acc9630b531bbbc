// What a partition keeps and evaluates, one module for each kind of state. Each is handed those of
// the others that it needs, which are declared before it, and knows nothing of the rest.
#pragma once

#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "partition/account_changes.h"
#include "partition/bulk_counts.h"
#include "partition/change.h"
#include "partition/change_log.h"
#include "partition/channel_cache.h"
#include "partition/client_number_index.h"
#include "partition/conversation_changes.h"
#include "partition/conversations.h"
#include "partition/id_reservation.h"
#include "partition/imports.h"
#include "partition/jobs.h"
#include "partition/list_jobs.h"
#include "partition/list_slices.h"
#include "partition/lists.h"
#include "partition/message_log.h"
#include "partition/outbox.h"
#include "partition/partition_deps.h"
#include "partition/receivers.h"
#include "partition/requests.h"
#include "partition/sending.h"
#include "partition/stamps.h"
#include "partition/state_lines.h"
#include "partition/streams.h"
#include "partition/templates.h"
#include "partition/tokens.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Modules {
 public:
  // `reader` is that of the partition.
  Modules(store::PartitionReader reader, const PartitionDeps& deps,
          const PartitionOptions& options);

  // Forgets everything and reads the store, whose partition is in `state`; what is left to be
  // tidied goes into the first commit. Errors: storage.
  Result<void> open(const store::PartitionState& state, Txn& txn);

  // Has the module evaluate it whose command it is. Errors: as the command says, storage; what was
  // changed until then is for the caller to roll back.
  Result<void> evaluate(const Change& change, Txn& txn);

  // What all of them have in memory.
  StateLines describe() const;

  Stamps stamps;
  IdReservation ids;
  ChannelCache channels;
  Receivers receivers;
  Conversations conversations;
  ListSlices list_slices;
  ListJobs list_jobs;
  ClientNumberIndex index;
  Streams streams;
  ChangeLog changes;
  MessageLog log;
  Imports imports;
  Lists lists;
  ConversationChanges conversation_changes;
  Tokens tokens;
  Outbox outbox;
  AccountChanges account_changes;
  Requests requests;
  BulkCounts bulk_counts;
  Templates templates;
  Jobs jobs;
  Sending sending;

 private:
  store::PartitionReader reader_;
};

}  // namespace jindou::partition
