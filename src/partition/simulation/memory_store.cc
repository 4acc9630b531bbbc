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
  if (losing_) commit.batch = without_some(commit.batch, *losing_, writes_of_lost_);
  last_commit_bytes_ = commit.batch.GetDataSize();
  largest_commit_bytes_ = std::max(largest_commit_bytes_, last_commit_bytes_);
  commits_.push_back(std::move(commit));
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

bool MemoryStore::expectation_holds(const store::Commit& commit) const {
  if (!is_open(commit)) return false;
  const auto it = positions_.find(commit.partition);
  return commit.expected_position == (it == positions_.end() ? 0 : it->second);
}

void MemoryStore::apply(store::Commit& commit) {
  if (commit.batch.Count() == 0) return;
  apply_batch(commit.batch, *this);
  if (follower_ != nullptr) apply_batch(commit.batch, *follower_);
  ++positions_[commit.partition];
}

void MemoryStore::commit_one() {
  if (commits_.empty()) return;
  store::Commit commit = std::move(commits_.front());
  commits_.pop_front();
  if (!expectation_holds(commit)) {
    commit.done(Error(refusal_of(commit)));
    return;
  }
  apply(commit);
  commit.done({});
}

void MemoryStore::fail_one(bool applied) {
  if (commits_.empty()) return;
  std::deque<store::Commit> failed;
  failed.swap(commits_);
  bool first = true;
  for (auto& commit : failed) {
    if (first && expectation_holds(commit)) {
      if (applied) apply(commit);
      commit.done(Error(Errc::unknown_outcome));
    } else {
      commit.done(Error(refusal_of(commit)));
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
  for (auto& commit : commits_) {
    if (survivors == 0) break;
    --survivors;
    if (expectation_holds(commit)) apply(commit);
  }
  commits_.clear();
  loads_.clear();
  openings_.clear();
}

}  // namespace jindou::partition::simulation
