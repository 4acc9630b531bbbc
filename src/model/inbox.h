// What users have to say about messages from and to them: their own inboxes, {uid, person}.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "model/channel.h"
#include "model/uid_set.h"

namespace jindou {

struct Inbox {
  ChannelFlags flags;
  UidSet denylist;
  UidSet allowlist;
};

// An inbox as it was when somebody looked.
struct SeenInbox {
  enum class State : std::uint8_t { unread, read, unreadable };
  State state = State::unread;
  Errc error = Errc::storage;          // why it is unreadable
  std::shared_ptr<const Inbox> inbox;  // when it was read; null: no flags, no lists
};

}  // namespace jindou
