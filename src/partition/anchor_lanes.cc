#include "partition/anchor_lanes.h"

#include <utility>

#include "base/bytes.h"
#include "base/varint.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

using Effect = AppendEvent::Effect;
using store::Table;

// A row of added text: the id of the event, for recognising its repeat, and the text.
std::string encode_text(std::string_view event_id, std::string_view text) {
  std::string out;
  append_string(out, event_id);
  out += text;
  return out;
}

struct TextRow {
  std::string event_id;
  std::string_view text;
};

std::optional<TextRow> decode_text(std::string_view bytes) {
  ByteReader reader(bytes);
  TextRow row;
  row.event_id = std::string(reader.read_string());
  row.text = reader.rest();
  if (!reader.ok()) return std::nullopt;
  return row;
}

// A finished message has no open lane. Nothing of this is stored in the rows of the lanes: a finish
// writes one row, however much text they hold.
void end_finished_lanes(AnchorLanes& anchor) {
  const auto finish = anchor.lanes.find(kFinishLane);
  if (finish == anchor.lanes.end()) return;
  const LaneState& end = finish->second.state;
  for (auto& [event_key, lane] : anchor.lanes) {
    if (is_terminal(lane.state.status)) continue;
    lane.state.status = end.status;
    lane.state.end_reason = end.end_reason;
    lane.state.error = end.error;
    lane.state.msg_event_seq = end.msg_event_seq;
    lane.state.event_id = end.event_id;
    lane.state.event_type = end.event_type;
    lane.state.occurred_at_ms = end.occurred_at_ms;
  }
}

// The rows of a lane, as they follow its state.
class LaneRows {
 public:
  LaneRows(PartitionId partition, const Message& anchor, LoadedLane& lane, Txn& txn)
      : partition_(partition), anchor_(anchor), lane_(lane), txn_(txn) {}

  // Text rows hold what came after the row: with them gone, the row holds everything.
  void put() {
    // One by one: a range deletion would burden every read after it.
    for (; lane_.rows > 0; --lane_.rows) txn_.erase(text_key(lane_.rows - 1));
    txn_.put(store::event_lane_key(partition_, anchor_.channel, anchor_.seq, lane_.state.event_key),
             store::encode(lane_.state));
  }
  void add_text(std::string_view event_id, std::string_view text) {
    txn_.put(text_key(lane_.rows), encode_text(event_id, text));
    ++lane_.rows;
  }

 private:
  std::string text_key(std::uint64_t row) const {
    return store::event_text_key(partition_, anchor_.channel, anchor_.seq, lane_.state.event_key,
                                 row);
  }

  PartitionId partition_;
  const Message& anchor_;
  LoadedLane& lane_;
  Txn& txn_;
};

void add_text(const AppendEvent& event, LoadedLane& lane, LaneRows& rows) {
  if (!lane.state.text) {
    // Text starts anew after a snapshot of another kind; an empty row of text is its base.
    const bool had_snapshot = !lane.state.snapshot.empty();
    lane.state.snapshot.clear();
    lane.state.text = true;
    if (had_snapshot) rows.put();
  }
  lane.state.snapshot += event.text;
  lane.last_delta_id = event.event_id;
  rows.add_text(event.event_id, event.text);
}

void replace_state(const AppendEvent& event, LoadedLane& lane, LaneRows& rows) {
  lane.state.snapshot = event.payload;
  lane.state.text = false;
  lane.last_delta_id = event.event_id;
  rows.put();
}

// What a numbered event makes of a lane, but for its number.
void set_state(const AppendEvent& event, std::int64_t now_ms, LaneState& state) {
  switch (event.effect) {
    case Effect::close: state.status = LaneStatus::closed; break;
    case Effect::fail: state.status = LaneStatus::error; break;
    case Effect::cancel: state.status = LaneStatus::cancelled; break;
    default: break;
  }
  // The text that was collected counts more than what the end brings along.
  const bool collected = state.text && !state.snapshot.empty();
  const bool ends = is_terminal(state.status);
  if (!event.snapshot.empty() && !(ends && collected)) {
    state.snapshot = event.snapshot;
    state.text = event.snapshot_is_text;
  }
  if (ends) {
    state.end_reason = event.end_reason;
    state.error = event.error;
  }
  state.event_id = event.event_id;
  state.event_type = event.event_type;
  state.visibility = event.visibility;
  state.occurred_at_ms = event.occurred_at_ms != 0 ? event.occurred_at_ms : now_ms;
}

}  // namespace

Result<AnchorLanes> read_anchor_lanes(const store::PartitionReader& reader,
                                      const ChannelKey& channel, MessageSeq anchor) {
  AnchorLanes loaded;
  const PartitionId partition = reader.partition();
  Result<void> decoded;
  const std::string lanes = store::event_lane_prefix(partition, channel, anchor);
  JD_RETURN_IF_ERROR(reader.scan(Table::main, lanes, store::after_prefix(lanes),
                                 [&](std::string_view key, std::string_view value) {
                                   const std::string_view event_key = key.substr(lanes.size());
                                   if (event_key.empty()) {
                                     const auto record = store::decode_anchor_events(value);
                                     if (!record) {
                                       decoded = Error(record.error());
                                       return false;
                                     }
                                     loaded.last_msg_event_seq = record->last_msg_event_seq;
                                     return true;
                                   }
                                   auto lane = store::decode_lane(value, event_key);
                                   if (!lane) {
                                     decoded = std::move(lane).error();
                                     return false;
                                   }
                                   loaded.lanes[std::string(event_key)].state = std::move(*lane);
                                   return true;
                                 }));
  JD_RETURN_IF_ERROR(decoded);
  const std::string texts = store::event_text_prefix(partition, channel, anchor);
  JD_RETURN_IF_ERROR(reader.scan(Table::main, texts, store::after_prefix(texts),
                                 [&](std::string_view key, std::string_view value) {
                                   const std::size_t bytes =
                                       read_be<std::uint16_t>(key, texts.size());
                                   const std::string event_key(key.substr(texts.size() + 2, bytes));
                                   const auto row = decode_text(value);
                                   if (!row) {
                                     decoded = Error(Errc::storage, "unreadable event text");
                                     return false;
                                   }
                                   LoadedLane& lane = loaded.lanes[event_key];
                                   lane.state.event_key = event_key;
                                   lane.state.text = true;
                                   lane.state.snapshot += row->text;
                                   lane.last_delta_id = row->event_id;
                                   ++lane.rows;
                                   return true;
                                 }));
  JD_RETURN_IF_ERROR(decoded);
  end_finished_lanes(loaded);
  return loaded;
}

bool is_delta(AppendEvent::Effect effect) {
  return effect == Effect::text_delta || effect == Effect::state_delta;
}

LoadedLane& apply_to_lane(const AppendEvent& event, const Message& anchor, PartitionId partition,
                          std::int64_t now_ms, AnchorLanes& lanes, Txn& txn) {
  LoadedLane& lane = lanes.lanes[event.event_key];
  lane.state.event_key = event.event_key;
  LaneRows rows(partition, anchor, lane, txn);
  if (is_delta(event.effect) && lane.rows == 0 && lane.state.msg_event_seq == 0 &&
      lane.state.visibility != event.visibility) {
    // Who may see a lane counts from its first delta on, and rows of text do not tell.
    lane.state.visibility = event.visibility;
    rows.put();
  }
  if (event.effect == Effect::text_delta) {
    add_text(event, lane, rows);
  } else if (event.effect == Effect::state_delta) {
    replace_state(event, lane, rows);
  } else {
    set_state(event, now_ms, lane.state);
    lane.state.msg_event_seq = ++lanes.last_msg_event_seq;
    rows.put();
    if (event.event_key == kFinishLane) end_finished_lanes(lanes);
    store::AnchorEventsRecord record;
    record.last_msg_event_seq = lanes.last_msg_event_seq;
    txn.put(store::event_lane_key(partition, anchor.channel, anchor.seq, ""),
            store::encode(record));
  }
  return lane;
}

LanesBefore::LanesBefore(const AppendEvent& event, AnchorLanes& lanes)
    : event_key_(event.event_key), last_msg_event_seq_(lanes.last_msg_event_seq) {
  const auto own = lanes.lanes.find(event.event_key);
  is_new_ = own == lanes.lanes.end();
  if (!is_new_) {
    const bool grows = event.effect == Effect::text_delta && own->second.state.text;
    lanes_.push_back(remember(own->second, grows));
  }
  if (event.event_key != kFinishLane) return;
  // The others are ended, but keep their text.
  for (auto& [event_key, lane] : lanes.lanes) {
    if (event_key != kFinishLane) lanes_.push_back(remember(lane, true));
  }
}

LanesBefore::Lane LanesBefore::remember(LoadedLane& lane, bool text_grows) {
  if (!text_grows) return {lane, std::nullopt};
  std::string text = std::exchange(lane.state.snapshot, std::string());
  Lane before{lane, text.size()};
  lane.state.snapshot = std::move(text);
  return before;
}

void LanesBefore::put_back(AnchorLanes& lanes) const {
  if (is_new_) lanes.lanes.erase(event_key_);
  for (const Lane& before : lanes_) {
    LoadedLane& lane = lanes.lanes[before.lane.state.event_key];
    std::string text = std::move(lane.state.snapshot);
    lane = before.lane;
    if (!before.text_bytes) continue;
    text.resize(*before.text_bytes);
    lane.state.snapshot = std::move(text);
  }
  lanes.last_msg_event_seq = last_msg_event_seq_;
}

}  // namespace jindou::partition
