#include "caller/user.h"

#include <cstdint>
#include <string>

#include "caller/lookup.h"
#include "caller/server_call.h"
#include "codec/json_writer.h"

namespace jindou::caller {

namespace {

constexpr std::uint64_t kUserPage = 1000;

int list_users(const UserOptions& options, const Asker& asker) {
  const std::string path = "/users?prefix=" + escaped(options.prefix);
  return print_list(asker, {path, kUserPage, options.limit}, user_listing(), options.json);
}

int show_user(const UserOptions& options, const Asker& asker) {
  int code = kAllSent;
  const auto info = user_info(asker, options.uid, code);
  if (!info) return code;
  if (options.json) return asker.print(*info + '\n');
  const auto text = user_text(*info);
  if (!text) return asker.fail(kNotFinished, text.error().detail());
  return asker.print(*text);
}

int quit_user(const UserOptions& options, const Asker& asker) {
  int code = kAllSent;
  // The server quits a user of whom it knows nothing, too: that is a mistyped uid.
  if (!user_info(asker, options.uid, code)) return code;
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  json.string("uid", options.uid);
  json.number("device_flag", options.device_flag);
  json.end_object();
  if (!asker.post("/user/device_quit", body, code)) return code;
  const std::string where =
      options.device_flag < 0 ? "" : ", device flag " + std::to_string(options.device_flag);
  return asker.print(options.uid + where + ": logged out, tokens are worthless\n");
}

// Writes all flags, so the others are read before.
int set_ban(const UserOptions& options, const Asker& asker, bool ban) {
  int code = kAllSent;
  const http::CallAnswer info = ask_server(
      options, true, "/channel/info?channel_id=" + escaped(options.uid) + "&channel_type=1");
  // Nobody has given the user flags yet.
  const bool has_flags = info.status != 404 || message_of(info).empty();
  if (has_flags && !asker.is_success(info, code)) return code;
  const auto body = ban_body(has_flags ? info.body : std::string(), options.uid, ban);
  if (!body) {
    const bool stays_out = body.error().code() == Errc::conflict;
    return asker.fail(stays_out ? kBadCall : kNotFinished, body.error().detail());
  }
  if (!asker.post("/channel/info", *body, code)) return code;
  return asker.print(options.uid + (ban ? ": banned\n" : ": let in again\n"));
}

int run_user_command(const UserOptions& options, const Asker& asker) {
  switch (options.command) {
    case UserOptions::Command::list: return list_users(options, asker);
    case UserOptions::Command::show: return show_user(options, asker);
    case UserOptions::Command::kick: return kick_user(asker, options.uid, options.device_flag);
    case UserOptions::Command::quit: return quit_user(options, asker);
    case UserOptions::Command::ban: return set_ban(options, asker, true);
    case UserOptions::Command::unban: break;
  }
  return set_ban(options, asker, false);
}

}  // namespace

int run_user(UserOptions options) { return run_lookup(options, "jindou user", run_user_command); }

}  // namespace jindou::caller
