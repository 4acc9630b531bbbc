// What a partition keeps for the webhook: how far it has got with the messages, what of them it has
// given up, and who came and went. webhook/ reads the rows; this writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/result.h"
#include "model/ids.h"
#include "partition/outbox_commands.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Of dead letters in one partition. With more the oldest go and are counted. The defaults are those
// of src/config/settings.h.
struct WebhookLetterLimits {
  std::size_t per_partition_max = 5'000;
  std::size_t bytes_max = std::size_t{1} << 20;  // as they are stored
};

// Lives in its partition and on its thread. Has in memory which dead letters there are, some 80
// bytes for each.
class Outbox {
 public:
  Outbox(PartitionId partition, const WebhookLetterLimits& limits)
      : partition_(partition), limits_(limits) {}

  // Reads how far the webhook has got, and which dead letters there are. Errors: storage.
  Result<void> open(const store::PartitionReader& reader);

  // Cannot fail.
  Result<void> evaluate(const AdvanceWebhook& command, Txn& txn);
  Result<void> evaluate(const RecordPresenceEvent& command, Txn& txn);
  Result<void> evaluate(const ForgetPresenceEvents& command, Txn& txn);
  Result<void> evaluate(const RedriveWebhook& command, Txn& txn);
  Result<void> evaluate(const SettleRedrives& command, Txn& txn);

  void describe(StateLines& lines) const;

 private:
  struct Letter {
    std::size_t bytes = 0;
    std::uint64_t redrives = 0;
    bool marked = false;  // it is to be told again
  };

  // The row is written, without a mark.
  void keep_letter(std::uint64_t counter, const store::WebhookLetterRecord& record, Txn& txn);
  void erase_letter(std::uint64_t counter, Txn& txn);
  // In memory, and back when the command is taken back. None: it is not there.
  void set_letter(std::uint64_t counter, const std::optional<Letter>& letter, Txn& txn);
  void assign_letter(std::uint64_t counter, const std::optional<Letter>& letter);
  // Erases the oldest while there are too many. Returns how many.
  std::uint64_t make_room(Txn& txn);

  PartitionId partition_;
  WebhookLetterLimits limits_;
  store::WebhookCursorRecord cursor_;
  std::map<std::uint64_t, Letter> letters_;  // by counter
  std::size_t letter_bytes_ = 0;             // of all
  store::WebhookLettersDroppedRecord dropped_;
};

}  // namespace jindou::partition
