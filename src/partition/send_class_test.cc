// Bulk work gives way to what somebody waits for.
#include "partition/send_class.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

using Results = std::vector<SendResult>;

class SendClasses : public Core {
 protected:
  // A batch for which room was reserved, as of POST /message/sendbatch.
  std::future<Results> post_batch(std::size_t items, const std::string& group) {
    std::vector<SendCommand> commands;
    for (std::size_t i = 0; i < items; ++i) commands.push_back(to_group(group, "bulk"));
    return post(std::move(commands), router_->reserve(items, items * 100));
  }
  std::future<Results> post(std::vector<SendCommand> commands,
                            const CommandRouter::ReservationPtr& reservation = nullptr) {
    return post_told(
        std::move(commands), [] {}, reservation);
  }
  // `told` is called when the batch is done.
  std::future<Results> post_told(std::vector<SendCommand> commands, std::function<void()> told,
                                 const CommandRouter::ReservationPtr& reservation = nullptr) {
    auto results = std::make_shared<std::promise<Results>>();
    auto future = results->get_future();
    auto posted = router_->post_send(
        std::move(commands),
        [results, told = std::move(told)](Results done) {
          told();
          results->set_value(std::move(done));
        },
        CommandRouter::kNever, reservation);
    EXPECT_TRUE(posted.has_value());
    return future;
  }
  // Bulk that takes many turns and commits.
  static constexpr std::size_t kMuch = 50'000;
  // A change in the partition of the group.
  StoreToken token_beside(const std::string& group) {
    const PartitionMap map(options_.partitions);
    for (int i = 0;; ++i) {
      std::string uid = "u" + std::to_string(i);
      if (map.of_user(uid) == map.of_channel(group)) {
        return {uid, DeviceFlag::app, DeviceLevel::master, "t", false};
      }
    }
  }
  // A group of another partition: of the same worker or of the other one.
  std::string group_beside(const std::string& group, bool same_worker) {
    const PartitionMap map(options_.partitions);
    const PartitionId partition = map.of_channel(group);
    for (int i = 0;; ++i) {
      std::string name = "h" + std::to_string(i);
      const PartitionId its = map.of_channel(name);
      const bool same = &placement_->worker_of(its) == &placement_->worker_of(partition);
      if (its != partition && same == same_worker) return name;
    }
  }
  // Keeps the worker of the group from doing anything until the future is ready. What is posted
  // meanwhile stands in the worker's queue when post() returns: the sender's inbox is known, so
  // that no send waits for a read of it.
  void hold(const std::string& group, std::shared_future<void> until) {
    ASSERT_TRUE(inboxes_->load(to_group(group, "").from_uid).has_value());
    auto held = std::make_shared<std::promise<void>>();
    auto holding = held->get_future();
    ASSERT_TRUE(router_
                    ->post_recipients(ChannelKey(group, ChannelType::group),
                                      [held, until = std::move(until)](const Result<Recipients>&) {
                                        held->set_value();
                                        until.wait();
                                      })
                    .has_value());
    holding.wait();
  }
};

TEST_F(SendClasses, WhatSomebodyWaitsForGoesBeforeABatchThatCameFirst) {
  std::promise<void> go;
  hold("g1", go.get_future().share());
  auto batch = post_batch(100, "g1");
  auto chat = post({to_group("g1", "chat")});
  go.set_value();
  EXPECT_EQ(raw(chat.get()[0].message_seq), 1U);
  const Results of_batch = batch.get();
  ASSERT_EQ(of_batch.size(), 100U);
  for (std::size_t i = 0; i < of_batch.size(); ++i) {
    EXPECT_EQ(raw(of_batch[i].message_seq), i + 2) << "the batch keeps its own order";
  }
}

TEST_F(SendClasses, ASmallBatchAndWhatComesFromClientsKeepTheirPlace) {
  std::promise<void> go;
  hold("g1", go.get_future().share());
  auto small = post_batch(limits_.bulk_batch_items, "g1");
  // All SENDs of one read of a client's connection: the next ones must not overtake them.
  auto from_client = to_group("g1", "chat");
  auto session = std::make_shared<CallerIdentity>();
  session->kind = CallerIdentity::Kind::session;
  from_client.caller = session;
  auto flood = post(std::vector<SendCommand>(100, from_client));
  auto chat = post({to_group("g1", "chat")});
  go.set_value();
  EXPECT_EQ(raw(small.get()[0].message_seq), 1U);
  EXPECT_EQ(raw(flood.get()[0].message_seq), limits_.bulk_batch_items + 1);
  EXPECT_EQ(raw(chat.get()[0].message_seq), limits_.bulk_batch_items + 101);
}

TEST_F(SendClasses, BulkIsEvaluatedInPiecesWhoseResultsKeepTheirPlaces) {
  limits_.bulk_piece_items = 30;
  close();
  open();
  std::vector<SendCommand> commands;
  for (int i = 0; i < 100; ++i) commands.push_back(to_group(i % 2 == 0 ? "g1" : "g2", "bulk"));
  const Results results = post(std::move(commands)).get();
  ASSERT_EQ(results.size(), 100U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(raw(results[i].message_seq), i / 2 + 1);
  }
}

TEST_F(SendClasses, ALongBatchOfOnePartitionDoesNotHoldUpThoseOfOthers) {
  limits_.bulk_piece_items = 100;
  bulk_turn_items_ = 100;
  close();
  open();
  const std::string other = group_beside("g1", true);
  std::promise<void> go;
  hold("g1", go.get_future().share());
  std::atomic<bool> long_done{false};
  std::vector<SendCommand> commands;
  for (int i = 0; i < 5000; ++i) commands.push_back(to_group("g1", "bulk"));
  auto long_one = post_told(std::move(commands), [&] { long_done = true; });
  std::atomic<bool> was_done{true};
  auto short_one = post_told(std::vector<SendCommand>(100, to_group(other, "bulk")),
                             [&] { was_done = long_done.load(); });
  go.set_value();
  EXPECT_EQ(short_one.get().size(), 100U);
  EXPECT_FALSE(was_done) << "it came second and has a twentieth of the items of the first";
  EXPECT_EQ(long_one.get().size(), 5000U);
}

TEST_F(SendClasses, OneMessageDoesNotWaitForTheBulkOfAnotherPartition) {
  constexpr std::size_t kBatches = 100;
  const std::string other = group_beside("g1", true);
  std::promise<void> go;
  hold("g1", go.get_future().share());
  std::atomic<std::size_t> done{0};
  std::vector<std::future<Results>> bulk;
  for (std::size_t i = 0; i < kBatches; ++i) {
    bulk.push_back(post_told(std::vector<SendCommand>(kMuch / kBatches, to_group("g1", "bulk")),
                             [&] { ++done; }));
  }
  std::size_t before = kBatches;
  // Nothing comes behind it that would end the turns of bulk.
  auto chat = post_told({to_group(other, "chat")}, [&] { before = done.load(); });
  go.set_value();
  EXPECT_EQ(chat.get().size(), 1U);
  EXPECT_LT(before, kBatches / 10);
  for (auto& batch : bulk) EXPECT_EQ(batch.get().size(), kMuch / kBatches);
}

TEST_F(SendClasses, BulkGivesWayThoughItsPartitionIsHeldByATransaction) {
  const std::string same_worker = group_beside("g1", true);
  const std::string elsewhere = group_beside("g1", false);
  std::promise<void> go;
  std::promise<void> go_elsewhere;
  hold("g1", go.get_future().share());
  hold(elsewhere, go_elsewhere.get_future().share());
  auto made = std::make_shared<std::promise<void>>();
  ASSERT_TRUE(router_
                  ->post_all({token_beside("g1"), token_beside(elsewhere)},
                             [made](const TransactionResult&) { made->set_value(); })
                  .has_value());
  auto bulk = post(std::vector<SendCommand>(kMuch, to_group("g1", "bulk")));
  auto beside = post({to_group(same_worker, "chat")});
  go.set_value();
  EXPECT_EQ(beside.get().size(), 1U) << "another partition is not held";
  auto chat = post({to_group("g1", "chat")});
  go_elsewhere.set_value();
  EXPECT_EQ(raw(chat.get()[0].message_seq), 1U) << "bulk went first when the hold was over";
  made->get_future().wait();
  EXPECT_EQ(bulk.get().size(), kMuch);
}

TEST_F(SendClasses, BulkMovesOnThoughOthersNeverStop) {
  std::promise<void> go;
  hold("g1", go.get_future().share());
  auto batch = post_batch(2000, "g1");
  std::vector<std::future<Results>> chats;
  for (int i = 0; i < 50; ++i) chats.push_back(post({to_group("g1", "chat")}));
  go.set_value();
  // Whenever one is answered another one is there.
  std::size_t answered = 0;
  while (batch.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    ASSERT_LT(answered, 1'000'000U);
    EXPECT_EQ(chats[answered].get()[0].state, SendResult::State::accepted);
    ++answered;
    chats.push_back(post({to_group("g1", "chat")}));
  }
  EXPECT_EQ(batch.get().size(), 2000U);
  for (; answered < chats.size(); ++answered) chats[answered].wait();
}

}  // namespace
}  // namespace jindou::partition
