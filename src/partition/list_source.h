// Lists and flags of channels that another system keeps (datasource.addr): where it has an answer,
// that goes before what is stored here.
//
// A partition's thread never waits for that system: what a send needs is fetched before the send is
// handed to its partition, and the partition only looks into memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/channel.h"
#include "model/uid_set.h"
#include "partition/list_commands.h"

namespace jindou::partition {

class ListSource {
 public:
  // Immutable snapshots.
  struct Lists {
    std::shared_ptr<const UidSet> subscribers;
    std::shared_ptr<const UidSet> denylist;
    std::shared_ptr<const UidSet> allowlist;
    std::optional<ChannelFlags> flags;  // empty: those stored here hold

    const std::shared_ptr<const UidSet>& list(MemberList which) const {
      switch (which) {
        case MemberList::subscribers: return subscribers;
        case MemberList::denylist: return denylist;
        case MemberList::allowlist: return allowlist;
      }
      return subscribers;
    }
  };

  virtual ~ListSource() = default;

  // False: nothing is asked, every look-up is empty. Asks the settings, so once for many messages.
  // Thread-safe.
  virtual bool enabled() const = 0;
  // What enabled() answered last: for each look-up. Thread-safe, costs nothing.
  virtual bool in_use() const { return enabled(); }

  // The lists of a channel; for a person of the inbox {uid, person}, and under the pair id the
  // denylist between the two (the other lists are empty); null when there is no answer in memory.
  // Who holds an answer keeps its channel from being forgotten. Thread-safe; does not block.
  virtual std::shared_ptr<const Lists> find(const ChannelKey& channel) const = 0;

  // The same for many, in their order, of those whose answer need not be asked for anew; null: ask
  // when_ready().
  virtual std::vector<std::shared_ptr<const Lists>> find_ready(
      const std::vector<ChannelKey>& channels) const {
    return std::vector<std::shared_ptr<const Lists>>(channels.size());
  }

  // Calls `go` once, when the lists of all these channels are in memory: at once on this thread if
  // they are, else on another. Of two calls that share a channel the first goes first. Errors given
  // to `go`: unavailable (no answer in time, and none from before), overloaded (too many wait).
  // Thread-safe; does not block.
  virtual void when_ready(std::vector<ChannelKey> channels,
                          std::function<void(Result<void>)> go) = 0;
};

}  // namespace jindou::partition
