#include "api/command_sync_routes.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/loaded_answers.h"
#include "bodies/history.h"
#include "bodies/read.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;
using conversation::CommandBacklog;
using partition::CommandPosition;
using Positions = std::vector<CommandPosition>;

// The result of the last sync of a user that is not acknowledged yet.
Task<Result<Positions>> load_last_sync(Services& services, const std::string& uid) {
  const partition::RecordReader& records = services.deps.records;
  auto work = [&records, uid] { return records.load_command_sync(uid); };
  co_return co_await services.deps.blocking.run(std::move(work));
}

// Makes what was just read the thing that the next acknowledgement is about.
Task<Result<void>> remember_sync(Services& services, Request& request, const std::string& uid,
                                 const CommandBacklog& backlog) {
  partition::RecordCommandSync record;
  record.uid = uid;
  for (const CommandBacklog::Position& position : backlog.positions) {
    CommandPosition& reached = record.positions.emplace_back();
    reached.channel = position.channel;
    reached.seq = position.seq;
  }
  if (record.positions.empty()) {
    // Nothing to forget is the usual case, and a client that polls is no reason to write.
    const auto last = co_await load_last_sync(services, uid);
    if (!last) co_return Result<void>(last.error());
    if (last->empty()) co_return Result<void>();
  }
  co_return co_await change(services, request, std::move(record));
}

Task<void> post_command_sync(Services& services, Request& request, Response& response) {
  bodies::CommandSync wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    wanted = bodies::read<bodies::CommandSync>(body);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto room_to_read =
      co_await room_or_answer(services, response, services.options.page_read_bytes());
  if (!room_to_read) co_return;
  CommandBacklog backlog;
  if (services.options.command_sync) {
    const conversation::ConversationReader& reader = services.deps.conversations;
    auto work = [&reader, wanted] { return reader.load_commands(wanted.uid, wanted.limit); };
    auto loaded = co_await load_or_answer(services, response, std::move(work));
    if (!loaded) co_return;
    backlog = std::move(*loaded);
    const auto remembered = co_await remember_sync(services, request, wanted.uid, backlog);
    if (!remembered) {
      answer_error(response, remembered.error());
      co_return;
    }
  }
  codec::JsonWriter json(response.body);
  json.begin_array();
  for (const Message& message : backlog.messages) write_message(json, message, wanted.uid);
  json.end_array();
}

Task<void> post_syncack(Services& services, Request& request, Response& response) {
  std::string uid;
  std::string problem;
  {
    BodyReader body(request.body);
    uid = bodies::read<bodies::CommandSyncAck>(body).uid;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  if (!services.options.command_sync) {
    answer_ok(response, services.options.status_style);
    co_return;
  }
  const auto last = co_await load_last_sync(services, uid);
  if (!last) {
    answer_error(response, last.error());
    co_return;
  }
  std::vector<partition::Change> changes;
  for (const CommandPosition& reached : *last) {
    partition::AdvanceCommandPosition advance;
    advance.channel = reached.channel;
    advance.uid = uid;
    advance.seq = reached.seq;
    changes.emplace_back(std::move(advance));
  }
  if (!changes.empty()) {
    const auto moved = co_await change_all(services, request, std::move(changes));
    if (!moved) {
      answer_error(response, moved.error());
      co_return;
    }
    // Only when all positions have moved: until then a repeat of the acknowledgement moves the
    // rest.
    partition::RecordCommandSync forget;
    forget.uid = uid;
    const auto forgotten = co_await change(services, request, std::move(forget));
    if (!forgotten) {
      answer_error(response, forgotten.error());
      co_return;
    }
  }
  answer_ok(response, services.options.status_style);
}

// Commands reach the subscribers of their channel without being bound to it, so there is nothing to
// do for a well-formed call.
Task<void> post_bind(Services& services, Request& request, Response& response) {
  std::string problem;
  {
    BodyReader body(request.body);
    const auto given = bodies::read<bodies::CommandBinding>(body);
    if (body.ok()) {
      const auto channel = read_channel(given.uid, given.channel_id, given.channel_type);
      if (!channel) body.fail(channel.error().detail());
    }
    problem = body.problem();
  }
  if (problem.empty()) {
    answer_ok(response, services.options.status_style);
  } else {
    answer_invalid(response, problem);
  }
  co_return;
}

}  // namespace

std::span<const Route> command_sync_routes() {
  static constexpr std::array<Route, 4> routes = {{
      {Verb::post, "/message/sync", post_command_sync, Auth::read,
       "Reads the commands a user has not processed yet"},
      {Verb::post, "/message/syncack", post_syncack, Auth::read,
       "Acknowledges the commands of the last sync"},
      {Verb::post, "/message/cmd/bind", post_bind, Auth::administer,
       "Has nothing to do: commands reach subscribers without being bound"},
      {Verb::post, "/message/cmd/unbind", post_bind, Auth::administer,
       "Has nothing to do: commands reach subscribers without being bound"},
  }};
  return routes;
}

}  // namespace jindou::api
