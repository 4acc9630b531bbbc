#include "api/stream_calls.h"

#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/event_calls.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using partition::AppendEvent;
using partition::History;
using Effect = partition::AppendEvent::Effect;

std::string end_payload(std::uint8_t end_reason) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.number("end_reason", end_reason);
  json.end_object();
  return out;
}

}  // namespace

AppendEvent event_for(const ChannelKey& channel, const std::string& client_msg_no,
                      std::string_view type, Effect effect) {
  AppendEvent event;
  event.channel = channel;
  event.client_msg_no = client_msg_no;
  event.event_type = type;
  event.effect = effect;
  event.event_key = kMainLane;
  return event;
}

AppendEvent close_event(Services& services, const ChannelKey& channel,
                        const std::string& client_msg_no, std::uint8_t end_reason) {
  AppendEvent event = event_for(channel, client_msg_no, "stream.close", Effect::close);
  event.event_id = services.deps.random.hex(8);
  event.end_reason = end_reason;
  event.payload = end_payload(end_reason);
  return event;
}

StreamPlace take_stream_place(bodies::BodyReader& body, bodies::StreamChannel given) {
  StreamPlace place;
  place.from_uid = is_blank(given.from_uid) ? std::string(kSystemUid) : std::move(given.from_uid);
  if (!body.ok()) return place;
  auto key = event_channel(place.from_uid, given.channel_id, given.channel_type);
  if (key) {
    place.channel = std::move(*key);
  } else {
    body.fail(key.error().detail());
  }
  return place;
}

SendCommand anchor_for(Services& services, const StreamPlace& place, std::string client_msg_no,
                       std::string payload) {
  SendCommand command;
  command.channel = place.channel;
  command.from_uid = place.from_uid;
  command.idempotent = !is_blank(client_msg_no);
  command.client_msg_no =
      command.idempotent ? std::move(client_msg_no) : services.deps.random.hex(16) + '0';
  command.payload = std::move(payload);
  command.setting = kSettingStream;
  command.origin = Origin::http;
  return command;
}

Task<Result<SendResult>> send_anchor(Services& services, Request& request, SendCommand command) {
  std::vector<SendCommand> commands;
  commands.push_back(std::move(command));
  auto results =
      co_await send_commands(services, request, std::move(commands), request_deadline(services));
  if (!results) co_return Result<SendResult>(results.error());
  co_return Result<SendResult>(results->front());
}

namespace {

// The client_msg_no of another stream that runs in the channel; empty: none.
Task<Result<std::string>> find_other_stream(Services& services, ChannelKey channel,
                                            std::string client_msg_no) {
  const History& history = services.deps.history;
  auto work = [&history, channel] { return history.load_running_stream(channel); };
  auto running = co_await services.deps.blocking.run(std::move(work));
  if (running && *running == client_msg_no) running->clear();
  co_return running;
}

// Ends whatever runs beside the stream of that message.
Task<Result<void>> end_other_stream(Services& services, Request& request, AppendEvent end,
                                    std::string client_msg_no) {
  auto running = co_await find_other_stream(services, end.channel, client_msg_no);
  if (!running) co_return Result<void>(running.error());
  if (running->empty()) co_return Result<void>();
  end.client_msg_no = std::move(*running);
  const auto ended = co_await append_event(services, request, std::move(end));
  // Not found: it was deleted meanwhile, and what does not exist does not run.
  if (!ended && ended.error().code() != Errc::not_found) {
    co_return Result<void>(ended.error());
  }
  co_return Result<void>();
}

// Makes the stream of a message that is stored the one that runs in the channel.
Task<Result<void>> run_stream(Services& services, Request& request, StreamStart start) {
  if (start.force) {
    const auto ended = co_await end_other_stream(services, request, std::move(start.end),
                                                 start.begin.client_msg_no);
    if (!ended) co_return Result<void>(ended.error());
  }
  const auto begun = co_await append_event(services, request, std::move(start.begin));
  if (!begun) co_return Result<void>(begun.error());
  co_return Result<void>();
}

}  // namespace

Task<bool> begin_stream(Services& services, Request& request, Response& response, StreamStart start,
                        SendResult& sent) {
  const std::string client_msg_no = start.anchor.client_msg_no;
  const ChannelKey channel = start.begin.channel;
  if (!start.force) {
    const auto other = co_await find_other_stream(services, channel, client_msg_no);
    if (!other) {
      answer_error(response, other.error());
      co_return false;
    }
    if (!other->empty()) {
      answer_error(response, Error(Errc::conflict, "a stream is running in the channel already"));
      co_return false;
    }
  }
  const auto stored = co_await send_anchor(services, request, std::move(start.anchor));
  if (!stored) {
    answer_error(response, stored.error());
    co_return false;
  }
  sent = *stored;
  if (!sent.ok()) {
    answer_send(response, sent, client_msg_no, services.options.status_style,
                services.options.refusal_style);
    co_return false;
  }
  start.begin.client_msg_no = client_msg_no;
  start.begin.begins_stream = true;
  const auto running = co_await run_stream(services, request, std::move(start));
  if (running) co_return true;
  if (running.error().code() == Errc::conflict) {
    // Another stream began in between: ours must not look as if it went on.
    AppendEvent close = close_event(services, channel, client_msg_no, kEndReasonForced);
    const auto closed = co_await append_event(services, request, std::move(close));
    closed.ignore("the message is only left open");
  }
  answer_error(response, event_error(running.error()));
  co_return false;
}

Task<void> close_stream(Services& services, Request& request, Response& response,
                        ChannelKey channel, std::string client_msg_no) {
  AppendEvent close = close_event(services, channel, client_msg_no, 0);
  const auto closed = co_await append_event(services, request, std::move(close));
  if (closed) {
    answer_ok(response, services.options.status_style);
  } else {
    answer_error(response, event_error(closed.error()));
  }
}

}  // namespace jindou::api
