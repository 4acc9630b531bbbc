#include "partition/event_lanes.h"

#include <algorithm>
#include <utility>

#include "base/varint.h"
#include "partition/anchor_lanes.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {

namespace {

using store::Table;

std::string anchor_name(const ChannelKey& channel, std::string_view client_msg_no) {
  std::string name(1, static_cast<char>(raw(channel.type)));
  append_string(name, channel.id);
  name += client_msg_no;
  return name;
}

// True when the store has a key in [lower, upper).
Result<bool> has_key(const store::PartitionReader& reader, const std::string& lower,
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
  AnchorLanes events;
  std::int64_t active_at_ms = 0;
  std::uint64_t touched_position = 0;
  std::uint64_t last_used = 0;
  std::size_t bytes = 0;  // about what it takes
};

Result<MessageEvents> read_events(const store::PartitionReader& reader, const ChannelKey& channel,
                                  MessageSeq anchor) {
  JD_TRY(AnchorLanes loaded, read_anchor_lanes(reader, channel, anchor));
  MessageEvents events;
  events.last_msg_event_seq = loaded.last_msg_event_seq;
  for (auto& [event_key, lane] : loaded.lanes) events.lanes.push_back(std::move(lane.state));
  return events;
}

EventLanes::EventLanes(store::PartitionReader reader, EventLimits limits)
    : partition_(reader.partition()), reader_(reader), limits_(limits) {}

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
  JD_TRY(AnchorLanes events, read_anchor_lanes(reader_, message.channel, message.seq));
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
      (event.effect == AppendEvent::Effect::state_delta &&
       event.payload.size() > limits_.text_bytes_max)) {
    return Error(Errc::too_large, "the text of one event key is limited to " +
                                      std::to_string(limits_.text_bytes_max) + " bytes");
  }
  return Answer();
}

LaneStatus EventLanes::apply(const AppendEvent& event, Anchor& anchor, std::int64_t now_ms,
                             Txn& txn) {
  const auto known = anchor.events.lanes.find(event.event_key);
  const std::size_t bytes_before =
      known == anchor.events.lanes.end() ? 0 : kLaneBytes + known->second.state.snapshot.size();
  const LoadedLane& lane =
      apply_to_lane(event, anchor.message, partition_, now_ms, anchor.events, txn);
  anchor.active_at_ms = now_ms;
  anchor.touched_position = txn.position();
  // Unsigned arithmetic wraps to the right sum, also when the lane got smaller.
  const std::size_t grown = kLaneBytes + lane.state.snapshot.size() - bytes_before;
  anchor.bytes += grown;
  bytes_ += grown;
  return lane.state.status;
}

void EventLanes::remember(const AppendEvent& event, Anchor& anchor, Txn& txn) {
  txn.undo([this, anchor = anchor.shared_from_this(), lanes = LanesBefore(event, anchor.events),
            active_at_ms = anchor.active_at_ms, touched_position = anchor.touched_position,
            bytes = anchor.bytes] {
    lanes.put_back(anchor->events);
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
