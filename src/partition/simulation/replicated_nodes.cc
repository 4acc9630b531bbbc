// Nodes that share partitions whose logs are replicated one by one. Who has opened the log of a
// partition last may append to it. A commit of several partitions, all of one node, is made with a
// prepared share in each log and a decision in that of the first
// (docs/decisions/0023-several-partitions.md). The power goes, and partitions go to other nodes,
// between any two records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
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
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition::simulation {

namespace {

using store::PreparedCommit;
using store::TransactionDecision;
using store::TransactionId;

constexpr std::size_t kLogs = 3;
using Together = std::vector<store::Commit>;

std::vector<const store::Commit*> writing(const Together& together) {
  std::vector<const store::Commit*> writing;
  for (const store::Commit& commit : together) {
    if (commit.batch.Count() > 0) writing.push_back(&commit);
  }
  return writing;
}

void tell_all(const Together& together, const Result<void>& outcome) {
  for (const store::Commit& commit : together) commit.done(outcome);
}

class ReplicatedNodes final : public SimulatedStore {
 public:
  ReplicatedNodes(std::uint64_t seed, std::optional<Fault> fault);

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

  std::size_t nodes() const override { return nodes_.size(); }
  NodeParts node(std::size_t number) override {
    return {nodes_[number]->rows, *nodes_[number], *nodes_[number]};
  }
  std::optional<std::size_t> owner_of(PartitionId partition) const override {
    return openings_[raw(partition)].node;
  }
  void on_applied(Applied applied) override { applied_ = std::move(applied); }
  void catch_up(std::size_t node, PartitionId partition) override {
    nodes_[node]->replica.catch_up(partition);
  }
  void catch_up() override {
    for (const auto& node : nodes_) node->replica.catch_up();
  }
  std::vector<const store::Reader*> replicas() const override {
    std::vector<const store::Reader*> replicas;
    for (const auto& node : nodes_) replicas.push_back(&node->rows);
    return replicas;
  }

  // Records, those that a decision owes the other logs, too.
  std::size_t pending_commits() const override {
    std::size_t records = 0;
    for (const auto& node : nodes_) records += node->pending_records();
    return records;
  }
  std::size_t pending_rows() const override {
    std::size_t rows = 0;
    for (const auto& node : nodes_) rows += count_rows(node->commits);
    return rows;
  }
  std::size_t pending_loads() const override {
    std::size_t loads = 0;
    for (const auto& node : nodes_) loads += node->loads.size();
    return loads;
  }
  // Appends one record of some node.
  void commit_one() override {
    if (Node* const node = pick([](const Node& one) { return one.pending_records() > 0; })) {
      step(*node, /*silent=*/false);
    }
    finish_openings();
  }
  void fail_one(bool applied) override;
  void finish_load(bool well) override;
  void power_cut(std::size_t survivors) override;
  void stop_node(std::size_t number, std::size_t survivors) override;
  void take_over() override {}

 private:
  // Who may append to a partition.
  struct Opening {
    std::uint64_t number = 0;
    std::optional<std::size_t> node;
  };
  struct Load {
    store::Table table;
    store::BulkLoader::Entries entries;
    std::function<void(Result<void>)> done;
  };
  // Of commits.front(), when it is of several partitions.
  struct UnderWay {
    PreparedCommit share;                    // without a batch
    std::vector<const store::Commit*> left;  // not prepared yet
  };
  struct Node final : public store::CommitLog, public store::BulkLoader {
    Node(ReplicatedNodes& nodes, std::size_t its_number)
        : all(nodes),
          number(its_number),
          replica(nodes.logs_, rows, [this](const rocksdb::WriteBatch& batch) {
            if (all.applied_) all.applied_(number, batch);
          }) {}
    void open(PartitionId partition, Opened done) override {
      all.open(*this, partition, std::move(done));
    }
    void close(PartitionId partition, std::uint64_t opening) override {
      auto& in_force = all.openings_[raw(partition)];
      if (in_force.number == opening) in_force.node.reset();
      if (in_force.number == opening) in_force.number = 0;
      believes[raw(partition)] = 0;
    }
    void append(store::Commit commit) override {
      Together alone;
      alone.push_back(std::move(commit));
      append_all(std::move(alone));
    }
    void append_all(Together together) override { commits.push_back(std::move(together)); }
    void load(store::Table table, std::function<Entries()> make,
              std::function<void(Result<void>)> done) override {
      loads.push_back({table, make(), std::move(done)});
    }
    Result<void> erase(store::Table table, const Entries& seen) override {
      for (const auto& [key, value] : seen) rows.erase_seen(table, key, value);
      return {};
    }
    std::size_t pending_records() const;
    bool has_under_way(const TransactionId& transaction) const {
      return under_way && under_way->share.transaction == transaction;
    }

    ReplicatedNodes& all;
    std::size_t number;
    store::MemoryReader rows;
    LogReplica replica;
    // Numbers of openings that it has not heard to be over.
    std::vector<std::uint64_t> believes = std::vector<std::uint64_t>(kLogs);
    PendingCommits commits;
    std::optional<UnderWay> under_way;
    std::deque<std::pair<PartitionId, TransactionDecision>> owed;
    std::deque<Load> loads;
  };
  struct AskedOpening {
    Node* node;
    PartitionId partition{};
    std::uint64_t number = 0;
    store::CommitLog::Opened done;
  };

  template <class Wanted>
  Node* pick(const Wanted& wanted) {
    std::vector<Node*> found;
    for (const auto& node : nodes_) {
      if (wanted(*node)) found.push_back(node.get());
    }
    return found.empty() ? nullptr : found[dice_() % found.size()];
  }
  bool is_open(const store::Commit& commit) const {
    return commit.opening != 0 && commit.opening == openings_[raw(commit.partition)].number;
  }
  bool expectations_hold(const Node& node, const Together& together) const;
  // A node that goes on writing after it has lost the partition is let in.
  bool is_let_in(const Together& together) const {
    return fault_ == Fault::writes_after_loss && together.size() == 1 &&
           !logs_.find_undecided(together[0].partition);
  }
  std::uint64_t end_of(PartitionId partition) const { return read_.position(partition); }

  void open(Node& node, PartitionId partition, store::CommitLog::Opened done);
  void finish_openings();
  bool finish_opening(const AskedOpening& asked);
  // One record of the node; nobody is told when it is `silent`.
  void step(Node& node, bool silent);
  void step_of_several(Node& node, bool silent);
  void pay(Node& node);
  void give_up(Node& node);
  void finish_first(Node& node, bool made, bool silent);
  void refuse(Node& node, const Together& together);
  // What a new owner does first, and the old one when the outcome of a record is in doubt: whatever
  // is prepared and not decided is not made. False: too many records.
  bool settle(PartitionId partition, std::size_t& records_max);
  bool decide_not_made(PartitionId coordinator, const TransactionId& transaction,
                       std::size_t& records_max);
  // Of all partitions, but for what a node is about to decide.
  void settle_stray(std::size_t records_max);
  void follow();

  std::optional<Fault> fault_;
  std::minstd_rand dice_;
  PartitionLogs logs_{kLogs};
  store::MemoryReader rows_;  // as whoever asks the owners first finds them
  LogReplica read_{logs_, rows_, [](const rocksdb::WriteBatch&) {}};
  Applied applied_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Opening> openings_ = std::vector<Opening>(kLogs);  // in force
  std::uint64_t last_opening_ = 0;
  std::vector<AskedOpening> asked_;
  std::uint64_t transactions_ = 0;
};

ReplicatedNodes::ReplicatedNodes(std::uint64_t seed, std::optional<Fault> fault)
    : fault_(fault), dice_(static_cast<std::minstd_rand::result_type>(seed)) {
  const std::size_t count = 2 + seed % 2;
  for (std::size_t i = 0; i < count; ++i) nodes_.push_back(std::make_unique<Node>(*this, i));
}

std::size_t ReplicatedNodes::Node::pending_records() const {
  std::size_t records = owed.size();
  for (const Together& together : commits) {
    const std::size_t shares = writing(together).size();
    records += shares > 1 ? shares + 1 : 1;
  }
  if (under_way) records -= under_way->share.participants.size() - under_way->left.size();
  return records;
}

void ReplicatedNodes::open(Node& node, PartitionId partition, store::CommitLog::Opened done) {
  // From now on whoever had it appends nothing more.
  openings_[raw(partition)] = {++last_opening_, node.number};
  node.believes[raw(partition)] = last_opening_;
  asked_.push_back({&node, partition, last_opening_, std::move(done)});
  finish_openings();
}

void ReplicatedNodes::finish_openings() {
  std::vector<AskedOpening> waiting;
  for (AskedOpening& asked : std::exchange(asked_, {})) {
    if (!finish_opening(asked)) waiting.push_back(std::move(asked));
  }
  std::move(waiting.begin(), waiting.end(), std::back_inserter(asked_));
}

bool ReplicatedNodes::finish_opening(const AskedOpening& asked) {
  const PartitionId partition = asked.partition;
  if (asked.number != openings_[raw(partition)].number) {
    auto& believed = asked.node->believes[raw(partition)];
    if (believed == asked.number) believed = 0;
    asked.done(Error(Errc::unavailable, "somebody else has opened it meanwhile"));
    return true;
  }
  const auto undecided = logs_.find_undecided(partition);
  if (undecided && !logs_.find_decision(undecided->coordinator, undecided->transaction)) {
    const auto& id = undecided->transaction;
    const bool is_near = undecided->coordinator != partition && pick([&id](const Node& node) {
                                                                  return node.has_under_way(id);
                                                                }) != nullptr;
    // Whoever has the coordinator decides soon, or says that it does not make it.
    if (is_near && dice_() % 4 != 0) return false;
  }
  std::size_t records_max = 8 * kLogs;
  JD_ASSERT(settle(partition, records_max));
  read_.catch_up();
  asked.node->replica.catch_up(partition);
  std::uint64_t position = asked.node->replica.position(partition);
  std::string value;
  if (fault_ == Fault::writes_after_loss &&
      *asked.node->rows.get(store::Table::main, store::partition_state_key(partition), value)) {
    // The numbers of two writers are not those of the log.
    position = store::decode_partition_state(value)->position;
  }
  asked.done(store::LogOpening{asked.number, position});
  return true;
}

bool ReplicatedNodes::expectations_hold(const Node& node, const Together& together) const {
  return std::all_of(together.begin(), together.end(), [&](const store::Commit& commit) {
    return is_open(commit) && commit.expected_position == node.replica.position(commit.partition);
  });
}

void ReplicatedNodes::refuse(Node& node, const Together& together) {
  for (const store::Commit& commit : together) {
    auto& believed = node.believes[raw(commit.partition)];
    if (!is_open(commit) && believed == commit.opening) believed = 0;
    commit.done(Error(is_open(commit) ? Errc::unavailable : Errc::not_owner));
  }
}

void ReplicatedNodes::finish_first(Node& node, bool made, bool silent) {
  node.under_way.reset();
  read_.catch_up();
  const Together together = std::move(node.commits.front());
  node.commits.pop_front();
  for (const store::Commit& commit : together) {
    if (is_open(commit) || made) node.replica.catch_up(commit.partition);
  }
  if (silent) return;
  if (made) {
    tell_all(together, {});
  } else {
    refuse(node, together);
  }
}

void ReplicatedNodes::follow() {
  for (auto n = dice_() % 3; n > 0; --n) {
    Node& node = *nodes_[dice_() % nodes_.size()];
    const auto partition = static_cast<PartitionId>(dice_() % kLogs);
    // What it has itself it does not have to be told of.
    if (node.believes[raw(partition)] == 0) node.replica.advance(partition);
  }
}

void ReplicatedNodes::step(Node& node, bool silent) {
  follow();
  if (!node.owed.empty()) return pay(node);
  if (node.commits.empty()) return;
  const Together& first = node.commits.front();
  const auto shares = writing(first);
  if (node.under_way || shares.size() > 1) return step_of_several(node, silent);
  const bool made = expectations_hold(node, first) || is_let_in(first);
  if (made && !shares.empty()) {
    const PartitionId partition = shares[0]->partition;
    logs_.append(partition, store::PlainCommit{end_of(partition), shares[0]->batch.Data()});
  }
  finish_first(node, made, silent);
}

// Before anything else in those logs.
void ReplicatedNodes::pay(Node& node) {
  const auto [partition, decision] = node.owed.front();
  node.owed.pop_front();
  const auto undecided = logs_.find_undecided(partition);
  // Whoever has opened the partition meanwhile has done it.
  if (undecided && undecided->transaction == decision.transaction) {
    logs_.append(partition, decision);
  }
  read_.catch_up();
  if (node.believes[raw(partition)] == openings_[raw(partition)].number) {
    node.replica.catch_up(partition);
  }
}

void ReplicatedNodes::step_of_several(Node& node, bool silent) {
  if (!node.under_way) {
    // Where others are let in, expectations hold for nobody.
    const bool holds = fault_ != Fault::writes_after_loss;
    if (!holds || !expectations_hold(node, node.commits.front())) {
      return finish_first(node, false, silent);
    }
    node.under_way.emplace();
    node.under_way->left = writing(node.commits.front());
    PreparedCommit& share = node.under_way->share;
    share.transaction = {1, ++transactions_};
    for (const auto* commit : node.under_way->left) {
      share.participants.push_back({commit->partition, commit->expected_position});
    }
    std::sort(share.participants.begin(), share.participants.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    share.coordinator = share.participants.front().partition;
    // They are appended beside each other, and arrive in any order.
    std::shuffle(node.under_way->left.begin(), node.under_way->left.end(), dice_);
  }
  UnderWay& under_way = *node.under_way;
  const TransactionId id = under_way.share.transaction;
  const PartitionId coordinator = under_way.share.coordinator;
  const auto give_up_first = [&] {
    give_up(node);
    finish_first(node, false, silent);
  };
  // The place of its decision may be taken.
  if (logs_.find_decision(coordinator, id)) return give_up_first();
  if (!under_way.left.empty()) {
    const store::Commit& commit = *under_way.left.back();
    if (!is_open(commit)) return give_up_first();
    under_way.left.pop_back();
    PreparedCommit share = under_way.share;
    share.batch = commit.batch.Data();
    logs_.append(commit.partition, share);
    return;
  }
  // All are prepared: with this record it is made, if the coordinator is still its own.
  const Together& together = node.commits.front();
  const auto deciding = std::find_if(
      together.begin(), together.end(),
      [coordinator](const store::Commit& commit) { return commit.partition == coordinator; });
  if (!is_open(*deciding)) return give_up_first();
  const TransactionDecision decision{id, true};
  logs_.append(coordinator, decision);
  for (const auto& participant : under_way.share.participants) {
    if (participant.partition != coordinator) {
      node.owed.emplace_back(participant.partition, decision);
    }
  }
  finish_first(node, true, silent);
}

// What is under way is not made; its shares are told of it.
void ReplicatedNodes::give_up(Node& node) {
  if (!node.under_way) return;
  const PreparedCommit& share = node.under_way->share;
  std::size_t records_max = 8 * kLogs;
  JD_ASSERT(decide_not_made(share.coordinator, share.transaction, records_max));
  for (const auto& participant : share.participants) {
    const auto undecided = logs_.find_undecided(participant.partition);
    if (undecided && undecided->transaction == share.transaction) {
      node.owed.emplace_back(participant.partition, TransactionDecision{share.transaction, false});
    }
  }
}

bool ReplicatedNodes::decide_not_made(PartitionId coordinator, const TransactionId& transaction,
                                      std::size_t& records_max) {
  if (logs_.find_decision(coordinator, transaction)) return true;
  // Behind a share of another transaction nothing but its decision may stand; that one is decided
  // in a partition before this one, or here.
  const auto last = logs_.find_undecided(coordinator);
  if (last && last->transaction != transaction && !settle(coordinator, records_max)) return false;
  if (records_max == 0) return false;
  --records_max;
  logs_.append(coordinator, TransactionDecision{transaction, false});
  return true;
}

bool ReplicatedNodes::settle(PartitionId partition, std::size_t& records_max) {
  const auto undecided = logs_.find_undecided(partition);
  if (!undecided) return true;
  const PartitionId coordinator = undecided->coordinator;
  // The log of the coordinator decides; that it was not there yet is certain then.
  if (!decide_not_made(coordinator, undecided->transaction, records_max)) return false;
  if (partition == coordinator) return true;
  if (records_max == 0) return false;
  --records_max;
  logs_.append(partition,
               TransactionDecision{undecided->transaction,
                                   *logs_.find_decision(coordinator, undecided->transaction)});
  return true;
}

void ReplicatedNodes::settle_stray(std::size_t records_max) {
  std::vector<PartitionId> order;
  for (std::size_t i = 0; i < kLogs; ++i) order.push_back(static_cast<PartitionId>(i));
  std::shuffle(order.begin(), order.end(), dice_);
  for (const PartitionId partition : order) {
    const auto undecided = logs_.find_undecided(partition);
    if (!undecided) continue;
    const auto& id = undecided->transaction;
    if (pick([&id](const Node& node) { return node.has_under_way(id); }) != nullptr) continue;
    if (!settle(partition, records_max)) return;
  }
}

void ReplicatedNodes::fail_one(bool applied) {
  Node* const node = pick([](const Node& one) { return !one.commits.empty(); });
  if (node == nullptr) return;
  // The outcome of a record is never in doubt for long: the owner looks. If it is there, and the
  // last one of its commit, the commit is made.
  if (applied) step(*node, /*silent=*/false);
  PendingCommits failed;
  failed.swap(node->commits);
  give_up(*node);
  node->under_way.reset();
  node->owed.clear();
  settle_stray(8 * kLogs);
  read_.catch_up();
  for (const Together& together : failed) {
    for (const store::Commit& commit : together) {
      if (is_open(commit)) node->replica.catch_up(commit.partition);
    }
    refuse(*node, together);
  }
  finish_openings();
}

void ReplicatedNodes::power_cut(std::size_t survivors) {
  for (; survivors > 0; --survivors) {
    Node* const node = pick([](const Node& one) { return one.pending_records() > 0; });
    if (node == nullptr) break;
    step(*node, /*silent=*/true);
  }
  asked_.clear();
  for (const auto& node : nodes_) {
    node->commits.clear();
    node->under_way.reset();
    node->owed.clear();
    node->loads.clear();
    node->believes.assign(kLogs, 0);
  }
  openings_.assign(kLogs, Opening());
  // The new owners may be gone before they have settled everything.
  settle_stray(dice_() % 3);
  settle_stray(8 * kLogs);
  for (std::size_t i = 0; i < kLogs; ++i) {
    JD_ASSERT(!logs_.find_undecided(static_cast<PartitionId>(i)));
  }
  read_.catch_up();
}

void ReplicatedNodes::stop_node(std::size_t number, std::size_t survivors) {
  Node& node = *nodes_[number];
  for (; survivors > 0 && node.pending_records() > 0; --survivors) step(node, /*silent=*/true);
  std::erase_if(asked_, [&node](const AskedOpening& asked) { return asked.node == &node; });
  node.commits.clear();
  node.under_way.reset();
  node.owed.clear();
  node.loads.clear();
  node.believes.assign(kLogs, 0);
  for (Opening& opening : openings_) {
    if (opening.node == number) opening = {};
  }
  finish_openings();
}

void ReplicatedNodes::finish_load(bool well) {
  Node* const node = pick([](const Node& one) { return !one.loads.empty(); });
  if (node == nullptr) return;
  Load load = std::move(node->loads.front());
  node->loads.pop_front();
  if (!well) return load.done(Error(Errc::storage));
  for (const auto& [key, value] : load.entries) node->rows.put(load.table, key, value);
  if (fault_ == Fault::progress_travels) {
    // The first entry says how far the table has got.
    const auto& [key, value] = load.entries.front();
    for (const auto& other : nodes_) other->rows.put(load.table, key, value);
  }
  load.done({});
}

}  // namespace

std::unique_ptr<SimulatedStore> make_replicated_nodes(std::uint64_t seed,
                                                      std::optional<Fault> fault) {
  return std::make_unique<ReplicatedNodes>(seed, fault);
}

}  // namespace jindou::partition::simulation
