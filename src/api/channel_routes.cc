#include "api/channel_routes.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/whole_lists.h"
#include "bodies/channels.h"
#include "bodies/read.h"
#include "codec/json_writer.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

// What a client is told whose user has been banned.
constexpr std::string_view kBannedText = "the user is banned";

using bodies::BodyReader;
using partition::ChangeMembers;
using partition::MemberList;
using Operation = partition::ChangeMembers::Operation;

// Hands a change to the core, or answers what was wrong with the body.
Task<void> apply(Services& services, Request& request, Response& response, std::string problem,
                 partition::Change wanted) {
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const auto done = co_await change(services, request, std::move(wanted));
  answer_done(response, done, services.options.status_style);
}

// Creates a channel or overwrites its flags. A user who is banned by it (the flags of the own
// inbox) goes: a ban that only kept logins out would leave the sessions that are open for ever.
Task<void> upsert(Services& services, Request& request, Response& response,
                  partition::UpsertChannel wanted) {
  const bool bans = wanted.flags.ban || wanted.flags.disband;
  const bool inbox = wanted.channel.type == ChannelType::person &&
                     wanted.channel.id.find('@') == std::string::npos;
  const std::string uid = bans && inbox ? wanted.channel.id : std::string();
  const auto done = co_await change(services, request, std::move(wanted));
  if (done && !uid.empty()) services.deps.end_sessions(uid, std::nullopt, kBannedText);
  answer_done(response, done, services.options.status_style);
}

void refuse_person(BodyReader& body, ChannelType type) {
  if (type == ChannelType::person) body.fail("a person channel has no subscribers of its own");
}

ChannelKey read_channel_only(BodyReader& body) {
  auto given = bodies::read<bodies::OneChannel>(body);
  return ChannelKey(std::move(given.channel_id), given.channel_type);
}

Task<void> post_channel(Services& services, Request& request, Response& response) {
  partition::UpsertChannel wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::WholeChannel>(body);
    wanted.channel = ChannelKey(std::move(given.channel_id), given.channel_type);
    wanted.flags = given.flags;
    wanted.revives = true;
    wanted.reset_subscribers = given.reset;
    wanted.subscribers = std::move(given.subscribers);
    if (!wanted.subscribers.empty()) refuse_person(body, wanted.channel.type);
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  co_await upsert(services, request, response, std::move(wanted));
}

Task<void> post_channel_info(Services& services, Request& request, Response& response) {
  partition::UpsertChannel wanted;
  std::string problem;
  {
    BodyReader body(request.body);
    auto given = bodies::read<bodies::ChannelInfo>(body);
    const ChannelType type = given.channel_type;
    // The internal id of a conversation is the only way to ban that one conversation.
    const bool paired = type == ChannelType::person || type == ChannelType::agent;
    const auto why = paired ? internal_id_problem(given.channel_id) : id_problem(given.channel_id);
    if (!why.empty()) body.fail_member("channel_id", why);
    wanted.channel = ChannelKey(std::move(given.channel_id), type);
    if (type == ChannelType::person) {
      const auto [a, b] = split_pair_id(wanted.channel.id);
      if (!a.empty()) wanted.channel.id = person_channel_id(a, b);
    }
    wanted.flags = given.flags;
    problem = body.problem();
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  if (wanted.channel.id.find('@') != std::string::npos) {
    auto settled = co_await settle_channel(services, wanted.channel);
    if (!settled) {
      answer_error(response, settled.error());
      co_return;
    }
    wanted.channel = std::move(*settled);
  }
  co_await upsert(services, request, response, std::move(wanted));
}

Task<void> post_channel_delete(Services& services, Request& request, Response& response) {
  partition::DeleteChannel wanted;
  BodyReader body(request.body);
  wanted.channel = read_channel_only(body);
  if (wanted.channel.type == ChannelType::person) body.fail("a person channel cannot be deleted");
  return apply(services, request, response, body.problem(), std::move(wanted));
}

// The subscriber list as `Body` names a channel and some of its users.
template <class Body>
Body read_subscribers(BodyReader& body, ChangeMembers& members) {
  auto given = bodies::read<Body>(body);
  members.list = MemberList::subscribers;
  members.channel = ChannelKey(std::move(given.channel_id), given.channel_type);
  members.uids = std::move(given.subscribers);
  refuse_person(body, given.channel_type);
  return given;
}

Task<void> post_subscriber_add(Services& services, Request& request, Response& response) {
  ChangeMembers members;
  BodyReader body(request.body);
  const auto given = read_subscribers<bodies::AddSubscribers>(body, members);
  members.operation = given.reset ? Operation::replace : Operation::add;
  return apply(services, request, response, body.problem(), std::move(members));
}

Task<void> post_subscriber_remove(Services& services, Request& request, Response& response) {
  ChangeMembers members;
  BodyReader body(request.body);
  read_subscribers<bodies::RemoveSubscribers>(body, members);
  members.operation = Operation::remove;
  return apply(services, request, response, body.problem(), std::move(members));
}

// Replaces the list by nothing.
Task<void> post_subscriber_remove_all(Services& services, Request& request, Response& response) {
  ChangeMembers members;
  members.list = MemberList::subscribers;
  members.operation = Operation::replace;
  BodyReader body(request.body);
  members.channel = read_channel_only(body);
  refuse_person(body, members.channel.type);
  return apply(services, request, response, body.problem(), std::move(members));
}

enum class ListCall : std::uint8_t { add, set, remove, remove_all };

// The person conversations of one user with others, opened for both sides.
std::vector<partition::Change> open_conversations(const std::string& uid,
                                                  const std::vector<std::string>& others) {
  std::vector<partition::Change> changes;
  for (const std::string& other : others) {
    if (other == uid) continue;
    partition::ChangeConversation open;
    open.operation = partition::ChangeConversation::Operation::open;
    open.channel = ChannelKey(person_channel_id(uid, other), ChannelType::person);
    open.uids.push_back(uid);
    open.uids.push_back(other);
    changes.emplace_back(std::move(open));
  }
  return changes;
}

// Changes the allowlist of a user's inbox; whoever is on it has a conversation with the user, so
// that both can begin to write. All or nothing, unless there are too many for that.
Task<void> apply_to_inbox(Services& services, Request& request, Response& response,
                          ChangeMembers members) {
  std::vector<partition::Change> conversations =
      open_conversations(members.channel.id, members.uids);
  std::vector<partition::Change> all = conversations;
  all.emplace_back(members);
  auto done = co_await change_together(services, request, std::move(all));
  if (!done && done.error().code() == Errc::too_large) {
    done = co_await change(services, request, std::move(members));
    // Only afterwards: a repeat after a failure opens what is missing.
    if (done) done = co_await change_all(services, request, std::move(conversations));
  }
  answer_done(response, done, services.options.status_style);
}

template <class Body>
void read_list(BodyReader& body, ChangeMembers& members) {
  auto given = bodies::read<Body>(body);
  members.channel = ChannelKey(std::move(given.channel_id), given.channel_type);
  members.uids = std::move(given.uids);
}

// The denylist and the allowlist. For a person the list is that of the user's own inbox.
Task<void> change_list(Services& services, Request& request, Response& response, MemberList list,
                       ListCall call) {
  ChangeMembers members;
  members.list = list;
  BodyReader body(request.body);
  switch (call) {
    case ListCall::add:
      members.operation = Operation::add;
      read_list<bodies::ListEntries>(body, members);
      break;
    case ListCall::remove:
      members.operation = Operation::remove;
      read_list<bodies::ListEntries>(body, members);
      break;
    case ListCall::set:
      members.operation = Operation::replace;
      read_list<bodies::WholeList>(body, members);
      break;
    case ListCall::remove_all:
      members.operation = Operation::replace;
      members.channel = read_channel_only(body);
      break;
  }
  const bool opens = list == MemberList::allowlist && members.channel.type == ChannelType::person &&
                     (call == ListCall::add || call == ListCall::set);
  if (opens && body.ok()) {
    return apply_to_inbox(services, request, response, std::move(members));
  }
  return apply(services, request, response, body.problem(), std::move(members));
}

Task<void> post_blacklist_add(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::denylist, ListCall::add);
}
Task<void> post_blacklist_set(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::denylist, ListCall::set);
}
Task<void> post_blacklist_remove(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::denylist, ListCall::remove);
}
Task<void> post_blacklist_remove_all(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::denylist, ListCall::remove_all);
}
Task<void> post_whitelist_add(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::allowlist, ListCall::add);
}
Task<void> post_whitelist_set(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::allowlist, ListCall::set);
}
Task<void> post_whitelist_remove(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::allowlist, ListCall::remove);
}
Task<void> post_whitelist_remove_all(Services& services, Request& request, Response& response) {
  return change_list(services, request, response, MemberList::allowlist, ListCall::remove_all);
}

Task<void> get_whitelist(Services& services, Request& request, Response& response) {
  const std::string id = request.query_value("channel_id");
  const auto type = read_query_type(request.query_value("channel_type"));
  std::string problem;
  if (is_blank(id)) {
    problem = "channel_id is required";
  } else if (const auto why = id_problem(id); !why.empty()) {
    problem = "channel_id " + std::string(why);
  } else if (!type) {
    problem = type.error().detail();
  } else if (*type == ChannelType::none) {
    problem = "channel_type is required, from 1 to 255";
  }
  if (!problem.empty()) {
    answer_invalid(response, problem);
    co_return;
  }
  const ChannelKey key(id, *type);
  const auto list = co_await members_or_answer(services, response, key, MemberList::allowlist);
  if (!list) co_return;
  const bool detail = request.query_value("detail") != "0";
  codec::JsonWriter json(response.body);
  json.begin_array();
  for (std::size_t i = 0; i < list->uids.size(); ++i) {
    if (detail) {
      json.begin_object();
      json.number("id", i + 1);
      json.string("uid", list->uids[i]);
      json.end_object();
    } else {
      json.string(list->uids[i]);
    }
  }
  json.end_array();
}

// The receivers of a temporary channel.
Task<void> post_temporary_subscribers(Services& services, Request& request, Response& response) {
  ChangeMembers members;
  members.list = MemberList::subscribers;
  members.operation = Operation::replace;
  BodyReader body(request.body);
  auto given = bodies::read<bodies::TemporaryChannel>(body);
  members.channel = ChannelKey(std::move(given.channel_id), ChannelType::temp);
  members.uids = std::move(given.uids);
  return apply(services, request, response, body.problem(), std::move(members));
}

}  // namespace

std::span<const Route> channel_routes() {
  static constexpr std::array<Route, 16> routes = {{
      {Verb::post, "/channel", post_channel, Auth::administer,
       "Creates a channel or overwrites its flags, adds subscribers, brings a deleted one back",
       Ports::both},
      {Verb::post, "/channel/info", post_channel_info, Auth::administer,
       "Creates a channel or overwrites its flags", Ports::both},
      {Verb::post, "/channel/delete", post_channel_delete, Auth::administer,
       "Disbands a channel and hides its messages", Ports::both},
      {Verb::post, "/channel/subscriber_add", post_subscriber_add, Auth::administer,
       "Adds subscribers, or replaces them all", Ports::both},
      {Verb::post, "/channel/subscriber_remove", post_subscriber_remove, Auth::administer,
       "Removes subscribers", Ports::both},
      {Verb::post, "/channel/subscriber_remove_all", post_subscriber_remove_all, Auth::administer,
       "Removes all subscribers"},
      {Verb::post, "/channel/blacklist_add", post_blacklist_add, Auth::administer,
       "Adds to the denylist", Ports::both},
      {Verb::post, "/channel/blacklist_set", post_blacklist_set, Auth::administer,
       "Replaces the denylist"},
      {Verb::post, "/channel/blacklist_remove", post_blacklist_remove, Auth::administer,
       "Removes from the denylist", Ports::both},
      {Verb::post, "/channel/blacklist_remove_all", post_blacklist_remove_all, Auth::administer,
       "Empties the denylist"},
      {Verb::post, "/channel/whitelist_add", post_whitelist_add, Auth::administer,
       "Adds to the allowlist", Ports::both},
      {Verb::post, "/channel/whitelist_set", post_whitelist_set, Auth::administer,
       "Replaces the allowlist"},
      {Verb::post, "/channel/whitelist_remove", post_whitelist_remove, Auth::administer,
       "Removes from the allowlist", Ports::both},
      {Verb::post, "/channel/whitelist_remove_all", post_whitelist_remove_all, Auth::administer,
       "Empties the allowlist"},
      {Verb::get, "/channel/whitelist", get_whitelist, Auth::read, "The allowlist"},
      {Verb::post, "/tmpchannel/subscriber_set", post_temporary_subscribers, Auth::administer,
       "Sets the receivers of a temporary channel"},
  }};
  return routes;
}

}  // namespace jindou::api
