// Message events: what happens to a message after it was sent, such as the growing text of an
// answer (docs/api.md, "message events"). An anchor message owns any number of lanes, each named by
// an event_key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/ids.h"

namespace jindou {

// The lane of events without event_key, and the lane that marks the whole message as complete.
inline constexpr std::string_view kMainLane = "main";
inline constexpr std::string_view kFinishLane = "__finish__";

// Why a stream of the older endpoints ended, beside 0 (done).
inline constexpr std::uint8_t kEndReasonTimeout = 1;
inline constexpr std::uint8_t kEndReasonError = 2;
inline constexpr std::uint8_t kEndReasonCancelled = 3;
inline constexpr std::uint8_t kEndReasonForced = 4;

enum class LaneStatus : std::uint8_t { open, closed, error, cancelled };

constexpr std::string_view lane_status_name(LaneStatus status) {
  switch (status) {
    case LaneStatus::open: return "open";
    case LaneStatus::closed: return "closed";
    case LaneStatus::error: return "error";
    case LaneStatus::cancelled: return "cancelled";
  }
  return "open";
}
constexpr bool is_terminal(LaneStatus status) { return status != LaneStatus::open; }

// Who is shown an event besides its author.
enum class Visibility : std::uint8_t { everybody, author_only, restricted };

constexpr std::string_view visibility_name(Visibility visibility) {
  switch (visibility) {
    case Visibility::everybody: return "public";
    case Visibility::author_only: return "private";
    case Visibility::restricted: return "restricted";
  }
  return "public";
}

// What clients are shown as the data of an event.
enum class EventForm : std::uint8_t {
  object,  // its members and `payload`
  text,    // `payload` alone, a JSON string or nothing, as text: the older stream endpoints
};

// One accepted event, as it is pushed to the sessions that are online. Immutable once made.
struct MessageEvent {
  ChannelKey channel;  // internal id, without command suffix
  std::string client_msg_no;
  MessageId message_id{};
  std::string from_uid;
  std::string event_id;
  std::string event_type;  // as the caller wrote it
  std::string event_key;
  std::uint64_t msg_event_seq = 0;
  LaneStatus status = LaneStatus::open;
  Visibility visibility = Visibility::everybody;
  std::int64_t occurred_at_ms = 0;
  std::string payload;  // JSON text; may be empty
  EventForm form = EventForm::object;
};

// The state of one lane, as queries return it.
struct LaneState {
  std::string event_key;
  LaneStatus status = LaneStatus::open;
  std::uint64_t msg_event_seq = 0;  // of its last persisted event; 0 before the first
  // JSON text, or, when `text` is set, the text alone: edges show it as {"kind":"text","text":…}.
  // May be empty.
  std::string snapshot;
  bool text = false;
  std::uint8_t end_reason = 0;
  std::string error;
  // The last persisted event of the lane.
  std::string event_id;
  std::string event_type;
  Visibility visibility = Visibility::everybody;
  std::int64_t occurred_at_ms = 0;
};

// All events of one anchor message.
struct MessageEvents {
  std::uint64_t last_msg_event_seq = 0;
  std::vector<LaneState> lanes;  // ascending by event_key; includes kFinishLane when it exists
};

}  // namespace jindou
