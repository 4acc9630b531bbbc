// One partition over a store of its own, without threads: commands go in, commits happen when a
// test says so, and everything that came of it can be looked at.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "partition/command_router.h"
#include "partition/inbox_stage.h"
#include "partition/partition.h"
#include "partition/simulation/failing_reader.h"
#include "partition/simulation/memory_store.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

inline constexpr PartitionId kPartition{0};

class FixedClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms));
  }
  std::int64_t now_ms = 1'700'000'000'000;
};

// One partition over a store of its own.
class LonePartition final : public EffectSink {
 public:
  explicit LonePartition(const MemoryStore& like, const PartitionOptions& options = {})
      : memory(like), reader(memory) {
    PartitionDeps deps{
        .reader = reader,
        .log = memory,
        .loader = memory,
        .inboxes = inboxes_,
        .accounts = accounts_,
        .horizon = horizon_,
        .effects = *this,
        .clock = clock,
        .fingerprint_seed = 42,
        .lists = nullptr,
    };
    partition_ = std::make_unique<Partition>(kPartition, deps, options, [] {});
    const auto opening = store::open_and_wait(memory, kPartition);
    EXPECT_TRUE(opening.has_value() && partition_->open(*opening).has_value());
  }

  void post_committed(std::shared_ptr<const CommittedBatch> batch) override {
    for (const CommitEffect& effect : batch->effects) {
      std::string line = std::visit(
          Overloaded{[](const CommittedMessage& told) { return told.message->payload.str(); },
                     [](const CommittedEvent& told) { return told.event->event_id; }},
          effect.what);
      const Recipients& recipients = effect.recipients;
      std::set<std::string> who(recipients.listed.begin(), recipients.listed.end());
      if (recipients.subscribers) {
        who.insert(recipients.subscribers->begin(), recipients.subscribers->end());
      }
      for (const auto& uid : who) line += " " + uid;
      effects.push_back(std::move(line));
    }
  }

  // Only evaluates; the outcome is there after settle().
  std::shared_ptr<std::optional<Errc>> begin(const Command& command) {
    auto failed = std::make_shared<std::optional<Errc>>();
    if (const auto* change = std::get_if<Change>(&command)) {
      partition_->execute(*change, [failed](const Result<void>& done) {
        if (!done) *failed = done.error().code();
      });
    } else if (const auto* event = std::get_if<AppendEvent>(&command)) {
      partition_->execute(*event, [failed](const Result<EventOutcome>& done) {
        if (!done) *failed = done.error().code();
      });
    } else {
      std::vector<SendCommand> commands{std::get<SendCommand>(command)};
      load_inboxes(commands, inboxes_);
      auto batch = std::make_shared<SendBatch>(
          std::move(commands), std::vector<SendBatch::Part>{{kPartition, {0}}}, nullptr,
          CommandRouter::kNever, [failed](const std::vector<SendResult>& results) {
            if (!results[0].ok()) *failed = results[0].code;
          });
      partition_->execute(batch, 0);
    }
    return failed;
  }
  // One commit, if there is one.
  void step() {
    partition_->pump();
    memory.commit_one();
  }
  // Until nothing is left to be done, also in slices.
  void settle() {
    do {
      partition_->pump();
      while (memory.pending_commits() > 0) memory.commit_one();
      partition_->pump();
    } while (memory.pending_commits() > 0);
  }
  std::optional<Errc> run(const Command& command) {
    const auto failed = begin(command);
    settle();
    return *failed;
  }

  std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> rows;
    EXPECT_TRUE(memory
                    .scan(store::Table::main, "", "\xff\xff\xff",
                          [&rows](std::string_view key, std::string_view value) {
                            rows.emplace(key, value);
                            return true;
                          })
                    .has_value());
    return rows;
  }

  Partition& partition() { return *partition_; }
  // For commands that do not go through begin().
  InboxDirectory& inboxes() { return inboxes_; }
  const store::CommitHorizon& horizon() const { return horizon_; }

  FixedClock clock;
  MemoryStore memory;
  FailingReader reader;
  std::vector<std::string> effects;

 private:
  InboxDirectory inboxes_{store::PartitionReaders(reader, PartitionMap(1)), 64};
  SystemAccounts accounts_;
  store::CommitHorizon horizon_{clock, 1};
  std::unique_ptr<Partition> partition_;
};

}  // namespace jindou::partition::simulation
