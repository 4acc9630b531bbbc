// One message, or one event, in the forms in which clients are sent it. Each form is made when the
// first session asks for it and shared by all others: what is left to do per session is, on WKProto
// alone, the encryption. Not thread-safe; each shard has its own.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "codec/wkproto_crypto.h"
#include "model/message.h"
#include "model/message_event.h"

namespace jindou::delivery {

class MessageForms {
 public:
  // Borrows the message.
  explicit MessageForms(const Message& message) : message_(&message) {}

  // The RECV frame as this receiver sees it, without encryption. Null for a message that fits no
  // frame, which is logged once.
  const codec::RecvTemplate* wkproto(codec::Receiver receiver);
  // The whole `recv` notification of JSON-RPC.
  std::string_view json(codec::Receiver receiver);

 private:
  static std::size_t index(codec::Receiver receiver) {
    return receiver == codec::Receiver::author ? 1 : 0;
  }

  const Message* message_;
  std::array<std::optional<codec::RecvTemplate>, 2> wkproto_;  // by receiver
  std::array<std::string, 2> json_;                            // by receiver; empty: not made
  bool unreadable_ = false;
};

class EventForms {
 public:
  // For whoever knows the event's channel as `channel_id`. Borrows both.
  EventForms(const MessageEvent& event, std::string_view channel_id)
      : event_(&event), channel_id_(channel_id) {}

  std::string_view channel_id() const { return channel_id_; }
  // The EVENT frame; empty for an event that fits none, which is logged once.
  std::string_view wkproto();
  // The `event` notification of JSON-RPC.
  std::string_view json();

 private:
  const MessageEvent* event_;
  std::string_view channel_id_;
  std::string wkproto_;
  std::string json_;
  bool unreadable_ = false;
};

}  // namespace jindou::delivery
