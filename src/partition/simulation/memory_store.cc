#include "partition/simulation/memory_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "partition/simulation/batch_rows.h"
#include "store/records.h"

namespace jindou::partition::simulation {

void MemoryStore::open(PartitionId partition, Opened done) {
  std::string value;
  const auto found = get(store::Table::main, store::partition_state_key(partition), value);
  JD_ASSERT(found.has_value());
  positions_[partition] = *found ? store::decode_partition_state(value)->position : 0;
  openings_[partition] = ++last_opening_;
  done(store::LogOpening{last_opening_, positions_[partition]});
}

void MemoryStore::close(PartitionId partition, std::uint64_t opening) {
  const auto it = openings_.find(partition);
  if (it != openings_.end() && it->second == opening) openings_.erase(it);
}

void MemoryStore::append(store::Commit commit) {
  std::vector<store::Commit> alone;
  alone.push_back(std::move(commit));
  append_all(std::move(alone));
}

void MemoryStore::append_all(std::vector<store::Commit> commits) {
  for (store::Commit& commit : commits) {
    if (losing_) commit.batch = without_some(commit.batch, *losing_, writes_of_lost_);
    last_commit_bytes_ = commit.batch.GetDataSize();
    largest_commit_bytes_ = std::max(largest_commit_bytes_, last_commit_bytes_);
    most_messages_ = std::max(most_messages_, commit.messages);
  }
  commits_.push_back(std::move(commits));
}

void MemoryStore::load(store::Table table, std::function<Entries()> make,
                       std::function<void(Result<void>)> done) {
  Entries entries = make();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    JD_ASSERT(entries[i - 1].first < entries[i].first);
  }
  loads_.push_back(Load{table, std::move(entries), std::move(done)});
}

void MemoryStore::take_over(const store::MemoryReader& follower) {
  commits_.clear();
  loads_.clear();
  openings_.clear();
  static_cast<store::MemoryReader&>(*this) = follower;
}

bool MemoryStore::is_open(const store::Commit& commit) const {
  const auto it = openings_.find(commit.partition);
  return it != openings_.end() && commit.opening == it->second;
}

Errc MemoryStore::refusal_of(const store::Commit& commit) const {
  return is_open(commit) ? Errc::unavailable : Errc::not_owner;
}

bool MemoryStore::expectations_hold(const std::vector<store::Commit>& together) const {
  return std::all_of(together.begin(), together.end(), [this](const store::Commit& commit) {
    if (!is_open(commit)) return false;
    const auto it = positions_.find(commit.partition);
    return commit.expected_position == (it == positions_.end() ? 0 : it->second);
  });
}

void MemoryStore::apply(std::vector<store::Commit>& together) {
  for (store::Commit& commit : together) {
    if (commit.batch.Count() == 0) continue;
    apply_batch(commit.batch, *this);
    if (follower_ != nullptr) apply_batch(commit.batch, *follower_);
    ++positions_[commit.partition];
  }
}

namespace {

void tell(const std::vector<store::Commit>& together, const Result<void>& outcome) {
  for (const store::Commit& commit : together) commit.done(outcome);
}

}  // namespace

void MemoryStore::refuse(const std::vector<store::Commit>& together) const {
  for (const store::Commit& commit : together) commit.done(Error(refusal_of(commit)));
}

void MemoryStore::commit_one() {
  if (commits_.empty()) return;
  std::vector<store::Commit> together = std::move(commits_.front());
  commits_.pop_front();
  if (!expectations_hold(together)) return refuse(together);
  apply(together);
  tell(together, {});
}

void MemoryStore::fail_one(bool applied) {
  if (commits_.empty()) return;
  PendingCommits failed;
  failed.swap(commits_);
  bool first = true;
  for (auto& together : failed) {
    if (first && expectations_hold(together)) {
      if (applied) apply(together);
      tell(together, Error(Errc::unknown_outcome));
    } else {
      refuse(together);
    }
    first = false;
  }
}

void MemoryStore::finish_load(bool well) {
  if (loads_.empty()) return;
  Load load = std::move(loads_.front());
  loads_.pop_front();
  if (!well) {
    load.done(Error(Errc::storage));
    return;
  }
  for (const auto& [key, value] : load.entries) put(load.table, key, value);
  load.done({});
}

void MemoryStore::power_cut(std::size_t survivors) {
  for (auto& together : commits_) {
    if (survivors == 0) break;
    --survivors;
    if (expectations_hold(together)) apply(together);
  }
  commits_.clear();
  loads_.clear();
  openings_.clear();
}

}  // namespace jindou::partition::simulation
