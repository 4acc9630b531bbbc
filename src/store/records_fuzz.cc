// Whatever lies on the disk, a decoder answers a value or an error; a decoded message encodes again
// to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  store::decode_partition_state(bytes).ignore("any answer will do");
  store::decode_channel(bytes).ignore("any answer will do");
  store::decode_token(bytes).ignore("any answer will do");
  store::decode_client_number(bytes).ignore("any answer will do");
  store::decode_commit_record(bytes, 1).ignore("any answer will do");
  const ChannelKey log("g1", ChannelType::group);
  const auto message = store::decode_message(bytes, log, MessageSeq{1});
  if (message) {
    std::string again;
    store::encode_message(again, *message, log);
    const auto second = store::decode_message(again, log, MessageSeq{1});
    if (!second || second->payload != message->payload || second->channel != message->channel) {
      std::abort();
    }
  }
  return 0;
}
