// Commands to several partitions that are made all or none, with the real threads, log and store.
#include "partition/transaction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "partition/addressing.h"
#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

class Transactions : public Core {
 protected:
  // Of four.
  static std::string name_in(unsigned partition, const std::string& prefix = "g") {
    for (int i = 0;; ++i) {
      std::string name = prefix + std::to_string(i);
      if (partition_for(name, 4) == static_cast<PartitionId>(partition)) return name;
    }
  }
  static StoreToken token(unsigned partition, const std::string& text) {
    return {name_in(partition, "u"), DeviceFlag::app, DeviceLevel::master, text, false};
  }
  // A read position of a conversation that there is none of.
  static ChangeConversation impossible(unsigned partition) {
    ChangeConversation change;
    change.channel = ChannelKey(name_in(partition), ChannelType::group);
    change.uids = {"nobody"};
    change.operation = ChangeConversation::Operation::activate;
    return change;
  }
  std::future<TransactionResult> begin(std::vector<Command> commands) {
    auto told = std::make_shared<std::promise<TransactionResult>>();
    const auto posted = router_->post_all(std::move(commands), [told](TransactionResult result) {
      told->set_value(std::move(result));
    });
    if (!posted) told->set_value({{Result<CommandOutcome>(posted.error())}, std::nullopt, {}});
    return told->get_future();
  }
  TransactionResult make_all(std::vector<Command> commands) {
    return begin(std::move(commands)).get();
  }
  // Of the user of that partition.
  std::string token_of(unsigned partition) {
    std::string value;
    const auto found =
        database_->get(store::Table::main,
                       store::device_token_key(static_cast<PartitionId>(partition),
                                               name_in(partition, "u"), DeviceFlag::app),
                       value);
    EXPECT_TRUE(found.has_value());
    return found && *found ? store::decode_token(value)->token : "";
  }
  static bool all_made(const TransactionResult& result) {
    return std::all_of(result.commands.begin(), result.commands.end(),
                       [](const auto& outcome) { return outcome.has_value(); });
  }
};

TEST_F(Transactions, AreWholeOverAllPartitions) {
  std::vector<Command> commands;
  for (unsigned partition = 0; partition < 4; ++partition) {
    commands.emplace_back(to_group(name_in(partition), "hello"));
    commands.emplace_back(token(partition, "t1"));
  }
  const TransactionResult result = make_all(std::move(commands));
  ASSERT_EQ(result.commands.size(), 8U);
  ASSERT_TRUE(all_made(result));
  for (unsigned partition = 0; partition < 4; ++partition) {
    const auto& sent = std::get<SendResult>(*result.commands[2 * partition]);
    EXPECT_EQ(sent.state, SendResult::State::accepted);
    EXPECT_EQ(partition_of(sent.message_id), static_cast<PartitionId>(partition));
    EXPECT_EQ(payloads(name_in(partition)), std::vector<std::string>{"hello"});
    EXPECT_EQ(token_of(partition), "t1");
  }
}

TEST_F(Transactions, OneRefusalLeavesNothingAnywhere) {
  for (unsigned failing = 0; failing < 4; ++failing) {
    std::vector<Command> commands;
    for (unsigned partition = 0; partition < 4; ++partition) {
      commands.emplace_back(to_group(name_in(partition), "hello"));
    }
    commands.emplace_back(impossible(failing));
    commands.emplace_back(token((failing + 1) % 4, "t1"));
    const TransactionResult result = make_all(std::move(commands));
    const auto& outcomes = result.commands;
    ASSERT_EQ(outcomes.size(), 6U);
    EXPECT_EQ(result.failed, std::optional<std::size_t>(4));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_FALSE(outcomes[i].has_value());
      EXPECT_EQ(outcomes[i].error().code(), Errc::not_found);
      const bool because = outcomes[i].error().detail().starts_with("not done because of item 4: ");
      EXPECT_EQ(because, i != 4) << outcomes[i].error().detail();
    }
    for (unsigned partition = 0; partition < 4; ++partition) {
      EXPECT_TRUE(payloads(name_in(partition)).empty());
      EXPECT_EQ(token_of(partition), "");
    }
  }
  EXPECT_TRUE(sink_.messages().empty());
  // The seqs go on as if it had never been.
  EXPECT_EQ(raw(send({to_group(name_in(2), "first")})[0].message_seq), 1U);
}

TEST_F(Transactions, ARefusalInOnePartitionAlone) {
  const auto result = make_all({to_group(name_in(1), "hello"), impossible(1), token(1, "t1")});
  EXPECT_EQ(result.failed, std::optional<std::size_t>(1));
  for (const auto& outcome : result.commands) EXPECT_FALSE(outcome.has_value());
  EXPECT_TRUE(payloads(name_in(1)).empty());
  EXPECT_TRUE(all_made(make_all({to_group(name_in(1), "hello"), token(1, "t1")})));
  EXPECT_EQ(payloads(name_in(1)), std::vector<std::string>{"hello"});
}

TEST_F(Transactions, RepeatsAreAnsweredAsTheFirst) {
  const std::vector<Command> commands = {to_group(name_in(0), "hello", "n0"),
                                         to_group(name_in(1), "hello", "n1")};
  const TransactionResult first = make_all(commands);
  ASSERT_TRUE(all_made(first));
  const TransactionResult again = make_all(commands);
  ASSERT_TRUE(all_made(again));
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& sent = std::get<SendResult>(*again.commands[i]);
    EXPECT_EQ(sent.state, SendResult::State::duplicate);
    EXPECT_EQ(sent.message_id, std::get<SendResult>(*first.commands[i]).message_id);
  }
  // One conflict and the others are not there either.
  const auto conflict = make_all({to_group(name_in(0), "other", "n0"), token(1, "t1")});
  ASSERT_FALSE(conflict.made());
  EXPECT_EQ(conflict.error().code(), Errc::conflict);
  EXPECT_EQ(token_of(1), "");
}

TEST_F(Transactions, TooMuchAtOnceIsRefused) {
  std::vector<Command> commands(limits_.transaction_items_max + 1, token(0, "t1"));
  const TransactionResult refused = make_all(std::move(commands));
  ASSERT_FALSE(refused.made());
  EXPECT_EQ(refused.error().code(), Errc::too_large);
  EXPECT_TRUE(make_all({}).made());
  router_->close();
  EXPECT_EQ(make_all({token(0, "t1")}).error().code(), Errc::unavailable);
}

// Many at once, over the same partitions, between single sends to the same channels.
TEST_F(Transactions, AreWholeBetweenOthers) {
  constexpr int kRounds = 100;
  std::atomic<int> sent{0};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 2; ++thread) {
    threads.emplace_back([this, thread, &sent] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string number = std::to_string(thread) + "-" + std::to_string(round);
        if (send({to_group(name_in(thread), "s", number)})[0].ok()) ++sent;
      }
    });
  }
  std::vector<std::future<TransactionResult>> made;
  std::vector<std::future<TransactionResult>> refused;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Command> commands;
    for (unsigned i = 0; i < 2 + static_cast<unsigned>(round) % 3; ++i) {
      const unsigned partition = (static_cast<unsigned>(round) + i) % 4;
      commands.emplace_back(token(partition, "t" + std::to_string(round)));
      commands.emplace_back(to_group(name_in(partition), "t" + std::to_string(round)));
    }
    const bool fails = round % 3 == 0;
    if (fails) commands.emplace_back(impossible(static_cast<unsigned>(round) % 4));
    (fails ? refused : made).push_back(begin(std::move(commands)));
  }
  for (auto& told : made) EXPECT_TRUE(all_made(told.get()));
  for (auto& told : refused) EXPECT_FALSE(told.get().made());
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sent.load(), 2 * kRounds);
  std::size_t stored = 0;
  for (unsigned partition = 0; partition < 4; ++partition) {
    RangeQuery query;
    query.channel = ChannelKey(name_in(partition), ChannelType::group);
    query.limit = 1000;
    const auto page = history_->load_range(query);
    ASSERT_TRUE(page.has_value());
    for (const auto& message : page->messages)
      stored += message.payload.view().starts_with("t") ? 1 : 0;
  }
  std::size_t expected = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round % 3 != 0) expected += 2 + static_cast<std::size_t>(round) % 3;
  }
  EXPECT_EQ(stored, expected);
}

// Whatever was begun is told of when the core stops.
TEST_F(Transactions, EndWithTheCore) {
  std::vector<std::future<TransactionResult>> told;
  for (int round = 0; round < 50; ++round) {
    told.push_back(
        begin({token(0, "t" + std::to_string(round)), token(1, "t" + std::to_string(round)),
               token(2, "t" + std::to_string(round))}));
  }
  close();
  int last = -1;
  for (int round = 0; round < 50; ++round) {
    const TransactionResult result = told[static_cast<std::size_t>(round)].get();
    for (const auto& outcome : result.commands) EXPECT_EQ(outcome.has_value(), result.made());
    if (result.made()) last = round;
  }
  open();
  const std::string expected = last < 0 ? "" : "t" + std::to_string(last);
  for (unsigned partition = 0; partition < 3; ++partition) EXPECT_EQ(token_of(partition), expected);
}

class ImpatientTransactions : public Transactions {
 protected:
  ImpatientTransactions() { limits_.transaction_hold_max = std::chrono::milliseconds(0); }
};

// A disk that does not answer for one partition does not keep the others.
TEST_F(ImpatientTransactions, APartitionDoesNotWaitForOthersForEver) {
  std::promise<void> go_on;
  std::promise<void> busy;
  // The thread of partitions 1 and 3.
  ASSERT_TRUE(router_
                  ->post_recipients(ChannelKey(name_in(1), ChannelType::group),
                                    [&](const Result<Recipients>&) {
                                      busy.set_value();
                                      go_on.get_future().wait();
                                    })
                  .has_value());
  busy.get_future().wait();
  auto told = begin({token(0, "t1"), token(1, "t1")});
  // It waits behind the transaction, and then no longer.
  EXPECT_TRUE(send({to_group(name_in(0), "hello")})[0].ok());
  EXPECT_EQ(token_of(0), "");
  go_on.set_value();
  const TransactionResult result = told.get();
  ASSERT_FALSE(result.made());
  EXPECT_EQ(result.error().code(), Errc::overloaded);
  EXPECT_EQ(token_of(0), "");
  EXPECT_EQ(token_of(1), "");
  EXPECT_TRUE(change(token(1, "t2")).has_value());
}

}  // namespace
}  // namespace jindou::partition
