#include "delivery/event_frame.h"

#include "codec/json_reader.h"
#include "codec/json_rpc.h"
#include "codec/json_writer.h"
#include "codec/wkproto.h"

namespace jindou::delivery {

namespace {

std::string_view shown_uid(std::string_view uid) {
  return uid == kSystemUid ? std::string_view() : uid;
}

std::string data_of(const MessageEvent& event, std::string_view channel_id) {
  std::string data;
  codec::JsonWriter json(data);
  json.begin_object();
  json.string("client_msg_no", event.client_msg_no);
  json.string("channel_id", channel_id);
  json.number("channel_type", raw(event.channel.type));
  json.string("from_uid", shown_uid(event.from_uid));
  json.number("message_id", raw(event.message_id));
  json.string("event_key", event.event_key);
  json.number("msg_event_seq", event.msg_event_seq);
  json.string("stream_status", lane_status_name(event.status));
  if (event.visibility != Visibility::everybody) {
    json.string("visibility", visibility_name(event.visibility));
  }
  if (!event.payload.empty()) {
    json.key("payload");
    json.raw(event.payload);
  }
  json.end_object();
  return data;
}

// The text of a JSON string; any other JSON as it is.
std::string text_of(const MessageEvent& event) {
  if (event.payload.starts_with('"')) {
    if (const auto parsed = codec::parse_json(event.payload)) {
      std::string_view text;
      if (parsed->get_string().get(text) == simdjson::SUCCESS) return std::string(text);
    }
  }
  return event.payload;
}

}  // namespace

std::string_view event_channel_for(const MessageEvent& event, std::string_view viewer) {
  if (event.channel.type != ChannelType::person) return event.channel.id;
  const std::string_view peer = peer_in_pair(event.channel.id, viewer);
  // Recipients of a person channel are its two halves; anybody else is shown the author.
  if (peer.empty()) return shown_uid(event.from_uid);
  // The author's other devices see what he addressed, as in RECV.
  return viewer == event.from_uid ? peer : shown_uid(peer);
}

Result<std::string> make_event_frame(const MessageEvent& event, std::string_view channel_id) {
  const std::string data =
      event.form == EventForm::text ? text_of(event) : data_of(event, channel_id);
  codec::Event frame;
  frame.id = event.event_id;
  frame.type = event.event_type;
  frame.timestamp = event.occurred_at_ms;
  frame.data = data;
  std::string bytes;
  JD_RETURN_IF_ERROR(codec::encode(bytes, frame));
  return bytes;
}

void append_json_event(std::string& out, const MessageEvent& event, std::string_view channel_id) {
  const std::string data =
      event.form == EventForm::text ? text_of(event) : data_of(event, channel_id);
  std::string made_id;
  if (event.event_id.empty()) {
    made_id = std::to_string(raw(event.message_id));
    made_id += '-';
    made_id += event.event_key;
    made_id += '-';
    made_id += std::to_string(event.msg_event_seq);
  }
  codec::Event frame;
  frame.id = event.event_id.empty() ? made_id : event.event_id;
  frame.type = event.event_type.empty() ? std::string_view("event") : event.event_type;
  frame.timestamp = event.occurred_at_ms;
  frame.data = data;
  codec::json_rpc::append_event(out, frame);
}

}  // namespace jindou::delivery
