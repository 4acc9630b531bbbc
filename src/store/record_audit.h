// Looks at every record of a store that nobody writes to: whether it can be read, and whether the
// records say the same of each other.
//
// - Every record of the kinds that have a format decodes.
// - A message that expires is in the list of those that do.
// - The seqs of each channel are 1, 2, 3 … up to the last: each has a message, or a reason to have
//   none (cleared, deleted, expired, skipped).
// - What commit records list is there: each message at its seq, under its id.
// - The index of client_msg_no agrees with the commit records, in both directions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "store/open_store.h"

namespace jindou::store {

// Something that is wrong.
struct AuditFault {
  enum class Kind : std::uint8_t {
    unreadable,  // the record of `key`, in table main
    missing,     // messages of `log`, from seq `first` to `last`: nothing says why
    other_id,    // the message of `log` at `first` is not the one that was committed there
    index,       // the index of client_msg_no does not say what the commit records say
    stranger,    // it has an entry of a message that no commit record has
    derived,     // the record of `key` is not there, which follows from another one
  };
  Kind kind = Kind::unreadable;
  PartitionId partition{};
  std::string sentence;  // names what is wrong: partition, channel, seq
  std::string key;
  std::string value;  // of a derived record
  ChannelKey log;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

struct AuditCounts {
  std::uint64_t rows = 0;      // of both tables
  std::uint64_t messages = 0;  // stored ones
  std::uint64_t logs = 0;      // with messages
  std::uint64_t numbers = 0;   // of the index
};

struct AuditHandlers {
  std::function<void(const AuditFault& fault)> fault;
  // Now and then. False: give up, which is `unavailable`.
  std::function<bool(const AuditCounts& so_far)> keep_on;
};

enum class AuditScope : std::uint8_t {
  all,
  main_table,  // without the index of client_msg_no, which is not read
};

// Takes some microseconds for each message. Errors: storage (a part cannot be read), unavailable.
Result<AuditCounts> audit_records(const OpenStore& store, std::uint16_t partitions,
                                  const AuditHandlers& handlers,
                                  AuditScope scope = AuditScope::all);

}  // namespace jindou::store
