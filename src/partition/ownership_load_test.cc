// Partitions that are closed and opened under load, with the server's threads, store and log:
// nothing is lost, nothing is stored twice, and every command is answered once.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

using OwnershipUnderLoad = Core;

TEST_F(OwnershipUnderLoad, LosesAndDoublesNothing) {
  constexpr int kSenders = 3;
  constexpr int kBatches = 40;
  constexpr int kItems = 30;  // bulk, as room is reserved for it
  constexpr int kMoves = 120;
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<int> sending{kSenders};
  const auto sender = [&](int number) {
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<SendCommand> commands;
      for (int item = 0; item < kItems; ++item) {
        const std::string name =
            std::to_string(number) + "-" + std::to_string(batch) + "-" + std::to_string(item);
        commands.push_back(to_group("g" + std::to_string(item % 8), name, name));
      }
      // Repeats what was refused, as a router does that asks again.
      while (!commands.empty()) {
        auto results = std::make_shared<std::promise<std::vector<SendResult>>>();
        auto future = results->get_future();
        auto reservation = batch % 2 == 0 ? router_->reserve(commands.size(), 3000) : nullptr;
        const std::vector<SendCommand> sent = commands;
        // Told twice, the promise would throw.
        ASSERT_TRUE(router_
                        ->post_send(
                            std::move(commands),
                            [results](std::vector<SendResult> done) {
                              results->set_value(std::move(done));
                            },
                            CommandRouter::kNever, reservation)
                        .has_value());
        const auto outcome = future.get();
        commands.clear();
        for (std::size_t i = 0; i < sent.size(); ++i) {
          if (outcome[i].ok()) continue;
          if (outcome[i].code != Errc::not_owner) ++wrong;
          ++refused;
          commands.push_back(sent[i]);
        }
        if (!commands.empty()) std::this_thread::yield();
      }
    }
    --sending;
  };
  for (int group = 0; group < 8; ++group) {
    ChangeMembers members;
    members.channel = ChannelKey("g" + std::to_string(group), ChannelType::group);
    members.operation = ChangeMembers::Operation::add;
    members.uids = {"u1", "u2"};
    ASSERT_TRUE(change(members).has_value());
  }
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i) senders.emplace_back(sender, i);
  int moves = 0;
  for (; moves < kMoves || sending.load() > 0; ++moves) {
    const auto partition = static_cast<PartitionId>(moves % 4);
    EXPECT_TRUE(move(partition, false).has_value());
    EXPECT_TRUE(move(partition, true).has_value());
  }
  for (auto& thread : senders) thread.join();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_GT(refused.load(), 0U) << "no command met a partition that was closed";
  std::map<std::string, int> stored;
  for (int group = 0; group < 8; ++group) {
    RangeQuery query;
    query.channel = ChannelKey("g" + std::to_string(group), ChannelType::group);
    query.limit = 10'000;
    const auto page = history_->load_range(query);
    ASSERT_TRUE(page.has_value());
    std::uint64_t seq = 0;
    for (const auto& message : page->messages) {
      EXPECT_EQ(raw(message.seq), ++seq) << "a hole in " << query.channel.id;
      ++stored[message.payload.str()];
    }
  }
  EXPECT_EQ(stored.size(), std::size_t{kSenders} * kBatches * kItems);
  for (const auto& [name, times] : stored) EXPECT_EQ(times, 1) << name;
  const MutexLock lock(sink_.mutex);
  EXPECT_EQ(sink_.effects.size(), stored.size());
}

}  // namespace
}  // namespace jindou::partition
