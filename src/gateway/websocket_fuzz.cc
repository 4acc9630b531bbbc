// Any bytes, in any split: the decoder and the upgrade neither crash nor stand still, and the split
// does not change what they say. Compressed messages stay within their limit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/websocket.h"
#include "gateway/ws_deflate.h"

namespace {

std::string decode(std::string bytes, std::size_t step, bool compression) {
  using jindou::gateway::WsEvent;
  jindou::gateway::WsDecoder decoder;
  if (compression) decoder.allow_compressed();
  std::string trace;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> input(bytes.data() + at, std::min(step, bytes.size() - at));
    for (;;) {
      const WsEvent event = decoder.next(input);
      if (event.kind == WsEvent::Kind::need_more) {
        if (!input.empty()) std::abort();
        break;
      }
      if (event.kind == WsEvent::Kind::error) return trace + "E";
      if (event.kind != WsEvent::Kind::data) trace += "C";
      trace += event.payload;
      if (event.message_end) trace += event.compressed ? "z|" : "|";
    }
  }
  return trace;
}

// What is unpacked stays within its limit, and what we pack can be unpacked.
void check_inflate(std::string_view bytes) {
  using jindou::gateway::WsInflater;
  constexpr std::size_t kLimit = 10'000;
  WsInflater inflater;
  std::string_view message;
  const WsInflater::Status status = inflater.inflate(bytes, kLimit, message);
  if (status == WsInflater::Status::ok && message.size() > kLimit) std::abort();
  jindou::gateway::WsDeflater deflater(0);
  const auto packed = deflater.deflate(bytes, 9);
  if (!packed) return;
  if (packed->size() >= bytes.size()) std::abort();
  if (inflater.inflate(*packed, bytes.size(), message) != WsInflater::Status::ok) std::abort();
  if (message != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const bool compression : {false, true}) {
    const std::string whole = decode(bytes, size, compression);
    if (whole != decode(bytes, 1, compression)) std::abort();
    if (whole != decode(bytes, 1 + data[0] % 16, compression)) std::abort();
  }
  check_inflate(bytes);
  const auto outcome = jindou::gateway::read_upgrade(bytes, {1024, true});
  if (outcome.consumed > size) std::abort();
  return 0;
}
