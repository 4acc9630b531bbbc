// The bodies of the calls about events of messages, and of the older ones for streams.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// POST /message/event.
struct NewEvent {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string client_msg_no;
  std::string event_id;
  std::string event_type;
  std::string event_key;
  std::string from_uid;
  std::string visibility;
  std::uint64_t occurred_at = 0;  // milliseconds; 0: now
  std::string payload;            // JSON text
  static Fields<NewEvent> fields();
};

// POST /message/eventsync.
struct EventSync {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string client_msg_no;
  std::string from_uid;
  std::string event_key;
  std::uint64_t from_msg_event_seq = 0;
  std::uint64_t limit = 0;
  bool include_private = false;
  static Fields<EventSync> fields();
};

// Where a stream is and who writes it.
struct StreamChannel {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string from_uid;
};

// POST /event.
struct TextEvent {
  struct Event {
    std::string type;
    std::string id;
    std::uint64_t timestamp = 0;  // milliseconds
    std::string data;
    static Fields<Event> fields();
  };

  std::string client_msg_no;
  StreamChannel channel;
  Event event;
  static Fields<TextEvent> fields();
};

struct StreamHeader {
  bool red_dot = false;
  static Fields<StreamHeader> fields();
};

// POST /stream/open.
struct StreamOpen {
  StreamHeader header;
  std::string client_msg_no;
  StreamChannel channel;
  std::string payload;
  static Fields<StreamOpen> fields();
};

// POST /streamv2/open.
struct StreamOpenV2 {
  StreamOpen stream;
  bool force = false;
  static Fields<StreamOpenV2> fields();
};

// POST /stream/close.
struct StreamClose {
  std::string stream_no;
  StreamChannel channel;  // may be absent
  static Fields<StreamClose> fields();
};

// POST /streamv2/close.
struct StreamCloseV2 {
  StreamChannel channel;
  std::uint64_t message_id = 0;
  static Fields<StreamCloseV2> fields();
};

// POST /streamv2/write.
struct StreamWriteV2 {
  StreamCloseV2 stream;
  std::string payload;
  bool end = false;
  std::uint64_t end_reason = 0;
  static Fields<StreamWriteV2> fields();
};

std::span<const PathBody> event_bodies();
std::span<const PathBody> event_sync_bodies();
std::span<const PathBody> stream_bodies();

}  // namespace jindou::bodies
