#include "api/import_routes.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "bodies/imports.h"
#include "bodies/read.h"
#include "partition/import_commands.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;

Message message_of(bodies::ImportedMessage& given) {
  Message message;
  message.id = static_cast<MessageId>(given.message_id);
  message.seq = static_cast<MessageSeq>(given.message_seq);
  message.from_uid = given.from_uid.empty() ? std::string(kSystemUid) : std::move(given.from_uid);
  message.client_msg_no = std::move(given.client_msg_no);
  message.timestamp = static_cast<std::int64_t>(given.timestamp);
  message.flags.red_dot = given.header.red_dot;
  message.setting = static_cast<std::uint8_t>(given.setting);
  message.topic = std::move(given.topic);
  message.expire = static_cast<std::uint32_t>(given.expire);
  message.payload = std::move(given.payload);
  return message;
}

// Nobody is asked which of two users names the other: the id has to be the internal one.
Result<ChannelKey> imported_channel(std::string_view id, ChannelType type) {
  const bool paired = type == ChannelType::person || type == ChannelType::agent;
  if (paired && id.find('@') == std::string_view::npos) {
    return Error(Errc::invalid, "channel_id must be the internal id for types 1 and 11: a@b");
  }
  return read_channel({}, id, type);
}

// Reads the body into `wanted`; empty, or what is wrong with it.
std::string read_import(const Services& services, const Request& request,
                        partition::ImportMessages& wanted) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::ImportMessages>(body, services.options.body_limits());
  if (!body.ok()) return body.problem();
  auto channel = imported_channel(given.channel_id, given.channel_type);
  if (!channel) return channel.error().detail();
  if ((given.after_seq == 0) != (given.after_id == 0)) {
    return "after_seq and after_id are of one message: give both, or neither for an empty channel";
  }
  wanted.channel = std::move(*channel);
  wanted.after_seq = given.after_seq;
  wanted.after_id = static_cast<MessageId>(given.after_id);
  wanted.messages.reserve(given.messages.size());
  for (bodies::ImportedMessage& each : given.messages) {
    wanted.messages.push_back(message_of(each));
  }
  return {};
}

Task<void> post_import(Services& services, Request& request, Response& response) {
  partition::ImportMessages wanted;
  const std::string problem = read_import(services, request, wanted);
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto done = co_await change(services, request, std::move(wanted));
  if (!done && done.error().code() == Errc::conflict) {
    answer_error(response, 409, errc_name(Errc::conflict), done.error().detail());
    co_return;
  }
  answer_done(response, done, services.options.status_style);
}

}  // namespace

std::span<const Route> import_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::post, "/import/messages", post_import, Auth::administer,
       "Stores messages of another server as they were there", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
