#include "caller/lookup_options.h"

#include <CLI/CLI.hpp>
#include <string_view>
#include <vector>

#include "model/id_rules.h"

namespace jindou::caller {

namespace {

using ChannelCommand = ChannelOptions::Command;
using UserCommand = UserOptions::Command;
using ConnCommand = ConnOptions::Command;

constexpr const char* kChannelFooter = R"(
TYPE is a number: 1 persons, 2 groups. Channels of persons are named as they are stored, by both
users ("u1@u2"); a single user is the one whose own flags and lists are meant.

Exit status:
  0  done
  2  the command line or the token is wrong, or there is no such channel
  3  the server was not reached, gave up, or it was interrupted

Examples:
  jindou channel list --prefix group --type 2
  jindou channel show group123 2
  jindou channel subscribers group123 2 > members.txt
  jindou channel messages group123 2 --last 5
)";

constexpr const char* kUserFooter = R"(
kick ends what is connected now; whoever has a token comes back. quit makes the tokens worthless,
too, and a new one lets them in again. ban ends what is connected and keeps the user out until unban;
both write the other flags of the user as they were read just before.

Exit status:
  0  done
  2  the command line or the token is wrong, or there is no such user
  3  the server was not reached, gave up, or it was interrupted

Examples:
  jindou user list --prefix ann
  jindou user show ann
  jindou user quit ann --device-flag 1
)";

constexpr const char* kConnFooter = R"(
Of the node that answers. A connection that is kicked is told so and closed after two seconds.

Exit status:
  0  done; also when a connection that is named by its ID is not there any more
  2  the command line or the token is wrong, or there is no such user
  3  the server was not reached, gave up, or it was interrupted

Examples:
  jindou conn list --sort pendingBytesDesc --limit 10
  jindou conn list --uid ann
  jindou conn kick 4711
)";

template <class Options>
CLI::App* add_lookup(CLI::App& app, Options& options, typename Options::Command command,
                     const char* description) {
  CLI::App* const added = app.add_subcommand(command_name(command), description);
  added->callback([&options, command] { options.command = command; });
  add_address_options(*added, options);
  return added;
}

template <class Options>
void add_json_flag(CLI::App& app, Options& options) {
  app.add_flag("--json", options.json, "print JSON, of lists a line for each entry");
}

template <class Options>
void add_list_options(CLI::App& app, Options& options) {
  app.add_option("--prefix", options.prefix, "only those whose id begins so");
  app.add_option("--limit", options.limit, "at most so many; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_json_flag(app, options);
}

void add_place(CLI::App& app, ChannelOptions& options) {
  app.add_option("ID", options.id, "the channel, as it is stored")->required();
  app.add_option("TYPE", options.type, "its type")->required()->check(CLI::Range(1, 255));
}

void add_device_flag(CLI::App& app, int& device_flag) {
  app.add_option("--device-flag", device_flag,
                 "only of this device flag: 0 app, 1 web, 2 desktop; default: every one")
      ->check(CLI::Range(0, 255));
}

// As GET /connz takes them, which does not refuse others.
std::vector<std::string> connection_orders() {
  std::vector<std::string> orders;
  for (const char* name :
       {"id", "uptime", "idle", "pendingBytes", "inMsg", "outMsg", "inMsgBytes", "outMsgBytes",
        "inPacket", "outPacket", "inPacketBytes", "outPacketBytes", "protoVersion"}) {
    orders.emplace_back(name);
    orders.emplace_back(std::string(name) + "Desc");
  }
  return orders;
}

Result<void> complete_uid(const char* name, const std::string& uid) {
  const std::string_view problem = id_problem(uid);
  if (!problem.empty()) return Error(Errc::invalid, std::string(name) + " " + std::string(problem));
  return {};
}

}  // namespace

std::string command_name(ChannelOptions::Command command) {
  switch (command) {
    case ChannelCommand::list: return "list";
    case ChannelCommand::show: return "show";
    case ChannelCommand::subscribers: return "subscribers";
    case ChannelCommand::denylist: return "denylist";
    case ChannelCommand::allowlist: return "allowlist";
    case ChannelCommand::messages: return "messages";
  }
  return "";
}

std::string command_name(UserOptions::Command command) {
  switch (command) {
    case UserCommand::list: return "list";
    case UserCommand::show: return "show";
    case UserCommand::kick: return "kick";
    case UserCommand::quit: return "quit";
    case UserCommand::ban: return "ban";
    case UserCommand::unban: return "unban";
  }
  return "";
}

std::string command_name(ConnOptions::Command command) {
  switch (command) {
    case ConnCommand::list: return "list";
    case ConnCommand::kick: return "kick";
  }
  return "";
}

void add_options(CLI::App& app, ChannelOptions& options) {
  app.footer(kChannelFooter);
  app.require_subcommand(1);
  CLI::App* const list = add_lookup(app, options, ChannelCommand::list,
                                    "The channels that were created or have messages");
  list->add_option("--type", options.type, "only those of this type")->check(CLI::Range(1, 255));
  add_list_options(*list, options);
  CLI::App* const show = add_lookup(app, options, ChannelCommand::show,
                                    "Flags, members, last message and retention of a channel");
  add_place(*show, options);
  add_json_flag(*show, options);
  const auto add_members = [&](ChannelCommand command, const char* description) {
    CLI::App* const members = add_lookup(app, options, command, description);
    add_place(*members, options);
    add_list_options(*members, options);
  };
  add_members(ChannelCommand::subscribers, "Its subscribers, each uid on a line");
  add_members(ChannelCommand::denylist, "Its denylist, each uid on a line");
  add_members(ChannelCommand::allowlist, "Its allowlist, each uid on a line");
  CLI::App* const messages =
      add_lookup(app, options, ChannelCommand::messages,
                 "Its messages, the newest first; what they say only with --json");
  add_place(*messages, options);
  messages->add_option("--last", options.last, "at most so many")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  add_json_flag(*messages, options);
}

void add_options(CLI::App& app, UserOptions& options) {
  app.footer(kUserFooter);
  app.require_subcommand(1);
  const auto add_one = [&](UserCommand command, const char* description) {
    CLI::App* const added = add_lookup(app, options, command, description);
    added->add_option("UID", options.uid, "the user")->required();
    return added;
  };
  CLI::App* const list = add_lookup(app, options, UserCommand::list,
                                    "The users who have a device, flags, lists or a conversation");
  add_list_options(*list, options);
  CLI::App* const show =
      add_one(UserCommand::show, "Devices and connections of a user, and whether they are banned");
  add_json_flag(*show, options);
  add_device_flag(*add_one(UserCommand::kick, "Ends the sessions of a user; their tokens stay"),
                  options.device_flag);
  add_device_flag(
      *add_one(UserCommand::quit, "Ends their sessions and makes their tokens worthless"),
      options.device_flag);
  add_one(UserCommand::ban, "Keeps a user out and ends their sessions");
  add_one(UserCommand::unban, "Lets them in again");
}

void add_options(CLI::App& app, ConnOptions& options) {
  app.footer(kConnFooter);
  app.require_subcommand(1);
  CLI::App* const list = add_lookup(app, options, ConnCommand::list, "The connections of clients");
  CLI::Option* const uid =
      list->add_option("--uid", options.uid, "those of this user, 1,000 at most");
  list->add_option("--sort", options.sort, "by this; with Desc the largest first")
      ->check(CLI::IsMember(connection_orders()))
      ->capture_default_str()
      ->excludes(uid);
  list->add_option("--offset", options.offset, "without so many of the first")
      ->check(CLI::NonNegativeNumber)
      ->excludes(uid);
  list->add_option("--limit", options.limit, "at most so many")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str()
      ->excludes(uid);
  add_json_flag(*list, options);
  CLI::App* const kick = add_lookup(app, options, ConnCommand::kick,
                                    "Ends a connection, or those of a user; tokens stay");
  CLI::Option* const id =
      kick->add_option("ID", options.id, "the connection")->check(CLI::PositiveNumber);
  CLI::Option* const of_user = kick->add_option("--uid", options.uid, "all of this user instead");
  of_user->excludes(id);
  add_device_flag(*kick, options.device_flag);
}

Result<void> complete(ChannelOptions& options) { return complete_server(options); }

Result<void> complete(UserOptions& options) {
  if (options.command != UserCommand::list) {
    JD_RETURN_IF_ERROR(complete_uid("UID", options.uid));
  }
  return complete_server(options);
}

Result<void> complete(ConnOptions& options) {
  const bool kicks = options.command == ConnCommand::kick;
  if (kicks && options.id == 0 && options.uid.empty()) {
    return Error(Errc::invalid, "give the ID of a connection, or the user with --uid");
  }
  if (options.id != 0 && options.device_flag != -1) {
    return Error(Errc::invalid, "--device-flag goes with --uid: an ID is one connection");
  }
  if (!options.uid.empty()) JD_RETURN_IF_ERROR(complete_uid("--uid", options.uid));
  return complete_server(options);
}

}  // namespace jindou::caller
