// A client's SEND, checked and turned into the core's command.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/random.h"
#include "codec/wkproto.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/reason.h"

namespace jindou::gateway {

struct Sender {
  std::string_view uid;
  SessionId session{};
  const CallerPtr& caller;
};

// The channel that a client means by `id`, or an empty id when it means none (reason 16).
//   person: the peer's uid, or the composed "a@b" with the sender as a half;
//   agent: the composed "a@b" with the sender as a half, or the agent's uid: "sender@agent";
//   others: the id itself.
ChannelKey resolve_channel(std::string_view id, ChannelType type, std::string_view sender);

// Fills the rest of `out`, whose payload is the frame's in plain text, and returns Reason::success,
// or says why the SEND is refused: 9 (payload or another field too large or not text, or an expire
// that is a Unix time), 16 (channel id), 23 (channel type 0). `random` makes a client_msg_no when
// the client gave none.
Reason make_command(const codec::Send& frame, const Sender& sender, std::size_t payload_bytes_max,
                    Random& random, SendCommand& out);

}  // namespace jindou::gateway
