#include "partition/lists.h"

#include <utility>

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using Operation = ChangeMembers::Operation;

constexpr MemberList kLists[] = {MemberList::subscribers, MemberList::denylist,
                                 MemberList::allowlist};

// A person's lists are those of an inbox, which is no conversation.
bool lists_have_conversations(ChannelType type) {
  return type != ChannelType::person && has_conversations(type);
}

}  // namespace

Result<void> Lists::evaluate(const UpsertChannel& command, Txn& txn) {
  JD_TRY(CachedChannel * channel, channels_.load(command.channel));
  const bool stays = command.flags.disband ? command.subscribers.empty() : command.revives;
  if (!stays) JD_RETURN_IF_ERROR(check_not_disbanded(*channel));
  const bool lists = command.reset_subscribers || !command.subscribers.empty();
  const Operation operation = command.reset_subscribers ? Operation::replace : Operation::add;
  JD_TRY(const bool long_change, lists ? jobs_.needs_slices(*channel, MemberList::subscribers,
                                                            operation, command.subscribers)
                                       : Result<bool>(false));
  if (long_change) {
    return jobs_.begin(*channel, MemberList::subscribers, operation, command.subscribers,
                       &command.flags, txn);
  }
  if (lists) {
    JD_RETURN_IF_ERROR(
        prepare_change(*channel, MemberList::subscribers, operation, command.subscribers, txn));
  }
  channels_.set_flags(*channel, command.flags, txn);
  channels_.put_record(*channel, txn);
  if (lists) change(*channel, MemberList::subscribers, operation, command.subscribers, txn);
  return {};
}

Result<void> Lists::evaluate(const ChangeMembers& command, Txn& txn) {
  JD_TRY(CachedChannel * channel, channels_.load(command.channel));
  // An inbox with `disband` is that of a banned user, not a channel that is gone.
  const bool adds = command.operation != Operation::remove && !command.uids.empty();
  if (adds && command.channel.type != ChannelType::person) {
    JD_RETURN_IF_ERROR(check_not_disbanded(*channel));
  }
  JD_TRY(const bool long_change,
         jobs_.needs_slices(*channel, command.list, command.operation, command.uids));
  if (long_change && (channel->exists || command.operation != Operation::remove)) {
    return jobs_.begin(*channel, command.list, command.operation, command.uids, nullptr, txn);
  }
  JD_RETURN_IF_ERROR(prepare_change(*channel, command.list, command.operation, command.uids, txn));
  if (!channel->exists) {
    if (command.operation == Operation::remove) return {};
    channels_.put_record(*channel, txn);
  }
  change(*channel, command.list, command.operation, command.uids, txn);
  return {};
}

Result<void> Lists::evaluate(const DeleteChannel& command, Txn& txn) {
  JD_TRY(CachedChannel * channel, channels_.load(command.channel));
  JD_TRY(CachedChannel * commands, channels_.load(store::command_log_of(command.channel)));
  JD_TRY(const bool long_change, jobs_.needs_slices_to_dissolve(*channel));
  if (!long_change) {
    for (const MemberList list : kLists)
      JD_RETURN_IF_ERROR(channels_.load_list_for_change(*channel, list));
  }
  JD_TRY(const MessageLog::Clearing messages, log_.prepare_clearing(*channel, channel->last_seq));
  JD_TRY(const MessageLog::Clearing of_commands,
         log_.prepare_clearing(*commands, commands->last_seq));
  log_.clear(messages, txn);
  log_.clear(of_commands, txn);
  ChannelFlags flags = channel->record.flags;
  flags.disband = true;
  channels_.set_flags(*channel, flags, txn);
  // Whoever brings the channel back begins with the defaults; set_flags() has remembered all of it.
  channel->record.retention_seconds.reset();
  channel->record.retention_count.reset();
  if (long_change) {
    jobs_.begin_dissolving(*channel, txn);
    return {};
  }
  channels_.put_record(*channel, txn);
  for (const MemberList list : kLists) {
    const auto gone = channels_.change_members(*channel, list, Operation::replace, {}, txn);
    if (list != MemberList::subscribers || !has_conversations(channel->key.type)) continue;
    for (const auto& uid : gone.removed) conversations_.erase(*channel, uid, txn);
  }
  return {};
}

Result<void> Lists::prepare_change(CachedChannel& channel, MemberList list, Operation operation,
                                   const std::vector<std::string>& uids, Txn& txn) {
  JD_TRY(const UidSet* set, channels_.load_list_for_change(channel, list));
  JD_RETURN_IF_ERROR(channels_.load_list(channel, MemberList::subscribers));
  JD_RETURN_IF_ERROR(channels_.load_list(channel, MemberList::denylist));
  JD_RETURN_IF_ERROR(channels_.load(store::command_log_of(channel.key)));
  // Conversations that are loaded stay until all of it was looked at.
  channels_.touch(channel, txn);
  if (!lists_have_conversations(channel.key.type) || list == MemberList::allowlist) return {};
  if (list == MemberList::subscribers) {
    // Who joins may have one already.
    for (const auto& uid : uids) {
      if (operation == Operation::remove || set->contains(uid)) continue;
      JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
    }
    return {};
  }
  // Whoever may be readmitted may have a row. Who is denied loses a conversation if there is a row;
  // a subscriber has one.
  const UidSet& subscribers = *channel.lists[static_cast<int>(MemberList::subscribers)];
  for (const auto& uid : uids) {
    if (operation != Operation::remove && subscribers.contains(uid)) continue;
    JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
  }
  if (operation == Operation::replace) {
    for (const auto& uid : *set) JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
  }
  return {};
}

void Lists::change(CachedChannel& channel, MemberList list, Operation operation,
                   const std::vector<std::string>& uids, Txn& txn) {
  const auto changed = channels_.change_members(channel, list, operation, uids, txn);
  if (!lists_have_conversations(channel.key.type)) return;
  if (list == MemberList::subscribers) {
    for (const auto& uid : changed.removed) conversations_.erase(channel, uid, txn);
    const CachedChannel* const commands = channels_.find(store::command_log_of(channel.key));
    JD_ASSERT(commands != nullptr);
    conversations_.join(channel, changed.added, {channel.last_seq, commands->last_seq}, txn);
    return;
  }
  if (list != MemberList::denylist) return;
  for (const auto& uid : changed.added) conversations_.erase(channel, uid, txn);
  std::vector<std::string> readmitted;
  for (const auto& uid : changed.removed) {
    if (Conversations::is_readmitted(channel, uid)) readmitted.push_back(uid);
  }
  conversations_.readmit(channel, readmitted, txn);
}

}  // namespace jindou::partition
