// In which order runs come, what they hold, and when batches go. The randomised test compares with
// a model that keeps nothing but each channel's messages in the order of their commits.
#include "delivery/run_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>

namespace jindou::delivery {
namespace {

using partition::CommitEffect;
using partition::CommittedBatch;
using partition::CommittedEvent;
using partition::CommittedMessage;
using Lane = RunQueue::Lane;
using Ids = std::vector<std::uint64_t>;

std::shared_ptr<const UidSet> set_of(const std::string& uid) {
  auto set = std::make_shared<UidSet>();
  set->emplace(uid);
  return set;
}

// One set per channel, so that messages of different channels never share a run.
const std::shared_ptr<const UidSet>& subscribers_of(const std::string& channel) {
  static std::map<std::string, std::shared_ptr<const UidSet>> sets;
  auto& set = sets[channel];
  if (!set) set = set_of(channel);
  return set;
}

CommitEffect message(std::uint64_t id, const std::string& channel, std::size_t bytes = 10) {
  auto made = std::make_shared<Message>();
  made->id = static_cast<MessageId>(id);
  made->channel = ChannelKey(channel, ChannelType::group);
  made->payload = std::string(bytes, 'p');
  return {CommittedMessage{std::move(made)}, {subscribers_of(channel), {}, {}}};
}

CommitEffect event(std::uint64_t id, const std::string& channel) {
  auto made = std::make_shared<MessageEvent>();
  made->message_id = static_cast<MessageId>(id);
  made->channel = ChannelKey(channel, ChannelType::group);
  return {CommittedEvent{std::move(made)}, {subscribers_of(channel), {}, {}}};
}

std::uint64_t id_of(const CommitEffect& effect) {
  return std::visit(
      Overloaded{[](const CommittedMessage& told) { return raw(told.message->id); },
                 [](const CommittedEvent& told) { return raw(told.event->message_id); }},
      effect.what);
}

const std::string& name_of(const CommitEffect& effect) { return channel_of(effect).id; }

std::shared_ptr<const CommittedBatch> named_batch(std::vector<CommitEffect> effects) {
  auto made = std::make_shared<CommittedBatch>();
  made->effects = std::move(effects);
  return made;
}

// Channels whose names begin with a capital letter are large.
Lane lane_of(const CommitEffect& effect) {
  const char first = name_of(effect).front();
  return first >= 'A' && first <= 'Z' ? Lane::large : Lane::small;
}

Ids ids(const RunQueue::Run* run) {
  Ids out;
  if (run == nullptr) return out;
  for (const CommitEffect* effect : run->effects) out.push_back(id_of(*effect));
  return out;
}

class RunQueueTest : public testing::Test {
 protected:
  static RunQueue::Limits limits() {
    RunQueue::Limits limits;
    limits.run_messages = 3;
    limits.run_payload_bytes = 100;
    limits.open_large = 2;
    return limits;
  }
  void push(std::vector<CommitEffect> effects, std::size_t bytes = 1) {
    queue_.push(named_batch(std::move(effects)), bytes, lane_of);
  }
  // The next run of a lane, finished at once.
  Ids take_small() {
    RunQueue::Run* run = queue_.small();
    const Ids out = ids(run);
    if (run != nullptr) queue_.finish(*run);
    return out;
  }
  Ids take_large() {
    RunQueue::Run* run = queue_.large();
    const Ids out = ids(run);
    if (run != nullptr) queue_.finish(*run);
    return out;
  }

  RunQueue queue_{limits()};
};

TEST_F(RunQueueTest, ConsecutiveMessagesWithTheSameRecipientsAreOneRun) {
  push({message(1, "a"), message(2, "a"), message(3, "b")});
  push({message(4, "b"), event(5, "b"), event(6, "b"), message(7, "b")});
  EXPECT_EQ(take_small(), (Ids{1, 2}));
  EXPECT_EQ(take_small(), (Ids{3, 4}));
  EXPECT_EQ(take_small(), Ids{5});
  EXPECT_EQ(take_small(), Ids{6});
  EXPECT_EQ(take_small(), Ids{7});
  EXPECT_EQ(take_small(), Ids{});
  EXPECT_TRUE(queue_.empty());
}

TEST_F(RunQueueTest, RunsEndAtTheirBoundsAndHoldOneMessageAtLeast) {
  push({message(1, "a"), message(2, "a"), message(3, "a"), message(4, "a"), message(5, "a", 95),
        message(6, "a", 500)});
  EXPECT_EQ(take_small(), (Ids{1, 2, 3}));
  EXPECT_EQ(take_small(), Ids{4});
  EXPECT_EQ(take_small(), Ids{5});
  EXPECT_EQ(take_small(), Ids{6});
}

TEST_F(RunQueueTest, ARunUnderWayComesAgainUntilItIsFinished) {
  push({message(1, "a"), message(2, "B")});
  RunQueue::Run* small = queue_.small();
  EXPECT_EQ(queue_.small(), small);
  EXPECT_EQ(small->place, 0U);
  queue_.finish(*small);
  RunQueue::Run* large = queue_.large();
  EXPECT_EQ(queue_.large(), large);
  EXPECT_NE(large->place, 0U);
  push({message(3, "a")});
  EXPECT_EQ(ids(queue_.small()), Ids{3});
  EXPECT_EQ(ids(queue_.large()), Ids{2});
}

TEST_F(RunQueueTest, ASmallMessageDoesNotWaitForALargeRun) {
  push({message(1, "A"), message(2, "A"), message(3, "x")});
  EXPECT_EQ(ids(queue_.small()), Ids{3});
}

TEST_F(RunQueueTest, LargeChannelsTakeTurnsAndTheOthersStandInLine) {
  push({message(1, "A"), message(2, "A"), message(3, "A"), message(4, "A"), message(5, "B"),
        message(6, "C")});
  EXPECT_EQ(ids(queue_.large()), (Ids{1, 2, 3}));
  queue_.pass_turn();
  EXPECT_EQ(ids(queue_.large()), Ids{5});
  queue_.pass_turn();
  EXPECT_EQ(ids(queue_.large()), (Ids{1, 2, 3}));
  // A's next run is behind C, which has had none yet.
  EXPECT_EQ(take_large(), (Ids{1, 2, 3}));
  EXPECT_EQ(take_large(), Ids{5});
  EXPECT_EQ(take_large(), Ids{6});
  EXPECT_EQ(take_large(), Ids{4});
  EXPECT_FALSE(queue_.has_large());
  EXPECT_TRUE(queue_.empty());
}

TEST_F(RunQueueTest, WhateverFollowsInALargeChannelStaysBehindIt) {
  // The second one of A would be small: restricted to a few.
  auto lane = [](const CommitEffect& effect) {
    return id_of(effect) == 1 ? Lane::large : Lane::small;
  };
  queue_.push(named_batch({message(1, "A"), event(2, "A"), message(3, "x")}), 1, lane);
  EXPECT_EQ(take_small(), Ids{3});
  RunQueue::Run* run = queue_.large();
  EXPECT_EQ(ids(run), Ids{1});
  // Also while the run is under way and nothing of the channel waits.
  EXPECT_EQ(take_large(), Ids{1});
  run = queue_.large();
  EXPECT_EQ(ids(run), Ids{2});
  queue_.push(named_batch({message(4, "A")}), 1, lane);
  EXPECT_EQ(queue_.small(), nullptr);
  queue_.finish(*run);
  EXPECT_EQ(take_large(), Ids{4});
  // The large lane has forgotten the channel.
  queue_.push(named_batch({message(5, "A")}), 1, lane);
  EXPECT_EQ(take_small(), Ids{5});
}

TEST_F(RunQueueTest, ALargeMessageWaitsForWhatTheSmallLaneHeldBefore) {
  auto lane = [](const CommitEffect& effect) {
    return id_of(effect) == 2 ? Lane::large : Lane::small;
  };
  queue_.push(named_batch({message(1, "A"), message(2, "A")}), 1, lane);
  EXPECT_EQ(queue_.large(), nullptr);
  RunQueue::Run* run = queue_.small();
  EXPECT_EQ(queue_.large(), nullptr) << "the first is still under way";
  queue_.finish(*run);
  EXPECT_EQ(take_large(), Ids{2});
}

TEST_F(RunQueueTest, ABatchGoesWithItsLastMessage) {
  auto first = std::make_shared<CommittedBatch>();
  first->effects = {message(1, "A"), message(2, "x")};
  auto second = named_batch({message(3, "x")});
  const std::weak_ptr<const CommittedBatch> watched_first = first;
  const std::weak_ptr<const CommittedBatch> watched_second = second;
  queue_.push(std::move(first), 100, lane_of);
  queue_.push(std::move(second), 30, lane_of);
  take_small();
  EXPECT_EQ(queue_.take_released_bytes(), 30U);
  EXPECT_FALSE(watched_first.expired());
  EXPECT_TRUE(watched_second.expired()) << "out of order: the large one still runs";
  take_large();
  EXPECT_EQ(queue_.take_released_bytes(), 100U);
  EXPECT_EQ(queue_.take_released_bytes(), 0U);
  EXPECT_TRUE(watched_first.expired());
}

TEST_F(RunQueueTest, ABatchWithoutMessagesGoesAtOnce) {
  push({}, 7);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.take_released_bytes(), 7U);
}

// What is known of a run between two looks at it.
struct UnderWay {
  RunQueue::Run* run = nullptr;
  Ids messages;
};

class RunQueueAgainstModel : public testing::TestWithParam<unsigned> {};

TEST_P(RunQueueAgainstModel, NothingIsLostRepeatedOrOvertakenAndNoBatchStays) {
  std::mt19937 random(GetParam());
  const auto below = [&random](unsigned end) { return static_cast<unsigned>(random() % end); };
  RunQueue::Limits limits;
  limits.run_messages = 1 + below(5);
  limits.run_payload_bytes = 30 + below(100);
  limits.open_large = 1 + below(4);
  RunQueue queue(limits);

  const unsigned channels = 1 + below(12);
  std::map<std::string, std::deque<std::uint64_t>> waiting;  // the model: per channel, in order
  struct Kept {
    std::weak_ptr<const CommittedBatch> batch;
    std::size_t bytes;
    std::size_t unfinished;
  };
  std::vector<Kept> batches;
  std::map<std::uint64_t, std::size_t> batch_of;
  std::map<std::string, Ids> under_way;  // by channel: what of it is in a run now
  std::map<std::size_t, UnderWay> places;
  std::uint64_t next_id = 1;
  std::size_t held_bytes = 0;

  const auto push = [&] {
    std::vector<CommitEffect> effects;
    const std::size_t bytes = 1 + below(1000);
    const unsigned count = below(8);
    for (unsigned i = 0; i < count; ++i) {
      const std::string name = "c" + std::to_string(below(channels));
      const std::uint64_t id = next_id++;
      effects.push_back(below(6) == 0 ? event(id, name) : message(id, name, 1 + below(40)));
      waiting[name].push_back(id);
      batch_of[id] = batches.size();
    }
    auto made = named_batch(std::move(effects));
    batches.push_back({made, bytes, count});
    if (count > 0) held_bytes += bytes;
    // The same channel is large for one message and small for the next, as restricted messages,
    // private events and sessions that come and go make it.
    queue.push(std::move(made), bytes, [&](const CommitEffect& effect) {
      const unsigned bias = name_of(effect) == "c0" ? 9U : 3U;
      return below(10) < bias ? Lane::large : Lane::small;
    });
    if (count == 0) {
      EXPECT_EQ(queue.take_released_bytes(), bytes);
    }
  };
  // Looks at a run, which starts it when it is new.
  const auto look = [&](RunQueue::Run* run) {
    if (run == nullptr) return;
    UnderWay& known = places[run->place];
    if (known.run != nullptr) {
      ASSERT_EQ(known.run, run);
      ASSERT_EQ(known.messages, ids(run));
      return;
    }
    known.run = run;
    known.messages = ids(run);
    ASSERT_FALSE(known.messages.empty());
    ASSERT_LE(known.messages.size(), limits.run_messages);
    for (const CommitEffect* effect : run->effects) {
      const std::string& name = name_of(*effect);
      // The next of its channel, and nothing of that channel is under way in another run.
      ASSERT_FALSE(waiting[name].empty());
      ASSERT_EQ(waiting[name].front(), id_of(*effect));
      waiting[name].pop_front();
      for (const auto& [place, other] : places) {
        if (place == run->place || other.run == nullptr) continue;
        ASSERT_NE(name_of(*other.run->effects.front()), name);
      }
    }
    ASSERT_LE(places.size(), 1 + limits.open_large);
  };
  const auto finish = [&](std::size_t place) {
    UnderWay& known = places[place];
    std::size_t released = 0;
    for (const std::uint64_t id : known.messages) {
      Kept& kept = batches[batch_of.at(id)];
      ASSERT_FALSE(kept.batch.expired()) << "released too early";
      if (--kept.unfinished == 0) released += kept.bytes;
    }
    queue.finish(*known.run);
    ASSERT_EQ(queue.take_released_bytes(), released);
    held_bytes -= released;
    places.erase(place);
  };

  for (int step = 0; step < 3000; ++step) {
    switch (below(6)) {
      case 0: push(); break;
      case 1: look(queue.small()); break;
      case 2: look(queue.large()); break;
      case 3: queue.pass_turn(); break;
      default:
        if (places.empty()) break;
        auto place = places.begin();
        std::advance(place, below(static_cast<unsigned>(places.size())));
        finish(place->first);
    }
    if (HasFatalFailure()) return;
    ASSERT_EQ(queue.empty(), held_bytes == 0);
  }
  // Nothing gets stuck: whoever works on both lanes empties the queue.
  for (int turns = 0; !queue.empty() && turns < 100'000; ++turns) {
    look(queue.small());
    look(queue.large());
    if (HasFatalFailure()) return;
    ASSERT_FALSE(places.empty()) << "messages wait and no run can start";
    finish(places.begin()->first);
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.has_large());
  EXPECT_EQ(held_bytes, 0U);
  for (const auto& [name, left] : waiting) EXPECT_TRUE(left.empty()) << name;
  for (const Kept& kept : batches) EXPECT_TRUE(kept.batch.expired());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RunQueueAgainstModel, testing::Range(0U, 40U));

}  // namespace
}  // namespace jindou::delivery
