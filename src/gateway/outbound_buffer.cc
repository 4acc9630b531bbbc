#include "gateway/outbound_buffer.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "gateway/websocket.h"
#include "gateway/ws_deflate.h"

namespace jindou::gateway {

namespace {
// Room for the header of a message of 126 to 65535 bytes, which is what an encrypted RECV is.
constexpr std::size_t kWsRoom = 4;
// Sent bytes are cut off the front when they are this many and more than what is left.
constexpr std::size_t kCompactBytes = 64 << 10;
}  // namespace

std::string BufferPool::take() {
  if (free_.empty()) return {};
  std::string buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BufferPool::give(std::string&& buffer) {
  std::string kept;
  kept.swap(buffer);
  // A string without heap memory is not worth keeping.
  if (kept.capacity() < kBufferBytesMin || kept.capacity() > kBufferBytesMax) return;
  if (free_.size() >= kBuffersMax) return;
  kept.clear();
  free_.push_back(std::move(kept));
}

void OutboundBuffer::ensure_buffer() {
  if (bytes_.empty()) bytes_ = pool_.take();
}

std::string& OutboundBuffer::begin_frame() {
  ensure_buffer();
  frame_start_ = bytes_.size();
  if (websocket_) bytes_.append(kWsRoom, '\0');
  return bytes_;
}

std::size_t OutboundBuffer::end_frame() {
  const std::size_t room = websocket_ ? kWsRoom : 0;
  JD_ASSERT(bytes_.size() >= frame_start_ + room);
  const std::size_t frame_bytes = bytes_.size() - frame_start_ - room;
  if (frame_bytes == 0) {
    bytes_.resize(frame_start_);
    return 0;
  }
  ++frames_;
  if (!websocket_) return frame_bytes;
  std::size_t payload = frame_bytes;
  bool compressed = false;
  if (deflater_ != nullptr) {
    const std::string_view frame = std::string_view(bytes_).substr(frame_start_ + kWsRoom);
    if (const auto packed = deflater_->deflate(frame, window_bits_)) {
      bytes_.replace(frame_start_ + kWsRoom, frame_bytes, *packed);
      payload = packed->size();
      compressed = true;
    }
  }
  std::array<char, 10> header{};
  const WsOpcode opcode = text_ ? WsOpcode::text : WsOpcode::binary;
  const std::size_t header_bytes = write_ws_header(header, opcode, payload, compressed);
  if (header_bytes < kWsRoom) {
    bytes_.erase(frame_start_, kWsRoom - header_bytes);
  } else if (header_bytes > kWsRoom) {
    bytes_.insert(frame_start_, header_bytes - kWsRoom, '\0');
  }
  std::memcpy(bytes_.data() + frame_start_, header.data(), header_bytes);
  return frame_bytes;
}

std::string& OutboundBuffer::raw() {
  ensure_buffer();
  return bytes_;
}

void OutboundBuffer::consume(std::size_t count) {
  const std::size_t before = bytes();
  JD_ASSERT(count <= before);
  sent_ += count;
  if (sent_ == bytes_.size()) {
    clear();
    return;
  }
  // count < before here; the last frame is never counted as sent.
  frames_ -= frames_ * count / before;
  if (sent_ >= kCompactBytes && sent_ > bytes()) {
    bytes_.erase(0, sent_);
    sent_ = 0;
  }
}

void OutboundBuffer::clear() {
  pool_.give(std::move(bytes_));
  sent_ = 0;
  frames_ = 0;
}

}  // namespace jindou::gateway
