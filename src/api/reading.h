// What all reads of messages share: who may read a channel, and messages with the events that
// belong to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "api/http_names.h"
#include "base/result.h"
#include "codec/json_writer.h"
#include "codec/message_object.h"
#include "model/message.h"
#include "model/message_event.h"
#include "partition/history.h"
#include "partition/record_reader.h"

namespace jindou::api {

// True when `uid` is one of the channel's own: a half of a person or agent channel, the visitor of
// channels that are named after one, or a subscriber. Blocks. Errors: storage.
Result<bool> is_channel_user(const partition::RecordReader& records, const ChannelKey& channel,
                             std::string_view uid);

// The same, or when `viewer` is a system account. An empty viewer is the caller itself and may
// read. Blocks. Errors: storage.
Result<bool> may_read_channel(const partition::RecordReader& records, const ChannelKey& channel,
                              std::string_view viewer);

// Denied, unless the viewer may read the channel; `strict`: api.strictRead, without which everybody
// may. Blocks. Errors: denied, storage.
Result<void> check_reader(const partition::RecordReader& records, const ChannelKey& channel,
                          std::string_view viewer, bool strict);

// 403 with the reason that check_reader() stands for, or as answer_error().
void answer_read_error(Response& response, const Error& error);

// Counts the bytes of one answer: payloads, and what events say. It takes messages until it is over
// its bound, so that there is always room for one, and the bound is exceeded by one at most.
class AnswerRoom {
 public:
  // `message_bytes_max`: text of the events of one message.
  AnswerRoom(std::size_t bytes_max, std::size_t message_bytes_max)
      : bytes_max_(bytes_max), message_bytes_max_(message_bytes_max) {}

  bool full() const { return used_ > bytes_max_; }
  void take(std::size_t bytes) { used_ += bytes; }
  std::size_t used() const { return used_; }
  std::size_t message_bytes_max() const { return message_bytes_max_; }

 private:
  std::size_t bytes_max_;
  std::size_t message_bytes_max_;
  std::size_t used_ = 0;
};

// Messages and their events; `events` is aligned with `messages`, or empty when none has any.
struct EventfulMessages {
  std::vector<Message> messages;
  std::vector<MessageEvents> events;
  bool cut = false;  // there was no room for the others
};

// Which messages stay when there is no room for all.
enum class Keep : std::uint8_t { first, last };

// Adds the events to messages just read, as long as there is room, which they take. Of a message
// whose events say more than one may, the snapshots that do not fit are left out, that of the lane
// main last; POST /message/eventsync has them. Blocks. Errors: storage.
Result<EventfulMessages> add_events(const partition::History& history,
                                    std::vector<Message> messages, AnswerRoom& room,
                                    Keep keep = Keep::first);

// The message object with its events.
void write_eventful(codec::JsonWriter& json, const Message& message, const MessageEvents& events,
                    std::string_view viewer, codec::EventDetail detail);

// The objects of all, as elements of the array that the caller has begun.
void write_all(codec::JsonWriter& json, const EventfulMessages& list, std::string_view viewer,
               codec::EventDetail detail = codec::EventDetail::full);

}  // namespace jindou::api
