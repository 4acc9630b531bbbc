// What becomes of one message: is it a repeat, may it be sent, who receives it; then it gets its id
// and its seq and is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "partition/channel_cache.h"
#include "partition/client_number_index.h"
#include "partition/conversations.h"
#include "partition/effects.h"
#include "partition/id_reservation.h"
#include "partition/list_slices.h"
#include "partition/message_log.h"
#include "partition/permission.h"
#include "partition/receivers.h"
#include "partition/stamps.h"
#include "partition/system_accounts.h"
#include "partition/txn.h"
#include "store/fingerprint.h"

namespace jindou::partition {

// The most bytes that a message may add to a commit.
std::size_t bytes_at_most(const SendCommand& command);

// Lives in its partition and on its thread.
class Sending {
 public:
  struct Options {
    PermissionPolicy permission;
    // A repeat of a client_msg_no within this many seconds is a duplicate.
    std::int64_t idempotency_window_seconds = 0;
    std::uint64_t fingerprint_seed = 0;
  };
  // Borrowed.
  struct Deps {
    const Clock& clock;
    const SystemAccounts& accounts;
    Stamps& stamps;
    IdReservation& ids;
    Receivers& receivers;
    ChannelCache& channels;
    Conversations& conversations;
    ListSlices& slices;
    ClientNumberIndex& index;
    MessageLog& log;
  };
  Sending(PartitionId partition, const Deps& deps, const Options& options);

  // Refused or a duplicate: nothing was changed. Takes what it stores out of the command, with
  // which the inboxes of its users have come. Errors: storage; then nothing was changed.
  Result<SendResult> evaluate(SendCommand& command, Txn& txn);

 private:
  // What a client_msg_no is known by.
  struct Number {
    store::Fingerprint fingerprint;
    std::uint64_t payload = 0;  // its hash
  };
  // What was read before the first change; none of it moves until the message is stored.
  struct Prepared {
    std::int64_t stamp_ns = 0;  // taken when the message is accepted
    std::int64_t now = 0;       // seconds, as people see it
    ChannelKey log;
    Number number;
    CachedChannel* channel = nullptr;    // null for a targeted command
    CachedChannel* log_state = nullptr;  // null when nothing is stored
    Recipients recipients;
    std::vector<std::string> unopened;  // whom the channel names and who have no conversation yet
    bool leaves_unopened = false;       // some of these have none afterwards, either
    ListSlice share;                    // of the sender
  };

  // The answer to a repeat: the first result, or a conflict; empty for what is none.
  Result<std::optional<SendResult>> find_repeat(const SendCommand& command, const Number& number,
                                                std::int64_t now) const;
  // Of the log that the message goes to.
  Result<std::uint64_t> load_last_seq(const Prepared& prepared, bool targeted,
                                      const SendCommand& command);
  Result<void> load_conversations(const SendCommand& command, bool targeted, Prepared& prepared,
                                  Txn& txn);
  Result<void> load_receivers(const SendCommand& command, CachedChannel& log);
  Result<void> load_sender_and_named(const SendCommand& command, CachedChannel& channel,
                                     Prepared& prepared);
  // The rest cannot fail.
  SendResult accept(SendCommand& command, Prepared& prepared, bool targeted, Txn& txn);
  std::shared_ptr<Message> make_message(SendCommand& command, const Prepared& prepared,
                                        bool targeted, Txn& txn);
  // Takes the log out of `prepared`: it is the last that wants it.
  void remember(const Message& message, bool idempotent, Prepared& prepared, Txn& txn);

  PartitionId partition_;
  Deps deps_;
  Options options_;
};

}  // namespace jindou::partition
