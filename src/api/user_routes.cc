#include "api/user_routes.h"

#include <array>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/whole_lists.h"
#include "bodies/read.h"
#include "bodies/users.h"
#include "codec/json_writer.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

using bodies::BodyReader;

constexpr std::string_view kTokenReplacedText = "the token of this device was replaced";

// Reads the body into `wanted`; empty, or what is wrong with it.
std::string read_token_body(const Services& services, const Request& request,
                            partition::StoreToken& wanted) {
  BodyReader body(request.body);
  auto given = bodies::read<bodies::UserToken>(body);
  wanted.uid = std::move(given.uid);
  if (wanted.uid == kSystemUid || wanted.uid == services.options.manager_uid) {
    body.fail("uid is an account of the server itself");
  }
  wanted.token = std::move(given.token);
  wanted.device_flag = static_cast<DeviceFlag>(given.device_flag);
  wanted.level = static_cast<DeviceLevel>(given.device_level);
  return body.problem();
}

Task<void> post_token(Services& services, Request& request, Response& response) {
  partition::StoreToken wanted;
  if (const std::string problem = read_token_body(services, request, wanted); !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const std::string uid = wanted.uid;
  const DeviceFlag flag = wanted.device_flag;
  const bool master = wanted.level == DeviceLevel::master;
  const std::string token = wanted.token;
  const auto done = co_await change(services, request, std::move(wanted));
  if (done) {
    if (master) {
      services.deps.end_sessions(uid, flag, kTokenReplacedText);
    } else {
      // A master's token does not outlive its replacement, whatever takes its place.
      services.deps.end_masters(uid, flag, token, kTokenReplacedText);
    }
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

// What reads a whole body and changes one thing.
Task<void> apply(Services& services, Request& request, Response& response,
                 partition::Change wanted) {
  const auto done = co_await change(services, request, std::move(wanted));
  answer_done(response, done, services.options.status_style);
}

Task<void> post_device_quit(Services& services, Request& request, Response& response) {
  partition::ClearTokens wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::DeviceQuit>(body);
    wanted.uid = std::move(given.uid);
    if (given.device_flag >= 0) wanted.device_flag = static_cast<DeviceFlag>(given.device_flag);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const std::string uid = wanted.uid;
  const std::optional<DeviceFlag> flag = wanted.device_flag;
  const auto done = co_await change(services, request, std::move(wanted));
  if (!done) {
    answer_error(response, done.error());
    co_return;
  }
  // After the change: a login under way must not slip in with the old token.
  services.deps.end_sessions(uid, flag, {});
  answer_ok(response, services.options.status_style);
}

Task<void> post_onlinestatus(Services& services, Request& request, Response& response) {
  const auto users = bodies::read_users(request.body);
  if (!users) {
    answer_error(response, users.error());
    co_return;
  }
  if (users->uids.empty()) {
    // What both released servers of this interface answer to nobody.
    answer_ok(response, services.options.status_style);
    co_return;
  }
  codec::JsonWriter json(response.body);
  const auto write = [&json](const std::string& uid, DeviceFlag flag, bool online) {
    json.begin_object();
    json.string("uid", uid);
    json.number("device_flag", raw(flag));
    json.flag("online", online);
    json.end_object();
  };
  std::unordered_set<std::string_view> seen;
  json.begin_array();
  for (const std::string& uid : users->uids) {
    if (is_blank(uid) || !seen.insert(uid).second) continue;
    const std::vector<DeviceFlag> flags = services.deps.online_flags(uid);
    for (const DeviceFlag flag : flags) write(uid, flag, true);
    if (flags.empty() && services.options.online_status_include_offline) {
      write(uid, DeviceFlag::app, false);
    }
  }
  json.end_array();
}

// The body of the calls that change the system accounts; empty, or what is wrong with it.
std::string read_system_uids(const Request& request, std::vector<std::string>& uids) {
  BodyReader body(request.body);
  uids = bodies::read<bodies::SystemAccounts>(body).uids;
  // It is one for ever.
  std::erase(uids, kSystemUid);
  return body.problem();
}

Task<void> change_system_uids(Services& services, Request& request, Response& response, bool add) {
  partition::ChangeSystemAccounts wanted;
  wanted.add = add;
  if (const auto problem = read_system_uids(request, wanted.uids); !problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  if (wanted.uids.empty()) {
    answer_ok(response, services.options.status_style);
    co_return;
  }
  partition::Change change = std::move(wanted);
  co_await apply(services, request, response, std::move(change));
}

Task<void> post_system_add(Services& services, Request& request, Response& response) {
  return change_system_uids(services, request, response, true);
}
Task<void> post_system_remove(Services& services, Request& request, Response& response) {
  return change_system_uids(services, request, response, false);
}

// From node to node: "the accounts have changed, change your copy". There is no copy here that
// could differ from what is stored, so a well-formed call finds everything done.
Task<void> post_system_cache(Services& services, Request& request, Response& response) {
  std::vector<std::string> uids;
  if (const auto problem = read_system_uids(request, uids); !problem.empty()) {
    answer_invalid(response, problem);
  } else {
    answer_ok(response, services.options.status_style);
  }
  co_return;
}

Task<void> get_system_uids(Services& services, Request&, Response& response) {
  const auto list = co_await system_accounts_or_answer(services, response);
  if (!list) co_return;
  codec::JsonWriter json(response.body);
  json.begin_array();
  for (const std::string& uid : list->uids) json.string(uid);
  json.end_array();
}

// Plugins are programs of their own; this server runs none, so there is none to bind anybody to.
Task<void> post_update_plugin_no(Services&, Request& request, Response& response) {
  std::string plugin_no;
  std::string problem;
  {
    BodyReader body(request.body);
    plugin_no = bodies::read<bodies::PluginOfUser>(body).plugin_no;
    problem = body.problem();
  }
  if (problem.empty()) {
    answer_error(response, 404, errc_name(Errc::not_found),
                 "there is no plugin \"" + plugin_no + "\": this server runs no plugins");
  } else {
    answer_invalid(response, problem);
  }
  co_return;
}

}  // namespace

std::span<const Route> user_routes() {
  static constexpr std::array<Route, 11> routes = {{
      {Verb::post, "/user/token", post_token, Auth::administer,
       "Registers a user's device with its token"},
      {Verb::post, "/user/device_quit", post_device_quit, Auth::administer,
       "Ends the sessions of a user's devices and makes their tokens worthless", Ports::both},
      {Verb::post, "/user/onlinestatus", post_onlinestatus, Auth::read,
       "Which of several users are online, and on which devices"},
      {Verb::post, "/user/systemuids_add", post_system_add, Auth::administer,
       "Makes users system accounts"},
      {Verb::post, "/user/systemuid_add", post_system_add, Auth::administer,
       "The same as /user/systemuids_add"},
      {Verb::post, "/user/systemuids_remove", post_system_remove, Auth::administer,
       "Makes system accounts ordinary users again"},
      {Verb::post, "/user/systemuid_remove", post_system_remove, Auth::administer,
       "The same as /user/systemuids_remove"},
      {Verb::get, "/user/systemuids", get_system_uids, Auth::read, "The system accounts"},
      {Verb::post, "/user/systemuids_add_to_cache", post_system_cache, Auth::administer,
       "Between nodes: has nothing to do here"},
      {Verb::post, "/user/systemuids_remove_from_cache", post_system_cache, Auth::administer,
       "Between nodes: has nothing to do here"},
      {Verb::post, "/user/update_plugin_no", post_update_plugin_no, Auth::administer,
       "Binds a user to a plugin"},
  }};
  return routes;
}

}  // namespace jindou::api
