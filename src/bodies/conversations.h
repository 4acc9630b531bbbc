// The bodies of the calls about a user's conversations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// POST /conversation/sync.
struct ConversationSync {
  std::string uid;
  std::uint64_t version = 0;
  std::string last_msg_seqs;
  std::uint64_t msg_count = 0;
  bool only_unread = false;
  bool with_deleted = false;
  std::vector<std::uint8_t> exclude_channel_types;
  std::uint64_t page = 0;
  std::uint64_t page_size = 0;
  static Fields<ConversationSync> fields();
};

// What needs no more than a user, such as POST /conversation/channels.
struct OneUser {
  std::string uid;
  static Fields<OneUser> fields();
};

// An entry of a list of channels.
struct NamedChannel {
  std::string channel_id;  // as the user is shown it
  ChannelType channel_type = ChannelType::none;
  static Fields<NamedChannel> fields();
};

// The same, and from which message on.
struct ChannelFrom {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::uint64_t last_msg_seq = 0;
  static Fields<ChannelFrom> fields();
};

// POST /conversation/syncMessages.
struct SyncMessages {
  std::string uid;
  std::vector<ChannelFrom> channels;
  std::uint64_t msg_count = 0;
  bool order_by_last = false;
  static Fields<SyncMessages> fields();
};

// POST /conversation/syncByChannels.
struct SyncByChannels {
  std::string uid;
  std::vector<NamedChannel> channels;
  std::uint64_t msg_count = 0;
  static Fields<SyncByChannels> fields();
};

// One conversation of a user.
struct UserChannel {
  std::string uid;
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  static Fields<UserChannel> fields();
};

// POST /conversations/clearUnread.
struct ClearUnread {
  UserChannel conversation;
  std::uint64_t message_seq = 0;  // 0: all
  static Fields<ClearUnread> fields();
};

// POST /conversations/setUnread.
struct SetUnread {
  UserChannel conversation;
  std::uint64_t unread = 0;
  static Fields<SetUnread> fields();
};

// POST /conversation/list.
struct ConversationList {
  std::string uid;
  std::string cursor;
  std::uint64_t limit = 0;
  std::uint64_t completed_coverage = 0;  // nanoseconds
  static Fields<ConversationList> fields();
};

// POST /conversation/retry.
struct ConversationRetry {
  std::string uid;
  std::vector<NamedChannel> channels;
  static Fields<ConversationRetry> fields();
};

std::span<const PathBody> conversation_sync_bodies();
std::span<const PathBody> conversation_list_bodies();
std::span<const PathBody> conversation_bodies();

}  // namespace jindou::bodies
