#include "partition/intake_rights.h"

#include <algorithm>
#include <string>
#include <vector>

#include "partition/addressing.h"

namespace jindou::partition {

namespace {

SendResult refuse(SendResult::Cause cause) {
  SendResult result = SendResult::refuse(Reason::not_allow_send, Errc::denied);
  result.cause = cause;
  return result;
}

// The channel as a caller names it who sends as `uid`.
bool may_send_to(const ApiKey& key, std::string_view uid, const ChannelKey& channel) {
  const bool pair = channel.type == ChannelType::person || channel.type == ChannelType::agent;
  return key.may_send_to(channel.type, pair ? peer_in_pair(channel.id, uid) : channel.id);
}

}  // namespace

std::optional<SendResult> key_refusal(const ApiKey& key, std::string_view uid,
                                      const ChannelKey& channel) {
  if (!key.may_send_as(uid)) return refuse(SendResult::Cause::key_sender);
  if (!may_send_to(key, uid, channel)) return refuse(SendResult::Cause::key_channel);
  return std::nullopt;
}

std::optional<SendResult> key_refusal(const ApiKey& key, const SendCommand& command) {
  // Users who are reached by the channel itself, listed or not.
  std::vector<std::string> reached;
  if (is_targeted_command(command)) {
    if (!key.may_send_as(command.from_uid)) return refuse(SendResult::Cause::key_sender);
  } else {
    if (auto why = key_refusal(key, command.from_uid, command.channel)) return why;
    if (command.subscribers.empty()) return std::nullopt;
    reached = named_users(command.channel);
    reached.push_back(command.from_uid);
  }
  // Others are reached by the list, whoever is in the channel.
  const bool all = std::ranges::all_of(command.subscribers, [&](const std::string& uid) {
    return key.may_send_to(ChannelType::person, uid) ||
           std::ranges::find(reached, uid) != reached.end();
  });
  if (!all) return refuse(SendResult::Cause::key_channel);
  return std::nullopt;
}

std::string_view key_refusal_cause(const SendResult& refusal) {
  return refusal.cause == SendResult::Cause::key_sender ? "sender" : "channel";
}

void RightsStage::examine(IntakeTurn& turn) {
  const CallerPtr& caller = turn.caller();
  if (caller == nullptr || caller->key == nullptr || !caller->key->is_bound()) return;
  const ApiKey& key = *caller->key;
  const std::vector<SendCommand>& commands = turn.commands();
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (!turn.is_open(item)) continue;
    const auto why = key_refusal(key, commands[item]);
    if (!why) continue;
    turn.refuse(item, *why);
    if (metrics_ != nullptr) metrics_->key_refusals.with(key_refusal_cause(*why)).Increment();
  }
}

}  // namespace jindou::partition
