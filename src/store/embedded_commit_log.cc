#include "store/embedded_commit_log.h"

#include <rocksdb/perf_level.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/batch_join.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_slice.h"

namespace jindou::store {

namespace {

// Written and synced before a reopened store takes anything else.
constexpr std::string_view kProbeValue = "probe";
// A group of so many bytes takes nothing more: whoever came first would wait for it.
constexpr std::size_t kGroupBytesMax = 1 << 20;

}  // namespace

EmbeddedCommitLog::EmbeddedCommitLog(Database& database,
                                     std::function<void(const CommitStats&)> observe,
                                     std::function<void()> prepare_thread)
    : database_(database),
      observe_(std::move(observe)),
      prepare_thread_(std::move(prepare_thread)) {}

EmbeddedCommitLog::~EmbeddedCommitLog() { stop(); }

Result<void> EmbeddedCommitLog::open() {
  JD_RETURN_IF_ERROR(load_positions());
  {
    const MutexLock lock(mutex_);
    openings_.assign(database_.partitions(), 0);
  }
  recovery_ = std::make_unique<StoreRecovery>([this] { return database_.reopen(); },
                                              [this] {
                                                const MutexLock lock(mutex_);
                                                reopened_ = true;
                                                wake_.notify_one();
                                              });
  // Also those that no commit has met: a table file that could not be written, say.
  database_.faults().set_on_fault([this] {
    const MutexLock lock(mutex_);
    wake_.notify_one();
  });
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<void> EmbeddedCommitLog::load_positions() {
  positions_.assign(database_.partitions(), 0);
  for (std::uint16_t i = 0; i < database_.partitions(); ++i) {
    JD_TRY(positions_[i], load_position(static_cast<PartitionId>(i)));
  }
  return {};
}

Result<std::uint64_t> EmbeddedCommitLog::load_position(PartitionId partition) const {
  std::string value;
  JD_TRY(const bool found, database_.get(Table::main, partition_state_key(partition), value));
  if (!found) return std::uint64_t{0};
  JD_TRY(const PartitionState state, decode_partition_state(value));
  return state.position;
}

bool EmbeddedCommitLog::rows_agree(PartitionId partition) const {
  const auto position = load_position(partition);
  return !position || *position == positions_[raw(partition)];
}

void EmbeddedCommitLog::open(PartitionId partition, Opened done) {
  {
    const MutexLock lock(mutex_);
    openings_[raw(partition)] = 0;
    if (!stopping_) {
      asked_.push_back({partition, std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(Error(Errc::unavailable, "the server is stopping"));
}

void EmbeddedCommitLog::answer_openings(std::vector<Asked>& asked) {
  for (const Asked& each : asked) each.done(open_now(each.partition));
}

Result<LogOpening> EmbeddedCommitLog::open_now(PartitionId partition) {
  if (failed_) return Error(Errc::unavailable, "the store is recovering from a failure");
  JD_TRY(positions_[raw(partition)], load_position(partition));
  const LogOpening opening{++last_opening_, positions_[raw(partition)]};
  const MutexLock lock(mutex_);
  openings_[raw(partition)] = opening.number;
  return opening;
}

void EmbeddedCommitLog::close(PartitionId partition, std::uint64_t opening) {
  const MutexLock lock(mutex_);
  auto& in_force = openings_[raw(partition)];
  if (in_force == opening) in_force = 0;
}

void EmbeddedCommitLog::on_reopened(std::function<void()> forget) {
  const MutexLock lock(mutex_);
  forget_ = std::move(forget);
}

void EmbeddedCommitLog::check_opening(Commit& commit) const {
  if (openings_[raw(commit.partition)] != commit.opening) commit.opening = 0;
}

void EmbeddedCommitLog::append(Commit commit) {
  {
    const MutexLock lock(mutex_);
    if (!stopping_) {
      check_opening(commit);
      queue_.push_back({std::move(commit)});
      if (queue_.size() == 1) wake_.notify_one();
      return;
    }
  }
  commit.done(Error(Errc::unavailable, "the server is stopping"));
}

void EmbeddedCommitLog::append_all(std::vector<Commit> commits) {
  JD_ASSERT(!commits.empty());
  {
    const MutexLock lock(mutex_);
    if (!stopping_) {
      // In one go, so that one group has them all.
      auto together = static_cast<std::uint32_t>(commits.size());
      for (Commit& commit : commits) {
        check_opening(commit);
        queue_.push_back({std::move(commit), std::exchange(together, 0)});
      }
      wake_.notify_one();
      return;
    }
  }
  for (const Commit& commit : commits) {
    commit.done(Error(Errc::unavailable, "the server is stopping"));
  }
}

void EmbeddedCommitLog::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  database_.faults().set_on_fault(nullptr);
  if (recovery_) recovery_->stop();
}

std::string EmbeddedCommitLog::trouble() const {
  std::string text;
  {
    const MutexLock lock(trouble_mutex_);
    text = trouble_;
  }
  if (text.empty()) return text;
  const std::string obstacle = recovery_->obstacle();
  if (!obstacle.empty()) text += "; recovery: " + obstacle;
  return text;
}

void EmbeddedCommitLog::set_trouble(std::string text) {
  const MutexLock lock(trouble_mutex_);
  trouble_ = std::move(text);
}

void EmbeddedCommitLog::run() {
  runtime::name_this_thread("commit");
  // Else RocksDB counts each comparison of two keys, in a variable of the thread that its library
  // has to look up: 8 % of the time of a write. Nobody reads the counts.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  if (prepare_thread_) prepare_thread_();
  for (;;) {
    std::vector<Queued> commits;
    std::vector<Asked> asked;
    bool reopened = false;
    {
      MutexLock lock(mutex_);
      wake_.wait(lock, [this]() JD_REQUIRES(mutex_) {
        return stopping_ || !queue_.empty() || !asked_.empty() || reopened_ ||
               (!failed_ && database_.faults().failed());
      });
      if (queue_.empty() && asked_.empty() && stopping_) return;
      commits.swap(queue_);
      asked.swap(asked_);
      reopened = std::exchange(reopened_, false);
    }
    if (reopened) finish_recovery();
    if (!failed_ && database_.faults().failed()) fail(database_.faults().cause());
    commit_group(std::move(commits));
    answer_openings(asked);
  }
}

bool EmbeddedCommitLog::can_write(std::span<const Queued> together) const {
  return std::all_of(together.begin(), together.end(), [this](const Queued& queued) {
    return queued.commit.opening != 0 &&
           queued.commit.expected_position == positions_[raw(queued.commit.partition)];
  });
}

void EmbeddedCommitLog::commit_group(std::vector<Queued> commits) {
  using Steady = std::chrono::steady_clock;
  Group group;
  group.commits = std::move(commits);
  const auto begin = Steady::now();
  write(group, 0);
  for (std::size_t had = group.commits.size(); take_more(group); had = group.commits.size()) {
    write(group, had);
  }
  const auto written = Steady::now();
  if (group.wrote && group.status) group.status = database_.sync(group.id_bound);
  group.stats.write = written - begin;
  group.stats.sync = Steady::now() - written;
  group.stats.durable = group.status.has_value();
  if (!group.status) {
    suspect(group);
    fail(group.status.error().detail());
  }
  for (std::size_t i = 0; i < group.commits.size(); ++i) {
    group.commits[i].commit.done(outcome(group, group.fates[i]));
  }
  if (group.wrote && observe_) observe_(group.stats);
}

bool EmbeddedCommitLog::take_more(Group& group) {
  if (!group.wrote || !group.status || group.bytes >= kGroupBytesMax) return false;
  const MutexLock lock(mutex_);
  if (queue_.empty()) return false;
  std::move(queue_.begin(), queue_.end(), std::back_inserter(group.commits));
  queue_.clear();
  return true;
}

void EmbeddedCommitLog::write(Group& group, std::size_t first) {
  auto& commits = group.commits;
  group.fates.resize(commits.size(), Fate::refused);
  for (std::size_t end = 0; first < commits.size(); first = end) {
    end = first + commits[first].together;
    JD_ASSERT(end > first && end <= commits.size());
    for (std::size_t i = first; i < end; ++i) {
      if (commits[i].commit.opening == 0) group.fates[i] = Fate::not_owner;
    }
    if (failed_ || !group.status || !can_write({&commits[first], end - first})) continue;
    for (std::size_t i = first; i < end; ++i) {
      const Commit& commit = commits[i].commit;
      const bool writes = commit.batch.Count() > 0;
      group.fates[i] = writes ? Fate::written : Fate::nothing_to_write;
      if (!writes) continue;
      group.id_bound = std::max(group.id_bound, commit.id_bound);
      ++group.stats.commits;
      group.stats.messages += commit.messages;
    }
    rocksdb::WriteBatch& batch = commits[first].commit.batch;
    for (std::size_t i = first + 1; i < end; ++i) append_batch(batch, commits[i].commit.batch);
    if (batch.Count() == 0) continue;
    group.bytes += batch.GetDataSize();
    // What was durable before this group, for whoever finds the log damaged.
    if (!group.wrote) batch.PutLogData(database_.durable_marker());
    group.wrote = true;
    group.status = database_.write(batch);
    if (!group.status) continue;
    group.applied = end;
    for (std::size_t i = first; i < end; ++i) {
      if (group.fates[i] != Fate::written) continue;
      ++positions_[raw(commits[i].commit.partition)];
      JD_ASSERT_SLOW(rows_agree(commits[i].commit.partition));
    }
  }
}

Result<void> EmbeddedCommitLog::outcome(const Group& group, Fate fate) {
  switch (fate) {
    case Fate::refused: return Error(Errc::unavailable, "the store is recovering from a failure");
    case Fate::not_owner: return not_owner();
    // Nothing to write may still repeat the result of a commit in this very group.
    case Fate::nothing_to_write:
    case Fate::written: break;
  }
  if (!group.status) return Error(Errc::unknown_outcome, group.status.error().detail());
  return {};
}

void EmbeddedCommitLog::suspect(Group& group) {
  auto& commits = group.commits;
  for (std::size_t first = 0, end = 0; first < group.applied; first = end) {
    end = first + commits[first].together;
    Suspect written;
    for (std::size_t i = first; i < end; ++i) {
      if (group.fates[i] != Fate::written) continue;
      const Commit& commit = commits[i].commit;
      written.places.push_back({commit.partition, commit.expected_position});
    }
    if (written.places.empty()) continue;
    written.batch = std::move(commits[first].commit.batch);
    suspects_.push_back(std::move(written));
  }
}

void EmbeddedCommitLog::fail(const std::string& why) {
  failed_ = true;
  certain_.store(false, std::memory_order_release);
  observe::log_error("store", "the store failed, refusing writes until it is open again: {}", why);
  set_trouble("storage failed: " + why);
  recovery_->begin();
}

void EmbeddedCommitLog::finish_recovery() {
  if (const auto restored = restore(); !restored) {
    fail(restored.error().detail());
    return;
  }
  std::function<void()> forget;
  {
    const MutexLock lock(mutex_);
    forget = forget_;
  }
  if (forget) forget();
  suspects_.clear();
  failed_ = false;
  certain_.store(true, std::memory_order_release);
  set_trouble({});
  observe::log_info("store", "the store is open again and accepts writes");
}

Result<void> EmbeddedCommitLog::restore(Suspect& suspect) {
  const auto missing =
      std::count_if(suspect.places.begin(), suspect.places.end(), [this](const Place& place) {
        // One further: the log had it.
        return positions_[raw(place.partition)] == place.expected_position;
      });
  if (missing == 0) return {};
  if (missing != std::ssize(suspect.places)) {
    return Error(Errc::storage, "the log has one half of what was written as a whole");
  }
  JD_RETURN_IF_ERROR(database_.write(suspect.batch));
  for (const Place& place : suspect.places) ++positions_[raw(place.partition)];
  return {};
}

Result<void> EmbeddedCommitLog::restore() {
  JD_RETURN_IF_ERROR(load_positions());
  for (Suspect& suspect : suspects_) JD_RETURN_IF_ERROR(restore(suspect));
  rocksdb::WriteBatch probe;
  probe.Put(store_identity_key() + "probe", slice(kProbeValue));
  JD_RETURN_IF_ERROR(database_.write(probe));
  return database_.sync();
}

}  // namespace jindou::store
