// One message as the caller of an HTTP route described it, and what may be wrong with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "codec/send_fields.h"
#include "model/channel.h"
#include "model/message.h"

namespace jindou::codec {

// The defaults are those of src/config/settings.h; callers pass the configured values.
struct SendLimits {
  std::size_t items_max = 1000;
  std::size_t payload_bytes_max = 32767;  // decoded
  // Payloads of one batch that are shared or filled in and lists of users that are shared, counted
  // for each item.
  std::size_t expanded_bytes_max = std::size_t{32} << 20;
  std::size_t head_bytes_max = std::size_t{1} << 20;  // of a line with what the others share
  std::size_t subscribers_max = kSubscribersMax;
  std::size_t problems_max = 100;  // reported for one body; the rest is not looked for
  // Of items that do not say it themselves.
  bool sender_conversation = true;
};

// stream_no, tag_key and topic: as long as an id. The wire would take 32767.
inline constexpr std::size_t kLabelBytesMax = 256;

// One message as the caller described it. The payload is decoded and never empty, client_msg_no is
// empty unless given, and of the setting there are kSettingReceipt and kSettingSignal, what the
// caller set of them.
struct BatchItem : MessageContent {
  BatchItem() = default;

  std::string channel_id;  // as given: for a person channel the peer's uid
  ChannelType channel_type = ChannelType::none;
  bool client_msg_no_given = false;
  bool is_stream = false;  // is_stream = 1, a stream_no, or kSettingStream in the setting
  std::string tag_key;
  std::optional<std::uint32_t> if_last_seq;
};

// What is wrong with one member of one item.
struct ItemProblem {
  ItemProblem() = default;

  std::size_t index = 0;  // of the item, from 0
  std::string field;      // "payload", "header.red_dot"; empty when it is the item as a whole
  std::string client_msg_no;
  std::string text;           // a sentence: "payload is required"
  Errc code = Errc::invalid;  // or too_large, not_found
};

}  // namespace jindou::codec
