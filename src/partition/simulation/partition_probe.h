// Looks into a partition, and has it evaluate commands that are taken back: for tests of what is
// left of them.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>
#include <variant>

#include "partition/partition.h"
#include "partition/simulation/lone_partition.h"

namespace jindou::partition {

class PartitionProbe {
 public:
  explicit PartitionProbe(Partition& partition) : partition_(partition) {}

  // Evaluates the command to its end behind a save point, and takes it back. True when it had
  // changed something.
  bool take_back(const Command& command) {
    const std::string before = begin();
    Txn& txn = *partition_.txn_;
    const Txn::SavePoint point = txn.save();
    evaluate(command);
    const bool changed = everything() != before;
    txn.roll_back(point);
    return changed;
  }
  // What is left when that leaves nothing.
  void do_nothing() { begin(); }

  // Whether the command would wait for another one.
  bool waits(const Command& command) const {
    const auto* change = std::get_if<Change>(&command);
    if (change == nullptr || !partition_.modules_.list_jobs.any()) return false;
    return std::visit(
        [this](const auto& what) {
          if constexpr (is_command_of<std::decay_t<decltype(what)>, ListCommand>) {
            const CachedChannel* const channel = partition_.modules_.channels.find(what.channel);
            return channel != nullptr && channel->list_job != nullptr;
          } else {
            return false;
          }
        },
        *change);
  }

  // Has in memory what the other one has, as far as the store tells it.
  void load_like(const PartitionProbe& other) {
    Modules& modules = partition_.modules_;
    other.partition_.modules_.channels.visit([&modules](const CachedChannel& theirs) {
      CachedChannel& own = **modules.channels.load(theirs.key);
      for (const MemberList list :
           {MemberList::subscribers, MemberList::denylist, MemberList::allowlist}) {
        if (theirs.list(list) == nullptr) continue;
        EXPECT_TRUE(modules.channels.load_list(own, list).has_value());
      }
      for (const auto& [uid, cached] : theirs.conversations) {
        EXPECT_TRUE(modules.conversations.load(own, uid).has_value());
      }
    });
    for (const Message* message : other.partition_.modules_.streams.lanes().messages()) {
      EXPECT_TRUE(
          modules.streams.load_anchor(message->channel, message->client_msg_no).has_value());
    }
  }
  std::multiset<std::string> memory() const { return partition_.modules_.describe().lines(); }

  // What the commit being gathered has so far.
  std::string rows() const { return partition_.txn_->rows(); }
  struct Gathered {
    std::size_t bytes = 0;
    std::size_t effects = 0;
    std::uint32_t messages = 0;
    bool writes = false;
    bool operator==(const Gathered&) const = default;
  };
  Gathered gathered() const {
    const Txn& txn = *partition_.txn_;
    return {txn.bytes(), txn.effects(), txn.messages(), txn.writes()};
  }

 private:
  std::string begin() {
    partition_.begin_gathering();
    partition_.txn_->add_change([](const Result<void>&) {});
    return everything();
  }
  void evaluate(const Command& command) {
    Txn& txn = *partition_.txn_;
    if (const auto* change = std::get_if<Change>(&command)) {
      partition_.modules_.evaluate(*change, txn).ignore("is taken back");
    } else if (const auto* event = std::get_if<AppendEvent>(&command)) {
      AppendEvent copy = *event;
      partition_.modules_.streams.append(copy, txn).ignore("is taken back");
    } else {
      SendCommand copy = std::get<SendCommand>(command);
      load_inboxes({&copy, 1}, partition_.deps_.inboxes);
      partition_.modules_.sending.evaluate(copy, txn).ignore("is taken back");
    }
  }
  std::string everything() const {
    std::string all = rows() + std::to_string(gathered().effects);
    for (const auto& line : memory()) all += line + '\n';
    return all;
  }

  Partition& partition_;
};

// Whether the two have the same in their stores, in the commits being gathered and in memory.
inline void expect_same(simulation::LonePartition& a, simulation::LonePartition& b) {
  PartitionProbe probe_a(a.partition());
  PartitionProbe probe_b(b.partition());
  probe_a.load_like(probe_b);
  probe_b.load_like(probe_a);
  EXPECT_EQ(probe_a.memory(), probe_b.memory());
  EXPECT_EQ(probe_a.rows(), probe_b.rows());
  EXPECT_EQ(probe_a.gathered(), probe_b.gathered());
  EXPECT_EQ(a.rows(), b.rows());
  EXPECT_EQ(a.effects, b.effects);
}

}  // namespace jindou::partition
