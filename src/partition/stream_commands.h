// Events of anchor messages, and the streams of the older endpoints.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "model/channel.h"
#include "model/ids.h"
#include "model/message_event.h"

namespace jindou::partition {

// POST /message/event: appends an event to a lane of an anchor message. What it does to the lane
// is told by `effect`; the edge reads it from the event type.
struct AppendEvent {
  enum class Effect : std::uint8_t {
    text_delta,   // adds `text` to the lane; not numbered
    state_delta,  // `payload` replaces the snapshot; not numbered
    snapshot,     // `snapshot` replaces the snapshot
    close,        // the lane ends, with a status, an end_reason, an error text and a snapshot
    fail,
    cancel,
    note,  // only recorded as the last event of the lane
    push,  // only pushed: nothing is stored, and no anchor is needed
  };
  ChannelKey channel;  // internal id
  std::string client_msg_no;
  Effect effect = Effect::note;
  // Empty only in the form of text: clients are shown client_msg_no, as that endpoint has it.
  std::string event_id;
  std::string event_type;  // as clients are shown it
  std::string event_key;   // never empty
  std::string from_uid;    // empty: the author of the anchor
  Visibility visibility = Visibility::everybody;
  std::int64_t occurred_at_ms = 0;  // 0: now
  std::string payload;              // JSON text for the push; may be empty
  std::string text;                 // of a text_delta
  // JSON text; of a snapshot or an end. Empty: none. `snapshot_is_text`: it is the bare text of
  // {"kind":"text","text":…}, to which deltas can be added.
  std::string snapshot;
  bool snapshot_is_text = false;
  std::uint8_t end_reason = 0;
  std::string error;
  EventForm form = EventForm::object;  // one in the form of text is never taken for a repeat
  // Makes the anchor the stream that runs in the channel until its main lane ends or it is idle for
  // too long. Error: conflict, when another one runs.
  bool begins_stream = false;
};

// The state of the lane after the event.
struct EventOutcome {
  std::string event_id;
  std::string event_key;
  std::uint64_t msg_event_seq = 0;
  LaneStatus status = LaneStatus::open;
  std::string from_uid;
  MessageId message_id{};
};

// Ends streams of the older endpoints in which nothing has happened for so long.
struct CloseIdleStreams {
  PartitionId partition{};
  std::int64_t idle_ms = 30'000;
  std::string event_type = {};  // of the event that ends one, as clients are shown it
};

using StreamCommand = std::variant<CloseIdleStreams>;

}  // namespace jindou::partition
