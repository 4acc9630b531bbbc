// The device tokens of a partition's users.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "partition/channel_cache.h"
#include "partition/recent_rows.h"
#include "partition/state_lines.h"
#include "partition/token_commands.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Tokens {
 public:
  // Borrows `channels`, which has the users' own inboxes.
  Tokens(store::PartitionReader reader, ChannelCache& channels);

  // Errors: as the command says, storage.
  Result<void> evaluate(const StoreToken& command, Txn& txn);
  Result<void> evaluate(const ClearTokens& command, Txn& txn);

  // Forgets what the store tells when commits up to the position `durable` are in it.
  void trim(std::uint64_t durable) { recent_.trim(durable); }
  void describe(StateLines& lines) const;
  // Forgets everything; the store tells again.
  void clear() { recent_.clear(); }

 private:
  // The tokens of a user by key, those made worthless included.
  using Stored = std::vector<std::pair<std::string, store::TokenRecord>>;
  Result<Stored> load(std::string_view uid) const;
  // Whether the user may not log in. Errors: storage.
  Result<bool> is_banned(const std::string& uid) const;
  void put(const std::string& key, const store::TokenRecord& record, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  ChannelCache& channels_;
  RecentRows<store::TokenRecord> recent_;
};

}  // namespace jindou::partition
