// The bodies of the calls that delete messages and say how long they are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// A channel as one user names it.
struct ChannelPlace {
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string login_uid;
};

// POST /message/delete.
struct DeleteMessages {
  ChannelPlace place;
  std::uint64_t message_id = 0;
  std::vector<std::uint64_t> message_ids;
  std::vector<std::uint64_t> message_seqs;
  static Fields<DeleteMessages> fields();
};

// POST /channel/clear_messages.
struct ClearMessages {
  ChannelPlace place;
  std::uint64_t message_seq = 0;  // 0: all
  static Fields<ClearMessages> fields();
};

// POST /channel/retention. None: the configured limit.
struct ChannelRetention {
  ChannelPlace place;
  std::optional<std::uint64_t> max_age;  // seconds
  std::optional<std::uint64_t> max_count;
  static Fields<ChannelRetention> fields();
};

std::span<const PathBody> retention_bodies();

}  // namespace jindou::bodies
