// Bytes on their way to one client: frames are appended, the socket takes from the front.
//
// One contiguous string, so that any number of frames leaves in one system call. An empty buffer
// owns no memory: strings come from and go back to a pool of the shard. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::gateway {

class WsDeflater;

// Strings with capacity, for reuse on one shard.
class BufferPool {
 public:
  std::string take();
  void give(std::string&& buffer);

 private:
  // 256 × 64 KiB = 16 MiB per shard at most; larger strings go back to the allocator.
  static constexpr std::size_t kBuffersMax = 256;
  static constexpr std::size_t kBufferBytesMax = 64 << 10;
  static constexpr std::size_t kBufferBytesMin = 64;
  std::vector<std::string> free_;
};

class OutboundBuffer {
 public:
  // `pool` outlives the buffer.
  explicit OutboundBuffer(BufferPool& pool) : pool_(pool) {}
  ~OutboundBuffer() { pool_.give(std::move(bytes_)); }
  OutboundBuffer(const OutboundBuffer&) = delete;
  OutboundBuffer& operator=(const OutboundBuffer&) = delete;

  // From now on each frame becomes one WebSocket message, binary unless use_text() is called.
  void use_websocket() { websocket_ = true; }
  void use_text() { text_ = true; }
  // And is compressed, where that makes it smaller. `deflater` outlives the buffer.
  void use_compression(WsDeflater& deflater, std::uint8_t window_bits) {
    deflater_ = &deflater;
    window_bits_ = window_bits;
  }

  // Append one protocol frame to the returned string and call end_frame(), which returns the bytes
  // of that frame. When nothing was appended there is no frame.
  std::string& begin_frame();
  std::size_t end_frame();
  // Bytes that are not a protocol frame (the upgrade's response, WebSocket control frames).
  std::string& raw();

  std::string_view pending() const { return std::string_view(bytes_).substr(sent_); }
  // The first `count` pending bytes have been sent.
  void consume(std::size_t count);
  void clear();

  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t bytes() const { return bytes_.size() - sent_; }
  // Frames not yet sent; after a partial write an estimate by the share of bytes.
  std::size_t frames() const { return frames_; }

 private:
  void ensure_buffer();

  BufferPool& pool_;
  WsDeflater* deflater_ = nullptr;
  std::string bytes_;
  std::size_t sent_ = 0;
  std::size_t frames_ = 0;
  std::size_t frame_start_ = 0;
  bool websocket_ = false;
  bool text_ = false;
  std::uint8_t window_bits_ = 0;
};

}  // namespace jindou::gateway
