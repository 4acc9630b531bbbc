// Messages of a channel as an operator looks at them: one, or the newest ones and then older ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"

namespace jindou::api {

struct MessageWish {
  ChannelKey channel;            // as stored_channel() says
  std::optional<MessageId> id;   // only this one
  std::string client_msg_no;     // only one with this number; empty: any
  std::uint64_t before_seq = 0;  // only older ones; 0: from the newest on
  std::uint64_t after_seq = 0;   // only newer ones, those next to it; 0: does not matter
  std::size_t limit = 0;
  std::size_t bytes_max = 0;  // of payloads
};

struct MessageView {
  std::vector<Message> messages;  // the newest first
  // There are more: before the last one, or behind the first one with `after_seq`.
  bool more = false;
};

// What a request that lists messages names: the channel, and the client_msg_no if one is wished
// for. Errors: invalid.
Result<MessageWish> read_message_wish(const Services& services, const Request& request);

// Blocks. Errors: storage.
Result<MessageView> load_message_view(const ApiDeps& deps, MessageWish wish);

}  // namespace jindou::api
