// Reads of the webhook's dead letters. Everything acknowledged is visible here.
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/message.h"
#include "partition/outbox_commands.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

struct KeptLetter {
  PartitionId partition{};
  std::uint64_t counter = 0;  // of the entry: its place among those of the partition
  store::WebhookLetterRecord record;
  bool marked = false;             // it is to be told again
  std::optional<Message> message;  // as it is now; none: it is gone, or cannot be read
};

class LetterReader {
 public:
  // Where one lies: they are listed partition by partition, as they were to be told.
  struct Place {
    PartitionId partition{};
    std::uint64_t counter = 0;
  };
  struct Page {
    std::vector<KeptLetter> letters;
    bool more = false;
  };

  explicit LetterReader(const store::PartitionReaders& readers) : readers_(readers) {}

  // Errors of all: storage.

  // Those behind `after`, in the first partition for none; at most `count`, and none more once
  // their payloads have `bytes_max`.
  Result<Page> load(const std::optional<Place>& after, std::size_t count,
                    std::size_t bytes_max) const;
  // Those that nobody has asked to tell again, of all partitions.
  Result<std::vector<RedriveWebhook>> load_unmarked() const;
  // Which partitions have any, by number.
  Result<std::vector<bool>> load_partitions() const;
  // The one that lies there. Without the message.
  Result<std::optional<KeptLetter>> load_at(const Place& place) const;
  // Of a message that was to be told as stored; what was recalled or edited has others. Without the
  // message.
  Result<std::optional<KeptLetter>> load_of(MessageId message) const;
  // The message of a letter, as it is now.
  Result<void> add_message(KeptLetter& letter) const;

 private:
  store::PartitionReaders readers_;
};

}  // namespace jindou::partition
