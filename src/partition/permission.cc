#include "partition/permission.h"

#include <algorithm>

#include "partition/addressing.h"

namespace jindou::partition {

namespace {

// Rules 4 and 5: what is switched off for the sender personally.
Result<Reason> check_sender(const SendCommand& command, PermissionFacts& facts) {
  JD_TRY(const auto inbox, facts.inbox(command.from_uid));
  if (inbox) {
    if (inbox->flags.ban || inbox->flags.disband) return Reason::ban;
    if (inbox->flags.send_ban) return Reason::send_ban;
  }
  return Reason::success;
}

// Whether the message is for `to` only because it lists them.
bool is_picked_out(const SendCommand& command, std::string_view to) {
  if (command.subscribers.empty()) return false;
  const auto named = named_users(command.channel);
  return std::ranges::find(named, to) == named.end();
}

// Rules 9 to 12: a person decides who may write to them, whatever the type of the channel.
Result<Reason> check_receiver(const SendCommand& command, const PermissionPolicy& policy,
                              bool strict, PermissionFacts& facts) {
  const std::string_view to = receiver_of(command);
  if (to.empty()) return Reason::success;
  JD_TRY(const auto inbox, facts.inbox(to));
  if (inbox && inbox->flags.ban) return Reason::ban;
  if (facts.is_system_account(to)) return Reason::success;
  if (inbox && inbox->denylist.contains(command.from_uid)) return Reason::in_denylist;
  if (!strict || !policy.person_allowlist_enforced) return Reason::success;
  if (inbox && (inbox->flags.allow_stranger || inbox->allowlist.contains(command.from_uid))) {
    return Reason::success;
  }
  if (is_targeted_command(command)) return Reason::not_in_allowlist;
  // Where somebody is in a channel of many, its lists say who writes to them there. A customer
  // service channel has none of those who write: only its visitor may without serving there.
  const bool is_guarded = command.channel.type == ChannelType::customer_service &&
                          is_picked_out(command, command.from_uid);
  if (!is_guarded && is_picked_out(command, to)) return Reason::success;
  // Who serves visitors is for the operator to say, by the channel's subscribers.
  if (command.channel.type == ChannelType::visitors) return Reason::success;  // rule 16
  if (command.channel.type == ChannelType::customer_service) {
    JD_TRY(const bool serves, facts.is_listed(MemberList::subscribers, command.from_uid));
    if (serves) return Reason::success;
  }
  return Reason::not_in_allowlist;
}

// Rules 15 to 18: the lists of a group.
Result<Reason> check_group(const SendCommand& command, bool strict, PermissionFacts& facts) {
  JD_TRY(const bool denied, facts.is_listed(MemberList::denylist, command.from_uid));
  if (denied) return Reason::in_denylist;
  if (!strict) return Reason::success;
  JD_TRY(const bool subscribed, facts.is_listed(MemberList::subscribers, command.from_uid));
  if (!subscribed) return Reason::subscriber_not_exist;
  JD_TRY(const bool open_to_all, facts.is_empty(MemberList::allowlist));
  if (open_to_all) return Reason::success;
  JD_TRY(const bool allowed, facts.is_listed(MemberList::allowlist, command.from_uid));
  return allowed ? Reason::success : Reason::not_in_allowlist;
}

}  // namespace

Result<Reason> check_send(const SendCommand& command, const PermissionPolicy& policy,
                          PermissionFacts& facts) {
  if (command.origin == Origin::server) return Reason::success;
  const bool from_system = facts.is_system_account(command.from_uid);
  const SendCheck check = command.origin == Origin::http ? policy.http_check : SendCheck::strict;
  if (is_targeted_command(command)) {
    if (from_system || check == SendCheck::channel) return Reason::success;
    JD_TRY(const Reason sender, check_sender(command, facts));
    if (sender != Reason::success) return sender;
    return check_receiver(command, policy, check == SendCheck::strict, facts);
  }
  const ChannelType type = command.channel.type;
  const bool strict = check == SendCheck::strict;

  if (type == ChannelType::none) return Reason::not_support_channel_type;
  if (facts.flags().disband) return Reason::disband;
  if (from_system) return Reason::success;
  if (check == SendCheck::channel) return facts.flags().ban ? Reason::ban : Reason::success;

  JD_TRY(const Reason sender, check_sender(command, facts));
  if (sender != Reason::success) return sender;
  if (facts.flags().ban) return Reason::ban;
  if (type != ChannelType::person && facts.flags().send_ban) return Reason::send_ban;
  if (type == ChannelType::group && policy.http_group_must_exist &&
      command.origin == Origin::http && !facts.is_set_up()) {
    return Reason::channel_not_exist;
  }

  if (type == ChannelType::agent && peer_in_pair(command.channel.id, command.from_uid).empty()) {
    return Reason::not_allow_send;
  }
  if (lists_outsider(command)) return Reason::not_allow_send;  // rule 8a
  JD_TRY(const Reason receiver, check_receiver(command, policy, strict, facts));
  if (receiver != Reason::success) return receiver;
  switch (type) {
    case ChannelType::person:
    case ChannelType::customer_service:
    case ChannelType::info:
    case ChannelType::agent: return Reason::success;
    case ChannelType::visitors:
      if (command.from_uid == command.channel.id) return Reason::success;
      return check_group(command, strict, facts);
    default: return check_group(command, strict, facts);
  }
}

}  // namespace jindou::partition
