// Who may send where: the rules of the send path, in their documented order (docs/api.md,
// "permissions"). The first rule that matches decides.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/inbox.h"
#include "model/message.h"
#include "partition/list_commands.h"

namespace jindou::partition {

// Which rules bind messages that come over HTTP (config api.sendCheck). Sockets are always strict.
enum class SendCheck : std::uint8_t {
  channel,  // the channel's own ban and disband only
  trusted,  // bans and denylists, but no membership: back ends post on behalf of non-members
  strict,   // every rule
};

// What the rules need to know about the channel and the users; answers lazily, because most rules
// are decided by the first few facts. Errors: storage.
class PermissionFacts {
 public:
  virtual ~PermissionFacts() = default;
  virtual bool is_system_account(std::string_view uid) const = 0;
  virtual const ChannelFlags& flags() const = 0;
  // False for a channel that was never set up, or that was deleted.
  virtual bool is_set_up() const = 0;
  // Of the sender, or of the one who receives it (receiver_of); null for a user without inbox
  // record. Not asked when the built-in account sends.
  virtual Result<std::shared_ptr<const Inbox>> inbox(std::string_view uid) = 0;
  virtual Result<bool> is_listed(MemberList list, std::string_view uid) = 0;
  virtual Result<bool> is_empty(MemberList list) = 0;
};

struct PermissionPolicy {
  SendCheck http_check = SendCheck::trusted;
  // A group without a record is refused to senders over HTTP, unless http_check is `channel`.
  bool http_group_must_exist = false;
  bool person_allowlist_enforced = false;  // !whitelistOffOfPerson
};

// Reason::success or the reason of the refusal; what the server says itself (Origin::server) is
// permitted. Errors: storage.
Result<Reason> check_send(const SendCommand& command, const PermissionPolicy& policy,
                          PermissionFacts& facts);

}  // namespace jindou::partition
