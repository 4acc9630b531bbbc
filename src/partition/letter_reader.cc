#include "partition/letter_reader.h"

#include <string>
#include <string_view>
#include <utility>

#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::Table;

// Counters in one command: 40 KB of it, and as many rows of a commit.
constexpr std::size_t kCountersPerCommand = 5'000;

}  // namespace

Result<void> LetterReader::add_message(KeptLetter& letter) const {
  const store::WebhookLetterRecord& record = letter.record;
  const auto seq = static_cast<MessageSeq>(record.seq);
  std::string value;
  JD_TRY(const bool found,
         readers_.of(letter.partition)
             .get(Table::main, store::message_key(letter.partition, record.log, seq), value));
  if (!found) return {};
  auto message = store::decode_message(value, record.log, seq);
  if (message) letter.message = std::move(*message);
  return {};
}

Result<LetterReader::Page> LetterReader::load(const std::optional<Place>& after, std::size_t count,
                                              std::size_t bytes_max) const {
  Page page;
  std::size_t bytes = 0;
  std::string value;
  for (const PartitionId partition : readers_.map().ids()) {
    if (after && raw(partition) < raw(after->partition)) continue;
    auto cursor = readers_.of(partition).open_cursor(Table::main);
    const std::string prefix = store::webhook_letter_prefix(partition);
    const bool goes_on = after && after->partition == partition;
    for (bool found = cursor.seek(goes_on ? store::webhook_letter_key(partition, after->counter + 1)
                                          : prefix);
         found && cursor.key().starts_with(prefix); found = cursor.next()) {
      if (page.letters.size() == count || bytes > bytes_max) {
        page.more = true;
        return page;
      }
      KeptLetter letter;
      letter.partition = partition;
      letter.counter = store::counter_of_webhook_letter_key(cursor.key());
      JD_TRY(letter.record, store::decode_webhook_letter(cursor.value()));
      JD_TRY(letter.marked,
             cursor.get(store::webhook_redrive_key(partition, letter.counter), value));
      JD_RETURN_IF_ERROR(add_message(letter));
      if (letter.message) bytes += letter.message->payload.size();
      page.letters.push_back(std::move(letter));
    }
    JD_RETURN_IF_ERROR(cursor.status());
  }
  return page;
}

Result<std::vector<RedriveWebhook>> LetterReader::load_unmarked() const {
  std::vector<RedriveWebhook> commands;
  std::string value;
  for (const PartitionId partition : readers_.map().ids()) {
    auto cursor = readers_.of(partition).open_cursor(Table::main);
    const std::string prefix = store::webhook_letter_prefix(partition);
    bool begins = true;  // the next command
    for (bool found = cursor.seek(prefix); found && cursor.key().starts_with(prefix);
         found = cursor.next()) {
      const std::uint64_t counter = store::counter_of_webhook_letter_key(cursor.key());
      JD_TRY(const bool marked, cursor.get(store::webhook_redrive_key(partition, counter), value));
      if (marked) continue;
      if (std::exchange(begins, false)) commands.push_back({partition, {}});
      commands.back().counters.push_back(counter);
      begins = commands.back().counters.size() == kCountersPerCommand;
    }
    JD_RETURN_IF_ERROR(cursor.status());
  }
  return commands;
}

Result<std::vector<bool>> LetterReader::load_partitions() const {
  std::vector<bool> have(readers_.map().count());
  for (const PartitionId partition : readers_.map().ids()) {
    auto cursor = readers_.of(partition).open_cursor(Table::main);
    const std::string prefix = store::webhook_letter_prefix(partition);
    have[raw(partition)] = cursor.seek(prefix) && cursor.key().starts_with(prefix);
    JD_RETURN_IF_ERROR(cursor.status());
  }
  return have;
}

Result<std::optional<KeptLetter>> LetterReader::load_of(MessageId message) const {
  return load_at({partition_of(message), counter_of(message)});
}

Result<std::optional<KeptLetter>> LetterReader::load_at(const Place& place) const {
  const PartitionId partition = place.partition;
  const std::uint64_t counter = place.counter;
  if (!readers_.map().has(partition)) return std::optional<KeptLetter>();
  const store::PartitionReader reader = readers_.of(partition);
  std::string value;
  JD_TRY(const bool found,
         reader.get(Table::main, store::webhook_letter_key(partition, counter), value));
  if (!found) return std::optional<KeptLetter>();
  KeptLetter letter;
  letter.partition = partition;
  letter.counter = counter;
  JD_TRY(letter.record, store::decode_webhook_letter(value));
  JD_TRY(letter.marked,
         reader.get(Table::main, store::webhook_redrive_key(partition, counter), value));
  return std::optional<KeptLetter>(std::move(letter));
}

}  // namespace jindou::partition
