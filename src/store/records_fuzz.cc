// Whatever lies on the disk, a decoder answers a value or an error; a decoded message encodes again
// to something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/records.h"

namespace {

using jindou::Result;
using jindou::store::encode;

// What can be decoded encodes to bytes that mean the same: encoding them again changes nothing.
template <class Record>
void check_round_trip(Result<Record> (*decode)(std::string_view), std::string_view bytes) {
  const auto record = decode(bytes);
  if (!record) return;
  const std::string once = encode(*record);
  const auto again = decode(once);
  if (!again || encode(*again) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jindou;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_round_trip(store::decode_partition_state, bytes);
  check_round_trip(store::decode_channel, bytes);
  check_round_trip(store::decode_token, bytes);
  check_round_trip(store::decode_client_number, bytes);
  check_round_trip(store::decode_request, bytes);
  check_round_trip(store::decode_conversation, bytes);
  check_round_trip(store::decode_tombstone, bytes);
  check_round_trip(store::decode_gap, bytes);
  check_round_trip(store::decode_bulk_count, bytes);
  check_round_trip(store::decode_log_change, bytes);
  check_round_trip(store::decode_data_loss, bytes);
  check_round_trip(store::decode_anchor_events, bytes);
  check_round_trip(store::decode_running_stream, bytes);
  check_round_trip(store::decode_command_sync, bytes);
  check_round_trip(store::decode_webhook_cursor, bytes);
  check_round_trip(store::decode_webhook_letter, bytes);
  check_round_trip(store::decode_webhook_letters_dropped, bytes);
  check_round_trip(store::decode_template, bytes);
  check_round_trip(store::decode_template_version, bytes);
  check_round_trip(store::decode_template_floor, bytes);
  const auto lane = store::decode_lane(bytes, "main");
  if (lane) {
    const std::string once = store::encode(*lane);
    const auto lane_again = store::decode_lane(once, "main");
    if (!lane_again || store::encode(*lane_again) != once) std::abort();
  }
  store::decode_commit_record(bytes, 1).ignore("any answer will do");
  const ChannelKey log("g1", ChannelType::group);
  const auto message = store::decode_message(bytes, log, MessageSeq{1});
  // The two decoders of messages read the same.
  const auto head = store::decode_message_head(bytes);
  if (head.has_value() != message.has_value()) std::abort();
  if (message) {
    for (const std::string_view uid : {"", "u1", "a"}) {
      if (head->visible_to(uid) != message->visible_to(uid)) std::abort();
    }
    if (head->id != message->id || head->from_uid != message->from_uid ||
        head->client_msg_no != message->client_msg_no || head->timestamp != message->timestamp ||
        head->timestamp_ns != message->timestamp_ns || head->expire != message->expire ||
        head->payload_bytes != message->payload.size() ||
        head->recalled != message->is_recalled()) {
      std::abort();
    }
    std::string again;
    store::encode_message(again, *message, log);
    const auto second = store::decode_message(again, log, MessageSeq{1});
    if (!second || second->payload != message->payload || second->channel != message->channel ||
        second->revision != message->revision) {
      std::abort();
    }
  }
  return 0;
}
