// The sweeper over the real core: what it frees, what it leaves, and that seqs go on.
#include "retention/sweeper.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "partition/job_reader.h"
#include "store/index_progress.h"

namespace jindou::retention {
namespace {

const ChannelKey kGroup("g1", ChannelType::group);

// Something happens between what the sweeper has read and what it erases.
class LoaderWithAPause final : public store::BulkLoader {
 public:
  explicit LoaderWithAPause(store::BulkLoader& behind) : behind_(behind) {}
  void load(store::Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override {
    behind_.load(table, std::move(make), std::move(done));
  }
  Result<void> erase(store::Table table, const Entries& seen) override {
    if (before_erase) std::exchange(before_erase, nullptr)();
    return behind_.erase(table, seen);
  }
  std::function<void()> before_erase;

 private:
  store::BulkLoader& behind_;
};

class Retention : public partition::Core {
 protected:
  SweepTotals sweep() {
    LoaderWithAPause loader(*database_);
    loader.before_erase = before_erase_;
    SweeperDeps deps{
        .readers = {*database_, PartitionMap(database_->partitions())},
        .loader = loader,
        .clock = clock_,
        .metrics = metrics_,
        .owned = *owned_,
        .post_change =
            [this](partition::Change change, std::function<void(Result<void>)> done) {
              return router_->post_change(std::move(change), std::move(done));
            },
        .compact = [this]() -> Result<void> {
          ++compactions_;
          return database_->compact();
        },
        .options = [this] { return options_now_; },
    };
    Sweeper sweeper(std::move(deps));
    auto totals = sweeper.sweep_once();
    EXPECT_TRUE(totals.has_value());
    return totals ? *totals : SweepTotals();
  }
  void send_many(const std::string& group, int count) {
    std::vector<SendCommand> commands;
    for (int i = 0; i < count; ++i) commands.push_back(to_group(group, std::to_string(i)));
    send(std::move(commands));
  }
  // Commands to the group g1, one for each time it lasts: seconds, 0 for ever.
  void send_commands(const std::vector<std::uint32_t>& expiries) {
    SendCommand command = to_group("g1", "c");
    command.flags.sync_once = true;
    for (const std::uint32_t expire : expiries) {
      command.client_msg_no.append("c");
      command.expire = expire;
      send({command});
    }
  }
  bool has_row(const ChannelKey& log, std::uint64_t seq) {
    std::string value;
    return *database_->get(store::Table::main,
                           store::message_key(partition_for(log.id, database_->partitions()), log,
                                              static_cast<MessageSeq>(seq)),
                           value);
  }
  // How far the client_msg_no index of the group's partition is in its table.
  std::uint64_t indexed_to(const std::string& group) {
    return store::load_index_progress({*database_, partition_for(group, database_->partitions())})
        .value();
  }
  std::size_t commit_records() {
    std::size_t count = 0;
    for (std::uint16_t i = 0; i < database_->partitions(); ++i) {
      const auto prefix = store::commit_record_prefix(static_cast<PartitionId>(i));
      EXPECT_TRUE(database_
                      ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                             [&count](auto, auto) {
                               ++count;
                               return true;
                             })
                      .has_value());
    }
    return count;
  }

  observe::Metrics metrics_;
  SweeperOptions options_now_;
  int compactions_ = 0;
  std::function<void()> before_erase_;  // in each sweep, once
};

TEST_F(Retention, FreesNothingWithoutLimits) {
  send_many("g1", 20);
  EXPECT_EQ(sweep().cleared, 0U);
  EXPECT_EQ(payloads("g1").size(), 20U);
}

TEST_F(Retention, KeepsTheNewestMessagesOfAChannelByCount) {
  options_now_.policy.by_default.max_count = 5;
  send_many("g1", 20);
  EXPECT_EQ(sweep().cleared, 15U);
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"15", "16", "17", "18", "19"}));
  EXPECT_FALSE(has_row(kGroup, 15));
  EXPECT_TRUE(has_row(kGroup, 16));
  EXPECT_EQ(sweep().cleared, 0U) << "nothing is left to be done";
}

TEST_F(Retention, LeavesPartitionsAloneThatAreNotOwned) {
  options_now_.policy.by_default.max_count = 5;
  send_many("g1", 20);
  const PartitionId away = partition_for("g1", database_->partitions());
  std::string other = "h";
  while (partition_for(other, database_->partitions()) == away) other += "h";
  send_many(other, 8);
  ASSERT_TRUE(move(away, false).has_value());
  EXPECT_EQ(sweep().cleared, 3U);
  EXPECT_TRUE(has_row(kGroup, 1));
  // One that goes while the walk is at it is left, too, and the walk goes on with the others.
  send_many(other, 4);
  owned_->begin(away);
  EXPECT_EQ(sweep().cleared, 4U);
  owned_->end(away);
  EXPECT_TRUE(has_row(kGroup, 1));
  ASSERT_TRUE(move(away, true).has_value());
  EXPECT_EQ(sweep().cleared, 15U);
  EXPECT_FALSE(has_row(kGroup, 1));
}

TEST_F(Retention, CountsTheMessagesThatAreThere) {
  options_now_.policy.by_default.max_count = 5;
  send_many("g1", 6);
  SendCommand brief = to_group("g1", "brief");
  brief.expire = 5;
  send({brief});
  send_many("g1", 3);
  partition::DeleteMessages gone;
  gone.channel = kGroup;
  gone.seqs = {8, 9};
  ASSERT_TRUE(change(gone).has_value());
  clock_.now_ms += 6000;
  EXPECT_EQ(sweep().cleared, 2U);
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"2", "3", "4", "5", "2"}));
  EXPECT_EQ(sweep().cleared, 0U) << "nothing is left to be done";
}

TEST_F(Retention, CountsTheCommandsThatAreThere) {
  options_now_.policy.by_default.max_count = 2;
  send_commands({0, 0, 0, 5, 5, 0});
  clock_.now_ms += 6000;
  sweep();
  const ChannelKey log = store::command_log_of(kGroup);
  EXPECT_FALSE(has_row(log, 2));
  EXPECT_TRUE(has_row(log, 3));
  EXPECT_TRUE(has_row(log, 6));
}

TEST_F(Retention, FreesMessagesByAge) {
  options_now_.policy.by_default.max_age_seconds = 100;
  send_many("g1", 7);
  clock_.now_ms += 60'000;
  send_many("g1", 3);
  clock_.now_ms += 41'000;
  EXPECT_EQ(sweep().cleared, 7U);
  EXPECT_EQ(payloads("g1").size(), 3U);
  clock_.now_ms += 60'000;
  EXPECT_EQ(sweep().cleared, 3U);
  EXPECT_TRUE(payloads("g1").empty());
  EXPECT_EQ(raw(send({to_group("g1", "next")})[0].message_seq), 11U);
}

TEST_F(Retention, KeepsYoungMessagesInFrontOfThoseOfAClockThatWasBehind) {
  constexpr std::int64_t kDayMs = 86'400'000;
  options_now_.policy.by_default.max_age_seconds = 30 * 86'400;
  send_many("g1", 99);
  clock_.now_ms -= 365 * kDayMs;
  send_many("g1", 11);
  clock_.now_ms += 365 * kDayMs;
  send_many("g1", 100);
  EXPECT_EQ(sweep().cleared, 0U);
  EXPECT_TRUE(has_row(kGroup, 1));
  clock_.now_ms += 31 * kDayMs;
  send_many("g1", 1);
  EXPECT_EQ(sweep().cleared, 210U) << "old by now";
  EXPECT_EQ(payloads("g1").size(), 1U);
}

TEST_F(Retention, FreesOldMessagesBehindThoseOfAClockThatWasAhead) {
  constexpr std::int64_t kDayMs = 86'400'000;
  options_now_.policy.by_default.max_age_seconds = 30 * 86'400;
  clock_.now_ms += 365 * kDayMs;
  send_many("g1", 3);
  clock_.now_ms -= 365 * kDayMs;
  send_many("g1", 4);
  EXPECT_EQ(sweep().cleared, 0U);
  clock_.now_ms += 31 * kDayMs;
  send_many("g1", 5);
  EXPECT_EQ(sweep().cleared, 7U);
  EXPECT_EQ(payloads("g1").size(), 5U);
}

TEST_F(Retention, TypeGoesBeforeDefaultAndChannelBeforeType) {
  options_now_.policy.by_default.max_count = 2;
  options_now_.policy.by_type.push_back({ChannelType::group, Limits{0, 4}});
  send_many("g1", 10);
  send_many("g2", 10);
  send_many("g3", 10);
  SendCommand info = to_group("news", "a");
  info.channel.type = ChannelType::info;
  for (int i = 0; i < 5; ++i) {
    info.client_msg_no = "i" + std::to_string(i);
    send({info});
  }
  partition::SetRetention own;
  own.channel = ChannelKey("g2", ChannelType::group);
  own.max_count = 7;
  ASSERT_TRUE(change(own).has_value());
  own.channel.id = "g3";
  own.max_count = 0;
  ASSERT_TRUE(change(own).has_value());
  sweep();
  EXPECT_EQ(payloads("g1").size(), 4U);
  EXPECT_EQ(payloads("g2").size(), 7U);
  EXPECT_EQ(payloads("g3").size(), 10U) << "0 of its own means no limit";
  partition::RangeQuery query;
  query.channel = ChannelKey("news", ChannelType::info);
  EXPECT_EQ(history_->load_range(query)->messages.size(), 2U);
}

TEST_F(Retention, LimitsCommandLogsLikeTheirChannel) {
  options_now_.policy.by_default.max_count = 1;
  send_commands({0, 0, 0, 0});
  EXPECT_EQ(sweep().cleared, 3U);
  const ChannelKey log = store::command_log_of(kGroup);
  EXPECT_FALSE(has_row(log, 3));
  EXPECT_TRUE(has_row(log, 4));
}

TEST_F(Retention, FreesExpiredMessagesAndLeavesTheOthers) {
  SendCommand brief = to_group("g1", "brief");
  brief.expire = 5;
  send({brief});
  send_many("g1", 2);
  clock_.now_ms += 6000;
  EXPECT_EQ(sweep().expired, 1U);
  EXPECT_FALSE(has_row(kGroup, 1));
  EXPECT_EQ(payloads("g1").size(), 2U);
}

TEST_F(Retention, DropsCommitRecordsWhenTheirMessagesAreGoneAndTheWindowIsOver) {
  close();
  partition_options_.index_generation_entries = 4;
  open();
  for (int i = 0; i < 40; ++i)
    send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  // The index is loaded behind the sends, and the commits after a load say so.
  for (int i = 40; i < 4000 && indexed_to("g1") < 30; ++i) {
    send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  }
  ASSERT_GE(indexed_to("g1"), 30U);
  const std::size_t before = commit_records();
  options_now_.policy.by_default.max_count = 1;
  EXPECT_EQ(sweep().records, 0U) << "they still answer for repeats";
  EXPECT_EQ(send_when_there_is_room(to_group("g1", "p", "n3")).state, SendResult::State::duplicate);
  clock_.now_ms += (options_now_.commit_record_seconds + 10) * 1000;
  EXPECT_GT(sweep().records, 20U);
  EXPECT_LT(commit_records(), before);
  EXPECT_EQ(payloads("g1").size(), 1U);
  const auto last = history_->load_last(kGroup, "");
  ASSERT_TRUE(last.has_value() && last->has_value());
  EXPECT_TRUE(history_->load_by_id((*last)->id)->has_value()) << "the record of what is left stays";
}

TEST_F(Retention, DropsCommitRecordsBehindThoseOfAClockThatWasAhead) {
  constexpr std::int64_t kYearMs = std::int64_t{365} * 86'400'000;
  close();
  partition_options_.index_generation_entries = 4;
  open();
  clock_.now_ms += kYearMs;
  send_when_there_is_room(to_group("g1", "p", "ahead"));
  clock_.now_ms -= kYearMs;
  for (int i = 0; i < 4000 && indexed_to("g1") < 40; ++i) {
    send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  }
  ASSERT_GE(indexed_to("g1"), 40U);
  options_now_.policy.by_default.max_count = 1;
  EXPECT_EQ(sweep().records, 0U) << "they still answer for repeats";
  clock_.now_ms += (options_now_.commit_record_seconds + 10) * 1000;
  EXPECT_GT(sweep().records, 20U);
  const std::size_t left = commit_records();
  EXPECT_EQ(send_when_there_is_room(to_group("g1", "p", "ahead")).state,
            SendResult::State::duplicate);
  clock_.now_ms += kYearMs;
  EXPECT_GT(sweep().records, 0U);
  EXPECT_LT(commit_records(), left) << "its own time is over";
}

// The number of a message that is gone may belong to a younger one, which still answers for it.
TEST_F(Retention, LeavesTheNumberOfAYoungerMessage) {
  close();
  partition_options_.index_generation_entries = 4;
  open();
  for (int i = 0; i < 40; ++i)
    send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  clock_.now_ms += (options_now_.commit_record_seconds + 10) * 1000;
  const auto again = send_when_there_is_room(to_group("g1", "p", "n3"));
  ASSERT_EQ(again.state, SendResult::State::accepted);
  const std::uint64_t counter = counter_of(again.message_id);
  for (int i = 40; i < 4000 && indexed_to("g1") < counter; ++i) {
    send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  }
  ASSERT_GE(indexed_to("g1"), counter);
  options_now_.policy.by_default.max_count = 1;
  EXPECT_GT(sweep().records, 20U);
  const auto repeat = send_when_there_is_room(to_group("g1", "p", "n3"));
  EXPECT_EQ(repeat.state, SendResult::State::duplicate);
  EXPECT_EQ(repeat.message_id, again.message_id);
}

// The same, when the younger one's entry is loaded while the older one's is about to be erased.
TEST_F(Retention, LeavesTheNumberOfAMessageThatIsLoadedMeanwhile) {
  close();
  partition_options_.index_generation_entries = 4;
  open();
  int sent = 0;
  const auto send_until_indexed = [&](std::uint64_t counter) {
    for (; sent < 8000 && indexed_to("g1") < counter; ++sent) {
      send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(sent)));
    }
    ASSERT_GE(indexed_to("g1"), counter);
  };
  send_until_indexed(30);
  clock_.now_ms += (options_now_.commit_record_seconds + 10) * 1000;
  options_now_.policy.by_default.max_count = 1;
  SendResult again;
  before_erase_ = [&] {
    again = send_when_there_is_room(to_group("g1", "p", "n3"));
    send_until_indexed(counter_of(again.message_id));
  };
  EXPECT_GT(sweep().records, 20U);
  ASSERT_EQ(again.state, SendResult::State::accepted);
  const auto repeat = send_when_there_is_room(to_group("g1", "p", "n3"));
  EXPECT_EQ(repeat.state, SendResult::State::duplicate);
  EXPECT_EQ(repeat.message_id, again.message_id);
}

TEST_F(Retention, ForgetsLostConversationsAfterATime) {
  partition::ChangeMembers members;
  members.channel = kGroup;
  for (int i = 0; i < 450; ++i) members.uids.push_back("u" + std::to_string(i));
  const std::vector<std::string> last = {members.uids.back()};
  ASSERT_TRUE(change(members).has_value());
  members.operation = partition::ChangeMembers::Operation::remove;
  members.uids.pop_back();
  ASSERT_TRUE(change(members).has_value());
  clock_.now_ms += 60'000;
  members.uids = last;
  ASSERT_TRUE(change(members).has_value());
  clock_.now_ms += 50'000;
  EXPECT_EQ(sweep().tombstones, 0U) << "for ever, unless it is said how long";
  options_now_.tombstone_age = std::chrono::seconds(100);
  EXPECT_EQ(sweep().tombstones, 449U);
  EXPECT_EQ(sweep().tombstones, 0U);
  clock_.now_ms += 51'000;
  EXPECT_EQ(sweep().tombstones, 1U);
}

TEST_F(Retention, ForgetsRequestsWhoseTimeIsOver) {
  const PartitionMap map(database_->partitions());
  for (int i = 0; i < 450; ++i) {
    partition::ClaimRequest claim;
    claim.key = std::to_string(i) + std::string(store::kRequestKeyBytes, 'k');
    claim.key.resize(store::kRequestKeyBytes);
    claim.partition = map.of_request(claim.key);
    claim.now_ms = clock_.wall_ms();
    claim.until_ms = claim.now_ms + 1000;
    claim.expires_s = claim.now_ms / 1000 + (i == 0 ? 200 : 100);
    ASSERT_TRUE(change(claim).has_value());
  }
  EXPECT_EQ(sweep().requests, 0U);
  clock_.now_ms += 100'000;
  EXPECT_EQ(sweep().requests, 449U);
  EXPECT_EQ(sweep().requests, 0U);
  clock_.now_ms += 100'000;
  EXPECT_EQ(sweep().requests, 1U);
}

TEST_F(Retention, BulkMessagesOfYesterdayAreKeptAndThoseBeforeForgotten) {
  constexpr std::int64_t kDayMs = 86'400'000;
  const PartitionId partition{1};
  const auto has_row = [&](std::uint32_t day) {
    std::string value;
    const auto found =
        database_->get(store::Table::main, store::bulk_count_key(partition, day, "u"), value);
    return found.value();
  };
  const auto today = static_cast<std::uint32_t>(clock_.now_ms / kDayMs);
  for (const std::uint32_t day : {today - 1, today}) {
    ASSERT_TRUE(change(partition::CountBulk{partition, day, 9, {{"u", day}}}).has_value());
  }
  sweep();
  EXPECT_TRUE(has_row(today - 1));
  EXPECT_TRUE(has_row(today));
  clock_.now_ms += kDayMs;
  sweep();
  EXPECT_FALSE(has_row(today - 1));
  EXPECT_TRUE(has_row(today));
}

TEST_F(Retention, ForgetsJobsThatHaveEndedAndFailsUploadsThatStandStill) {
  const partition::JobReader reader(
      store::PartitionReaders(*database_, PartitionMap(database_->partitions())));
  // More of one partition than one change takes.
  const PartitionMap map(database_->partitions());
  std::size_t ended = 0;
  for (int n = 0; ended < 120; ++n) {
    const std::string digits = std::to_string(n);
    const std::string id = std::string(kJobIdBytes - digits.size(), 'e') + digits;
    if (map.of_job(id) != PartitionId{0}) continue;
    ASSERT_TRUE(change(partition::BeginJob{id, {}, clock_.wall_ms()}).has_value());
    ASSERT_TRUE(change(partition::SealJob{id, 0, clock_.wall_ms()}).has_value());
    ++ended;
  }
  const std::string upload(kJobIdBytes, 'f');
  ASSERT_TRUE(change(partition::BeginJob{upload, {}, clock_.wall_ms()}).has_value());
  options_now_.job_age = std::chrono::seconds(100);
  options_now_.upload_idle = std::chrono::seconds(50);
  EXPECT_EQ(sweep().jobs, 0U);
  clock_.now_ms += 50'000;
  EXPECT_EQ(sweep().jobs, 1U);
  EXPECT_EQ(reader.load_job(upload).value()->state, JobState::failed);
  EXPECT_EQ(reader.load_jobs("", 200).value().size(), 121U);
  clock_.now_ms += 50'000;
  EXPECT_EQ(sweep().jobs, 120U);
  EXPECT_EQ(reader.load_jobs("", 200).value().size(), 1U);
  clock_.now_ms += 50'000;
  EXPECT_EQ(sweep().jobs, 1U);
  EXPECT_EQ(sweep().jobs, 0U);
}

TEST_F(Retention, CompactsTheStoreWhenEnoughWasFreed) {
  options_now_.policy.by_default.max_count = 1;
  options_now_.compact_after_rows = 10;
  send_many("g1", 5);
  sweep();
  EXPECT_EQ(compactions_, 0);
  send_many("g2", 50);
  sweep();
  EXPECT_EQ(compactions_, 1);
}

}  // namespace
}  // namespace jindou::retention
