// The bodies of the webhook's events (docs/api.md, "webhooks"). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/device.h"
#include "model/ids.h"
#include "model/message.h"

namespace jindou::webhook {

// msg.notify: appends one message object to an array that is being written, with a comma when it is
// not the first. The caller puts the brackets around.
void append_notify_element(std::string& array, const Message& message);

// msg.offline: the message object with its receivers, compressed when there are more than
// `compress_above` (0: never). Errors: internal (out of memory in zlib).
Result<std::string> offline_body(const Message& message, std::span<const std::string> to_uids,
                                 std::size_t compress_above, std::uint32_t node_id);

// user.onlinestatus: one element, and the array of them.
std::string online_status_text(std::string_view uid, DeviceFlag flag, bool online,
                               std::uint64_t session_id, std::size_t device_online,
                               std::size_t total_online);
std::string online_status_body(std::span<const std::string> texts);

// A complete gzip file (RFC 1952) of `bytes`. Errors: internal.
Result<std::string> gzip(std::string_view bytes);

}  // namespace jindou::webhook
