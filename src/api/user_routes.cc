#include "api/user_routes.h"

#include <array>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/body_reader.h"
#include "api/core_calls.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

// Reads the body into `wanted`; empty, or what is wrong with it.
std::string read_token_body(const Services& services, const Request& request,
                            channel::StoreToken& wanted) {
  BodyReader body(request.body);
  wanted.uid = body.id("uid");
  if (wanted.uid == kSystemUid || wanted.uid == services.options.manager_uid) {
    body.fail("uid is an account of the server itself");
  }
  wanted.token = body.text("token");
  if (is_blank(wanted.token)) body.fail("token is required");
  if (wanted.token.size() > kTokenBytesMax) body.fail("token must not be longer than 1024 bytes");
  wanted.device_flag = static_cast<DeviceFlag>(body.number("device_flag", 255));
  wanted.level = static_cast<DeviceLevel>(body.number("device_level", 1));
  return body.problem();
}

Task<void> post_token(Services& services, Request& request, Response& response) {
  channel::StoreToken wanted;
  if (const std::string problem = read_token_body(services, request, wanted); !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const std::string uid = wanted.uid;
  const DeviceFlag flag = wanted.device_flag;
  const bool master = wanted.level == DeviceLevel::master;
  const auto done = co_await change(services, request, std::move(wanted));
  if (done) {
    if (master) services.deps.kick_device(uid, flag);
    answer_ok(response, services.options.status_style);
  } else if (done.error().code() == Errc::denied) {
    response.status = 403;
    codec::JsonWriter json(response.body);
    json.begin_object();
    json.number("status", 403);
    json.string("msg", "the user is banned");
    json.string("error", "the user is banned");
    json.string("code", errc_name(Errc::denied));
    json.number("reason", raw(Reason::ban));
    json.end_object();
  } else {
    answer_error(response, done.error());
  }
}

}  // namespace

std::span<const Route> user_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::post, "/user/token", post_token, Auth::manager,
       "Registers a user's device with its token"},
  }};
  return routes;
}

}  // namespace jindou::api
