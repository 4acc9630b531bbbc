// A store for simulations: an ordered map in memory with a commit log whose
// syncs, losses and failures a simulation decides. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partition/simulation/batch_rows.h"
#include "store/bulk_loader.h"
#include "store/commit_log.h"
#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::partition::simulation {

class MemoryStore final : public store::MemoryReader,
                          public store::CommitLog,
                          public store::BulkLoader {
 public:
  // At once: what earlier openings have pending fails with not_owner when its turn comes.
  void open(PartitionId partition, Opened done) override;
  void append(store::Commit commit) override;
  void append_all(std::vector<store::Commit> commits) override;
  void close(PartitionId partition, std::uint64_t opening) override;
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override;

  Result<void> erase(store::Table table, const Entries& seen) override {
    for (const auto& [key, value] : seen) erase_seen(table, key, value);
    return {};
  }

  // Commits that are made all or none count as one, here and below.
  // Of the pending commits, rows but for the states of partitions.
  std::size_t pending_rows() const { return count_rows(commits_); }

  // What is applied is applied to `follower`, too, as a node does that may take
  // over; null: nobody follows. The follower's own tables stay empty: they are
  // not in the commits.
  void follow_with(store::MemoryReader* follower) { follower_ = follower; }
  // This node is gone: everything is as the follower has it, and nothing is
  // pending.
  void take_over(const store::MemoryReader& follower);

  // A fault to see whether it is found: every third write of rows of that kind
  // is lost.
  void lose_writes_of(store::KeyKind kind) { losing_ = kind; }

  std::size_t pending_commits() const { return commits_.size(); }
  // Of the commit that was appended last, and of the largest one.
  std::size_t last_commit_bytes() const { return last_commit_bytes_; }
  std::size_t largest_commit_bytes() const { return largest_commit_bytes_; }
  // Of any commit.
  std::uint32_t most_messages() const { return most_messages_; }
  std::size_t pending_loads() const { return loads_.size(); }

  // Makes the oldest commit durable and says so.
  void commit_one();
  // The oldest commit fails with an unknown outcome; `applied` decides whether
  // it was written all the same. Those behind it are refused, then the log
  // works again.
  void fail_one(bool applied);
  // Finishes the oldest load, well or badly.
  void finish_load(bool well);
  // The power goes: the first `survivors` pending commits had reached the disk,
  // nobody hears of it; everything else pending is gone.
  void power_cut(std::size_t survivors);

 private:
  struct Load {
    store::Table table;
    Entries entries;
    std::function<void(Result<void>)> done;
  };

  bool is_open(const store::Commit& commit) const;
  bool expectations_hold(const std::vector<store::Commit>& together) const;
  // What it fails with when it cannot be made.
  Errc refusal_of(const store::Commit& commit) const;
  void refuse(const std::vector<store::Commit>& together) const;
  void apply(std::vector<store::Commit>& together);

  store::MemoryReader* follower_ = nullptr;
  std::optional<store::KeyKind> losing_;
  std::uint64_t writes_of_lost_ = 0;
  std::map<PartitionId, std::uint64_t> positions_;
  std::map<PartitionId, std::uint64_t> openings_;  // in force
  std::uint64_t last_opening_ = 0;
  PendingCommits commits_;
  std::deque<Load> loads_;
  std::size_t last_commit_bytes_ = 0;
  std::size_t largest_commit_bytes_ = 0;
  std::uint32_t most_messages_ = 0;
};

}  // namespace jindou::partition::simulation
