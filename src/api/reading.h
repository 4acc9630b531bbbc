// What all reads of messages share: who may read a channel, and messages with the events that
// belong to them.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "channel/history.h"
#include "codec/json_writer.h"
#include "codec/message_object.h"
#include "model/message.h"
#include "model/message_event.h"

namespace jindou::api {

// True when `viewer` is one of the channel's own: a half of a person or agent channel, the visitor
// of channels that are named after one, a subscriber, or a system account. An empty viewer is the
// caller itself and may read. Blocks. Errors: storage.
Result<bool> may_read_channel(const channel::History& history, const ChannelKey& channel,
                              std::string_view viewer);

// Messages and their events; `events` is aligned with `messages`, or empty when none has any.
struct EventfulMessages {
  std::vector<Message> messages;
  std::vector<MessageEvents> events;
};

// Adds the events to messages just read. Blocks. Errors: storage.
Result<EventfulMessages> add_events(const channel::History& history, std::vector<Message> messages);

// The message object with its events.
void write_eventful(codec::JsonWriter& json, const Message& message, const MessageEvents& events,
                    std::string_view viewer, codec::EventDetail detail);

// The objects of all, as elements of the array that the caller has begun.
void write_all(codec::JsonWriter& json, const EventfulMessages& list, std::string_view viewer,
               codec::EventDetail detail = codec::EventDetail::full);

}  // namespace jindou::api
