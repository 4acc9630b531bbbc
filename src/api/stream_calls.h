// What the older endpoints for streams share: where a stream is, its message, its beginning and
// end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "api/http_names.h"
#include "api/services.h"
#include "bodies/body_reader.h"
#include "bodies/events.h"
#include "model/message.h"
#include "partition/change.h"

namespace jindou::api {

// An event of the main lane with the least that it needs.
partition::AppendEvent event_for(const ChannelKey& channel, const std::string& client_msg_no,
                                 std::string_view type, partition::AppendEvent::Effect effect);
partition::AppendEvent close_event(Services& services, const ChannelKey& channel,
                                   const std::string& client_msg_no, std::uint8_t end_reason);

// A channel and who writes to it.
struct StreamPlace {
  ChannelKey channel;
  std::string from_uid;  // never empty
};
// As a body names it. Problems are noted in `body`.
StreamPlace take_stream_place(bodies::BodyReader& body, bodies::StreamChannel given);

// The message that a stream belongs to. A client_msg_no is made up if there is none.
SendCommand anchor_for(Services& services, const StreamPlace& place, std::string client_msg_no,
                       std::string payload);

// Errors: as send_commands(). A refusal is a result.
Task<Result<SendResult>> send_anchor(Services& services, Request& request, SendCommand command);

// What begins a stream in a channel that can have one.
struct StreamStart {
  StreamStart(SendCommand message, partition::AppendEvent first, partition::AppendEvent last)
      : anchor(std::move(message)), begin(std::move(first)), end(std::move(last)) {}
  SendCommand anchor;
  partition::AppendEvent begin;  // its first event
  // Ends the stream that runs already, with `force`; its client_msg_no is filled in then.
  partition::AppendEvent end;
  bool force = false;
};

// Stores the message of a stream and makes it the one that runs in the channel. One that runs
// already is ended once the message is stored, or, without `force`, the reason for a refusal
// (conflict). False: answered. `sent` is filled in otherwise.
Task<bool> begin_stream(Services& services, Request& request, Response& response, StreamStart start,
                        SendResult& sent);

// Closes the stream of that message and answers.
Task<void> close_stream(Services& services, Request& request, Response& response,
                        ChannelKey channel, std::string client_msg_no);

}  // namespace jindou::api
