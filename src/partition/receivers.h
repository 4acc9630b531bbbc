// Who receives what is sent to a channel: by its id, by its stored lists, or by those that another
// system keeps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "partition/channel_cache.h"
#include "partition/list_source.h"
#include "partition/recipients.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Receivers {
 public:
  // Borrows both; `lists` may be null.
  Receivers(ChannelCache& channels, const ListSource* lists) : channels_(channels), lists_(lists) {}

  // Lists of the other system, which go before the stored ones; null when it has none.
  std::shared_ptr<const ListSource::Lists> sourced(const ChannelKey& channel) const;
  // The channel of an agent and a user has one id, made by whoever of the two wrote first.
  // Errors: storage.
  Result<void> resolve_agent_channel(ChannelKey& channel);
  // Of a message to the channel that lists those receivers, or nobody in particular.
  // Errors: storage.
  Result<Recipients> of(CachedChannel& channel, const std::vector<std::string>& listed);

 private:
  ChannelCache& channels_;
  const ListSource* lists_;
};

}  // namespace jindou::partition
