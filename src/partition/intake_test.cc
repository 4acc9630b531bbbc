// A stage of its own kind stands between router and partitions: it refuses and delays single items
// of a batch, and whatever it does, messages of one channel stay in their order.
#include "partition/intake.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "observe/metrics.h"
#include "partition/core_fixture.h"
#include "partition/inbox_stage.h"
#include "partition/refusals.h"
#include "partition/transaction.h"

namespace jindou::partition {
namespace {

using Results = std::vector<SendResult>;

// Refuses what begins with "bad", holds what begins with "slow" until it is told.
class TestStage : public IntakeStage {
 public:
  bool enabled() const override { return on; }
  void examine(IntakeTurn& turn) override {
    std::vector<std::uint32_t> slow;
    for (std::uint32_t item = 0; item < turn.commands().size(); ++item) {
      if (!turn.is_open(item)) continue;
      SendCommand& command = turn.commands()[item];
      if (turn.caller()) callers.push_back(turn.caller()->name);
      if (command.payload.view().starts_with("bad")) {
        turn.refuse(item, Reason::not_allow_send, Errc::denied);
      } else if (command.payload.view().starts_with("slow")) {
        slow.push_back(item);
      } else if (command.payload == "rude") {
        command.payload = "****";
      }
    }
    if (!slow.empty()) take(turn.hold(slow));
  }
  // What is held, oldest first.
  std::vector<std::shared_ptr<IntakeHold>> holds;
  std::vector<std::string> callers;
  std::atomic<bool> on{true};

 protected:
  virtual void take(std::shared_ptr<IntakeHold> hold) { holds.push_back(std::move(hold)); }
};

class IntakeTest : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    router_->intake().add(first_);
    router_->intake().add(second_);
    second_.on = false;
  }
  void TearDown() override {
    first_.holds.clear();
    second_.holds.clear();
    Core::TearDown();
  }
  std::future<Results> post(std::vector<SendCommand> commands) {
    auto results = std::make_shared<std::promise<Results>>();
    auto future = results->get_future();
    auto posted = router_->post_send(
        std::move(commands), [results](Results done) { results->set_value(std::move(done)); });
    EXPECT_TRUE(posted.has_value());
    pending_ = std::move(*posted);
    return future;
  }
  std::future<Results> post(const std::string& group, const std::string& payload) {
    return post(std::vector<SendCommand>{to_group(group, payload)});
  }
  void wait_for(const std::string& group, std::size_t messages) {
    while (payloads(group).size() < messages) std::this_thread::yield();
  }
  static bool is_done(std::future<Results>& results) {
    return results.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  static std::string states(const Results& results) {
    std::string out;
    for (const SendResult& result : results) {
      out += result.ok() ? std::to_string(raw(result.message_seq))
                         : std::string(errc_name(result.code));
      out += ' ';
    }
    return out;
  }

  using Texts = std::vector<std::string>;
  TestStage first_;
  TestStage second_;
  std::shared_ptr<PendingSend> pending_;
};

TEST_F(IntakeTest, RefusesSingleItemsWithAReason) {
  const Results results = send(
      {to_group("g1", "a"), to_group("g1", "bad"), to_group("g2", "bad"), to_group("g1", "b")});
  EXPECT_EQ(states(results), "1 denied denied 2 ");
  EXPECT_EQ(results[1].reason, Reason::not_allow_send);
  EXPECT_EQ(results[1].state, SendResult::State::refused);
  EXPECT_EQ(payloads("g1"), (Texts{"a", "b"}));
  EXPECT_EQ(states(send({to_group("g2", "bad")})), "denied ");
  EXPECT_EQ(payloads("g2"), Texts{});
  EXPECT_EQ(router_->intake().items_waiting(), 0U);
}

TEST_F(IntakeTest, KnowsTheCallerAndMayChangeWhatIsSent) {
  auto caller = std::make_shared<CallerIdentity>();
  caller->name = "ann";
  auto command = to_group("g1", "rude");
  command.caller = caller;
  EXPECT_EQ(states(send({command})), "1 ");
  EXPECT_EQ(first_.callers, Texts{"ann"});
  EXPECT_EQ(payloads("g1"), Texts{"****"});
  // Also when the first item is held and the others go on.
  second_.on = true;
  auto held = to_group("g2", "slow");
  held.caller = caller;
  auto batch = post({held, command});
  EXPECT_EQ(second_.callers, Texts{"ann"});
  first_.holds[0]->resume();
  second_.holds[0]->resume();
  EXPECT_EQ(second_.callers, (Texts{"ann", "ann"}));
  EXPECT_EQ(states(batch.get()), "1 2 ");
}

TEST_F(IntakeTest, DelaysSingleItemsAndWhatComesBehindThemInTheirChannels) {
  auto batch = post({to_group("g1", "a"), to_group("g2", "slow"), to_group("g2", "b"),
                     to_group("g3", "c"), to_group("g2", "bad")});
  wait_for("g1", 1);
  wait_for("g3", 1);
  auto behind = post("g2", "later");
  EXPECT_EQ(states(post("g1", "d").get()), "2 ") << "other channels do not wait";
  // Of this one a part goes on, too.
  auto mixed = post({to_group("g1", "e"), to_group("g2", "last")});
  wait_for("g1", 3);
  EXPECT_FALSE(is_done(batch));
  EXPECT_FALSE(is_done(behind));
  EXPECT_FALSE(is_done(mixed));
  EXPECT_EQ(payloads("g2"), Texts{});
  EXPECT_EQ(router_->intake().items_waiting(), 4U);
  ASSERT_EQ(first_.holds.size(), 1U);
  EXPECT_EQ(first_.holds[0]->commands().size(), 2U);
  first_.holds[0]->resume();
  EXPECT_EQ(states(batch.get()), "1 1 2 1 denied ");
  EXPECT_EQ(states(behind.get()), "3 ");
  EXPECT_EQ(states(mixed.get()), "3 4 ");
  EXPECT_EQ(payloads("g2"), (Texts{"slow", "b", "later", "last"}));
  EXPECT_EQ(router_->intake().items_waiting(), 0U);
}

TEST_F(IntakeTest, WhatWasHeldCanStillBeRefused) {
  auto batch = post({to_group("g1", "slow 1"), to_group("g1", "slow 2"), to_group("g2", "a")});
  auto behind = post("g1", "b");
  ASSERT_EQ(first_.holds.size(), 1U);
  first_.holds[0]->refuse(0, Reason::rate_limit, Errc::overloaded);
  first_.holds[0]->resume();
  EXPECT_EQ(states(batch.get()), "overloaded 1 1 ");
  EXPECT_EQ(states(behind.get()), "2 ");
  auto whole = post("g1", "slow 3");
  first_.holds[1]->refuse_all(Errc::unavailable);
  first_.holds[1]->resume();
  EXPECT_EQ(states(whole.get()), "unavailable ");
  // One that a stage forgets.
  auto forgotten = post("g1", "slow 4");
  first_.holds.clear();
  EXPECT_EQ(states(forgotten.get()), "unavailable ");
  EXPECT_EQ(states(post("g1", "c").get()), "3 ");
}

TEST_F(IntakeTest, WhatStagesAndPartitionsRefuseIsCountedOnceByItsReason) {
  observe::Metrics metrics;
  router_->count_refusals_in(&metrics);
  const auto refused = [&metrics](Reason reason) {
    return metrics.send_refused.with(std::to_string(raw(reason))).Value();
  };
  send({to_group("g1", "a", "n1"), to_group("g1", "bad"), to_group("g2", "bad")});
  EXPECT_EQ(refused(Reason::not_allow_send), 2);
  auto held = post("g1", "slow");
  first_.holds[0]->refuse(0, Reason::rate_limit, Errc::overloaded);
  first_.holds[0]->resume();
  held.get();
  EXPECT_EQ(refused(Reason::rate_limit), 1);
  // The same number with another payload, which only the partition knows.
  EXPECT_EQ(states(send({to_group("g1", "b", "n1")})), "conflict ");
  EXPECT_EQ(refused(Reason::not_allow_send), 3);
  // What is only rehearsed was not refused to anybody.
  std::promise<Results> rehearsed;
  ASSERT_TRUE(router_->post_rehearsal({to_group("g1", "bad")}, [&rehearsed](Results results) {
    rehearsed.set_value(std::move(results));
  }));
  rehearsed.get_future().get();
  // Together: none of them is sent.
  std::vector<Command> together;
  together.emplace_back(to_group("g1", "c"));
  together.emplace_back(to_group("g1", "d", "n1"));
  std::promise<bool> made;
  ASSERT_TRUE(router_->post_all(std::move(together), [&made](const TransactionResult& result) {
    made.set_value(result.made());
  }));
  EXPECT_FALSE(made.get_future().get());
  EXPECT_EQ(refused(Reason::not_allow_send), 4);
  EXPECT_EQ(refused(Reason::system_error), 1) << "of the one that would have been sent";
  EXPECT_EQ(payloads("g1"), Texts{"a"});
  first_.holds.clear();
  pending_.reset();
  settle();
  router_->count_refusals_in(nullptr);
}

TEST_F(IntakeTest, StagesKeepTheOrderAmongEachOther) {
  second_.on = true;
  auto one = post("g1", "slow 1");
  auto two = post("g1", "2");
  ASSERT_EQ(first_.holds.size(), 1U);
  first_.holds[0]->resume();
  ASSERT_EQ(second_.holds.size(), 1U) << "the next stage holds it, too";
  auto three = post("g1", "3");
  EXPECT_FALSE(is_done(two));
  second_.holds[0]->resume();
  EXPECT_EQ(states(one.get()), "1 ");
  EXPECT_EQ(states(two.get()), "2 ");
  EXPECT_EQ(states(three.get()), "3 ");
}

TEST_F(IntakeTest, WhatIsHeldAtTheDeadlineIsNotDone) {
  auto batch = post({to_group("g1", "a"), to_group("g2", "slow")});
  wait_for("g1", 1);
  pending_->expire();
  const Results results = batch.get();
  EXPECT_EQ(results[1].state, SendResult::State::refused);
  EXPECT_EQ(results[1].code, Errc::overloaded);
  first_.holds[0]->resume();
  EXPECT_EQ(states(post("g2", "b").get()), "1 ");
  EXPECT_EQ(payloads("g2"), Texts{"b"});
}

TEST_F(IntakeTest, WhatIsTakenApartAfterItsDeadlineIsNotDone) {
  second_.on = true;
  auto batch = post({to_group("g1", "slow 1"), to_group("g2", "slow 2")});
  pending_->expire();
  EXPECT_EQ(states(batch.get()), "overloaded overloaded ");
  // The next stage holds one of the two.
  first_.holds[0]->commands()[1].payload = "2";
  first_.holds[0]->resume();
  ASSERT_EQ(second_.holds.size(), 1U);
  second_.holds[0]->resume();
  EXPECT_EQ(states(post("g1", "a").get()), "1 ");
  EXPECT_EQ(states(post("g2", "b").get()), "1 ");
  EXPECT_EQ(payloads("g1"), Texts{"a"});
  EXPECT_EQ(payloads("g2"), Texts{"b"});
}

// How long partitions take is measured by what went to them: what waits elsewhere is no delay of
// theirs.
TEST(SplitBatch, IsTimedWithoutWhatWasSplitOff) {
  bool finished = false;
  bool answered = false;
  std::vector<SendCommand> commands(3);
  auto batch = std::make_shared<SendBatch>(
      std::move(commands), std::vector<SendBatch::Part>{{PartitionId{0}, {0, 1, 2}}}, nullptr,
      CommandRouter::kNever, [&](const Results& results) { answered = results.size() == 3; });
  const auto off = batch->split({false, true, false});
  batch->refuse_item(0, SendResult::refuse(Reason::ban, Errc::denied));
  ASSERT_TRUE(batch->settle());
  batch->start_timing([&] { finished = true; });
  batch->finish_items(0, 0, std::vector<SendResult>(1));
  EXPECT_TRUE(finished);
  EXPECT_FALSE(answered);
  off->finish_items(0, 0, std::vector<SendResult>(1));
  EXPECT_TRUE(answered);
}

// A stage may hold what another one has let go after the caller was answered.
TEST(SplitBatch, IsNotBegunWhenItsCallerWasAnswered) {
  bool answered = false;
  auto batch = std::make_shared<SendBatch>(
      std::vector<SendCommand>(2), std::vector<SendBatch::Part>{{PartitionId{0}, {0, 1}}}, nullptr,
      CommandRouter::kNever, [&](const Results& results) {
        EXPECT_EQ(results.size(), 2u);
        EXPECT_EQ(results[0].state, SendResult::State::refused);
        EXPECT_EQ(results[1].state, SendResult::State::refused);
        answered = true;
      });
  batch->expire();
  EXPECT_TRUE(answered);
  const auto off = batch->split({false, true});
  EXPECT_FALSE(off->begin_part(0, {}));
  ASSERT_TRUE(batch->settle());
  EXPECT_FALSE(batch->begin_part(0, {}));
}

// A stage may let go of what it holds on another thread, before the rest goes on.
TEST(SplitBatch, WhatIsBegunOfItIsNotToldAsNotBegun) {
  Results answer;
  auto batch = std::make_shared<SendBatch>(
      std::vector<SendCommand>(2), std::vector<SendBatch::Part>{{PartitionId{0}, {0, 1}}}, nullptr,
      CommandRouter::kNever, [&](const Results& results) { answer = results; });
  const auto off = batch->split({false, true});
  ASSERT_TRUE(off->begin_part(0, {}));
  batch->expire();
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(answer[0].state, SendResult::State::refused);
  EXPECT_EQ(answer[1].state, SendResult::State::unknown);
  EXPECT_EQ(answer[1].code, Errc::deadline);
  // Nothing is begun of what is split off now.
  ASSERT_TRUE(batch->settle());
  const auto late = batch->split({true, false});
  EXPECT_FALSE(late->begin_part(0, {}));
}

class CallingClock final : public Clock {
 public:
  std::int64_t wall_ms() const override {
    if (call) std::exchange(call, nullptr)();
    return 1'000'000;
  }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  mutable std::function<void()> call;  // once
};

class RefusedBatch : public testing::Test {
 protected:
  static std::string number(int item) {
    return "a number with a place of its own, " + std::to_string(item);
  }
  std::shared_ptr<SendBatch> make_batch() {
    std::vector<SendCommand> commands(3);
    for (int item = 0; item < 3; ++item) {
      commands[static_cast<std::size_t>(item)].channel = channel_;
      commands[static_cast<std::size_t>(item)].client_msg_no = number(item);
    }
    results_.clear();
    auto batch = std::make_shared<SendBatch>(
        std::move(commands), std::vector<SendBatch::Part>{{PartitionId{0}, {0, 1, 2}}}, nullptr,
        CommandRouter::kNever, [this](const Results& results) { results_ = results; });
    batch->remember_refusals_in(&refusals_);
    batch->count_refusals_in(&metrics_);
    return batch;
  }
  double counted() {
    return metrics_.send_refused.with(std::to_string(raw(Reason::system_error))).Value();
  }
  int remembered() {
    int count = 0;
    for (int item = 0; item < 3; ++item) count += refusals_.find(channel_, number(item)) ? 1 : 0;
    return count;
  }

  const ChannelKey channel_{"g1", ChannelType::group};
  CallingClock clock_;
  Refusals refusals_{clock_, RefusalLimits()};
  observe::Metrics metrics_;
  Results results_;
};

TEST_F(RefusedBatch, IsNotGivenBackWhileItIsLookedAt) {
  const auto batch = make_batch();
  batch->make_offer();
  std::vector<SendCommand> taken;
  // When the first of its items is remembered.
  clock_.call = [&] {
    batch->expire();
    taken = batch->take_back();
  };
  batch->refuse(Errc::unavailable);
  EXPECT_TRUE(taken.empty());
  ASSERT_EQ(results_.size(), 3U);
  EXPECT_EQ(results_[2].code, Errc::overloaded);
  EXPECT_EQ(remembered(), 3);
  EXPECT_TRUE(batch->take_back().empty());
}

TEST_F(RefusedBatch, ThatIsTriedAgainIsCountedAndRememberedNowhere) {
  auto batch = make_batch();
  batch->make_offer();
  batch->refuse(Errc::overloaded);
  ASSERT_EQ(results_.size(), 3U);
  EXPECT_EQ(results_[0].code, Errc::overloaded);
  EXPECT_EQ(counted(), 0);
  EXPECT_EQ(remembered(), 0);
  const auto taken = batch->take_back();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[2].client_msg_no, number(2));
  EXPECT_TRUE(batch->take_back().empty());
  // What is told to whoever sent it.
  batch = make_batch();
  batch->make_offer();
  batch->refuse(Errc::unavailable);
  EXPECT_EQ(counted(), 3);
  EXPECT_EQ(remembered(), 3);
  EXPECT_TRUE(batch->take_back().empty());
  batch = make_batch();
  batch->refuse(Errc::overloaded);
  EXPECT_EQ(counted(), 6);
  EXPECT_TRUE(batch->take_back().empty());
}

TEST_F(IntakeTest, WhatIsOfferedComesBackWhereThereIsNoRoomToReadInboxes) {
  observe::Metrics metrics;
  const PartitionMap map(database_->partitions());
  InboxStage full(*inboxes_, map, [](const std::function<void()>&) { return false; });
  CommandRouter router(*placement_, map, full, limits_, clock_);
  router.count_refusals_in(&metrics);
  const auto offer = [&](bool tries_again) {
    auto command = to_group("g1", "a", "n1");
    command.from_uid = "u7";
    std::vector<SendCommand> commands{std::move(command)};
    Results results;
    const auto done = [&results](Results told) { results = std::move(told); };
    auto posted = tries_again
                      ? router.offer_send(std::move(commands), done, CommandRouter::kNever, nullptr)
                      : router.post_send(std::move(commands), done);
    EXPECT_TRUE(posted.has_value());
    EXPECT_EQ(states(results), "overloaded ");
    return (*posted)->take_back().size();
  };
  const auto refused = [&metrics] {
    return metrics.send_refused.with(std::to_string(raw(Reason::system_error))).Value();
  };
  EXPECT_EQ(offer(true), 1U);
  EXPECT_EQ(refused(), 0);
  EXPECT_EQ(offer(false), 0U);
  EXPECT_EQ(refused(), 1);
}

// Stages that resume at once, later, and on other threads; senders on several threads.
class RestlessStage final : public TestStage {
 public:
  ~RestlessStage() override { finish(); }
  void finish() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void take(std::shared_ptr<IntakeHold> hold) override {
    if (hold->commands().front().payload.view().ends_with("0")) return hold->resume();
    const MutexLock lock(mutex_);
    kept_.push_back(std::move(hold));
  }
  void let_go() {
    for (std::size_t turn = 0;; ++turn) {
      std::vector<std::shared_ptr<IntakeHold>> ready;
      {
        const MutexLock lock(mutex_);
        if (kept_.empty() && done_) return;
        // Mostly the youngest first.
        if (!kept_.empty()) {
          auto& next = turn % 3 == 0 ? kept_.front() : kept_.back();
          std::swap(next, kept_.back());
          ready.push_back(std::move(kept_.back()));
          kept_.pop_back();
        }
      }
      for (auto& hold : ready) hold->resume();
      if (ready.empty()) std::this_thread::yield();
    }
  }

  Mutex mutex_;
  std::vector<std::shared_ptr<IntakeHold>> kept_ JD_GUARDED_BY(mutex_);
  std::atomic<bool> done_{false};
  std::thread thread_{[this] { let_go(); }};
};

TEST_F(Core, ChannelsStayInOrderWhateverIsHeld) {
  RestlessStage one;
  RestlessStage two;
  router_->intake().add(one);
  router_->intake().add(two);
  constexpr int kSenders = 3;
  constexpr int kRounds = 150;
  const auto group_of = [](int sender, int which) {
    return "s" + std::to_string(sender) + "g" + std::to_string(which);
  };
  std::atomic<int> answered{0};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      std::mt19937 dice(static_cast<unsigned>(sender));
      std::vector<int> next(4);
      for (int round = 0; round < kRounds; ++round) {
        std::vector<SendCommand> commands;
        for (auto n = 1 + dice() % 6; n > 0; --n) {
          const auto which = static_cast<int>(dice() % 4);
          SendCommand command;
          command.channel = ChannelKey(group_of(sender, which), ChannelType::group);
          command.from_uid = "u1";
          const int number = next[static_cast<std::size_t>(which)]++;
          command.client_msg_no = std::to_string(number);
          command.payload = (dice() % 4 == 0 ? "slow " : "text ") + std::to_string(number);
          commands.push_back(std::move(command));
        }
        EXPECT_TRUE(router_
                        ->post_send(std::move(commands),
                                    [&answered](const Results& results) {
                                      for (const auto& result : results) EXPECT_TRUE(result.ok());
                                      ++answered;
                                    })
                        .has_value());
      }
    });
  }
  for (auto& sender : senders) sender.join();
  while (answered < kSenders * kRounds) std::this_thread::yield();
  one.finish();
  two.finish();
  for (int sender = 0; sender < kSenders; ++sender) {
    for (int which = 0; which < 4; ++which) {
      RangeQuery query;
      query.channel = ChannelKey(group_of(sender, which), ChannelType::group);
      query.limit = 10'000;
      const auto page = history_->load_range(query);
      ASSERT_TRUE(page.has_value());
      for (std::size_t i = 0; i < page->messages.size(); ++i) {
        EXPECT_EQ(page->messages[i].client_msg_no, std::to_string(i)) << query.channel.id;
      }
    }
  }
  EXPECT_EQ(router_->intake().items_waiting(), 0U);
}

}  // namespace
}  // namespace jindou::partition
