#include "webhook/redrives.h"

#include <cstdint>
#include <utility>

#include "store/keys.h"

namespace jindou::webhook {

Result<bool> has_redrives(store::PartitionCursor& cursor) {
  const std::string prefix = store::webhook_redrive_prefix(cursor.partition());
  const bool found = cursor.seek(prefix) && cursor.key().starts_with(prefix);
  JD_RETURN_IF_ERROR(cursor.status());
  return found;
}

Result<Redrives> load_redrives(const store::PartitionReader& reader, store::PartitionCursor& cursor,
                               const ChoosesLetter& chooses, const RedriveLimits& limits) {
  Redrives taken;
  std::size_t bytes = 0;
  std::string value;
  const PartitionId partition = reader.partition();
  const std::string prefix = store::webhook_redrive_prefix(partition);
  for (bool found = cursor.seek(prefix); found && cursor.key().starts_with(prefix);
       found = cursor.next()) {
    if (taken.letters.size() + taken.gone.size() + taken.unreadable.size() >= limits.messages ||
        bytes >= limits.payload_bytes) {
      break;
    }
    partition::WebhookLetter letter;
    letter.counter = store::counter_of_webhook_letter_key(cursor.key());
    // As old as the mark: the two come and go in one commit.
    JD_TRY(const bool is_there,
           cursor.get(store::webhook_letter_key(partition, letter.counter), value));
    if (!is_there) continue;
    auto record = store::decode_webhook_letter(value);
    if (!record) continue;  // the others are not held up by one that cannot be read
    letter.record = std::move(*record);
    if (!chooses(letter.record.kind, letter.record.log.type)) continue;
    if (!taken.messages.empty() && letter.record.kind != taken.kind) break;
    const auto seq = static_cast<MessageSeq>(letter.record.seq);
    JD_TRY(const bool stored,
           reader.get(store::Table::main, store::message_key(partition, letter.record.log, seq),
                      value));
    if (!stored) {
      taken.gone.push_back(std::move(letter));
      continue;
    }
    auto message = store::decode_message(value, letter.record.log, seq);
    if (!message) {
      taken.unreadable.push_back(std::move(letter));
      continue;
    }
    taken.kind = letter.record.kind;
    bytes += message->payload.size();
    taken.messages.push_back(std::move(*message));
    taken.letters.push_back(std::move(letter));
  }
  JD_RETURN_IF_ERROR(cursor.status());
  return taken;
}

}  // namespace jindou::webhook
