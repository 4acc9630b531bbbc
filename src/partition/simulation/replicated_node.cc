// The owner of partitions whose logs are replicated one by one: a commit of several partitions is
// made with a prepared share in each log and a decision in that of the first
// (docs/decisions/0023-several-partitions.md). The power goes between any two records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "partition/simulation/batch_rows.h"
#include "partition/simulation/log_replica.h"
#include "partition/simulation/partition_logs.h"
#include "partition/simulation/simulated_store.h"

namespace jindou::partition::simulation {

namespace {

using store::PreparedCommit;
using store::TransactionDecision;

constexpr std::size_t kLogs = 3;

class ReplicatedNode final : public SimulatedStore {
 public:
  explicit ReplicatedNode(store::MemoryReader& follower)
      : own_(logs_, rows_, [](const rocksdb::WriteBatch&) {}),
        other_(logs_, follower, [](const rocksdb::WriteBatch&) {}) {}

  std::unique_ptr<store::Cursor> open_cursor(store::Table table) const override {
    return rows_.open_cursor(table);
  }
  Result<bool> get(store::Table table, std::string_view key, std::string& value) const override {
    return rows_.get(table, key, value);
  }
  Result<void> scan(store::Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override {
    return rows_.scan(table, lower, upper, visit);
  }
  Result<void> scan_backward(store::Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override {
    return rows_.scan_backward(table, lower, upper, visit);
  }

  void open(PartitionId partition, Opened done) override {
    openings_[raw(partition)] = ++last_opening_;
    done(store::LogOpening{last_opening_, own_.position(partition)});
  }
  void close(PartitionId partition, std::uint64_t opening) override {
    auto& in_force = openings_[raw(partition)];
    if (in_force == opening) in_force = 0;
  }
  void append(store::Commit commit) override {
    std::vector<store::Commit> alone;
    alone.push_back(std::move(commit));
    append_all(std::move(alone));
  }
  void append_all(std::vector<store::Commit> commits) override {
    commits_.push_back(std::move(commits));
  }
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override {
    loads_.push_back({table, make(), std::move(done)});
  }
  Result<void> erase(store::Table table, const std::vector<std::string>& keys) override {
    for (const auto& key : keys) rows_.erase(table, key);
    return {};
  }

  // Records, those that a decision owes the other logs, too.
  std::size_t pending_commits() const override;
  std::size_t pending_rows() const override { return count_rows(commits_); }
  std::size_t pending_loads() const override { return loads_.size(); }
  // Appends one record.
  void commit_one() override {
    step(/*silent=*/false);
    if (pending_commits() == 0) other_.catch_up();
  }
  void fail_one(bool applied) override;
  void finish_load(bool well) override;
  void power_cut(std::size_t survivors) override;
  void take_over(const store::MemoryReader& follower) override;
  // Only the memory store does.
  void lose_writes_of(store::KeyKind /*kind*/) override {}

 private:
  using Together = std::vector<store::Commit>;
  struct Load {
    store::Table table;
    Entries entries;
    std::function<void(Result<void>)> done;
  };
  // Of commits_.front(), when it is of several partitions.
  struct UnderWay {
    PreparedCommit share;                    // without a batch
    std::vector<const store::Commit*> left;  // not prepared yet
  };

  bool expectations_hold(const Together& together) const;
  static std::vector<const store::Commit*> writing(const Together& together);
  static void tell(const Together& together, const Result<void>& outcome) {
    for (const store::Commit& commit : together) commit.done(outcome);
  }
  Together take_first();
  // One record; nobody is told when it is `silent`.
  void step(bool silent);
  void step_of_several(bool silent);
  void finish_first(const Result<void>& outcome, bool silent);
  // What a new owner does first, and the old one when the outcome of a record is in doubt: whatever
  // is prepared and not decided is not made. Stops after so many records.
  void settle(std::size_t records_max);
  void follow();

  PartitionLogs logs_{kLogs};
  store::MemoryReader rows_;
  LogReplica own_;
  LogReplica other_;
  std::vector<std::uint64_t> openings_ = std::vector<std::uint64_t>(kLogs);  // in force
  std::uint64_t last_opening_ = 0;
  PendingCommits commits_;
  std::optional<UnderWay> under_way_;
  std::deque<std::pair<PartitionId, TransactionDecision>> owed_;
  std::deque<Load> loads_;
  std::uint64_t transactions_ = 0;
  std::minstd_rand dice_;
};

std::vector<const store::Commit*> ReplicatedNode::writing(const Together& together) {
  std::vector<const store::Commit*> writing;
  for (const store::Commit& commit : together) {
    if (commit.batch.Count() > 0) writing.push_back(&commit);
  }
  return writing;
}

std::size_t ReplicatedNode::pending_commits() const {
  std::size_t records = owed_.size();
  for (const Together& together : commits_) {
    const std::size_t shares = writing(together).size();
    records += shares > 1 ? shares + 1 : 1;
  }
  if (under_way_) records -= under_way_->share.participants.size() - under_way_->left.size();
  return records;
}

bool ReplicatedNode::expectations_hold(const Together& together) const {
  return std::all_of(together.begin(), together.end(), [this](const store::Commit& commit) {
    return commit.opening == openings_[raw(commit.partition)] &&
           commit.expected_position == own_.position(commit.partition);
  });
}

ReplicatedNode::Together ReplicatedNode::take_first() {
  Together together = std::move(commits_.front());
  commits_.pop_front();
  return together;
}

void ReplicatedNode::finish_first(const Result<void>& outcome, bool silent) {
  under_way_.reset();
  own_.catch_up();
  const Together together = take_first();
  if (!silent) tell(together, outcome);
}

void ReplicatedNode::follow() {
  for (auto n = dice_() % 3; n > 0; --n) other_.advance(static_cast<PartitionId>(dice_() % kLogs));
}

void ReplicatedNode::step(bool silent) {
  follow();
  if (!owed_.empty()) {
    // Before anything else in those logs.
    logs_.append(owed_.front().first, owed_.front().second);
    owed_.pop_front();
    own_.catch_up();
    return;
  }
  if (commits_.empty()) return;
  const auto shares = writing(commits_.front());
  if (under_way_ || shares.size() > 1) return step_of_several(silent);
  if (!expectations_hold(commits_.front())) return finish_first(Error(Errc::unavailable), silent);
  if (!shares.empty()) {
    logs_.append(shares[0]->partition,
                 store::PlainCommit{shares[0]->expected_position, shares[0]->batch.Data()});
  }
  finish_first({}, silent);
}

void ReplicatedNode::step_of_several(bool silent) {
  if (!under_way_) {
    if (!expectations_hold(commits_.front())) return finish_first(Error(Errc::unavailable), silent);
    under_way_.emplace();
    under_way_->left = writing(commits_.front());
    PreparedCommit& share = under_way_->share;
    share.transaction = {1, ++transactions_};
    for (const auto* commit : under_way_->left) {
      share.participants.push_back({commit->partition, commit->expected_position});
    }
    std::sort(share.participants.begin(), share.participants.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    share.coordinator = share.participants.front().partition;
    // They are appended beside each other, and arrive in any order.
    std::shuffle(under_way_->left.begin(), under_way_->left.end(), dice_);
  }
  if (!under_way_->left.empty()) {
    const store::Commit& commit = *under_way_->left.back();
    under_way_->left.pop_back();
    PreparedCommit share = under_way_->share;
    share.batch = commit.batch.Data();
    logs_.append(commit.partition, share);
    return;
  }
  // All are prepared: with this record it is made.
  const TransactionDecision decision{under_way_->share.transaction, true};
  const PartitionId coordinator = under_way_->share.coordinator;
  logs_.append(coordinator, decision);
  for (const auto& participant : under_way_->share.participants) {
    if (participant.partition != coordinator) owed_.emplace_back(participant.partition, decision);
  }
  finish_first({}, silent);
}

void ReplicatedNode::settle(std::size_t records_max) {
  std::vector<PartitionId> order;
  for (std::size_t i = 0; i < kLogs; ++i) order.push_back(static_cast<PartitionId>(i));
  std::shuffle(order.begin(), order.end(), dice_);
  const auto add = [&](PartitionId partition, const TransactionDecision& decision) {
    if (records_max == 0) return false;
    --records_max;
    logs_.append(partition, decision);
    return true;
  };
  for (const PartitionId partition : order) {
    const auto undecided = logs_.find_undecided(partition);
    if (!undecided) continue;
    const PartitionId coordinator = undecided->coordinator;
    const auto decided = logs_.find_decision(coordinator, undecided->transaction);
    const TransactionDecision decision{undecided->transaction, decided.value_or(false)};
    // The log of the coordinator decides; that it was not there yet is certain then.
    if (!decided && !add(coordinator, decision)) return;
    if (partition != coordinator && !add(partition, decision)) return;
  }
}

void ReplicatedNode::fail_one(bool applied) {
  if (commits_.empty()) return;
  // The outcome of a record is never in doubt for long: the owner looks. If it is there, and the
  // last one of its commit, the commit is made.
  if (applied) step(/*silent=*/false);
  PendingCommits failed;
  failed.swap(commits_);
  under_way_.reset();
  owed_.clear();
  settle(2 * kLogs);
  own_.catch_up();
  other_.catch_up();
  for (const Together& together : failed) tell(together, Error(Errc::unavailable));
}

void ReplicatedNode::power_cut(std::size_t survivors) {
  for (; survivors > 0; --survivors) step(/*silent=*/true);
  commits_.clear();
  under_way_.reset();
  owed_.clear();
  loads_.clear();
  openings_.assign(kLogs, 0);
  // The new owner may be gone before it has settled everything.
  settle(dice_() % 3);
  settle(2 * kLogs);
  for (std::size_t i = 0; i < kLogs; ++i) {
    JD_ASSERT(!logs_.find_undecided(static_cast<PartitionId>(i)));
  }
  own_.catch_up();
  other_.catch_up();
}

void ReplicatedNode::take_over(const store::MemoryReader& follower) {
  rows_ = follower;
  own_.be_where(other_);
}

void ReplicatedNode::finish_load(bool well) {
  if (loads_.empty()) return;
  Load load = std::move(loads_.front());
  loads_.pop_front();
  if (!well) return load.done(Error(Errc::storage));
  for (const auto& [key, value] : load.entries) rows_.put(load.table, key, value);
  load.done({});
}

}  // namespace

std::unique_ptr<SimulatedStore> make_replicated_node(store::MemoryReader& follower) {
  return std::make_unique<ReplicatedNode>(follower);
}

}  // namespace jindou::partition::simulation
