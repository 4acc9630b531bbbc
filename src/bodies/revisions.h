// The bodies of the calls that recall and edit a message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// A stored message as a caller names it: by its id, or by its channel and one of the others.
struct MessagePlace {
  std::uint64_t message_id = 0;
  std::string channel_id;
  ChannelType channel_type = ChannelType::none;
  std::string login_uid;
  std::uint64_t message_seq = 0;
  std::string client_msg_no;
};

// POST /message/recall.
struct RecallMessage {
  MessagePlace place;
  std::string operator_uid;
  static Fields<RecallMessage> fields();
};

// POST /message/edit.
struct EditMessage {
  MessagePlace place;
  std::string payload;
  std::optional<std::uint64_t> if_version;  // none: whatever it is
  std::string operator_uid;
  static Fields<EditMessage> fields();
};

// POST /batches/{id}/recall.
struct RecallBatch {
  std::string operator_uid;
  static Fields<RecallBatch> fields();
};

// POST /batches/{id}/edit.
struct EditBatch {
  std::string payload;
  std::string operator_uid;
  static Fields<EditBatch> fields();
};

std::span<const PathBody> revision_bodies();
std::span<const PathBody> batch_revision_bodies();

}  // namespace jindou::bodies
