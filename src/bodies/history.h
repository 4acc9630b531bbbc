// The bodies of the calls that read messages and commands.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// A range of a channel's messages.
struct Range {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::uint64_t start_message_seq = 0;
  std::uint64_t end_message_seq = 0;
  std::uint64_t limit = 0;
  std::uint64_t pull_mode = 0;
  std::string event_summary_mode;
  std::string problem;  // of an entry of POST /channel/messagesyncbatch; no member
  static Fields<Range> fields();
};

// POST /channel/messagesync.
struct MessageSync {
  std::string login_uid;
  Range range;
  static Fields<MessageSync> fields();
};

// POST /channel/messagesyncbatch. A range that is malformed says so and does not harm the others.
struct MessageSyncBatch {
  std::string login_uid;
  std::vector<Range> items;
  static Fields<MessageSyncBatch> fields();
};

// POST /messages.
struct LookUpMessages {
  std::vector<std::uint64_t> message_ids;
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string login_uid;
  std::vector<std::uint64_t> message_seqs;
  std::vector<std::string> client_msg_nos;
  static Fields<LookUpMessages> fields();
};

// POST /message.
struct LookUpMessage {
  std::uint64_t message_id = 0;
  std::string client_msg_no;
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string login_uid;
  static Fields<LookUpMessage> fields();
};

// POST /message/sync.
struct CommandSync {
  std::string uid;
  std::uint64_t limit = 0;
  static Fields<CommandSync> fields();
};

// POST /message/syncack.
struct CommandSyncAck {
  std::string uid;
  static Fields<CommandSyncAck> fields();
};

// POST /message/cmd/bind and /message/cmd/unbind.
struct CommandBinding {
  std::string uid;
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  static Fields<CommandBinding> fields();
};

std::span<const PathBody> range_bodies();
std::span<const PathBody> range_batch_bodies();
std::span<const PathBody> look_up_bodies();
std::span<const PathBody> command_bodies();

}  // namespace jindou::bodies
