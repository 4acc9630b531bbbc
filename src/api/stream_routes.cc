#include "api/stream_routes.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/event_calls.h"
#include "api/loaded_answers.h"
#include "api/stream_calls.h"
#include "bodies/events.h"
#include "bodies/read.h"
#include "codec/stream_events.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using codec::kTextContent;
using codec::kTextEnd;
using codec::kTextStart;
using partition::AppendEvent;
using partition::History;
using Effect = partition::AppendEvent::Effect;

// How far back a stream is looked for by its stream_no.
constexpr std::int64_t kStreamSearchMessages = 1000;

std::string json_text(std::string_view text) {
  std::string out;
  codec::json_append_string(out, text);
  return out;
}

// POST /event.
struct OldEvent {
  StreamPlace place;
  std::string client_msg_no;
  std::string id;
  std::string type;
  std::string data;
  std::int64_t timestamp_ms = 0;
};

Result<OldEvent> read_old_event(const Services& services, const Request& request) {
  OldEvent wanted;
  BodyReader body(request.body);
  auto given = bodies::read<bodies::TextEvent>(body);
  wanted.client_msg_no = std::move(given.client_msg_no);
  wanted.place = take_stream_place(body, std::move(given.channel));
  wanted.type = std::move(given.event.type);
  wanted.id = std::move(given.event.id);
  wanted.timestamp_ms = static_cast<std::int64_t>(given.event.timestamp);
  wanted.data = std::move(given.event.data);
  // That of a start becomes the payload of a message.
  const std::size_t data_max = wanted.type == kTextStart ? services.options.send.payload_bytes_max
                                                         : services.options.event_bytes_max;
  if (wanted.data.size() > data_max) {
    body.fail("event: data must not be longer than " + std::to_string(data_max) + " bytes");
  }
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  return wanted;
}

// What the old event does, in the terms of today.
AppendEvent translate(const OldEvent& wanted) {
  AppendEvent event =
      event_for(wanted.place.channel, wanted.client_msg_no, wanted.type, Effect::note);
  event.event_id = wanted.id.empty() ? wanted.client_msg_no : wanted.id;
  event.from_uid = wanted.place.from_uid;
  event.occurred_at_ms = wanted.timestamp_ms;
  event.form = EventForm::text;
  if (!wanted.data.empty()) event.payload = json_text(wanted.data);
  if (wanted.type == kTextContent) {
    event.effect = Effect::text_delta;
    event.text = wanted.data;
    // All content of a stream goes by one id, so there is no telling a repeat.
    event.event_id.clear();
  } else if (wanted.type == kTextEnd) {
    event.effect = wanted.data.empty() ? Effect::close : Effect::fail;
    event.end_reason = wanted.data.empty() ? std::uint8_t{0} : kEndReasonError;
    event.error = wanted.data;
  } else if (wanted.type != kTextStart) {
    event.effect = Effect::push;
  }
  return event;
}

Task<void> post_stream_event(Services& services, Request& request, Response& response) {
  auto wanted = read_old_event(services, request);
  if (!wanted) {
    answer_error(response, wanted.error());
    co_return;
  }
  auto settled = co_await settle_channel(services, wanted->place.channel);
  if (!settled) {
    answer_error(response, settled.error());
    co_return;
  }
  wanted->place.channel = std::move(*settled);
  AppendEvent event = translate(*wanted);
  if (wanted->type == kTextStart) {
    AppendEvent end =
        close_event(services, wanted->place.channel, wanted->client_msg_no, kEndReasonForced);
    end.event_type = kTextEnd;
    end.payload.clear();
    end.form = EventForm::text;
    SendCommand anchor = anchor_for(services, wanted->place, wanted->client_msg_no, wanted->data);
    StreamStart start(std::move(anchor), std::move(event), std::move(end));
    start.force = request.query_value("force") == "1";
    SendResult sent;
    const bool begun = co_await begin_stream(services, request, response, std::move(start), sent);
    if (!begun) co_return;
  } else {
    const auto done = co_await append_event(services, request, std::move(event));
    if (!done) {
      answer_error(response, event_error(done.error()));
      co_return;
    }
  }
  answer_ok(response, services.options.status_style);
}

// POST /stream/open: only the message; its text comes as events.
Task<void> post_stream_open(Services& services, Request& request, Response& response) {
  SendCommand anchor;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::StreamOpen>(body, services.options.body_limits());
    const StreamPlace place = take_stream_place(body, std::move(given.channel));
    anchor = anchor_for(services, place, std::move(given.client_msg_no), std::move(given.payload));
    anchor.flags.red_dot = given.header.red_dot;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  anchor.stream_no = services.deps.random.hex(16);
  // Without a number of the caller's own the two are the same, and the message is found by either.
  if (!anchor.idempotent) anchor.client_msg_no = anchor.stream_no;
  std::string stream_no = anchor.stream_no;
  const std::string client_msg_no = anchor.client_msg_no;
  const auto sent = co_await send_anchor(services, request, std::move(anchor));
  if (!sent) {
    answer_error(response, sent.error());
    co_return;
  }
  if (!sent->ok()) {
    answer_send(response, *sent, client_msg_no, services.options.status_style,
                services.options.refusal_style);
    co_return;
  }
  if (sent->state == SendResult::State::duplicate) {
    const History& history = services.deps.history;
    auto work = [&history, id = sent->message_id] { return history.load_by_id(id); };
    const auto first = co_await load_or_answer(services, response, std::move(work));
    if (!first) co_return;
    if (*first) stream_no = (*first)->stream_no;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.string("stream_no", stream_no);
  json.number("message_id", raw(sent->message_id));
  json.number_string("message_idstr", raw(sent->message_id));
  json.number("message_seq", raw(sent->message_seq));
  json.string("client_msg_no", client_msg_no);
  json.end_object();
}

// The client_msg_no of the stream message with that stream_no; empty: none. Blocks.
Result<std::string> find_stream(const History& history, const ChannelKey& channel,
                                const std::string& stream_no) {
  JD_TRY(const std::optional<Message> own, history.load_by_client_msg_no(channel, stream_no));
  if (own && own->stream_no == stream_no) return stream_no;
  partition::RangeQuery newest;
  newest.channel = channel;
  newest.limit = kStreamSearchMessages;
  JD_TRY(const partition::RangePage page, history.load_range(newest));
  for (const Message& message : page.messages) {
    if (message.stream_no == stream_no) return message.client_msg_no;
  }
  return std::string();
}

Task<void> post_stream_close(Services& services, Request& request, Response& response) {
  std::string stream_no;
  ChannelKey channel;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::StreamClose>(body);
    stream_no = std::move(given.stream_no);
    if (!is_blank(given.channel.channel_id)) {
      channel = take_stream_place(body, std::move(given.channel)).channel;
    }
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  if (channel.id.empty()) {
    // The number alone does not tell where the message is. Servers of this interface have always
    // taken the call without doing anything, so callers do not expect an error.
    answer_ok(response, services.options.status_style);
    co_return;
  }
  const History& history = services.deps.history;
  auto work = [&history, channel, stream_no]() -> Result<AppendEvent> {
    AppendEvent close;
    JD_TRY(close.channel, load_settled_channel(history, channel));
    JD_TRY(close.client_msg_no, find_stream(history, close.channel, stream_no));
    if (close.client_msg_no.empty()) return Error(Errc::invalid, "the stream does not exist");
    return close;
  };
  const auto found = co_await load_or_answer(services, response, std::move(work));
  if (!found) co_return;
  co_await close_stream(services, request, response, found->channel, found->client_msg_no);
}

}  // namespace

std::span<const Route> stream_routes() {
  static constexpr std::array<Route, 5> routes = {{
      {Verb::post, "/event", post_stream_event, Auth::send,
       "Starts, continues or ends a stream; older form of /message/event"},
      {Verb::post, "/stream/open", post_stream_open, Auth::send, "Sends a stream message"},
      {Verb::post, "/stream/close", post_stream_close, Auth::send, "Closes a stream"},
      {Verb::post, "/streammessage/start", post_stream_open, Auth::send,
       "Another name for /stream/open"},
      {Verb::post, "/streammessage/end", post_stream_close, Auth::send,
       "Another name for /stream/close"},
  }};
  return routes;
}

}  // namespace jindou::api
