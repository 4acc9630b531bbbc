// permessage-deflate (RFC 7692): the agreement, and messages in and out. Without context takeover
// in either direction: each message is compressed alone, so no session holds any state and one
// compressor serves all sessions of a shard.
#pragma once

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace jindou::gateway {

struct DeflateAgreement {
  // How far back our compressed messages refer, as the client asked: 9 to 15, a power of two.
  std::uint8_t server_window_bits = 15;
};

// Picks the first offer that we can keep out of the values of Sec-WebSocket-Extensions. Empty: none
// (another extension, an unknown or repeated parameter, a value out of range).
std::optional<DeflateAgreement> choose_deflate(std::string_view extensions);
// The value of our own Sec-WebSocket-Extensions.
std::string deflate_response(const DeflateAgreement& agreement);

// Not thread-safe; one per shard. Owns 256 KiB for each window size in use, from its first message.
class WsDeflater {
 public:
  // Messages shorter than `min_bytes` are left as they are.
  explicit WsDeflater(std::size_t min_bytes) : min_bytes_(min_bytes) {}
  ~WsDeflater();
  WsDeflater(const WsDeflater&) = delete;
  WsDeflater& operator=(const WsDeflater&) = delete;

  // The payload of a compressed frame; valid until the next call. Empty: send it as it is, because
  // it is short or does not get smaller.
  std::optional<std::string_view> deflate(std::string_view message, unsigned window_bits);

 private:
  static constexpr unsigned kBitsMin = 9;

  std::size_t min_bytes_;
  std::array<std::unique_ptr<z_stream>, 7> streams_;  // by window bits - kBitsMin
  std::string out_;
};

// Not thread-safe; one per shard. Owns 40 KiB, and as much as the longest recent message.
class WsInflater {
 public:
  WsInflater() = default;
  ~WsInflater();
  WsInflater(const WsInflater&) = delete;
  WsInflater& operator=(const WsInflater&) = delete;

  enum class Status : std::uint8_t {
    ok,
    too_long,  // would be more than the limit: nothing more was unpacked
    broken,
  };
  // Unpacks the payload of one whole message. `message` is valid until the next call.
  Status inflate(std::string_view payload, std::size_t message_bytes_max,
                 std::string_view& message);

 private:
  std::unique_ptr<z_stream> stream_;
  std::string out_;
};

}  // namespace jindou::gateway
