#include "partition/simulation/inbox_model.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "partition/addressing.h"

namespace jindou::partition::simulation {

namespace {

void change(InboxState& inbox, const UpsertChannel& upsert) {
  inbox.send_ban = upsert.flags.send_ban;
}

void change(InboxState& inbox, const ChangeMembers& members) {
  if (members.list != MemberList::denylist) return;
  if (members.operation == ChangeMembers::Operation::replace) inbox.denied.clear();
  for (const auto& uid : members.uids) {
    if (members.operation == ChangeMembers::Operation::remove) {
      inbox.denied.erase(uid);
    } else {
      inbox.denied.insert(uid);
    }
  }
}

}  // namespace

bool Judges::allow(const SendResult& result) const {
  if (waited) return true;
  const auto sender_may = [this](bool banned) {
    return std::ranges::any_of(sender, [&](const auto& inbox) { return inbox.send_ban == banned; });
  };
  const auto receiver_may = [this](bool denies) {
    return std::ranges::any_of(
        receiver, [&](const auto& inbox) { return inbox.denied.contains(from_uid) == denies; });
  };
  if (result.state == SendResult::State::accepted) {
    if (sender_is_system) return true;
    if (!sender_may(false)) return false;
    return receiver.empty() || receiver_is_system || receiver_may(false);
  }
  if (result.state != SendResult::State::refused) return true;
  if (result.reason == Reason::send_ban) return !sender_is_system && sender_may(true);
  if (result.reason == Reason::in_denylist && !receiver.empty()) {
    if (sender_is_system) return false;
    return channel_may_deny || (!receiver_is_system && receiver_may(true));
  }
  return true;
}

void InboxModel::begin(const Change& asked, const SharedOutcome& outcome) {
  std::visit(
      [&](const auto& command) {
        if constexpr (requires(InboxState & inbox) { change(inbox, command); }) {
          if (command.channel.type != ChannelType::person) return;
          inboxes_[command.channel.id].attempt(
              [command](InboxState& inbox) { change(inbox, command); }, outcome);
        }
      },
      asked);
}

std::set<InboxState> InboxModel::possible(const std::string& uid) const {
  const auto known = inboxes_.find(uid);
  return known != inboxes_.end() ? known->second.all() : std::set<InboxState>{InboxState()};
}

Judges InboxModel::judges_of(const SendCommand& command) const {
  Judges judges;
  judges.from_uid = command.from_uid;
  judges.sender = possible(command.from_uid);
  const std::string receiver(receiver_of(command));
  if (!receiver.empty()) judges.receiver = possible(receiver);
  judges.channel_may_deny = !is_targeted_command(command) && named_users(command.channel).empty();
  return judges;
}

}  // namespace jindou::partition::simulation
