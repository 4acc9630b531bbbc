// The message object: how a message looks in every answer of the HTTP API and in webhooks
// (docs/api.md, "the message object"). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "codec/json_writer.h"
#include "model/message.h"
#include "model/message_event.h"
#include "model/moderation.h"

namespace jindou::codec {

// How the built-in system account is named as sender.
enum class SystemSender : std::uint8_t {
  hidden,  // as an empty from_uid
  named,   // by its uid
};

// What `viewer` is shown as channel_id: the other user of a person channel, never the suffix of a
// command log. Without a viewer, or when he is not one of the two, the half that did not send. View
// into `message`.
std::string_view shown_channel_id(const Message& message, std::string_view viewer);

// Writes the members of the object without its braces, so that callers can add their own.
void write_message_members(JsonWriter& json, const Message& message, std::string_view viewer,
                           SystemSender system_sender = SystemSender::hidden);

// The member `moderation`, of whoever may know what was found and by whom (docs/api.md,
// "moderation"); nothing for null.
void write_moderation(JsonWriter& json, const Moderation* moderation);

// How much of a message's events its object shows.
enum class EventDetail : std::uint8_t {
  full,
  basic,  // without the snapshots in event_meta
};

// Writes the members that tell what happened to a stream message since it was sent (docs/api.md,
// "message events"); nothing when there is nothing. Lanes that are not public are shown to the
// author of `message`, and to callers that name no viewer.
void write_event_members(JsonWriter& json, const Message& message, const MessageEvents& events,
                         std::string_view viewer, EventDetail detail);

// The snapshot of a lane as one JSON value. Precondition: not empty.
void write_snapshot(JsonWriter& json, const LaneState& lane);

}  // namespace jindou::codec
