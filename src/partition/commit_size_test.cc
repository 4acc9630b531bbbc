// Commits stay small, whatever a batch holds.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <variant>
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
    command.client_msg_no = "no-" + std::to_string(++numbers);
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
  static inline int numbers = 0;
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

TEST_F(CommitSize, APartOfMoreMessagesThanACommitMayHaveSpansSeveral) {
  PartitionOptions options;
  options.commit_messages_max = 4;
  LonePartition core(MemoryStore(), options);
  std::vector<SendResult> results;
  auto commands = to_group(10, 10);
  load_inboxes(commands, core.inboxes());
  const auto batch = std::make_shared<SendBatch>(
      std::move(commands),
      std::vector<SendBatch::Part>{{kPartition, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}}, nullptr,
      CommandRouter::kNever, [&results](std::vector<SendResult> done) { results = done; });
  core.partition().execute(batch, 0);
  EXPECT_EQ(core.memory.pending_commits(), 2U) << "and two messages are gathered";
  core.settle();
  ASSERT_EQ(results.size(), 10U);
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(raw(results[i].message_seq), i + 1);
  EXPECT_EQ(core.memory.most_messages(), 4U);
}

TEST_F(CommitSize, AGroupThatIsMadeAllOrNoneCountsToo) {
  PartitionOptions options;
  options.commit_messages_max = 4;
  LonePartition core(MemoryStore(), options);
  for (int i = 0; i < 3; ++i) core.begin(to_group(10));
  CommandGroup group;
  for (int i = 0; i < 3; ++i) group.commands.emplace_back(to_group(10));
  group.decided = group.refused = [](const Result<void>& done) { EXPECT_TRUE(done.has_value()); };
  const auto outcome = core.partition().execute_all(std::move(group));
  EXPECT_TRUE(std::holds_alternative<std::vector<CommandOutcome>>(outcome));
  core.settle();
  EXPECT_EQ(core.memory.most_messages(), 3U);
}

TEST_F(CommitSize, AChangeThatWouldMakeItTooLargeGoesIntoTheNext) {
  BeginJob begun;
  begun.job = std::string(kJobIdBytes, 'a');
  ASSERT_FALSE(core_.run(Change(begun)).has_value());
  send(to_group(9, 100'000));
  AppendJobInput chunk;
  chunk.job = begun.job;
  chunk.input.items = 1;
  chunk.input.bytes = std::string(256U << 10, 'm');
  const auto first = core_.begin(Change(chunk));
  chunk.first = 1;
  const auto second = core_.begin(Change(chunk));
  EXPECT_EQ(core_.memory.pending_commits(), 1U);
  core_.settle();
  EXPECT_EQ(*first, std::nullopt);
  EXPECT_EQ(*second, std::nullopt);
  EXPECT_EQ(count(SendResult::State::accepted), 9U);
  EXPECT_GT(core_.memory.largest_commit_bytes(), 900'000U);
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
}

TEST_F(CommitSize, AnEventThatWouldMakeItTooLargeGoesIntoTheNext) {
  AppendEvent event;
  event.channel = ChannelKey("group", ChannelType::group);
  event.client_msg_no = "anchor";
  event.effect = AppendEvent::Effect::snapshot;
  event.event_id = "e1";
  event.event_key = "main";
  event.snapshot = std::string(200'000, 's');
  SendCommand anchor = to_group(10);
  anchor.client_msg_no = event.client_msg_no;
  anchor.setting = kSettingStream;
  ASSERT_FALSE(core_.run(anchor).has_value());
  send(to_group(9, 100'000));
  const auto appended = core_.begin(event);
  EXPECT_EQ(core_.memory.pending_commits(), 1U);
  core_.settle();
  EXPECT_EQ(*appended, std::nullopt);
  EXPECT_LE(core_.memory.largest_commit_bytes(), kBytesMax);
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
