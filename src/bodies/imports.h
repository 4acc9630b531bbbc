// The body of the call that stores messages of another server.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bodies/field.h"
#include "model/channel.h"

namespace jindou::bodies {

// The message object of WuKongIM, as far as it counts here.
struct ImportedMessage {
  std::uint64_t message_id = 0;
  std::uint64_t message_seq = 0;
  std::string from_uid;  // empty: the system account
  std::string client_msg_no;
  std::uint64_t timestamp = 0;  // seconds
  struct Header {
    bool red_dot = false;
    static Fields<Header> fields();
  };
  Header header;
  std::uint64_t setting = 0;
  std::string topic;
  std::uint64_t expire = 0;  // seconds
  std::string payload;
  static Fields<ImportedMessage> fields();
};

// POST /import/messages.
struct ImportMessages {
  std::string channel_id;  // internal
  ChannelType channel_type = ChannelType::none;
  std::uint64_t after_seq = 0;
  std::uint64_t after_id = 0;
  std::vector<ImportedMessage> messages;
  static Fields<ImportMessages> fields();
};

std::span<const PathBody> import_bodies();

}  // namespace jindou::bodies
