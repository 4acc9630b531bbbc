// How one user is shown a message (docs/wkproto.md, "person channels").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/wkproto_crypto.h"
#include "model/message.h"

namespace jindou::delivery {

// Borrows from the message.
struct ReceiverView {
  std::string_view from_uid;    // empty for the system account
  std::string_view channel_id;  // person channels: the other party
  codec::Receiver receiver = codec::Receiver::other;
};

// The view of the author's own devices, or of everybody else: no message has more than two.
ReceiverView view_for(const Message& message, codec::Receiver receiver);

// Whose view `uid` has.
inline codec::Receiver receiver_kind(const Message& message, std::string_view uid) {
  return uid == message.from_uid ? codec::Receiver::author : codec::Receiver::other;
}

// True when author and others are shown the same names, so that one template serves both.
inline bool same_view_for_all(const Message& message) {
  return message.channel.type != ChannelType::person;
}

// Errors: too_large, for a message that no client could read.
Result<codec::RecvTemplate> make_frame(const Message& message, codec::Receiver receiver);

// Appends the `recv` notification of JSON-RPC.
void append_json_frame(std::string& out, const Message& message, codec::Receiver receiver);

}  // namespace jindou::delivery
