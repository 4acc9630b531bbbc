// The server's half of WebSocket (RFC 6455): the HTTP upgrade and the frames, as bytes in and
// events out, without sockets.
//
// Own code rather than Beast's stream for two reasons that were measured to matter here: Beast
// writes one message per system call, while a chat server sends many small messages to one client
// at a time, and it keeps buffers per connection, while most of our connections are idle. Pure; one
// decoder per connection, not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/ws_deflate.h"

namespace jindou::gateway {

// ---- upgrade --------------------------------------------------------------------------------

struct UpgradeOutcome {
  enum class State : std::uint8_t {
    need_more,
    accepted,  // send `response`, go on with WebSocket frames
    refused,   // send `response` (may be empty), then close
  };
  State state = State::need_more;
  std::size_t consumed = 0;  // bytes of the input that belong to the request
  std::string response;
  // Of an accepted one.
  std::optional<DeflateAgreement> deflate;  // as in the response
  std::string forwarded_for;                // X-Forwarded-For, all its lines joined by commas
  std::string real_ip;                      // X-Real-IP
  std::string origin;                       // Origin; empty: no browser
  std::string host;                         // Host
};

struct UpgradeLimits {
  std::size_t header_bytes_max;  // a longer request is refused
  bool compression = false;      // whether an offer of permessage-deflate is accepted
};

// Looks at the start of a connection. Any path and query is taken, no subprotocol is chosen.
UpgradeOutcome read_upgrade(std::string_view bytes, const UpgradeLimits& limits);

// An answer without a body, after which the connection is closed. `status` is "429 Too Many
// Requests", `headers` whole lines.
std::string http_refusal(std::string_view status, std::string_view headers = {});

// ---- frames ---------------------------------------------------------------------------------

enum class WsOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

// Status codes of Close frames.
inline constexpr std::uint16_t kWsNormal = 1000;
inline constexpr std::uint16_t kWsGoingAway = 1001;
inline constexpr std::uint16_t kWsProtocolError = 1002;
inline constexpr std::uint16_t kWsInvalidData = 1007;
inline constexpr std::uint16_t kWsPolicy = 1008;
inline constexpr std::uint16_t kWsTooLong = 1009;
inline constexpr std::uint16_t kWsTryAgainLater = 1013;

struct WsEvent {
  enum class Kind : std::uint8_t {
    need_more,  // all input is used up
    data,       // a piece of a text or binary message, unmasked in place; may be empty
    ping,       // answer with a pong of the same payload
    pong,
    close,  // the peer wants to close; payload is its status and text
    error,  // the peer broke the protocol: close with `status`
  };
  Kind kind = Kind::need_more;
  std::string_view payload;                 // into the input (data) or the decoder (control frames)
  bool message_end = false;                 // data: the last piece of its message
  bool compressed = false;                  // data: its message is; unpack it when it is whole
  std::uint16_t status = kWsProtocolError;  // error
};

class WsDecoder {
 public:
  // permessage-deflate has been agreed on.
  void allow_compressed() { compression_ = true; }
  // Takes the next event off the front of `input`. Call until it says need_more or error.
  WsEvent next(std::span<char>& input);

 private:
  bool read_header(std::span<char>& input);
  WsEvent fail(std::uint16_t status = kWsProtocolError);

  std::array<unsigned char, 14> header_{};
  std::uint8_t header_have_ = 0;
  bool in_payload_ = false;
  bool fin_ = false;
  bool in_message_ = false;  // between the first and the last fragment
  bool compression_ = false;
  bool compressed_ = false;  // the message
  bool failed_ = false;
  WsOpcode opcode_ = WsOpcode::continuation;
  std::array<unsigned char, 4> mask_{};
  std::uint8_t mask_at_ = 0;
  std::uint64_t payload_left_ = 0;
  std::string control_;  // at most 125 bytes
};

// The header of an unmasked, unfragmented frame: 2, 4 or 10 bytes. Returns how many are used.
std::size_t write_ws_header(std::array<char, 10>& out, WsOpcode opcode, std::size_t payload_bytes,
                            bool compressed = false);

// Appends a whole control frame; `payload` is cut to 125 bytes.
void append_ws_control(std::string& out, WsOpcode opcode, std::string_view payload);
// `reason` is for whoever reads it; invalid UTF-8 is left out, and it is cut to 123 bytes.
void append_ws_close(std::string& out, std::uint16_t status, std::string_view reason);

}  // namespace jindou::gateway
