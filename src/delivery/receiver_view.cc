#include "delivery/receiver_view.h"

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

}  // namespace jindou::delivery
