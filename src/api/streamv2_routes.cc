#include "api/streamv2_routes.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/event_calls.h"
#include "api/stream_calls.h"
#include "bodies/events.h"
#include "bodies/read.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using codec::JsonWriter;
using partition::AppendEvent;
using partition::History;
using Effect = partition::AppendEvent::Effect;

// {"kind":"text","delta":…}
std::string delta_payload(std::string_view delta) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.string("kind", "text");
  json.string("delta", delta);
  json.end_object();
  return out;
}

// In a person channel the pair needs both users. Noted in `body`.
void require_writer(BodyReader& body, const bodies::StreamChannel& channel) {
  if (channel.channel_type == ChannelType::person && is_blank(channel.from_uid)) {
    body.fail("from_uid is required");
  }
}

// POST /streamv2/open.
Task<void> post_streamv2_open(Services& services, Request& request, Response& response) {
  SendCommand anchor;
  bool force = false;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::StreamOpenV2>(body, services.options.body_limits());
    bodies::StreamOpen& stream = given.stream;
    require_writer(body, stream.channel);
    const StreamPlace place = take_stream_place(body, std::move(stream.channel));
    anchor =
        anchor_for(services, place, std::move(stream.client_msg_no), std::move(stream.payload));
    anchor.flags.red_dot = stream.header.red_dot;
    force = given.force;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  auto settled = co_await settle_channel(services, anchor.channel);
  if (!settled) {
    answer_error(response, settled.error());
    co_return;
  }
  anchor.channel = std::move(*settled);
  const std::string client_msg_no = anchor.client_msg_no;
  AppendEvent end = close_event(services, anchor.channel, client_msg_no, kEndReasonForced);
  AppendEvent begin = event_for(anchor.channel, client_msg_no, "stream.open", Effect::note);
  begin.event_id = "open";
  StreamStart start(std::move(anchor), std::move(begin), std::move(end));
  start.force = force;
  SendResult sent;
  const bool begun = co_await begin_stream(services, request, response, std::move(start), sent);
  if (!begun) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  json.number("message_id", raw(sent.message_id));
  json.number_string("message_idstr", raw(sent.message_id));
  json.number("message_seq", raw(sent.message_seq));
  json.string("stream_id", "stream_" + std::to_string(raw(sent.message_id)));
  json.string("client_msg_no", client_msg_no);
  json.end_object();
}

// The stream that a call names by the id of its message.
struct StreamById {
  ChannelKey channel;
  std::uint64_t message_id = 0;
};

StreamById take_stream(BodyReader& body, bodies::StreamCloseV2 given) {
  StreamById stream;
  require_writer(body, given.channel);
  stream.channel = take_stream_place(body, std::move(given.channel)).channel;
  stream.message_id = given.message_id;
  return stream;
}

// The message of the stream. Errors: invalid, when it is not there or no stream; storage,
// overloaded.
Task<Result<Message>> load_anchor(Services& services, StreamById stream) {
  const History& history = services.deps.history;
  auto work = [&history, stream]() -> Result<Message> {
    JD_TRY(const ChannelKey settled, load_settled_channel(history, stream.channel));
    JD_TRY(std::optional<Message> found,
           history.load_by_id(static_cast<MessageId>(stream.message_id)));
    if (!found || found->channel != settled || (found->setting & kSettingStream) == 0) {
      return Error(Errc::invalid, "the stream does not exist");
    }
    return std::move(*found);
  };
  co_return co_await services.deps.blocking.run(std::move(work));
}

Task<void> post_streamv2_write(Services& services, Request& request, Response& response) {
  StreamById stream;
  bodies::StreamWriteV2 given;
  std::string problem;
  {
    BodyReader body(request.body);
    given = bodies::read<bodies::StreamWriteV2>(body, services.options.body_limits());
    stream = take_stream(body, std::move(given.stream));
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto anchor = co_await load_anchor(services, stream);
  if (!anchor) {
    answer_error(response, anchor.error());
    co_return;
  }
  AppendEvent delta =
      event_for(anchor->channel, anchor->client_msg_no, "stream.delta", Effect::text_delta);
  delta.event_id = services.deps.random.hex(8);
  delta.payload = delta_payload(given.payload);
  delta.text = std::move(given.payload);
  auto outcome = co_await append_event(services, request, std::move(delta));
  if (outcome && given.end) {
    AppendEvent close = close_event(services, anchor->channel, anchor->client_msg_no,
                                    static_cast<std::uint8_t>(given.end_reason));
    outcome = co_await append_event(services, request, std::move(close));
  }
  if (!outcome) {
    answer_error(response, event_error(outcome.error()));
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  write_status(json, services.options.status_style);
  json.number("message_id", stream.message_id);
  json.number("chunk_id", outcome->msg_event_seq);
  json.end_object();
}

Task<void> post_streamv2_close(Services& services, Request& request, Response& response) {
  StreamById stream;
  std::string problem;
  {
    BodyReader body(request.body);
    stream = take_stream(body, bodies::read<bodies::StreamCloseV2>(body));
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto anchor = co_await load_anchor(services, stream);
  if (!anchor) {
    answer_error(response, anchor.error());
    co_return;
  }
  co_await close_stream(services, request, response, anchor->channel, anchor->client_msg_no);
}

}  // namespace

std::span<const Route> streamv2_routes() {
  static constexpr std::array<Route, 3> routes = {{
      {Verb::post, "/streamv2/open", post_streamv2_open, Auth::send,
       "Sends a stream message and begins its stream"},
      {Verb::post, "/streamv2/write", post_streamv2_write, Auth::send, "Adds text to a stream"},
      {Verb::post, "/streamv2/close", post_streamv2_close, Auth::send, "Closes a stream"},
  }};
  return routes;
}

}  // namespace jindou::api
