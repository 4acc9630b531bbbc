// Commits stay small, whatever a batch holds.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "partition/simulation/lone_partition.h"

namespace jindou::partition::simulation {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20;

class CommitSize : public ::testing::Test {
 protected:
  static SendCommand to_group(std::size_t payload_bytes) {
    SendCommand command;
    command.channel = ChannelKey("group", ChannelType::group);
    command.from_uid = kSystemUid;
    command.payload = std::string(payload_bytes, 'x');
    command.client_msg_no = "no-" + std::to_string(++numbers_);
    command.idempotent = true;
    return command;
  }
  static std::vector<SendCommand> to_group(int count, std::size_t payload_bytes) {
    std::vector<SendCommand> commands;
    for (int i = 0; i < count; ++i) commands.push_back(to_group(payload_bytes));
    return commands;
  }
  // All of them in one part; the results are there when all are decided.
  void send(std::vector<SendCommand> commands) {
    std::vector<std::uint32_t> items(commands.size());
    std::iota(items.begin(), items.end(), 0U);
    load_inboxes(commands, core_.inboxes());
    auto batch = std::make_shared<SendBatch>(
        std::move(commands), std::vector<SendBatch::Part>{{kPartition, std::move(items)}}, nullptr,
        CommandRouter::kNever,
        [this](std::vector<SendResult> done) { results_ = std::move(done); });
    core_.partition().execute(batch, 0);
  }
  std::size_t count(SendResult::State state) const {
    std::size_t found = 0;
    for (const auto& result : results_) found += result.state == state ? 1 : 0;
    return found;
  }

  LonePartition core_{MemoryStore()};
  std::vector<SendResult> results_;
  static inline int numbers_ = 0;
};

TEST_F(CommitSize, ALargePartSpansSeveralCommits) {
  send(to_group(1000, 32'767));
  EXPECT_TRUE(results_.empty());
  core_.settle();
  ASSERT_EQ(results_.size(), 1000U);
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
}

TEST_F(CommitSize, ResultsKeepTheOrderOfTheItems) {
  send(to_group(100, 40'000));
  core_.settle();
  ASSERT_EQ(results_.size(), 100U);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    EXPECT_EQ(results_[i].state, SendResult::State::accepted);
    EXPECT_EQ(raw(results_[i].message_seq), i + 1);
  }
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
}

TEST_F(CommitSize, SmallItemsFillACommit) {
  send(to_group(5000, 200));
  EXPECT_EQ(core_.memory.pending_commits(), 1U);  // the other one is being gathered
  EXPECT_GE(core_.memory.last_commit_bytes(), kBytesMax * 9 / 10);
  core_.settle();
  EXPECT_EQ(results_.size(), 5000U);
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
}

TEST_F(CommitSize, AMessageThatIsLargerThanACommitHasOneOfItsOwn) {
  std::vector<SendCommand> commands;
  commands.push_back(to_group(10));
  commands.push_back(to_group(3 << 20));
  commands.push_back(to_group(10));
  send(std::move(commands));
  core_.settle();
  ASSERT_EQ(results_.size(), 3U);
  for (const auto& result : results_) EXPECT_EQ(result.state, SendResult::State::accepted);
  EXPECT_LE(core_.memory.largest_commit_bytes(), (3U << 20) + 4096U);
}

TEST_F(CommitSize, ListedReceiversCountToo) {
  std::vector<SendCommand> commands;
  for (int i = 0; i < 20; ++i) {
    SendCommand command = to_group(10);
    command.flags.sync_once = true;
    for (int n = 0; n < 1000; ++n) {
      command.subscribers.push_back("receiver-" + std::to_string(i) + "-" + std::to_string(n));
    }
    commands.push_back(std::move(command));
  }
  send(std::move(commands));
  core_.settle();
  EXPECT_EQ(results_.size(), 20U);
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
}

TEST_F(CommitSize, ManyBulkMessagesToOnePersonAreCountedInOneRow) {
  CountBulk count;
  count.partition = kPartition;
  count.day = 1;
  count.most = 1000;
  for (std::uint64_t number = 1; number <= count.most; ++number) {
    count.messages.push_back({"u1", number});
  }
  EXPECT_EQ(core_.run(Change(count)), std::nullopt);
  EXPECT_LE(core_.memory.largest_commit_bytes(), std::size_t{64} << 10);
  EXPECT_EQ(core_.run(Change(count)), std::nullopt);
}

TEST_F(CommitSize, ItemsOfAFailedCommitFailAlone) {
  send(to_group(100, 40'000));
  ASSERT_EQ(core_.memory.pending_commits(), 3U);
  core_.memory.commit_one();
  core_.memory.fail_one(false);  // those behind it are refused, and so is what is being gathered
  core_.settle();
  ASSERT_EQ(results_.size(), 100U);
  const std::size_t stored = count(SendResult::State::accepted);
  EXPECT_GT(stored, 20U);
  EXPECT_EQ(count(SendResult::State::unknown), stored);
  EXPECT_EQ(count(SendResult::State::refused), 100 - 2 * stored);
  for (std::size_t i = 0; i < stored; ++i) {
    EXPECT_EQ(results_[i].state, SendResult::State::accepted);
  }
}

}  // namespace
}  // namespace jindou::partition::simulation
