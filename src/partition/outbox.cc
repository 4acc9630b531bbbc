#include "partition/outbox.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

Result<void> Outbox::open(const store::PartitionReader& reader) {
  cursor_ = {};
  letters_.clear();
  letter_bytes_ = 0;
  dropped_ = {};
  std::string value;
  JD_TRY(const bool known,
         reader.get(store::Table::main, store::webhook_cursor_key(partition_), value));
  if (known) {
    JD_TRY(cursor_, store::decode_webhook_cursor(value));
  }
  const std::string letters = store::webhook_letter_prefix(partition_);
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader.scan(store::Table::main, letters, store::after_prefix(letters),
                                 [&](std::string_view key, std::string_view bytes) {
                                   const auto record = store::decode_webhook_letter(bytes);
                                   if (!record) {
                                     decoded = record.error();
                                     return false;
                                   }
                                   assign_letter(
                                       store::counter_of_webhook_letter_key(key),
                                       Letter{key.size() + bytes.size(), record->redrives, false});
                                   return true;
                                 }));
  JD_RETURN_IF_ERROR(decoded);
  const std::string marks = store::webhook_redrive_prefix(partition_);
  JD_RETURN_IF_ERROR(reader.scan(store::Table::main, marks, store::after_prefix(marks),
                                 [&](std::string_view key, std::string_view) {
                                   const auto found =
                                       letters_.find(store::counter_of_webhook_letter_key(key));
                                   if (found != letters_.end()) found->second.marked = true;
                                   return true;
                                 }));
  JD_TRY(const bool dropped,
         reader.get(store::Table::main, store::webhook_letters_dropped_key(partition_), value));
  if (dropped) {
    JD_TRY(dropped_, store::decode_webhook_letters_dropped(value));
  }
  return {};
}

Result<void> Outbox::evaluate(const AdvanceWebhook& command, Txn& txn) {
  if (!command.notified_to && !command.offline_to) return {};
  const std::uint64_t notified_before = cursor_.notified_to;
  txn.undo([this, before = cursor_] { cursor_ = before; });
  if (command.notified_to)
    cursor_.notified_to = std::max(cursor_.notified_to, *command.notified_to);
  if (command.offline_to) cursor_.offline_to = std::max(cursor_.offline_to, *command.offline_to);
  txn.put(store::webhook_cursor_key(partition_), store::encode(cursor_));
  if (cursor_.notified_to == notified_before) return {};  // what was given up is known
  for (const WebhookLetter& letter : command.letters) {
    if (letter.counter <= notified_before || letter.counter > cursor_.notified_to) continue;
    keep_letter(letter.counter, letter.record, txn);
  }
  const std::uint64_t dropped = command.letters_dropped + make_room(txn);
  if (dropped == 0) return {};
  txn.undo([this, before = dropped_] { dropped_ = before; });
  dropped_.count += dropped;
  txn.put(store::webhook_letters_dropped_key(partition_), store::encode(dropped_));
  return {};
}

Result<void> Outbox::evaluate(const RedriveWebhook& command, Txn& txn) {
  for (const std::uint64_t counter : command.counters) {
    const auto found = letters_.find(counter);
    if (found == letters_.end() || found->second.marked) continue;
    Letter marked = found->second;
    marked.marked = true;
    txn.put(store::webhook_redrive_key(partition_, counter), {});
    set_letter(counter, marked, txn);
  }
  return {};
}

Result<void> Outbox::evaluate(const SettleRedrives& command, Txn& txn) {
  for (const auto& settled : command.settled) {
    const auto found = letters_.find(settled.counter);
    if (found == letters_.end()) continue;
    const Letter& letter = found->second;
    if (!letter.marked || letter.redrives != settled.redrives) continue;
    if (!settled.again) {
      erase_letter(settled.counter, txn);
      continue;
    }
    store::WebhookLetterRecord record = *settled.again;
    record.redrives = letter.redrives + 1;
    txn.erase(store::webhook_redrive_key(partition_, settled.counter));
    keep_letter(settled.counter, record, txn);
  }
  return {};
}

void Outbox::keep_letter(std::uint64_t counter, const store::WebhookLetterRecord& record,
                         Txn& txn) {
  const std::string key = store::webhook_letter_key(partition_, counter);
  const std::string bytes = store::encode(record);
  txn.put(key, bytes);
  set_letter(counter, Letter{key.size() + bytes.size(), record.redrives, false}, txn);
}

void Outbox::erase_letter(std::uint64_t counter, Txn& txn) {
  txn.erase(store::webhook_letter_key(partition_, counter));
  txn.erase(store::webhook_redrive_key(partition_, counter));
  set_letter(counter, std::nullopt, txn);
}

void Outbox::set_letter(std::uint64_t counter, const std::optional<Letter>& letter, Txn& txn) {
  std::optional<Letter> before;
  if (const auto found = letters_.find(counter); found != letters_.end()) before = found->second;
  txn.undo([this, counter, before] { assign_letter(counter, before); });
  assign_letter(counter, letter);
}

void Outbox::assign_letter(std::uint64_t counter, const std::optional<Letter>& letter) {
  if (const auto found = letters_.find(counter); found != letters_.end()) {
    JD_ASSERT(letter_bytes_ >= found->second.bytes);
    letter_bytes_ -= found->second.bytes;
    letters_.erase(found);
    // Else room would be made where there is nothing.
    JD_ASSERT(letter_bytes_ == 0 || !letters_.empty());
  }
  if (!letter) return;
  letter_bytes_ += letter->bytes;
  letters_.emplace(counter, *letter);
}

std::uint64_t Outbox::make_room(Txn& txn) {
  std::uint64_t dropped = 0;
  while (letters_.size() > limits_.per_partition_max || letter_bytes_ > limits_.bytes_max) {
    erase_letter(letters_.begin()->first, txn);
    ++dropped;
  }
  return dropped;
}

void Outbox::describe(StateLines& lines) const {
  lines.add("webhook", store::encode(cursor_));
  lines.add("webhook letters dropped", dropped_.count);
  for (const auto& [counter, letter] : letters_) {
    lines.add("webhook letter", counter, letter.bytes, letter.redrives, letter.marked);
  }
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
