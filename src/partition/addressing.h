// Which log a message is stored in, and which partition that is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/message.h"
#include "model/partition_map.h"

namespace jindou::partition {

// True for a command to a list of users (sync_once and subscribers), which has no source channel.
bool is_targeted_command(const SendCommand& command);

// The log of the message: the channel itself; its command log for sync_once; for a targeted command
// a log of its own, named by the FNV-1a hash of the users, or the online-only channel if it is not
// to be stored.
ChannelKey log_of(const SendCommand& command);

// The same of a message that was stored.
ChannelKey log_of(const Message& message);

// How a change of command positions names the log of a stored command: the source channel, or a
// targeted command's own log. Empty id: nobody has a position in it (temporary channels).
ChannelKey position_channel_of(const Message& command);

// The one person whom the message is for, other than its sender, and whose inbox has a say in it:
// the other half of a pair, the only user that it lists, of a list of several or none the visitor
// of a channel. Empty when there is none. A view into the command.
std::string_view receiver_of(const SendCommand& command);

// True for a message to a pair that lists a user who is neither of the two.
bool lists_outsider(const SendCommand& command);

// The users that the id of a channel names: both of a pair, a visitor.
std::vector<std::string> named_users(const ChannelKey& channel);

// True for the types whose messages also go to sessions that have asked for them (SUB), for as long
// as these are connected: public information, data and live channels.
constexpr bool allows_session_subscriptions(ChannelType type) {
  return type == ChannelType::info || type == ChannelType::data || type == ChannelType::live;
}

PartitionId partition_of(const SendCommand& command, const PartitionMap& map);

}  // namespace jindou::partition
