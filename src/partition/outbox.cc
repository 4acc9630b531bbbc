#include "partition/outbox.h"

#include <algorithm>
#include <string>

#include "store/keys.h"

namespace jindou::partition {

Result<void> Outbox::open(const store::PartitionReader& reader) {
  cursor_ = {};
  std::string value;
  JD_TRY(const bool known,
         reader.get(store::Table::main, store::webhook_cursor_key(partition_), value));
  if (known) {
    JD_TRY(cursor_, store::decode_webhook_cursor(value));
  }
  return {};
}

Result<void> Outbox::evaluate(const AdvanceWebhook& command, Txn& txn) {
  if (!command.notified_to && !command.offline_to) return {};
  txn.undo([this, before = cursor_] { cursor_ = before; });
  if (command.notified_to)
    cursor_.notified_to = std::max(cursor_.notified_to, *command.notified_to);
  if (command.offline_to) cursor_.offline_to = std::max(cursor_.offline_to, *command.offline_to);
  txn.put(store::webhook_cursor_key(partition_), store::encode(cursor_));
  return {};
}

Result<void> Outbox::evaluate(const RecordPresenceEvent& command, Txn& txn) {
  const auto session = store::online_session_key(partition_, command.uid, command.device_flag,
                                                 command.start, command.session_id);
  if (command.online) {
    txn.put(session, {});
  } else {
    txn.erase(session);
  }
  txn.put(store::presence_event_key(partition_, command.at_ns, command.start, command.session_id,
                                    command.online),
          command.text);
  return {};
}

Result<void> Outbox::evaluate(const ForgetPresenceEvents& command, Txn& txn) {
  for (const auto& key : command.keys) txn.erase(key);
  return {};
}

}  // namespace jindou::partition
