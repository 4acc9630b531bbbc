#include "store/embedded_commit_log.h"

#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

constexpr auto kRecoveryInterval = std::chrono::seconds(1);

std::string_view recovery_probe_value() { return "probe"; }

}  // namespace

EmbeddedCommitLog::EmbeddedCommitLog(Database& database,
                                     std::function<void(const CommitStats&)> observe)
    : database_(database), observe_(std::move(observe)) {}

EmbeddedCommitLog::~EmbeddedCommitLog() { stop(); }

Result<void> EmbeddedCommitLog::open() {
  JD_CHECK_OK(load_positions());
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<void> EmbeddedCommitLog::load_positions() {
  positions_.assign(database_.partitions(), 0);
  std::string value;
  for (std::uint16_t i = 0; i < database_.partitions(); ++i) {
    JD_TRY(const bool found,
           database_.get(Table::main, partition_state_key(static_cast<PartitionId>(i)), value));
    if (!found) continue;
    JD_TRY(const PartitionState state, decode_partition_state(value));
    positions_[i] = state.position;
  }
  return {};
}

void EmbeddedCommitLog::append(Commit commit) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(commit));
      if (queue_.size() == 1) wake_.notify_one();
      return;
    }
  }
  commit.done(Error(Errc::unavailable, "the server is stopping"));
}

void EmbeddedCommitLog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

std::string EmbeddedCommitLog::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

void EmbeddedCommitLog::set_trouble(std::string text) {
  const std::lock_guard lock(trouble_mutex_);
  trouble_ = std::move(text);
}

void EmbeddedCommitLog::run() {
  runtime::name_this_thread("commit");
  std::vector<Commit> group;
  auto next_recovery = std::chrono::steady_clock::now();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stopping_ || !queue_.empty(); };
      if (failed_) {
        wake_.wait_until(lock, next_recovery, ready);
      } else {
        wake_.wait(lock, ready);
      }
      if (queue_.empty() && stopping_) return;
      group.swap(queue_);
    }
    // By the clock, not when idle: callers who keep trying must not put the recovery off.
    if (failed_ && std::chrono::steady_clock::now() >= next_recovery) {
      try_recover();
      next_recovery = std::chrono::steady_clock::now() + kRecoveryInterval;
    }
    commit_group(group);
    group.clear();
  }
}

void EmbeddedCommitLog::commit_group(std::vector<Commit>& group) {
  using Steady = std::chrono::steady_clock;
  enum class Fate : std::uint8_t { nothing_to_write, written, refused };
  std::vector<Fate> fates(group.size(), Fate::refused);
  const auto begin = Steady::now();
  CommitStats stats;
  rocksdb::Status status;
  bool wrote = false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    Commit& commit = group[i];
    auto& position = positions_[raw(commit.partition)];
    if (failed_ || !status.ok() || commit.expected_position != position) continue;
    if (commit.batch.Count() == 0) {
      fates[i] = Fate::nothing_to_write;
      continue;
    }
    wrote = true;
    fates[i] = Fate::written;
    status = database_.db().Write(rocksdb::WriteOptions(), &commit.batch);
    if (status.ok()) ++position;
    ++stats.commits;
    stats.messages += commit.messages;
  }
  const auto written = Steady::now();
  if (wrote && status.ok()) status = database_.db().FlushWAL(true);
  stats.write = written - begin;
  stats.sync = Steady::now() - written;
  stats.durable = status.ok();
  if (!status.ok() && !failed_) {
    failed_ = true;
    observe::log_error("store", "a commit failed, refusing writes until the store recovers: {}",
                       status.ToString());
    cause_ = "storage failed: " + status.ToString();
    set_trouble(cause_);
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    switch (fates[i]) {
      // Nothing to write may still repeat the result of a commit in this very group.
      case Fate::nothing_to_write:
      case Fate::written:
        if (status.ok()) {
          group[i].done({});
        } else {
          group[i].done(Error(Errc::unknown_outcome, status.ToString()));
        }
        break;
      case Fate::refused:
        group[i].done(Error(Errc::unavailable, "the store is recovering from a failure"));
        break;
    }
  }
  if (wrote && observe_) observe_(stats);
}

void EmbeddedCommitLog::try_recover() {
  // Resume() flushes the memtables, so whatever was applied but perhaps not synced becomes durable.
  auto status = database_.db().Resume();
  if (status.ok()) {
    status = database_.db().Put(
        rocksdb::WriteOptions(), store_identity_key() + "probe",
        rocksdb::Slice(recovery_probe_value().data(), recovery_probe_value().size()));
  }
  if (status.ok()) status = database_.db().FlushWAL(true);
  if (!status.ok()) {
    set_trouble(cause_ + "; recovery: " + status.ToString());
    return;
  }
  const auto loaded = load_positions();
  if (!loaded) {
    set_trouble(cause_ + "; recovery: " + loaded.error().text());
    return;
  }
  failed_ = false;
  set_trouble({});
  observe::log_info("store", "the store has recovered and accepts writes again");
}

}  // namespace jindou::store
