#include "partition/addressing.h"

#include <algorithm>
#include <string>
#include <vector>

#include "store/records.h"

namespace jindou::partition {

namespace {

// FNV-1a, 64 bits: names the log of a stored command to a list of users (docs/wkproto.md).
std::uint64_t fnv1a(const std::vector<std::string>& uids) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&hash](char c) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  };
  for (std::size_t i = 0; i < uids.size(); ++i) {
    if (i > 0) mix(',');
    for (const char c : uids[i]) mix(c);
  }
  return hash;
}

// Of a customer service channel "visitor|group"; empty for another id.
std::string_view visitor_of(std::string_view id) {
  const auto bar = id.find('|');
  return bar == std::string_view::npos ? std::string_view() : id.substr(0, bar);
}

bool is_of_two(ChannelType type) {
  return type == ChannelType::person || type == ChannelType::agent;
}

// The only user of the list besides the sender; empty when there are several, or none.
std::string_view only_other(const std::vector<std::string>& listed, std::string_view sender) {
  std::string_view only;
  for (const std::string& uid : listed) {
    if (uid == sender || uid == only) continue;
    if (!only.empty()) return {};
    only = uid;
  }
  return only;
}

// The log of a stored command to a list of users.
ChannelKey targeted_log_of(const std::vector<std::string>& uids) {
  return ChannelKey(std::to_string(fnv1a(uids)) + std::string(kCommandSuffix), ChannelType::temp);
}

}  // namespace

bool is_targeted_command(const SendCommand& command) {
  return command.flags.sync_once && !command.subscribers.empty();
}

ChannelKey log_of(const SendCommand& command) {
  if (is_targeted_command(command)) {
    if (command.flags.no_persist) {
      return ChannelKey(std::string(kOnlineCommandChannel), ChannelType::temp);
    }
    return targeted_log_of(command.subscribers);
  }
  if (command.flags.sync_once && command.channel.type != ChannelType::temp) {
    return store::command_log_of(command.channel);
  }
  return command.channel;
}

ChannelKey log_of(const Message& message) {
  if (!message.flags.sync_once) return message.channel;
  ChannelKey named = position_channel_of(message);
  if (named.id.empty()) return message.channel;
  return named.id.ends_with(kCommandSuffix) ? named : store::command_log_of(named);
}

std::string_view receiver_of(const SendCommand& command) {
  const std::string_view id = command.channel.id;
  const bool targeted = is_targeted_command(command);
  if (targeted || !is_of_two(command.channel.type)) {
    const std::string_view listed = only_other(command.subscribers, command.from_uid);
    if (targeted || !listed.empty()) return listed;
  }
  std::string_view receiver;
  switch (command.channel.type) {
    case ChannelType::person:
    case ChannelType::agent: receiver = peer_in_pair(id, command.from_uid); break;
    case ChannelType::visitors: receiver = id; break;
    case ChannelType::customer_service: receiver = visitor_of(id); break;
    default: break;
  }
  return receiver == command.from_uid ? std::string_view() : receiver;
}

bool lists_outsider(const SendCommand& command) {
  if (is_targeted_command(command) || !is_of_two(command.channel.type)) return false;
  const auto halves = split_pair_id(command.channel.id);
  return std::ranges::any_of(command.subscribers, [&halves](const std::string& uid) {
    return uid != halves.first && uid != halves.second;
  });
}

std::vector<std::string> named_users(const ChannelKey& channel) {
  switch (channel.type) {
    case ChannelType::person:
    case ChannelType::agent: {
      const auto [first, second] = split_pair_id(channel.id);
      if (first == second) return {std::string(first)};
      return {std::string(first), std::string(second)};
    }
    case ChannelType::visitors: return {channel.id};
    case ChannelType::customer_service: {
      const auto visitor = visitor_of(channel.id);
      if (visitor.empty()) return {};
      return {std::string(visitor)};
    }
    default: return {};
  }
}

ChannelKey position_channel_of(const Message& command) {
  const bool temp = command.channel.type == ChannelType::temp;
  // A targeted command that named no channel is shown its log; that saves hashing a long list.
  if (temp && command.channel.id.ends_with(kCommandSuffix)) return command.channel;
  if (!command.subscribers.empty()) return targeted_log_of(command.subscribers);
  return temp ? ChannelKey() : command.channel;
}

PartitionId partition_of(const SendCommand& command, const PartitionMap& map) {
  if (is_targeted_command(command)) return map.of_channel(log_of(command));
  return map.of_channel(command.channel);
}

}  // namespace jindou::partition
