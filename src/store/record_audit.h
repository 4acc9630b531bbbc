// Looks at every record of a store that nobody writes to: whether it can be read, and whether the
// records say the same of each other.
//
// - Every record of the kinds that have a format decodes.
// - The seqs of each channel are 1, 2, 3 … up to the last: each has a message, or a reason to have
//   none (cleared, deleted, expired, skipped).
// - What commit records list is there: each message at its seq, under its id.
// - The index of client_msg_no agrees with the commit records, in both directions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "store/open_store.h"

namespace jindou::store {

struct AuditCounts {
  std::uint64_t rows = 0;      // of both tables
  std::uint64_t messages = 0;  // stored ones
  std::uint64_t logs = 0;      // with messages
  std::uint64_t numbers = 0;   // of the index
};

struct AuditHandlers {
  // One sentence, which names what is wrong: partition, channel, seq.
  std::function<void(const std::string& sentence)> fault;
  // Now and then. False: give up, which is `unavailable`.
  std::function<bool(const AuditCounts& so_far)> keep_on;
};

// Takes some microseconds for each message. Errors: storage (a part cannot be read), unavailable.
Result<AuditCounts> audit_records(const OpenStore& store, std::uint16_t partitions,
                                  const AuditHandlers& handlers);

}  // namespace jindou::store
