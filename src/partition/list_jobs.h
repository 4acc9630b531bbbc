// Changes of lists that are too long for one commit: a group of 100,000 is dissolved, or gets other
// members, while others go on sending (docs/decisions/0016).
//
// First the list as it is to be is gathered, and the uids recorded. Then comes the decision, in one
// commit: a record that says what the list is to become; the memory of the partition, which the
// rules and the fan-out ask, follows at once. Then the rows of members and conversations follow in
// slices (list_slices.h). After a crash load_unfinished() finds the record and the job goes on.
// Whoever asked for the change is told when the last slice is durable; further changes of the same
// lists wait.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "partition/channel_cache.h"
#include "partition/list_commands.h"
#include "partition/list_job.h"
#include "partition/list_slices.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/list_change.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class ListJobs {
 public:
  using Done = std::function<void(Result<void>)>;

  struct Deps {
    store::PartitionReader reader;
    const Clock& clock;
  };
  // Borrows all of them.
  ListJobs(const Deps& deps, const ListLimits& limits, ChannelCache& channels, ListSlices& slices);

  // Whether a change is too long for one commit. Errors: storage.
  Result<bool> needs_slices(const CachedChannel& channel, MemberList list,
                            ChangeMembers::Operation operation,
                            const std::vector<std::string>& uids) const;
  Result<bool> needs_slices_to_dissolve(const CachedChannel& channel) const;

  // Both make a job of the change being evaluated, which is told when it is finished. `flags`: set
  // with the decision; may be null. Errors: storage.
  Result<void> begin(CachedChannel& channel, MemberList list, ChangeMembers::Operation operation,
                     const std::vector<std::string>& uids, const ChannelFlags* flags, Txn& txn);
  void begin_dissolving(CachedChannel& channel, Txn& txn);

  bool any() const { return !jobs_.empty(); }
  bool runs_for(const ChannelKey& channel) const { return jobs_.contains(channel); }
  // True when a job of the same channel runs, behind which the command was put.
  template <class Command>
  bool waits_for(Command& command, Done& done) {
    const auto it = jobs_.find(command.channel);
    if (it == jobs_.end()) return false;
    it->second->waiting.push_back({ListCommand(std::move(command)), std::move(done)});
    return true;
  }

  // Tells of those whose last commit is durable; returns the changes that waited for them.
  std::vector<WaitingListCommand> finish();
  // Whether there is a job whose turn it is.
  bool can_advance() const { return find_next() != nullptr; }
  // One step of it. After a step that could not be read it waits, and whoever asked is told so.
  void advance(Txn& txn);

  // What was under way when the partition was left. Errors: storage.
  using Unfinished = std::vector<std::pair<ChannelKey, std::optional<store::ListChange>>>;
  Result<Unfinished> load_unfinished() const;
  // Goes on with it, when nothing is under way. Errors: storage.
  Result<void> resume(Unfinished unfinished, Txn& txn);
  void describe(StateLines& lines) const;
  // Tells those who wait; what was decided goes on when it is resumed. Changes that wait for others
  // are refused as `waiting`.
  void abandon(Errc waiting);

 private:
  using Jobs = boost::unordered_flat_map<ChannelKey, std::unique_ptr<ListJob>, ChannelKeyHash>;

  Result<bool> has_more_members(const CachedChannel& channel, MemberList list,
                                std::size_t limit) const;
  // Errors: storage.
  Result<void> load_lists(CachedChannel& channel, const store::ListChange& change);
  ListJob& start(std::unique_ptr<ListJob> job, Txn& txn);
  // One step towards the list that is to be; true when it is complete.
  bool gather(ListJob& job, Txn& txn);
  void decide(ListJob& job, Txn& txn);
  // Lists in memory become what was decided.
  void show_decided(ListJob& job, Txn& txn);
  ListJob* find_next() const;
  Result<void> advance(ListJob& job, Txn& txn);
  Result<void> resume(const ChannelKey& key, store::ListChange change, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  ListLimits limits_;
  ChannelCache& channels_;
  ListSlices& slices_;
  Jobs jobs_;
  std::uint64_t turn_ = 0;
};

}  // namespace jindou::partition
