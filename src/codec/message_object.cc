#include "codec/message_object.h"

namespace jindou::codec {
namespace {

void write_lane(JsonWriter& json, const LaneState& lane, EventDetail detail) {
  json.begin_object();
  json.string("event_key", lane.event_key);
  json.string("status", lane_status_name(lane.status));
  if (lane.msg_event_seq != 0) json.number("last_msg_event_seq", lane.msg_event_seq);
  if (detail == EventDetail::full && !lane.snapshot.empty()) {
    json.key("snapshot");
    write_snapshot(json, lane);
  }
  if (lane.end_reason != 0) json.number("end_reason", lane.end_reason);
  if (!lane.error.empty()) json.string("error", lane.error);
  json.end_object();
}

// In the form of the business back ends of the WuKongIM family, whose clients read it.
void write_revision(JsonWriter& json, const Message& message, const Revision& revision) {
  const bool recalled = revision.recalled;
  if (recalled) {
    json.number("revoke", 1);
    json.string("revoker", revision.operator_uid);
  }
  if (revision.version != 0) json.number("edit_version", revision.version);
  json.begin_object("message_extra");
  json.number("message_id", raw(message.id));
  json.number_string("message_id_str", raw(message.id));
  json.number("message_seq", raw(message.seq));
  if (recalled) {
    json.number("revoke", 1);
    json.string("revoker", revision.operator_uid);
    json.number("revoked_at", revision.at);
  } else {
    json.string("editor", revision.operator_uid);
    json.number("edited_at", revision.at);
  }
  json.number("extra_version", revision.change);
  json.end_object();
}

}  // namespace

std::string_view shown_channel_id(const Message& message, std::string_view viewer) {
  std::string_view id = message.channel.id;
  // Where command messages are kept is the server's own business.
  if (id.ends_with(kCommandSuffix)) id.remove_suffix(kCommandSuffix.size());
  if (message.channel.type != ChannelType::person) return id;
  std::string_view peer = viewer.empty() ? std::string_view() : peer_in_pair(id, viewer);
  if (peer.empty()) peer = peer_in_pair(id, message.from_uid);
  return peer.empty() ? id : peer;
}

void write_message_members(JsonWriter& json, const Message& message, std::string_view viewer,
                           SystemSender system_sender) {
  const bool hide = system_sender == SystemSender::hidden && message.from_uid == kSystemUid;
  json.begin_object("header");
  json.flag("no_persist", message.flags.no_persist);
  json.flag("red_dot", message.flags.red_dot);
  json.flag("sync_once", message.flags.sync_once);
  json.end_object();
  json.number("setting", message.setting);
  json.number("message_id", raw(message.id));
  json.number_string("message_idstr", raw(message.id));
  json.string("client_msg_no", message.client_msg_no);
  json.number("message_seq", raw(message.seq));
  json.string("from_uid", hide ? std::string_view() : std::string_view(message.from_uid));
  json.string("channel_id", shown_channel_id(message, viewer));
  json.number("channel_type", raw(message.channel.type));
  if (!message.topic.empty()) json.string("topic", message.topic);
  if (!message.stream_no.empty()) json.string("stream_no", message.stream_no);
  json.number("expire", message.expire);
  json.number("timestamp", message.timestamp);
  json.base64("payload", message.payload);
  if (message.revision) write_revision(json, message, *message.revision);
}

void write_moderation(JsonWriter& json, const Moderation* moderation) {
  if (moderation == nullptr) return;
  json.begin_object("moderation");
  json.begin_array("actions");
  if (moderation->refused) json.string("refuse");
  if (moderation->masked) json.string("mask");
  if (moderation->replaced) json.string("replace");
  if (moderation->flagged) json.string("flag");
  json.end_array();
  json.begin_array("found_by");
  for (const std::string& name : moderation->found_by) json.string(name);
  json.end_array();
  json.end_object();
}

void write_snapshot(JsonWriter& json, const LaneState& lane) {
  if (!lane.text) {
    json.raw(lane.snapshot);
    return;
  }
  json.begin_object();
  json.string("kind", "text");
  json.string("text", lane.snapshot);
  json.end_object();
}

void write_event_members(JsonWriter& json, const Message& message, const MessageEvents& events,
                         std::string_view viewer, EventDetail detail) {
  const bool sees_all = viewer.empty() || viewer == message.from_uid;
  const LaneState* main = nullptr;
  bool completed = false;
  std::uint64_t count = 0;
  std::uint64_t open = 0;
  const auto shown = [sees_all](const LaneState& lane) {
    return lane.event_key != kFinishLane && (sees_all || lane.visibility == Visibility::everybody);
  };
  for (const LaneState& lane : events.lanes) {
    if (lane.event_key == kFinishLane) completed = true;
    if (!shown(lane)) continue;
    ++count;
    if (!is_terminal(lane.status)) ++open;
    if (lane.event_key == kMainLane) main = &lane;
  }
  if (count == 0 && !completed) return;
  if (main != nullptr) {
    if (is_terminal(main->status)) json.number("end", 1);
    if (main->end_reason != 0) json.number("end_reason", main->end_reason);
    if (!main->error.empty()) json.string("error", main->error);
    if (main->text && !main->snapshot.empty()) json.base64("stream_data", main->snapshot);
  }
  json.begin_object("event_meta");
  json.boolean("has_events", true);
  json.boolean("completed", completed);
  if (events.last_msg_event_seq != 0) {
    json.number("event_version", events.last_msg_event_seq);
    json.number("last_msg_event_seq", events.last_msg_event_seq);
  }
  if (count != 0) json.number("event_count", count);
  if (open != 0) json.number("open_event_count", open);
  if (count != 0) {
    json.begin_array("events");
    for (const LaneState& lane : events.lanes) {
      if (shown(lane)) write_lane(json, lane, detail);
    }
    json.end_array();
  }
  json.end_object();
  // Where POST /message/eventsync is to begin for all of it.
  json.begin_object("event_sync_hint");
  json.string("client_msg_no", message.client_msg_no);
  json.number("from_msg_event_seq", 0);
  json.end_object();
}

}  // namespace jindou::codec
