// Which sessions want the messages of a channel for as long as they are connected (SUB), beside the
// channel's subscribers.
//
// Nothing of this is stored, and nobody else is told: it belongs to the session, which takes back
// what it has added before it leaves the fan-out. Lives on one shard; not thread-safe.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <vector>

#include "delivery/sink_handle.h"
#include "model/channel.h"

namespace jindou::delivery {

class SessionSubscriptions {
 public:
  // Adding what is there, or removing what is not, has no effect.
  void add(const ChannelKey& channel, SinkHandle session) { channels_[channel].insert(session); }
  void remove(const ChannelKey& channel, SinkHandle session) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    found->second.erase(session);
    if (found->second.empty()) channels_.erase(found);
  }

  std::size_t count(const ChannelKey& channel) const {
    const auto found = channels_.find(channel);
    return found == channels_.end() ? 0 : found->second.size();
  }
  // Appends the sessions of a channel, each once. O(their number).
  void append_to(const ChannelKey& channel, std::vector<SinkHandle>& out) const {
    const auto found = channels_.find(channel);
    if (found != channels_.end()) out.insert(out.end(), found->second.begin(), found->second.end());
  }

 private:
  struct HandleHash {
    std::size_t operator()(SinkHandle handle) const noexcept {
      // Slots and generations are small numbers: spread them.
      return static_cast<std::size_t>(((std::uint64_t{handle.generation} << 32) | handle.slot) *
                                      0x9e3779b97f4a7c15ULL);
    }
  };
  boost::unordered_flat_map<ChannelKey, boost::unordered_flat_set<SinkHandle, HandleHash>,
                            ChannelKeyHash>
      channels_;
};

}  // namespace jindou::delivery
