// Any bytes, in any split: the decoder and the upgrade neither crash nor stand still, and the split
// does not change what they say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/websocket.h"

namespace {

std::string decode(std::string bytes, std::size_t step) {
  using jindou::gateway::WsEvent;
  jindou::gateway::WsDecoder decoder;
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
      if (event.message_end) trace += "|";
    }
  }
  return trace;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (decode(bytes, size) != decode(bytes, 1)) std::abort();
  if (decode(bytes, size) != decode(bytes, 1 + data[0] % 16)) std::abort();
  const auto outcome = jindou::gateway::read_upgrade(bytes, 1024);
  if (outcome.consumed > size) std::abort();
  return 0;
}
