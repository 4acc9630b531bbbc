// A device that keeps a copy of its user's conversations and asks for what has
// changed since it asked last, as POST /conversation/sync answers it: whatever
// the clocks do, nothing may be missing from the copy.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "model/channel.h"
#include "store/reader.h"

namespace jindou::partition::simulation {

class SyncClient {
 public:
  explicit SyncClient(std::string uid) : uid_(std::move(uid)) {}

  // Asks; then names a channel in which the copy lacks something, or is empty.
  // Channels in which a change of a list is under way are left out. Errors:
  // storage.
  // `stable_ns`: what the horizons of all owners said before the reader is read.
  Result<std::string> sync(const store::Reader& reader, std::int64_t stable_ns,
                           std::uint16_t partitions);

 private:
  struct Shown {
    std::uint64_t last_seq = 0;
    std::string last_payload;  // which an edit or a recall changes
    std::uint64_t deleted_to = 0;
    std::uint64_t manual_count = 0;
    std::int64_t changed_at_ns = 0;
  };
  struct Everything {
    std::map<ChannelKey, Shown> shown;
    std::map<ChannelKey, std::int64_t> lost_at;
    std::int64_t dropped_to = 0;  // tombstones up to there may be missing
  };
  Result<Everything> load(const store::Reader& reader, std::uint16_t partitions) const;
  Result<Shown> load_shown(const store::Reader& reader, PartitionId partition,
                           const ChannelKey& channel, std::string_view row) const;
  void take(const Everything& all, std::int64_t stable_ns);

  std::string uid_;
  std::int64_t version_ = 0;
  std::map<ChannelKey, Shown> copy_;
};

}  // namespace jindou::partition::simulation
