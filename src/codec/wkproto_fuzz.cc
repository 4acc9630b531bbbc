// Any bytes as a stream of any version: the parser makes progress or stops, and every frame that
// decodes is encoded to bytes that decode to the same value.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "codec/wkproto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou::codec;
  if (size == 0) return 0;
  const auto version = static_cast<std::uint8_t>(1 + data[0] % 6);
  std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (;;) {
    const auto outcome = parse_frame(stream);
    if (outcome.state == ParseOutcome::State::need_more) {
      JD_ASSERT(outcome.need_bytes > stream.size());
      break;
    }
    if (outcome.state == ParseOutcome::State::error) {
      JD_ASSERT(!outcome.problem.empty());
      break;
    }
    JD_ASSERT(outcome.frame.consumed > 0);
    JD_ASSERT(outcome.frame.consumed <= stream.size());
    stream.remove_prefix(outcome.frame.consumed);

    const auto first = decode_frame(outcome.frame, version);
    if (!first) continue;
    std::string bytes;
    if (!encode_frame(bytes, *first, version)) continue;
    const auto reparsed = parse_frame(bytes);
    JD_ASSERT(reparsed.state == ParseOutcome::State::frame);
    JD_ASSERT(reparsed.frame.consumed == bytes.size());
    const auto second = decode_frame(reparsed.frame, version);
    JD_ASSERT(second.has_value());
    // What the encoder decides by itself (versions, masks, skipped stream fields) is settled after
    // one round: the second encoding is the first.
    std::string again;
    JD_ASSERT(encode_frame(again, *second, version).has_value());
    JD_ASSERT(again == bytes);
  }
  return 0;
}
