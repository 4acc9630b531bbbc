// Who receives one message: the answer of the core to whoever delivers it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/uid_set.h"

namespace jindou::partition {

// Who receives one message. The union of `subscribers` and `listed`, without `excluded`; a uid may
// be in both and still receives once. Unless users are listed, sessions that have subscribed for
// themselves receive it as well (allows_session_subscriptions), `excluded` users excepted. Sets are
// immutable snapshots shared with the core.
struct Recipients {
  std::shared_ptr<const UidSet> subscribers;  // may be null
  std::vector<std::string> listed;            // e.g. the two users of a person channel
  std::shared_ptr<const UidSet> excluded;     // may be null: the channel's denylist
};

}  // namespace jindou::partition
