// What a batch would do, without doing it: POST /message/sendbatch?dry_run=true.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "model/message.h"

namespace jindou::api {

// Who would receive a message, or several, each counted for each. The sender's other devices are no
// receivers.
struct Audience {
  std::size_t receivers = 0;
  std::size_t online = 0;
  bool online_known = true;  // false: not all were looked up, and `online` is nothing

  void add(const Audience& other);
};

// What would become of one message.
struct Rehearsed {
  SendResult result;
  // Only of one that would be sent, and is no repeat.
  std::size_t bytes = 0;
  Audience audience;

  bool is_sent() const { return result.state == SendResult::State::accepted; }
};

// The sums.
struct RehearsedTotal {
  std::size_t bytes = 0;
  Audience audience;

  void add(const Rehearsed& message);
  // `bytes`, `receivers`, and, where they are known, `online` and `offline`.
  void write(codec::JsonWriter& json) const;
};

// Evaluates the messages as they stand, one after the other. Nothing is stored, told to anybody, or
// remembered. Users of large channels are counted; which of them are online is looked up for the
// first kOnlineLookupsMax of the call only. Aligned with the messages. Errors: as
// rehearse_commands() and ask_recipients().
Task<Result<std::vector<Rehearsed>>> rehearse_all(Services& services, Request& request,
                                                  std::vector<SendCommand> commands);

// The members of an element of the answer: those of a batch, and what rehearse_all() has found.
void write_rehearsed_members(codec::JsonWriter& json, const Rehearsed& message,
                             std::string_view client_msg_no);

// The same, as the answer of a request: {"dry_run":true,"items":[…],"total":{…}}. `client_msg_nos`
// are aligned with the messages, empty where the caller gave none.
Task<void> rehearse(Services& services, Request& request, Response& response,
                    std::vector<SendCommand> commands, std::vector<std::string> client_msg_nos);

}  // namespace jindou::api
