// Whom messages of jobs reach is counted once for each user, when the last shard has let go of the
// message, and told to the partition of the job. Shards are turned by hand; the core is a list of
// what it was told.
#include "delivery/reach_counts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "delivery/fan_out.h"
#include "observe/metrics.h"
#include "runtime/io_shards.h"

namespace jindou::delivery {
namespace {

using partition::CommitEffect;
using partition::CommittedBatch;
using partition::CommittedMessage;
using partition::CountReach;
using partition::JobPushes;
using partition::Recipients;

std::shared_ptr<const UidSet> set_of(std::initializer_list<const char*> list) {
  auto set = std::make_shared<UidSet>();
  for (const char* uid : list) set->emplace(uid);
  return set;
}

Message message_from(std::string uid) {
  Message message;
  message.channel = ChannelKey("g", ChannelType::group);
  message.from_uid = std::move(uid);
  message.payload = std::string("p");
  return message;
}

CommitEffect effect_of(std::shared_ptr<const UidSet> subscribers, const char* job,
                       ChannelType type = ChannelType::group) {
  auto message = std::make_shared<Message>(message_from("author"));
  message->channel.type = type;
  CommittedMessage committed{std::move(message)};
  if (job != nullptr) {
    committed.pushes = std::make_shared<JobPushes>(std::make_shared<const std::string>(job));
  }
  return {std::move(committed), {std::move(subscribers), {}, nullptr}};
}

class Listener final : public SessionSink {
 public:
  Listener(std::uint64_t id, std::string uid, ShardFanOut& shard)
      : id_(static_cast<SessionId>(id)), uid_(std::move(uid)), shard_(shard) {
    handle_ = shard.add(*this);
  }
  ~Listener() override { shard_.remove(handle_); }
  SinkHandle handle() const { return handle_; }
  SessionId session_id() const override { return id_; }
  std::string_view uid() const override { return uid_; }
  bool deliver(const Delivery& /*delivery*/) override {
    ++got;
    return true;
  }
  bool takes_events() const override { return false; }
  bool deliver_event(EventForms& /*forms*/) override { return false; }
  void end_deliveries() override {}
  void cut_for_overflow() override {}

  int got = 0;

 private:
  SessionId id_;
  std::string uid_;
  ShardFanOut& shard_;
  SinkHandle handle_;
};

// What the core was told, and what it answers.
class Core {
 public:
  using Done = std::function<void(Result<void>)>;

  Result<void> post(const partition::Change& change, const Done& done) {
    Result<void> answer;
    {
      const MutexLock lock(mutex_);
      const auto* told = std::get_if<CountReach>(&change);
      EXPECT_NE(told, nullptr);
      if (refusals > 0) {
        --refusals;
        return Error(Errc::overloaded);
      }
      if (told != nullptr) told_.push_back(*told);
      if (!answers_.empty()) {
        answer = Error(answers_.front());
        answers_.pop_front();
      }
      came_.notify_all();
    }
    done(std::move(answer));
    return {};
  }
  void answer_next(Errc code) {
    const MutexLock lock(mutex_);
    answers_.push_back(code);
  }
  // Everything, when it was told so often.
  std::vector<CountReach> wait_for(std::size_t times) {
    MutexLock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(20),
                   [&]() JD_REQUIRES(mutex_) { return told_.size() >= times; });
    return told_;
  }
  int refusals = 0;  // set before anything is posted

 private:
  Mutex mutex_;
  Condition came_;
  std::vector<CountReach> told_ JD_GUARDED_BY(mutex_);
  std::deque<Errc> answers_ JD_GUARDED_BY(mutex_);
};

class ReachCountsTest : public ::testing::Test {
 protected:
  // Of a user's sessions those with a number below 100 are the first.
  ReachCountsTest()
      : counts_(ReachCountsDeps{
            .clock = clock_,
            .is_counted_by = [](std::string_view /*uid*/,
                                SessionId session) { return raw(session) < 100; },
            .post_change =
                [this](partition::Change change, std::function<void(Result<void>)> done) {
                  return core_.post(change, done);
                },
            .interval = std::chrono::milliseconds(1)}),
        fan_out_(shards_, clock_, metrics_, {}, &counts_) {}

  void post(std::vector<CommitEffect> effects) {
    auto batch = std::make_shared<CommittedBatch>();
    batch->effects = std::move(effects);
    fan_out_.post_committed(std::move(batch));
  }
  void turn(unsigned shard) {
    shards_.context(shard).restart();
    shards_.context(shard).poll();
  }
  std::string metrics() const {
    std::string text;
    counts_.append_metrics(text);
    return text;
  }

  SystemClock clock_;
  observe::Metrics metrics_;
  Core core_;
  runtime::IoShards shards_{2};
  ReachCounts counts_;
  FanOut fan_out_;
};

TEST(Receivers, AreWhoSubscribesOrIsListedButTheSenderAndWhoIsExcluded) {
  const Message message = message_from("author");
  Recipients recipients;
  const auto count = [&] { return receivers_of(message, recipients, subscribers_of(recipients)); };
  EXPECT_EQ(count(), 0U);
  recipients.listed = {"author", "b"};
  EXPECT_EQ(count(), 1U);
  recipients.listed = {"b", "b", "c", "____system"};
  EXPECT_EQ(count(), 2U);
  recipients.subscribers = set_of({"author", "a", "b", "____system"});
  EXPECT_EQ(count(), 3U);
  recipients.excluded = set_of({"a", "c"});
  EXPECT_EQ(count(), 1U);
  recipients.excluded = set_of({"a", "author", "x", "y", "z"});
  EXPECT_EQ(count(), 2U);
}

TEST_F(ReachCountsTest, AUserCountsOnceWhateverDevicesHeHas) {
  Listener a1(1, "a", fan_out_.shard(0));
  Listener a2(101, "a", fan_out_.shard(0));
  Listener a3(102, "a", fan_out_.shard(1));
  Listener b(2, "b", fan_out_.shard(1));
  Listener author(3, "author", fan_out_.shard(0));
  const auto members = set_of({"a", "b", "c", "d", "author"});
  counts_.start();
  post({effect_of(members, "j1"), effect_of(members, nullptr)});
  turn(0);
  turn(1);
  const auto told = core_.wait_for(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].job, "j1");
  EXPECT_EQ(told[0].reach, (JobReach{1, 4, 2}));
  EXPECT_EQ(told[0].reach.left_offline(), 2U);
  EXPECT_EQ(a3.got, 2);
  EXPECT_EQ(author.got, 2);
  const std::string text = metrics();
  EXPECT_NE(text.find("jindou_job_receivers_total{outcome=\"pushed\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("jindou_job_receivers_total{outcome=\"left\"} 2\n"), std::string::npos);
}

TEST_F(ReachCountsTest, AMessageCountsWhenTheLastShardHasLetGoOfIt) {
  Listener a(1, "a", fan_out_.shard(0));
  Listener b(2, "b", fan_out_.shard(1));
  counts_.start();
  post({effect_of(set_of({"a", "b"}), "j1")});
  turn(0);
  // Nobody has anything of it on the way.
  post({effect_of(nullptr, "j2")});
  turn(0);
  turn(1);
  std::map<std::string, JobReach> reach;
  std::size_t times = 0;
  while (reach["j1"].messages + reach["j2"].messages < 2 && times < 2) {
    reach.clear();
    for (const CountReach& told : core_.wait_for(++times)) reach[told.job] += told.reach;
  }
  EXPECT_EQ(reach["j1"], (JobReach{1, 2, 2}));
  EXPECT_EQ(reach["j2"], (JobReach{1, 0, 0}));
}

// Without a session on the node all of it is left.
TEST_F(ReachCountsTest, ANodeWithoutSessionsCountsWhatIsLeft) {
  counts_.start();
  post({effect_of(set_of({"a", "b"}), "j1")});
  EXPECT_EQ(core_.wait_for(1).at(0).reach, (JobReach{1, 2, 0}));
}

TEST_F(ReachCountsTest, WhoOnlyListensToAChannelIsNoReceiver) {
  Listener a(1, "a", fan_out_.shard(0));
  Listener visitor(2, "visitor", fan_out_.shard(0));
  const ChannelKey live("g", ChannelType::live);
  fan_out_.shard(0).subscribe(visitor.handle(), live);
  counts_.start();
  post({effect_of(set_of({"a", "b"}), "j1", ChannelType::live)});
  turn(0);
  EXPECT_EQ(core_.wait_for(1).at(0).reach, (JobReach{1, 2, 1}));
  EXPECT_EQ(visitor.got, 1);
}

TEST_F(ReachCountsTest, WhatWasCertainlyNotStoredIsToldAgain) {
  core_.refusals = 1;
  core_.answer_next(Errc::unavailable);
  counts_.start();
  post({effect_of(set_of({"a"}), "j1")});
  const auto told = core_.wait_for(2);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].reach, (JobReach{1, 1, 0}));
  counts_.stop();
  EXPECT_EQ(core_.wait_for(2).size(), 2U);
  EXPECT_NE(metrics().find("jindou_job_reach_lost_total 0\n"), std::string::npos);
}

// Nothing is counted twice, so what may have been stored is not told again.
TEST_F(ReachCountsTest, WhatMayHaveBeenStoredIsLostAndSaysSo) {
  core_.answer_next(Errc::unknown_outcome);
  core_.answer_next(Errc::not_found);
  counts_.start();
  post({effect_of(set_of({"a"}), "j1")});
  EXPECT_EQ(core_.wait_for(1).size(), 1U);
  // Of a job that is gone nobody asks.
  post({effect_of(set_of({"a"}), "j2")});
  EXPECT_EQ(core_.wait_for(2).size(), 2U);
  counts_.stop();
  EXPECT_EQ(core_.wait_for(2).size(), 2U);
  EXPECT_NE(metrics().find("jindou_job_reach_lost_total 1\n"), std::string::npos);
}

TEST_F(ReachCountsTest, TheEndTellsWhatIsLeftToTell) {
  Listener a(1, "a", fan_out_.shard(0));
  counts_.start();
  post({effect_of(set_of({"a", "b"}), "j1")});
  turn(0);
  counts_.stop();
  const auto told = core_.wait_for(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].reach, (JobReach{1, 2, 1}));
  // Later ones are delivered, and nobody counts them.
  post({effect_of(set_of({"a", "b"}), "j1")});
  turn(0);
  EXPECT_EQ(a.got, 2);
  EXPECT_EQ(core_.wait_for(1).size(), 1U);
}

TEST_F(ReachCountsTest, ABatchWithoutMessagesOfJobsIsHeldAsItIs) {
  auto batch = std::make_shared<CommittedBatch>();
  batch->effects.push_back(effect_of(set_of({"a"}), nullptr));
  const std::shared_ptr<const CommittedBatch> same = batch;
  EXPECT_FALSE(counts_.watch(same).owner_before(same));
  EXPECT_FALSE(same.owner_before(counts_.watch(same)));
}

}  // namespace
}  // namespace jindou::delivery
