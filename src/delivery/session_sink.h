// What fan-out needs of a live session. The gateway implements it.
#pragma once

#include <memory>
#include <string_view>

#include "codec/wkproto_crypto.h"
#include "delivery/wire_forms.h"
#include "model/ids.h"
#include "model/message.h"

namespace jindou::delivery {

// One message on its way to one session. Everything is borrowed for the call; a session that wants
// to send the message again later copies the shared pointer.
struct Delivery {
  const std::shared_ptr<const Message>& message;
  MessageForms& forms;
  codec::Receiver receiver;
};

// Lives on one io shard; every call comes on that shard's thread.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  virtual SessionId session_id() const = 0;
  // Constant while the sink is in the index.
  virtual std::string_view uid() const = 0;
  // Queues one message in the form that its client reads, encrypted if need be. False when there is
  // no such form. The session may remove itself from the index during the call, but stays alive
  // until the call has returned.
  virtual bool deliver(const Delivery& delivery) = 0;
  // True when the client understands events; the others would take one for broken input.
  virtual bool takes_events() const = 0;
  // Queues an event, which is neither encrypted nor acknowledged nor sent again. Only when
  // takes_events(). The same rules as for deliver().
  virtual bool deliver_event(EventForms& forms) = 0;
  // No more messages for this session at the moment: a good time to write what has been queued.
  virtual void end_deliveries() = 0;
  // Ends the session, because messages for it had to be dropped: its client comes back and fetches
  // what it missed. The same rules as for deliver().
  virtual void cut_for_overflow() = 0;
};

}  // namespace jindou::delivery
