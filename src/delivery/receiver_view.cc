#include "delivery/receiver_view.h"

#include "codec/json_rpc.h"

namespace jindou::delivery {

ReceiverView view_for(const Message& message, codec::Receiver receiver) {
  ReceiverView view;
  view.receiver = receiver;
  view.from_uid = message.from_uid == kSystemUid ? std::string_view() : message.from_uid;
  if (message.channel.type != ChannelType::person) {
    view.channel_id = message.channel.id;
  } else if (receiver == codec::Receiver::author) {
    view.channel_id = peer_in_pair(message.channel.id, message.from_uid);
  } else {
    view.channel_id = view.from_uid;
  }
  return view;
}

Result<codec::RecvTemplate> make_frame(const Message& message, codec::Receiver receiver) {
  const ReceiverView view = view_for(message, receiver);
  return codec::RecvTemplate::make(
      codec::recv_fields(message, view.from_uid, view.channel_id, message.channel.type));
}

void append_json_frame(std::string& out, const Message& message, codec::Receiver receiver) {
  const ReceiverView view = view_for(message, receiver);
  codec::Recv recv =
      codec::recv_fields(message, view.from_uid, view.channel_id, message.channel.type);
  // Nobody's own message counts as unread.
  if (receiver == codec::Receiver::author) {
    recv.flags = static_cast<std::uint8_t>(recv.flags & ~codec::kFlagRedDot);
  }
  codec::json_rpc::append_recv(out, recv);
}

}  // namespace jindou::delivery
