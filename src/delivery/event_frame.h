// How one user is shown an event of a message (docs/api.md, "message events").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/message_event.h"

namespace jindou::delivery {

// The id by which `viewer` knows the channel of the event, as in the RECVs of that channel: in a
// person channel the other party, or nothing when that is the system account. Borrows from the
// event or is a constant.
std::string_view event_channel_for(const MessageEvent& event, std::string_view viewer);

// The whole EVENT frame for whoever knows the channel as `channel_id`; the same bytes for every
// session, because events are not encrypted. Errors: too_large.
Result<std::string> make_event_frame(const MessageEvent& event, std::string_view channel_id);

// Appends the `event` notification of JSON-RPC for the same receivers. An event without id or type
// gets one: clients of JSON-RPC take an empty one for an error.
void append_json_event(std::string& out, const MessageEvent& event, std::string_view channel_id);

}  // namespace jindou::delivery
