#include "partition/event_lanes.h"

#include <algorithm>
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

struct LoadedLane {
  LaneState state;
  std::uint64_t rows = 0;  // of added text
  std::string last_delta_id;
};

struct LoadedAnchor {
  std::uint64_t last_msg_event_seq = 0;
  std::map<std::string, LoadedLane, std::less<>> lanes;
};

// A finished message has no open lane. Nothing of this is stored in the rows of the lanes: a finish
// writes one row, however much text they hold.
void end_finished_lanes(LoadedAnchor& anchor) {
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

Result<LoadedAnchor> read_anchor(const store::Reader& reader, PartitionId partition,
                                 const ChannelKey& channel, MessageSeq anchor) {
  LoadedAnchor loaded;
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

std::string anchor_name(const ChannelKey& channel, std::string_view client_msg_no) {
  std::string name(1, static_cast<char>(raw(channel.type)));
  append_string(name, channel.id);
  name += client_msg_no;
  return name;
}

bool is_delta(Effect effect) {
  return effect == Effect::text_delta || effect == Effect::state_delta;
}

// True when the store has a key in [lower, upper).
Result<bool> has_key(const store::Reader& reader, const std::string& lower,
                     const std::string& upper) {
  bool found = false;
  JD_RETURN_IF_ERROR(reader.scan(Table::main, lower, upper, [&found](auto, auto) {
    found = true;
    return false;
  }));
  return found;
}

// About what an anchor and a lane take besides their text.
constexpr std::size_t kAnchorBytes = 700;
constexpr std::size_t kLaneBytes = 300;

}  // namespace

struct EventLanes::Anchor : std::enable_shared_from_this<EventLanes::Anchor> {
  // Without payload.
  Message message;
  LoadedAnchor events;
  std::int64_t active_at_ms = 0;
  std::uint64_t touched_position = 0;
  std::uint64_t last_used = 0;
  std::size_t bytes = 0;  // about what it takes
};

Result<MessageEvents> read_events(const store::Reader& reader, PartitionId partition,
                                  const ChannelKey& channel, MessageSeq anchor) {
  JD_TRY(LoadedAnchor loaded, read_anchor(reader, partition, channel, anchor));
  MessageEvents events;
  events.last_msg_event_seq = loaded.last_msg_event_seq;
  for (auto& [event_key, lane] : loaded.lanes) events.lanes.push_back(std::move(lane.state));
  return events;
}

EventLanes::EventLanes(PartitionId partition, const store::Reader& reader, EventLimits limits)
    : partition_(partition), reader_(reader), limits_(limits) {}

EventLanes::~EventLanes() = default;

void EventLanes::clear() {
  anchors_.clear();
  bytes_ = 0;
}

template <class Gone>
void EventLanes::forget_if(const Gone& gone) {
  boost::unordered::erase_if(anchors_, [&](const auto& entry) {
    if (!gone(*entry.second)) return false;
    bytes_ -= entry.second->bytes;
    return true;
  });
}

EventLanes::Anchor& EventLanes::insert(const Message& message) {
  auto& slot = anchors_[anchor_name(message.channel, message.client_msg_no)];
  if (slot != nullptr) bytes_ -= slot->bytes;
  slot = std::make_shared<Anchor>();
  slot->bytes = kAnchorBytes;
  for (const auto& uid : message.subscribers) slot->bytes += sizeof(uid) + uid.size();
  bytes_ += slot->bytes;
  slot->message = message;
  slot->message.payload.clear();
  slot->active_at_ms = message.timestamp * 1000;
  slot->last_used = ++use_tick_;
  return *slot;
}

void EventLanes::add_anchor(const Message& message, Txn& txn) {
  // The first message with this client_msg_no stays the anchor.
  if (find(message.channel, message.client_msg_no) != nullptr) return;
  insert(message).touched_position = txn.position();
  if (!txn.undoable()) return;
  txn.undo([this, name = anchor_name(message.channel, message.client_msg_no)] {
    const auto it = anchors_.find(name);
    bytes_ -= it->second->bytes;
    anchors_.erase(it);
  });
}

EventLanes::Anchor* EventLanes::find(const ChannelKey& channel, std::string_view client_msg_no) {
  const auto it = anchors_.find(anchor_name(channel, client_msg_no));
  if (it == anchors_.end()) return nullptr;
  it->second->last_used = ++use_tick_;
  return it->second.get();
}

Result<EventLanes::Anchor*> EventLanes::load(const Message& message) {
  JD_TRY(LoadedAnchor events, read_anchor(reader_, partition_, message.channel, message.seq));
  Anchor& anchor = insert(message);
  anchor.events = std::move(events);
  for (const auto& [event_key, lane] : anchor.events.lanes) {
    anchor.bytes += kLaneBytes + lane.state.snapshot.size();
    bytes_ += kLaneBytes + lane.state.snapshot.size();
  }
  return &anchor;
}

const Message& EventLanes::message_of(const Anchor& anchor) { return anchor.message; }
std::int64_t EventLanes::active_at_ms(const Anchor& anchor) { return anchor.active_at_ms; }

namespace {

// What an event that changes nothing is answered.
EventLanes::Applied unchanged(const AppendEvent& event, const Message& anchor) {
  EventLanes::Applied applied;
  applied.outcome.event_id = event.event_id;
  applied.outcome.event_key = event.event_key;
  applied.outcome.from_uid = event.from_uid.empty() ? anchor.from_uid : event.from_uid;
  applied.outcome.message_id = anchor.id;
  return applied;
}

bool is_repeat(const AppendEvent& event, const LoadedLane& lane) {
  return event.form != EventForm::text && !event.event_id.empty() &&
         (lane.state.event_id == event.event_id || lane.last_delta_id == event.event_id);
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

// A lane as it was. Without the text, of which only the size is known, where that only grows.
struct LaneBefore {
  LoadedLane lane;
  std::optional<std::size_t> text_bytes;
};

LaneBefore lane_before(LoadedLane& lane, bool text_grows) {
  if (!text_grows) return {lane, std::nullopt};
  std::string text = std::exchange(lane.state.snapshot, std::string());
  LaneBefore before{lane, text.size()};
  lane.state.snapshot = std::move(text);
  return before;
}

void put_back(const LaneBefore& before, LoadedAnchor& anchor) {
  LoadedLane& lane = anchor.lanes[before.lane.state.event_key];
  std::string text = std::move(lane.state.snapshot);
  lane = before.lane;
  if (!before.text_bytes) return;
  text.resize(*before.text_bytes);
  lane.state.snapshot = std::move(text);
}

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

Result<EventLanes::Applied> EventLanes::append(const AppendEvent& event, Anchor& anchor,
                                               std::int64_t now_ms, Txn& txn) {
  JD_TRY(auto answer, check(event, anchor));
  if (answer) return std::move(*answer);
  if (txn.undoable()) remember(event, anchor, txn);
  // From here on nothing fails.
  const LaneStatus status = apply(event, anchor, now_ms, txn);
  Applied applied = unchanged(event, anchor.message);
  applied.changed = true;
  applied.main_ended =
      event.event_key == kFinishLane || (is_terminal(status) && event.event_key == kMainLane);
  applied.outcome.msg_event_seq = anchor.events.last_msg_event_seq;
  applied.outcome.status = status;
  return applied;
}

Result<std::optional<EventLanes::Applied>> EventLanes::check(const AppendEvent& event,
                                                             const Anchor& anchor) const {
  using Answer = std::optional<Applied>;
  const auto& lanes = anchor.events.lanes;
  const auto finish = lanes.find(kFinishLane);
  const auto existing = lanes.find(event.event_key);
  const bool delta = is_delta(event.effect);
  Applied answer = unchanged(event, anchor.message);
  if (existing != lanes.end()) {
    const LoadedLane& lane = existing->second;
    const bool ended = is_terminal(lane.state.status);
    const bool repeat = is_repeat(event, lane);
    if (ended && delta && !repeat) return Error(Errc::conflict, "the stream is closed");
    if (ended || repeat) {
      answer.outcome.msg_event_seq =
          delta ? anchor.events.last_msg_event_seq : lane.state.msg_event_seq;
      answer.outcome.status = lane.state.status;
      return Answer(std::move(answer));
    }
  } else if (finish != lanes.end()) {
    if (delta) return Error(Errc::conflict, "the message is finished");
    answer.outcome.msg_event_seq = finish->second.state.msg_event_seq;
    answer.outcome.status = finish->second.state.status;
    return Answer(std::move(answer));
  } else if (event.event_key != kFinishLane && lanes.size() >= limits_.lanes_max) {
    return Error(Errc::too_large, "the message has too many event keys");
  }
  const std::size_t text_before = existing != lanes.end() && existing->second.state.text
                                      ? existing->second.state.snapshot.size()
                                      : 0;
  if (text_before + event.text.size() > limits_.text_bytes_max ||
      event.snapshot.size() > limits_.text_bytes_max ||
      (event.effect == Effect::state_delta && event.payload.size() > limits_.text_bytes_max)) {
    return Error(Errc::too_large, "the text of one event key is limited to " +
                                      std::to_string(limits_.text_bytes_max) + " bytes");
  }
  return Answer();
}

LaneStatus EventLanes::apply(const AppendEvent& event, Anchor& anchor, std::int64_t now_ms,
                             Txn& txn) {
  const auto [it, added] = anchor.events.lanes.try_emplace(event.event_key);
  LoadedLane& lane = it->second;
  const std::size_t bytes_before = added ? 0 : kLaneBytes + lane.state.snapshot.size();
  lane.state.event_key = event.event_key;
  LaneRows rows(partition_, anchor.message, lane, txn);
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
    lane.state.msg_event_seq = ++anchor.events.last_msg_event_seq;
    rows.put();
    if (event.event_key == kFinishLane) end_finished_lanes(anchor.events);
    store::AnchorEventsRecord record;
    record.last_msg_event_seq = anchor.events.last_msg_event_seq;
    txn.put(store::event_lane_key(partition_, anchor.message.channel, anchor.message.seq, ""),
            store::encode(record));
  }
  anchor.active_at_ms = now_ms;
  anchor.touched_position = txn.position();
  // Unsigned arithmetic wraps to the right sum, also when the lane got smaller.
  const std::size_t grown = kLaneBytes + lane.state.snapshot.size() - bytes_before;
  anchor.bytes += grown;
  bytes_ += grown;
  return lane.state.status;
}

void EventLanes::remember(const AppendEvent& event, Anchor& anchor, Txn& txn) {
  auto& lanes = anchor.events.lanes;
  std::vector<LaneBefore> before;
  if (const auto own = lanes.find(event.event_key); own != lanes.end()) {
    // A lane's text may be a megabyte, and mostly it only grows.
    const bool grows = event.effect == Effect::text_delta && own->second.state.text;
    before.push_back(lane_before(own->second, grows));
  }
  if (event.event_key == kFinishLane) {
    // The others are ended, but keep their text.
    for (auto& [event_key, lane] : lanes) {
      if (event_key != kFinishLane) before.push_back(lane_before(lane, true));
    }
  }
  txn.undo([this, anchor = anchor.shared_from_this(), event_key = event.event_key,
            before = std::move(before), last_seq = anchor.events.last_msg_event_seq,
            active_at_ms = anchor.active_at_ms, touched_position = anchor.touched_position,
            bytes = anchor.bytes] {
    if (before.empty() || before.front().lane.state.event_key != event_key) {
      anchor->events.lanes.erase(event_key);
    }
    for (const LaneBefore& lane : before) put_back(lane, anchor->events);
    anchor->events.last_msg_event_seq = last_seq;
    anchor->active_at_ms = active_at_ms;
    anchor->touched_position = touched_position;
    bytes_ -= anchor->bytes - bytes;
    anchor->bytes = bytes;
  });
}

std::vector<const Message*> EventLanes::messages() const {
  std::vector<const Message*> messages;
  for (const auto& [name, anchor] : anchors_) messages.push_back(&anchor->message);
  return messages;
}

void EventLanes::describe(StateLines& lines) const {
  std::size_t bytes = 0;
  for (const auto& [name, anchor] : anchors_) {
    bytes += anchor->bytes;
    lines.add("anchor", name, anchor->events.last_msg_event_seq, anchor->active_at_ms,
              anchor->touched_position, anchor->bytes);
    for (const auto& [event_key, lane] : anchor->events.lanes) {
      lines.add("lane of anchor", name, event_key, store::encode(lane.state), lane.rows,
                lane.last_delta_id);
    }
  }
  lines.add("anchors take", bytes == bytes_ ? "what they say" : "something else");
}

void EventLanes::trim(std::uint64_t durable) {
  if (anchors_.size() <= limits_.anchors_max && bytes_ <= limits_.anchor_bytes_max) return;
  std::vector<std::uint64_t> ticks;
  ticks.reserve(anchors_.size());
  for (const auto& [name, anchor] : anchors_) ticks.push_back(anchor->last_used);
  const auto middle = ticks.begin() + static_cast<std::ptrdiff_t>(ticks.size() / 2);
  std::nth_element(ticks.begin(), middle, ticks.end());
  const std::uint64_t keep_from = *middle;
  // Of one anchor alone, however large, half is the whole.
  forget_if([&](const Anchor& anchor) {
    const bool old = anchor.last_used < keep_from || ticks.size() == 1;
    return old && anchor.touched_position <= durable;
  });
}

namespace {

// Where the rows of events of the messages [first, last] are.
struct EventRanges {
  EventRanges(PartitionId partition, const ChannelKey& channel, std::uint64_t first,
              std::uint64_t last) {
    const auto from = static_cast<MessageSeq>(first);
    const auto behind = static_cast<MessageSeq>(last + 1);
    lanes = {store::event_lane_prefix(partition, channel, from),
             store::event_lane_prefix(partition, channel, behind)};
    texts = {store::event_text_prefix(partition, channel, from),
             store::event_text_prefix(partition, channel, behind)};
  }
  std::pair<std::string, std::string> lanes;
  std::pair<std::string, std::string> texts;
};

}  // namespace

bool EventLanes::is_within(const Anchor& anchor, const ChannelKey& channel, std::uint64_t first,
                           std::uint64_t last) {
  const Message& message = anchor.message;
  return message.channel == channel && raw(message.seq) >= first && raw(message.seq) <= last;
}

Result<bool> EventLanes::has_any(const ChannelKey& channel, std::uint64_t first,
                                 std::uint64_t last) const {
  // Rows that are only in memory and in commits on their way belong to anchors in memory.
  for (const auto& [name, anchor] : anchors_) {
    if (is_within(*anchor, channel, first, last)) return true;
  }
  const EventRanges ranges(partition_, channel, first, last);
  JD_TRY(const bool lanes, has_key(reader_, ranges.lanes.first, ranges.lanes.second));
  if (lanes) return true;
  return has_key(reader_, ranges.texts.first, ranges.texts.second);
}

void EventLanes::erase(const ChannelKey& channel, std::uint64_t first, std::uint64_t last,
                       Txn& txn) {
  if (txn.undoable()) {
    std::vector<std::pair<std::string, std::shared_ptr<Anchor>>> gone;
    for (const auto& [name, anchor] : anchors_) {
      if (is_within(*anchor, channel, first, last)) gone.emplace_back(name, anchor);
    }
    txn.undo([this, gone = std::move(gone)] {
      for (const auto& [name, anchor] : gone) {
        if (anchors_.insert_or_assign(name, anchor).second) bytes_ += anchor->bytes;
      }
    });
  }
  forget_if([&](const Anchor& anchor) { return is_within(anchor, channel, first, last); });
  const EventRanges ranges(partition_, channel, first, last);
  txn.erase_range(ranges.lanes.first, ranges.lanes.second);
  txn.erase_range(ranges.texts.first, ranges.texts.second);
}

}  // namespace jindou::partition
