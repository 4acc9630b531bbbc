// The commit log of one machine: RocksDB with a synced WAL.
//
// One thread takes everything that is waiting, writes it and syncs once (group commit); what is
// appended while it writes is written too, up to kGroupBytesMax, and what is appended while it
// syncs is the next group. A commit's batch reaches the memtable before the sync, so a reader may
// see a message a moment before it is acknowledged, never the other way round.
//
// After an error the store is closed and opened again. What readers may have seen by then must not
// come back as something else: batches that reached the memtable are kept, and those of them that
// the reopened store does not have are written once more before anything new is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/commit_log.h"
#include "store/database.h"
#include "store/store_recovery.h"

namespace jindou::store {

// One synced group, for metrics.
struct CommitStats {
  std::uint32_t commits = 0;
  std::uint32_t messages = 0;
  std::chrono::nanoseconds write{};  // into WAL buffer and memtable
  std::chrono::nanoseconds sync{};
  bool durable = false;
};

class EmbeddedCommitLog final : public CommitLog {
 public:
  // Borrows `database`. `observe` is called on the log's thread after each group, `prepare_thread`
  // there before the first one; either may be empty.
  EmbeddedCommitLog(Database& database, std::function<void(const CommitStats&)> observe,
                    std::function<void()> prepare_thread = {});
  // Finishes what was appended, then stops.
  ~EmbeddedCommitLog() override;
  EmbeddedCommitLog(const EmbeddedCommitLog&) = delete;
  EmbeddedCommitLog& operator=(const EmbeddedCommitLog&) = delete;

  // Reads the positions of all partitions. Call once before anything else. Errors: storage.
  Result<void> open();
  // Of one partition, which this process alone can have: the store lets nobody else in.
  void open(PartitionId partition, Opened done) override;

  // `forget` is called on the log's thread each time the store was opened again, before it takes
  // the next commit. A commit that failed may be in the store after all, though nobody was told so:
  // whoever remembers what he read has to read again. Call before the readers start.
  void on_reopened(std::function<void()> forget);

  // The queue is bounded by the partitions: each has a fixed number of commits in flight.
  void append(Commit commit) override;
  // One write batch: a crash leaves all of them or none.
  void append_all(std::vector<Commit> commits) override;
  void close(PartitionId partition, std::uint64_t opening) override;
  bool is_certain() const override { return certain_.load(std::memory_order_acquire); }

  // Empty while commits succeed; else what the operator should know. After a failure the log
  // refuses everything (`unavailable`) while the store is opened again (store_recovery.h).
  // Thread-safe.
  std::string trouble() const;

  // Finishes what was appended and stops the thread; later appends fail. Idempotent.
  void stop();

 private:
  struct Queued {
    Commit commit;
    // So many, from this one on, are made all or none; 0: it belongs to one before it.
    std::uint32_t together = 1;
  };
  enum class Fate : std::uint8_t { refused, not_owner, nothing_to_write, written };
  // Of commits that failed although their batch is in the memtable, where readers see it.
  struct Place {
    PartitionId partition{};
    std::uint64_t expected_position = 0;
  };
  struct Suspect {
    std::vector<Place> places;  // several: of commits that are made all or none
    rocksdb::WriteBatch batch;
  };

  // Written one after another, synced at once. Each commit's fate stands at its own place.
  struct Group {
    std::vector<Queued> commits;
    std::vector<Fate> fates;
    CommitStats stats;
    Result<void> status;      // of the first write that failed, then of the sync
    std::size_t applied = 0;  // commits before the first that failed to be written
    std::size_t bytes = 0;    // of their batches
    std::uint64_t id_bound = 0;
    bool wrote = false;
  };

  struct Asked {
    PartitionId partition{};
    Opened done;
  };

  void run();
  // Everything that was appended before they were asked for is decided.
  void answer_openings(std::vector<Asked>& asked);
  Result<LogOpening> open_now(PartitionId partition);
  // A commit whose opening is not the one in force becomes one of none.
  void check_opening(Commit& commit) const JD_REQUIRES(mutex_);
  void commit_group(std::vector<Queued> commits);
  // From the commit at `first` on.
  void write(Group& group, std::size_t first);
  // Adds what was appended meanwhile. False: there is nothing, or the group is large enough.
  bool take_more(Group& group);
  static Result<void> outcome(const Group& group, Fate fate);
  // Whether all of them may be written.
  bool can_write(std::span<const Queued> together) const;
  // What was written of the group and may not be synced.
  void suspect(Group& group);
  void fail(const std::string& why);
  void finish_recovery();
  Result<void> restore();
  Result<void> restore(Suspect& suspect);
  Result<void> load_positions();
  Result<std::uint64_t> load_position(PartitionId partition) const;
  // Whether the rows have the position that the log has counted. A store that cannot be read says
  // nothing else.
  bool rows_agree(PartitionId partition) const;
  void set_trouble(std::string text);

  Database& database_;
  std::function<void(const CommitStats&)> observe_;
  std::function<void()> prepare_thread_;
  std::vector<std::uint64_t> positions_;  // by partition; log thread only after open()

  Mutex mutex_;
  Condition wake_;
  std::vector<Queued> queue_ JD_GUARDED_BY(mutex_);
  std::vector<Asked> asked_ JD_GUARDED_BY(mutex_);
  // In force, by partition; 0: it is closed. A commit that comes with another one is let into the
  // queue, where it keeps its place, as one of no opening.
  std::vector<std::uint64_t> openings_ JD_GUARDED_BY(mutex_);
  std::uint64_t last_opening_ = 0;  // log thread only
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  bool reopened_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;

  std::function<void()> forget_ JD_GUARDED_BY(mutex_);

  bool failed_ = false;              // log thread only
  std::atomic<bool> certain_{true};  // the opposite, for others
  std::vector<Suspect> suspects_;    // log thread only
  mutable Mutex trouble_mutex_;
  std::string trouble_ JD_GUARDED_BY(trouble_mutex_);
  std::unique_ptr<StoreRecovery> recovery_;
};

}  // namespace jindou::store
