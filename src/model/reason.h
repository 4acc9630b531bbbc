// The protocol's reason codes (docs/wkproto.md, "reason codes"): one byte in SENDACK, CONNACK and
// DISCONNECT, and the member `reason` of HTTP answers.
#pragma once

#include <cstdint>
#include <string_view>

namespace jindou {

enum class Reason : std::uint8_t {
  unknown = 0,
  success = 1,
  auth_fail = 2,
  subscriber_not_exist = 3,
  in_denylist = 4,
  channel_not_exist = 5,
  payload_decode_error = 9,
  not_allow_send = 11,
  connect_kick = 12,
  not_in_allowlist = 13,
  system_error = 15,
  channel_id_error = 16,
  ban = 19,
  client_key_is_empty = 21,
  rate_limit = 22,
  not_support_channel_type = 23,
  disband = 24,
  send_ban = 25,
  // From 100 on they are of this server alone: the family goes on counting below.
  moderated = 100,
  last_seq_differs = 101,
  receiver_cap = 102,
};

constexpr std::uint8_t raw(Reason reason) { return static_cast<std::uint8_t>(reason); }

// A sentence for the caller: "the sender is on the channel's denylist".
std::string_view reason_text(Reason reason);

// True for the codes that mean "no permission" (HTTP 403): 3, 4, 5, 11, 13, 19, 24, 25, 100,
// 102.
bool reason_is_permission(Reason reason);

// Whether a message may be refused with it, and whether a CONNECT may: the codes that are counted.
bool reason_refuses_message(Reason reason);
bool reason_refuses_login(Reason reason);

}  // namespace jindou
