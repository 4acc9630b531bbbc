// What the inboxes of users may be, and by which of these a message may have been judged: what was
// acknowledged when it was sent holds for it.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/message.h"
#include "partition/change.h"
#include "partition/simulation/possible.h"

namespace jindou::partition::simulation {

struct InboxState {
  bool send_ban = false;
  std::set<std::string> denied;
  auto operator<=>(const InboxState&) const = default;
};

// Of one message, as it is sent.
struct Judges {
  std::string from_uid;
  std::set<InboxState> sender;
  std::set<InboxState> receiver;  // empty: there is none
  // Nothing is asked of system accounts; known when the message is evaluated.
  bool sender_is_system = false;
  bool receiver_is_system = false;
  bool channel_may_deny = false;  // the channel has a denylist of its own
  bool waited = false;            // behind a transaction: then they are not

  bool allow(const SendResult& result) const;
};

class InboxModel {
 public:
  // A change is asked for, of whatever kind.
  void begin(const Change& change, const SharedOutcome& outcome);
  Judges judges_of(const SendCommand& command) const;
  bool allows(const std::string& uid, const InboxState& state) const {
    return possible(uid).contains(state);
  }
  // As Possible has it.
  void settle(const std::string& uid, InboxState state) { inboxes_[uid].settle(std::move(state)); }

 private:
  std::set<InboxState> possible(const std::string& uid) const;

  std::map<std::string, Possible<InboxState>> inboxes_;
};

}  // namespace jindou::partition::simulation
