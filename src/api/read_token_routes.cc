#include "api/read_token_routes.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "access/access.h"
#include "api/answers.h"
#include "api/core_calls.h"
#include "bodies/read.h"
#include "bodies/users.h"
#include "codec/json_writer.h"
#include "model/channel.h"
#include "model/reader.h"

namespace jindou::api {
namespace {

// A token that is wanted.
struct ReadWish {
  Reader reader;
  std::int64_t seconds = 0;
};

// Errors: invalid.
Result<ReadWish> read_token_wish(const Services& services, const Request& request) {
  bodies::BodyReader body(request.body);
  auto given = bodies::read<bodies::ReadTokenWish>(body);
  if (given.uid == kSystemUid || given.uid == services.options.manager_uid) {
    body.fail("uid is an account of the server itself");
  }
  const access::ReadTokenTimes times = services.access.read_token_times();
  ReadWish wish;
  wish.seconds = times.standard;
  if (given.ttl > static_cast<std::uint64_t>(times.longest)) {
    body.fail("ttl must be from 1 to " + std::to_string(times.longest) +
              " seconds (jwt.readExpireMax)");
  } else if (given.ttl > 0) {
    wish.seconds = static_cast<std::int64_t>(given.ttl);
  }
  if (!body.ok()) return Error(Errc::invalid, body.problem());
  wish.reader.uid = std::move(given.uid);
  if (given.device_flag >= 0) {
    wish.reader.device_flag = static_cast<DeviceFlag>(given.device_flag);
  }
  if (request.key != nullptr) wish.reader.key = request.key->name;
  return wish;
}

// The reader, with what is stored of him. Blocks. Errors: denied, when he is banned; invalid, when
// the device has no token; storage.
Result<Reader> look_up_reader(const partition::RecordReader& records, const access::Access& access,
                              Reader reader) {
  const ChannelKey inbox(reader.uid, ChannelType::person);
  JD_TRY(const auto flags, records.load_flags(inbox));
  if (flags && (flags->ban || flags->disband)) return Error(Errc::denied, "the user is banned");
  if (!reader.device_flag) return reader;
  JD_TRY(const auto stored, records.load_token(reader.uid, *reader.device_flag));
  if (!stored || stored->token.empty()) {
    return Error(Errc::invalid,
                 "the device has no token that this one could end with: register it with "
                 "/user/token, or leave device_flag out");
  }
  reader.device_mark = access.device_mark(reader.uid, stored->token);
  return reader;
}

Task<void> post_read_token(Services& services, Request& request, Response& response) {
  auto wish = read_token_wish(services, request);
  if (!wish) {
    answer_error(response, wish.error());
    co_return;
  }
  const partition::RecordReader& records = services.deps.records;
  const access::Access& access = services.access;
  auto work = [&records, &access, reader = std::move(wish->reader)] {
    return look_up_reader(records, access, reader);
  };
  const auto reader = co_await services.deps.blocking.run(std::move(work));
  if (!reader && reader.error().code() == Errc::denied) {
    answer_denied(response, Reason::ban, reader.error().detail());
    co_return;
  }
  if (!reader) {
    answer_error(response, reader.error());
    co_return;
  }
  const auto pass = access.make_read_pass(*reader, wish->seconds);
  if (!pass) {
    answer_error(response, 500, errc_name(Errc::internal), "the token could not be signed");
    co_return;
  }
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.string("uid", reader->uid);
  json.string("token", pass->token);
  json.string("token_type", "Bearer");
  json.number("exp", pass->expires_at);
  json.number("expires_in", wish->seconds);
  json.end_object();
}

}  // namespace

std::span<const Route> read_token_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::post, "/user/read_token", post_read_token, Auth::read,
       "A token with which a client reads what is its user's own"},
  }};
  return routes;
}

}  // namespace jindou::api
