// Why the gateway ends a connection: one label for the metric sessions_cut, what a WebSocket client
// is told with its Close frame, and what the log says. docs/operations.md lists the labels.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace jindou::gateway {

// For clients that do not read what they are sent.
inline constexpr std::string_view kSlowCause = "slow";
// For input that is not the protocol.
inline constexpr std::string_view kProtocolCause = "protocol";
// For a frame or message over the limit.
inline constexpr std::string_view kTooLongCause = "too_long";
// For input that all connections together hold too much of.
inline constexpr std::string_view kInboundCause = "inbound_full";
// For clients that an operator's limits or settings turn away.
inline constexpr std::string_view kFloodCause = "flood";
inline constexpr std::string_view kNoJsonCause = "json_rpc_disabled";
inline constexpr std::string_view kLimitCause = "limit";
inline constexpr std::string_view kOriginCause = "origin";
// For logins that could not be judged, or not in time.
inline constexpr std::string_view kLoginErrorCause = "login_error";
inline constexpr std::string_view kLoginTimeoutCause = "login_timeout";
inline constexpr std::string_view kKickedCause = "kicked";
inline constexpr std::string_view kStopCause = "stop";

struct EndCause {
  std::string_view label;
  std::uint16_t ws_status;
  std::string_view text;  // said when nothing more exact is known
  // Part of every day: no line in the log above level debug.
  bool ordinary = false;
};

// All of them, in the order of the table.
std::span<const EndCause> end_causes();

// The entry of a label; one that says nothing for a label that is not in the table.
const EndCause& end_cause(std::string_view label);

}  // namespace jindou::gateway
