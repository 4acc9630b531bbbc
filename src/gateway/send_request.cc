#include "gateway/send_request.h"

#include "codec/send_fields.h"
#include "model/channel.h"
#include "model/id_rules.h"

namespace jindou::gateway {

namespace {

// Topics and stream numbers are names; this is the length of an id.
constexpr std::size_t kNameBytesMax = kIdBytesMax;

bool is_name(std::string_view text) { return text.size() <= kNameBytesMax && is_valid_utf8(text); }

}  // namespace

ChannelKey resolve_channel(std::string_view id, ChannelType type, std::string_view sender) {
  const ChannelKey none("", type);
  const bool composed = id.find('@') != std::string_view::npos;
  if (type == ChannelType::person || type == ChannelType::agent) {
    if (composed) {
      if (!internal_id_problem(id).empty() || peer_in_pair(id, sender).empty()) return none;
      const auto [first, second] = split_pair_id(id);
      if (type == ChannelType::person) return {person_channel_id(first, second), type};
      return {std::string(id), type};
    }
    if (!id_problem(id).empty()) return none;
    if (type == ChannelType::person) return {person_channel_id(sender, id), type};
    std::string agent_channel(sender);
    agent_channel += '@';
    agent_channel += id;
    return {std::move(agent_channel), type};
  }
  // "parent@topic"; no other type composes ids.
  const bool may_compose = type == ChannelType::community_topic;
  if (!(may_compose ? internal_id_problem(id) : id_problem(id)).empty()) return none;
  return {std::string(id), type};
}

Reason make_command(const codec::Send& frame, const Sender& sender, std::size_t payload_bytes_max,
                    Random& random, SendCommand& out) {
  if (frame.channel_type == ChannelType::none) return Reason::not_support_channel_type;
  out.channel = resolve_channel(frame.channel_id, frame.channel_type, sender.uid);
  if (out.channel.id.empty()) return Reason::channel_id_error;
  if (out.payload.size() > payload_bytes_max || frame.client_msg_no.size() > kClientMsgNoBytesMax ||
      !is_valid_utf8(frame.client_msg_no) || !is_name(frame.topic) || !is_name(frame.stream_no) ||
      frame.expire > codec::kExpireSecondsMax) {
    return Reason::payload_decode_error;
  }
  out.from_uid = sender.uid;
  out.idempotent = !frame.client_msg_no.empty();
  if (out.idempotent) {
    out.client_msg_no = frame.client_msg_no;
  } else {
    out.client_msg_no = random.hex(16);
  }
  out.topic = frame.topic;
  out.stream_no = frame.stream_no;
  out.expire = frame.expire;
  // noEncrypt has done its work here, and the reserved bits mean nothing to a receiver.
  out.setting = frame.setting & (kSettingReceipt | kSettingSignal | kSettingTopic | kSettingStream);
  out.flags = codec::flags_from_bits(frame.flags);
  out.origin = Origin::socket;
  out.origin_session = sender.session;
  out.caller = sender.caller;
  return Reason::success;
}

}  // namespace jindou::gateway
