// Who has to be told of a message by other means than a session.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/message.h"
#include "partition/recipients.h"
#include "presence/session_directory.h"
#include "webhook/core_link.h"

namespace jindou::webhook {

// The offline receivers of some messages. Made for one round of messages, because it looks at each
// channel and at each user's presence only once. Lives on one thread.
class OfflineReceivers {
 public:
  // Borrows both.
  OfflineReceivers(CoreLink& core, const presence::SessionDirectory& sessions, bool master_only)
      : core_(core), sessions_(sessions), master_only_(master_only) {}

  // Asks the core for the channels of all of them. Blocks for an answer of each channel. Errors:
  // overloaded, unavailable (a data source does not answer), deadline, storage: some are not known,
  // and are to be asked for again later.
  Result<void> prepare(const std::vector<Message>& messages);
  // The receivers of this one are known.
  bool knows(const Message& message) const;

  // Without the sender, those excluded from the channel, and the built-in system account.
  // Precondition: knows().
  std::vector<std::string> of(const Message& message) const;
  // Of a message whose recipients came with it.
  std::vector<std::string> of(const Message& message,
                              const partition::Recipients& recipients) const;

 private:
  struct Channel {
    std::optional<partition::Recipients> recipients;  // empty: the core has not answered
    // Of all its recipients, whoever sends; found when a message needs it.
    mutable std::optional<std::vector<std::string>> offline;
  };

  bool is_offline(std::string_view uid) const;
  std::vector<std::string> offline_among(const partition::Recipients& recipients) const;

  CoreLink& core_;
  const presence::SessionDirectory& sessions_;
  bool master_only_;
  boost::unordered_flat_map<ChannelKey, Channel, ChannelKeyHash> channels_;
};

}  // namespace jindou::webhook
