#include "api/send_command.h"

#include "api/channel_ids.h"
#include "api/send_query.h"
#include "codec/json_writer.h"

namespace jindou::api {
namespace {

constexpr std::string_view kSenderConversation = "sender_conversation";
// Of a uid that is none, which may be of any length.
constexpr std::size_t kShownUidBytes = 256;

// 32 hex digits and a "0": the form other servers of this interface generate.
std::string generate_client_msg_no(Random& random) {
  std::string text = random.hex(16);
  text += '0';
  return text;
}

}  // namespace

codec::SendLimits send_limits(const codec::SendLimits& configured, const Request& request) {
  codec::SendLimits limits = configured;
  const std::string value = choice_value(request, kSenderConversation);
  limits.sender_conversation = value != "false" && value != "0";
  return limits;
}

SendCommand make_command(codec::BatchItem item, Random& random) {
  SendCommand command;
  command.channel = send_channel(item.from_uid, item.channel_id, item.channel_type);
  command.content() = std::move(item.content());
  command.idempotent = item.client_msg_no_given;
  command.if_last_seq = item.if_last_seq;
  if (!command.idempotent) command.client_msg_no = generate_client_msg_no(random);
  unsigned setting = command.setting;
  if (item.is_stream) setting |= kSettingStream;
  if (!command.topic.empty()) setting |= kSettingTopic;
  command.setting = static_cast<std::uint8_t>(setting);
  command.origin = Origin::http;
  return command;
}

SendCommand make_legacy_command(const codec::LegacyBatch& batch, const std::string& receiver,
                                Random& random) {
  codec::BatchItem item = batch.message;
  item.channel_id = receiver;
  return make_command(std::move(item), random);
}

std::string bad_receiver_text(std::string_view uid, std::string_view problem) {
  std::string text = "the uid \"";
  text.append(uid.substr(0, kShownUidBytes)).append("\" ").append(problem);
  return text;
}

void LegacyAnswer::write(std::string& out) const {
  codec::JsonWriter json(out);
  json.begin_object();
  json.begin_array("fail_uids");
  for (const auto& [uid, reason] : failures_) json.string(uid);
  json.end_array();
  json.begin_array("reason");
  for (const auto& [uid, reason] : failures_) json.string(reason);
  json.end_array();
  json.end_object();
}

}  // namespace jindou::api
