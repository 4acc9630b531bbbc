#include "jobs/revision_notice.h"

#include <algorithm>
#include <string>
#include <utility>

#include "codec/json_writer.h"

namespace jindou::jobs {
namespace {

// The `type` of a command in the payloads of these SDKs.
constexpr int kCommandType = 99;

// Of a person channel one of the two has to be the author, so that each is shown the other one.
std::string_view author_of(const Message& message, std::string_view operator_uid) {
  const bool paired = message.channel.type == ChannelType::person;
  const bool fits = !paired || !peer_in_pair(message.channel.id, operator_uid).empty();
  return operator_uid.empty() || !fits ? std::string_view(message.from_uid) : operator_uid;
}

// The members of `param` that name the message. The two of a person channel name it differently, so
// there a client takes the channel that the command came in.
void write_place(codec::JsonWriter& json, const Message& message) {
  json.number_string("message_id", raw(message.id));
  json.number("message_seq", raw(message.seq));
  json.string("client_msg_no", message.client_msg_no);
  if (message.channel.type == ChannelType::person) return;
  json.string("channel_id", message.channel.id);
  json.number("channel_type", raw(message.channel.type));
}

template <class WriteParam>
std::string make_payload(std::string_view command, const WriteParam& write_param) {
  std::string payload;
  codec::JsonWriter json(payload);
  json.begin_object();
  json.number("type", kCommandType);
  json.string("cmd", command);
  json.begin_object("param");
  write_param(json);
  json.end_object();
  json.end_object();
  return payload;
}

SendCommand make_notice(const Message& message, std::string_view operator_uid, std::string number,
                        std::string payload) {
  SendCommand notice;
  notice.origin = Origin::server;
  notice.channel = message.channel;
  notice.from_uid = author_of(message, operator_uid);
  notice.client_msg_no = std::move(number);
  notice.payload = std::move(payload);
  notice.flags.sync_once = true;
  // A temporary channel has no log of commands: it would be a message of the channel.
  notice.flags.no_persist = message.channel.type == ChannelType::temp;
  if (!message.subscribers.empty()) {
    notice.subscribers = message.subscribers;
    auto& readers = notice.subscribers;
    const bool listed =
        std::find(readers.begin(), readers.end(), message.from_uid) != readers.end();
    if (!listed && message.from_uid != kSystemUid) readers.push_back(message.from_uid);
    notice.flags.no_persist = readers.size() > kNoticeReadersMax;
  }
  return notice;
}

}  // namespace

SendCommand make_recall_notice(const Message& message, std::string_view operator_uid) {
  std::string payload = make_payload("messageRevoke", [&](codec::JsonWriter& json) {
    write_place(json, message);
    json.string("revoker", operator_uid);
  });
  return make_notice(message, operator_uid, "recall-" + std::to_string(raw(message.id)),
                     std::move(payload));
}

SendCommand make_edit_notice(const Message& message, std::string_view operator_uid,
                             std::uint64_t version) {
  std::string payload = make_payload("syncMessageExtra", [&](codec::JsonWriter& json) {
    write_place(json, message);
    json.number("edit_version", version);
  });
  std::string number = "edit-" + std::to_string(raw(message.id)) + '-' + std::to_string(version);
  return make_notice(message, operator_uid, std::move(number), std::move(payload));
}

}  // namespace jindou::jobs
