#include "api/event_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/event_calls.h"
#include "api/loaded_answers.h"
#include "base/ascii.h"
#include "bodies/events.h"
#include "bodies/read.h"
#include "codec/message_object.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using partition::AppendEvent;
using partition::EventOutcome;
using partition::History;
using Effect = partition::AppendEvent::Effect;

Effect effect_of(std::string_view type) {
  if (type == "stream.delta") return Effect::state_delta;
  if (type == "stream.snapshot") return Effect::snapshot;
  if (type == "stream.close" || type == "stream.finish") return Effect::close;
  if (type == "stream.error") return Effect::fail;
  if (type == "stream.cancel") return Effect::cancel;
  return Effect::note;
}

Visibility visibility_of(std::string_view name) {
  for (const Visibility one : {Visibility::author_only, Visibility::restricted}) {
    if (name == visibility_name(one)) return one;
  }
  return Visibility::everybody;
}

// Takes `snapshot` over: as bare text if it is nothing but {"kind":"text","text":…}, so that later
// deltas add to it.
void set_snapshot(BodyReader holder, std::string json, AppendEvent& event) {
  event.snapshot = std::move(json);
  if (holder.size() != 2 || !holder.has_text("kind") || !holder.has_text("text")) return;
  if (holder.text("kind") != "text") return;
  std::string text = holder.text("text");
  // An empty text is no different from no snapshot once it is bare.
  if (text.empty()) return;
  event.snapshot = std::move(text);
  event.snapshot_is_text = true;
}

// What the payload of a stream.* event does to its lane.
void read_payload(BodyReader& body, AppendEvent& event) {
  const bool object = body.has_object("payload");
  BodyReader payload = object ? body.object("payload") : BodyReader::no_members();
  switch (event.effect) {
    case Effect::state_delta:
      if (event.payload.empty()) body.fail("payload is required");
      if (payload.has_text("kind") && payload.text("kind") == "text" && payload.has_text("delta")) {
        event.effect = Effect::text_delta;
        event.text = payload.text("delta");
      }
      break;
    case Effect::snapshot:
      if (event.payload.empty()) body.fail("payload is required");
      set_snapshot(payload, event.payload, event);
      break;
    case Effect::close:
    case Effect::fail:
    case Effect::cancel: {
      const std::uint64_t reason = payload.message_id("end_reason");
      if (reason > 255) payload.fail("end_reason must be from 0 to 255");
      event.end_reason = static_cast<std::uint8_t>(reason);
      event.error = payload.has_text("error") ? payload.text("error") : payload.json("error");
      if (payload.has("snapshot")) {
        const bool nested = payload.has_object("snapshot");
        set_snapshot(nested ? payload.object("snapshot") : BodyReader::no_members(),
                     payload.json("snapshot"), event);
      }
      break;
    }
    default: break;
  }
  if (!payload.ok()) body.fail("payload: " + payload.problem());
}

// The caller's channel_id and channel_type are echoed.
struct EventRequest {
  AppendEvent event;
  std::string channel_id;
  ChannelType type = ChannelType::none;
};

Result<EventRequest> read_event(const Services& services, const Request& request) {
  EventRequest wanted;
  AppendEvent& event = wanted.event;
  BodyReader body(request.body);
  auto given = bodies::read<bodies::NewEvent>(body);
  wanted.channel_id = std::move(given.channel_id);
  wanted.type = given.channel_type;
  event.client_msg_no = std::move(given.client_msg_no);
  event.event_id = std::move(given.event_id);
  event.event_type = ascii_lower(given.event_type);
  event.effect = effect_of(event.event_type);
  event.event_key = is_blank(given.event_key) ? std::string(kMainLane) : std::move(given.event_key);
  if (event.event_type == "stream.finish") {
    event.event_key = kFinishLane;
  } else if (event.event_key == kFinishLane) {
    body.fail("event_key __finish__ is for stream.finish alone");
  }
  if (!is_blank(given.from_uid)) event.from_uid = std::move(given.from_uid);
  event.visibility = visibility_of(given.visibility);
  event.occurred_at_ms = static_cast<std::int64_t>(given.occurred_at);
  event.payload = std::move(given.payload);
  if (body.ok()) read_payload(body, event);
  if (event.payload.size() > services.options.event_bytes_max) {
    return Error(Errc::too_large, "payload must not be longer than " +
                                      std::to_string(services.options.event_bytes_max) + " bytes");
  }
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  JD_TRY(event.channel, event_channel(event.from_uid, wanted.channel_id, wanted.type));
  return wanted;
}

Task<void> post_event(Services& services, Request& request, Response& response) {
  auto wanted = read_event(services, request);
  if (!wanted) {
    answer_error(response, wanted.error());
    co_return;
  }
  auto settled = co_await settle_channel(services, wanted->event.channel);
  if (!settled) {
    answer_error(response, settled.error());
    co_return;
  }
  wanted->event.channel = std::move(*settled);
  const std::string client_msg_no = wanted->event.client_msg_no;
  const auto outcome = co_await append_event(services, request, std::move(wanted->event));
  if (!outcome) {
    answer_error(response, event_error(outcome.error()));
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  write_status(json, services.options.status_style);
  json.begin_object("data");
  json.string("client_msg_no", client_msg_no);
  json.string("event_key", outcome->event_key);
  json.string("event_id", outcome->event_id);
  json.number("msg_event_seq", outcome->msg_event_seq);
  json.string("stream_status", lane_status_name(outcome->status));
  json.string("channel_id", wanted->channel_id);
  json.number("channel_type", raw(wanted->type));
  json.string("from_uid", outcome->from_uid);
  json.end_object();
  json.end_object();
}

// POST /message/eventsync.
struct StateQuery {
  ChannelKey channel;
  std::string client_msg_no;
  std::string event_key;  // empty: all
  std::uint64_t after_seq = 0;
  std::size_t limit = 0;
  bool include_private = false;
};

Result<StateQuery> read_state_query(const Request& request) {
  StateQuery query;
  BodyReader body(request.body);
  auto given = bodies::read<bodies::EventSync>(body);
  const ChannelType type = given.channel_type;
  const bool paired = type == ChannelType::person || type == ChannelType::agent;
  if (paired && is_blank(given.from_uid) && given.channel_id.find('@') == std::string::npos) {
    body.fail("from_uid is required");
  }
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  query.client_msg_no = std::move(given.client_msg_no);
  query.event_key = std::move(given.event_key);
  query.after_seq = given.from_msg_event_seq;
  query.limit = given.limit;
  query.include_private = given.include_private;
  JD_TRY(query.channel, event_channel(given.from_uid, given.channel_id, type));
  return query;
}

// The states a query asks for, ascending by msg_event_seq, and whether there are more. Blocks.
struct StatePage {
  std::vector<LaneState> lanes;
  bool more = false;
};

Result<StatePage> load_states(const History& history, const StateQuery& query,
                              std::size_t bytes_max) {
  StatePage page;
  JD_TRY(const ChannelKey settled, load_settled_channel(history, query.channel));
  JD_TRY(const std::optional<Message> anchor,
         history.load_by_client_msg_no(settled, query.client_msg_no));
  if (!anchor) return page;
  JD_TRY(MessageEvents events, history.load_events(settled, anchor->seq));
  for (LaneState& lane : events.lanes) {
    if (!query.event_key.empty() && lane.event_key != query.event_key) continue;
    if (lane.msg_event_seq <= query.after_seq) continue;
    if (!query.include_private && lane.visibility != Visibility::everybody) continue;
    page.lanes.push_back(std::move(lane));
  }
  std::ranges::stable_sort(page.lanes, {}, &LaneState::msg_event_seq);
  std::size_t count = 0;
  for (std::size_t bytes = 0; count < page.lanes.size(); ++count) {
    LaneState& lane = page.lanes[count];
    // The lanes that one stream.finish ended share its number: the next page begins behind all.
    const bool tied = count > 0 && page.lanes[count - 1].msg_event_seq == lane.msg_event_seq;
    if (!tied && (count >= query.limit || bytes > bytes_max)) break;
    if (bytes > bytes_max) lane.snapshot.clear();
    bytes += lane.snapshot.size();
  }
  page.more = count < page.lanes.size();
  page.lanes.resize(count);
  return page;
}

void write_state(JsonWriter& json, const LaneState& lane) {
  json.begin_object();
  json.number("msg_event_seq", lane.msg_event_seq);
  json.string("event_id", lane.event_id);
  json.string("event_key", lane.event_key);
  json.string("event_type", lane.event_type);
  json.string("visibility", visibility_name(lane.visibility));
  json.number("occurred_at", lane.occurred_at_ms);
  json.key("payload");
  if (!lane.snapshot.empty()) {
    codec::write_snapshot(json, lane);
  } else {
    json.begin_object();
    json.string("status", lane_status_name(lane.status));
    json.number("end_reason", lane.end_reason);
    if (!lane.error.empty()) json.string("error", lane.error);
    json.end_object();
  }
  json.end_object();
}

Task<void> post_eventsync(Services& services, Request& request, Response& response) {
  const auto query = read_state_query(request);
  if (!query) {
    answer_error(response, query.error());
    co_return;
  }
  const History& history = services.deps.history;
  auto work = [&history, wanted = *query, bytes_max = services.options.page_bytes_max] {
    return load_states(history, wanted, bytes_max);
  };
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  const auto page = co_await load_or_answer(services, response, std::move(work));
  if (!page) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  write_status(json, services.options.status_style);
  json.begin_object("data");
  json.string("client_msg_no", query->client_msg_no);
  json.number("from_msg_event_seq", query->after_seq);
  json.number("next_msg_event_seq",
              page->lanes.empty() ? query->after_seq : page->lanes.back().msg_event_seq);
  json.flag("more", page->more);
  json.begin_array("events");
  for (const LaneState& lane : page->lanes) write_state(json, lane);
  json.end_array();
  json.string("filtered_by_event_key", query->event_key);
  json.end_object();
  json.end_object();
}

}  // namespace

std::span<const Route> event_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::post, "/message/event", post_event, Auth::send,
       "Appends an event to a stream message"},
      {Verb::post, "/message/eventsync", post_eventsync, Auth::read,
       "The states that events have left a stream message in"},
  }};
  return routes;
}

}  // namespace jindou::api
