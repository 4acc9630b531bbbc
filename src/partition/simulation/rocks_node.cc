#include <rocksdb/env.h>
#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "partition/simulation/simulated_store.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"
#include "store/faulty_file_system.h"
#include "store/keys.h"
#include "store/power_cut_file_system.h"
#include "store/records.h"

namespace jindou::partition::simulation {

namespace {

using store::FileCall;
using store::FileKind;

// The store opens again within a second.
constexpr std::chrono::seconds kBackWithin{60};

class RocksNode final : public SimulatedStore, private store::CommitLog, private store::BulkLoader {
 public:
  RocksNode() {
    std::string name = (std::filesystem::temp_directory_path() / "simulate-XXXXXX").string();
    JD_ASSERT(::mkdtemp(name.data()) != nullptr);
    faults_ = std::make_shared<store::FaultyFileSystem>();
    power_ = std::make_shared<store::PowerCutFileSystem>(faults_);
    env_ = rocksdb::NewCompositeEnv(power_);
    options_.directory = name;
    options_.env = env_.get();
    options_.partitions = 3;
    options_.write_buffer_bytes = 256 << 10;
    options_.block_cache_bytes = 1 << 20;
    open_store();
  }
  ~RocksNode() override {
    close_store();
    std::filesystem::remove_all(options_.directory);
  }

  std::unique_ptr<store::Cursor> open_cursor(store::Table table) const override {
    return database_->open_cursor(table);
  }
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override {
    return database_->get(table, key, value);
  }
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    return database_->scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    return database_->scan_backward(table, lower, upper, visit);
  }

  NodeParts node(std::size_t /*number*/) override { return {*this, *this, *this}; }
  std::vector<const store::Reader*> replicas() const override { return {&follower_}; }

  // What was appended before meets the log only when its turn comes, which then does not take it.
  void open(PartitionId partition, Opened done) override {
    done(store::open_and_wait(*log_, partition));
  }
  void close(PartitionId partition, std::uint64_t opening) override {
    log_->close(partition, opening);
  }
  void append(store::Commit commit) override {
    std::vector<store::Commit> alone;
    alone.push_back(std::move(commit));
    commits_.push_back(std::move(alone));
  }
  void append_all(std::vector<store::Commit> commits) override {
    commits_.push_back(std::move(commits));
  }
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override {
    loads_.push_back({table, make(), std::move(done)});
  }
  Result<void> erase(store::Table table, const Entries& seen) override {
    return database_->erase(table, seen);
  }

  std::size_t pending_commits() const override { return commits_.size(); }
  std::size_t pending_rows() const override { return count_rows(commits_); }
  std::size_t pending_loads() const override { return loads_.size(); }

  void commit_one() override {
    if (!commits_.empty()) write_and_tell(take_first());
  }
  void fail_one(bool applied) override;
  void finish_load(bool well) override;
  void power_cut(std::size_t survivors) override;
  void take_over() override;

 private:
  using Done = std::function<void(Result<void>)>;
  using Together = std::vector<store::Commit>;
  struct Doubt {
    PartitionId partition{};
    std::uint64_t expected = 0;
    rocksdb::WriteBatch batch;
  };

  struct Load {
    store::Table table;
    Entries entries;
    Done done;
  };

  void open_store() {
    auto database = store::Database::open(options_, random_);
    JD_ASSERT(database.has_value());
    database_ = std::move(*database);
    log_ = std::make_unique<store::EmbeddedCommitLog>(*database_, nullptr);
    JD_ASSERT(log_->open().has_value());
  }
  void close_store() {
    log_->stop();
    database_->stop_loading();
    log_.reset();
    database_.reset();
  }
  Together take_first() {
    Together together = std::move(commits_.front());
    commits_.pop_front();
    return together;
  }
  void write_and_tell(Together together) {
    std::vector<Done> done;
    for (store::Commit& commit : together) done.push_back(std::move(commit.done));
    const Result<void> outcome = write(std::move(together));
    for (const Done& tell : done) tell(outcome);
  }
  // Waits for the log, which makes all of them or none. What is in the store is given to the
  // follower.
  Result<void> write(Together together) {
    std::vector<Doubt> written;
    std::vector<std::promise<Result<void>>> decided(together.size());
    for (std::size_t i = 0; i < together.size(); ++i) {
      store::Commit& commit = together[i];
      written.push_back({commit.partition, commit.expected_position, commit.batch});
      commit.done = [&one = decided[i]](Result<void> outcome) {
        one.set_value(std::move(outcome));
      };
    }
    if (together.size() == 1) {
      log_->append(std::move(together[0]));
    } else {
      log_->append_all(std::move(together));
    }
    Result<void> outcome;
    for (std::size_t i = 0; i < decided.size(); ++i) {
      Result<void> one = decided[i].get_future().get();
      JD_ASSERT(i == 0 || one.has_value() == outcome.has_value());
      outcome = std::move(one);
    }
    for (Doubt& doubt : written) {
      if (outcome) {
        apply_batch(doubt.batch, follower_);
      } else if (outcome.error().code() == Errc::unknown_outcome) {
        in_doubt_.push_back(std::move(doubt));
      }
    }
    return outcome;
  }
  std::uint64_t position_of(PartitionId partition) const {
    std::string value;
    const auto found =
        database_->get(store::Table::main, store::partition_state_key(partition), value);
    JD_ASSERT(found.has_value());
    return *found ? store::decode_partition_state(value)->position : 0;
  }
  // The store is open again: it tells.
  void follow_what_was_in_doubt() {
    for (const Doubt& doubt : in_doubt_) {
      if (position_of(doubt.partition) > doubt.expected) apply_batch(doubt.batch, follower_);
    }
    in_doubt_.clear();
  }

  store::MemoryReader follower_;
  store::StoreOptions options_;
  SystemRandom random_;
  std::shared_ptr<store::FaultyFileSystem> faults_;
  std::shared_ptr<store::PowerCutFileSystem> power_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::EmbeddedCommitLog> log_;
  PendingCommits commits_;
  std::deque<Load> loads_;
  std::deque<Doubt> in_doubt_;
};

void RocksNode::fail_one(bool applied) {
  if (commits_.empty()) return;
  faults_->inject({applied ? FileCall::sync : FileCall::write, FileKind::log, EIO, 1});
  PendingCommits all;
  all.swap(commits_);
  // The first that writes meets it; those behind it are refused.
  for (Together& together : all) write_and_tell(std::move(together));
  faults_->lift();
  const auto until = std::chrono::steady_clock::now() + kBackWithin;
  while (!log_->trouble().empty()) {
    JD_ASSERT(std::chrono::steady_clock::now() < until);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  follow_what_was_in_doubt();
}

void RocksNode::finish_load(bool well) {
  if (loads_.empty()) return;
  Load load = std::move(loads_.front());
  loads_.pop_front();
  if (!well) return load.done(Error(Errc::storage));
  std::promise<Result<void>> decided;
  database_->load(
      load.table, [&load] { return std::move(load.entries); },
      [&decided](Result<void> outcome) { decided.set_value(std::move(outcome)); });
  load.done(decided.get_future().get());
}

void RocksNode::power_cut(std::size_t survivors) {
  for (; survivors > 0 && !commits_.empty(); --survivors) {
    write(take_first()).ignore("nobody hears of it");
  }
  if (!commits_.empty()) {
    // One that was written and never synced.
    faults_->inject({FileCall::sync, FileKind::log, EIO});
    write(take_first()).ignore("nobody hears of it");
  }
  power_->cut();
  close_store();
  faults_->lift();
  power_->power_on();
  commits_.clear();
  loads_.clear();
  open_store();
  follow_what_was_in_doubt();
}

void RocksNode::take_over() {
  close_store();
  std::filesystem::remove_all(options_.directory);
  std::filesystem::create_directory(options_.directory);
  open_store();
  log_->stop();
  rocksdb::WriteBatch rows;
  const auto copied = follower_.scan(
      store::Table::main, "", "\xff\xff", [&rows](std::string_view key, std::string_view value) {
        return rows.Put({key.data(), key.size()}, {value.data(), value.size()}).ok();
      });
  JD_ASSERT(copied.has_value());
  JD_ASSERT(database_->write(rows).has_value());
  JD_ASSERT(database_->sync().has_value());
  close_store();
  open_store();
  commits_.clear();
  loads_.clear();
}

}  // namespace

std::unique_ptr<SimulatedStore> make_rocks_node() { return std::make_unique<RocksNode>(); }

}  // namespace jindou::partition::simulation
