#include "channel/addressing.h"

#include <string>
#include <vector>

#include "store/records.h"

namespace jindou::channel {

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

}  // namespace

bool is_targeted_command(const SendCommand& command) {
  return command.flags.sync_once && !command.subscribers.empty();
}

ChannelKey log_of(const SendCommand& command) {
  if (is_targeted_command(command)) {
    if (command.flags.no_persist) {
      return ChannelKey(std::string(kOnlineCommandChannel), ChannelType::temp);
    }
    return ChannelKey(std::to_string(fnv1a(command.subscribers)) + std::string(kCommandSuffix),
                      ChannelType::temp);
  }
  if (command.flags.sync_once && command.channel.type != ChannelType::temp) {
    return store::command_log_of(command.channel);
  }
  return command.channel;
}

PartitionId partition_of(const SendCommand& command, std::uint16_t partitions) {
  if (is_targeted_command(command)) return partition_for(log_of(command).id, partitions);
  return partition_for(command.channel.id, partitions);
}

}  // namespace jindou::channel
