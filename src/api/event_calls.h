// What the endpoints for message events, new and old, share.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/channel.h"

namespace jindou::api {

// The channel of an event written by `from_uid` (empty: the system account): the peer of a person
// or agent channel, or the internal id. Errors: invalid.
Result<ChannelKey> event_channel(std::string_view from_uid, std::string_view channel_id,
                                 ChannelType type);

// What the core said about an event, as an answer to the caller: that there is no such stream is a
// mistake in the request like any other, and no 404.
Error event_error(const Error& error);

}  // namespace jindou::api
