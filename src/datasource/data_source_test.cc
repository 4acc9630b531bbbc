// The data source behind the whole core: what is let go when the answers are there is judged by
// them.
#include "datasource/data_source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <string>

#include "base/mutex.h"
#include "codec/json_reader.h"
#include "http/test_receiver.h"
#include "partition/core_fixture.h"

namespace jindou::datasource {
namespace {

using Lists = std::map<std::string, std::string>;  // JSON arrays by channel and command

class DataSourceTest : public partition::Core {
 protected:
  void SetUp() override {
    source_.set_body([this](const http::ReceivedCall& call) -> std::string {
      const auto parsed = codec::parse_json(call.body);
      std::string name;
      std::string_view id;
      if (parsed->at_pointer("/data/channel_id").get_string().get(id) == simdjson::SUCCESS)
        name = id;
      name.append(" ").append((*parsed)["cmd"].get_string().value());
      const auto found = answers_.find(name);
      return found == answers_.end() ? "[]" : found->second;
    });
    configure([this](DataSourceOptions& options) { options.addr = source_.url(); });
    start_source();
    Core::SetUp();
  }
  void TearDown() override {
    data_source_->stop();
    Core::TearDown();
  }
  // Forgets every answer, as a restart does.
  void restart() {
    data_source_->stop();
    close();
    start_source();
    open();
  }
  // Puts changed options in the place of those in force, as a reload does.
  template <typename Change>
  void configure(const Change& change) {
    const MutexLock lock(options_mutex_);
    auto options = std::make_shared<DataSourceOptions>(*options_);
    change(*options);
    options_ = std::move(options);
  }
  void start_source() {
    data_source_ = std::make_unique<DataSource>(DataSourceDeps{
        .clock = wall_clock_,
        .options =
            [this] {
              const MutexLock lock(options_mutex_);
              return options_;
            },
        .set_system_accounts = [](const auto&) {},
        .workers = 1,
    });
    data_source_->start();
    lists_ = data_source_.get();
  }
  void fail(bool failing) {
    source_.set_answer([failing](const http::ReceivedCall&) { return failing ? 500 : 200; });
  }
  // A group whose partition is one of this worker's.
  static std::string group_of(int worker, const std::string& prefix) {
    std::string id = prefix;
    while (raw(partition_for(id, 4)) % 2 != worker) id += "x";
    return id;
  }

  http::TestReceiver source_;
  Lists answers_;  // not changed while anybody is asked
  SystemClock wall_clock_;
  Mutex options_mutex_;
  std::shared_ptr<const DataSourceOptions> options_ = std::make_shared<DataSourceOptions>();
  std::unique_ptr<DataSource> data_source_;
};

const ChannelKey kGroup("g1", ChannelType::group);

TEST_F(DataSourceTest, SaysWhoWouldReceiveAlsoWhenNobodyHasSentYet) {
  answers_["g1 getSubscribers"] = R"(["u1","u2"])";
  answers_["g1 getBlacklist"] = R"(["u2"])";
  const auto asked = recipients(kGroup);
  ASSERT_TRUE(asked.has_value());
  ASSERT_NE(asked->subscribers, nullptr);
  EXPECT_EQ(asked->subscribers->size(), 2U);
  ASSERT_NE(asked->excluded, nullptr);
  EXPECT_TRUE(asked->excluded->contains("u2"));
  // The id of a person chat says it all.
  fail(true);
  EXPECT_TRUE(recipients(ChannelKey(person_channel_id("a", "b"), ChannelType::person)).has_value());
}

TEST_F(DataSourceTest, SaysThatTheReceiversAreNotKnown) {
  fail(true);
  const auto asked = recipients(kGroup);
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().code(), Errc::unavailable);
  answers_["g1 getSubscribers"] = R"(["u1"])";
  fail(false);
  EXPECT_TRUE(recipients(kGroup)->subscribers->contains("u1"));
}

TEST_F(DataSourceTest, EventsReachTheSubscribersAfterARestart) {
  answers_["g1 getSubscribers"] = R"(["u1","u2"])";
  SendCommand anchor = to_group("g1", "anchor", "m1");
  anchor.setting = kSettingStream;
  ASSERT_TRUE(send({anchor})[0].ok());
  restart();
  {
    const MutexLock lock(sink_.mutex);
    sink_.effects.clear();
  }
  partition::AppendEvent event;
  event.channel = kGroup;
  event.client_msg_no = "m1";
  event.effect = partition::AppendEvent::Effect::text_delta;
  event.event_id = "e1";
  event.event_type = "t";
  event.event_key = std::string(kMainLane);
  event.text = "x";
  ASSERT_TRUE(append(event).has_value());
  {
    const MutexLock lock(sink_.mutex);
    ASSERT_EQ(sink_.effects.size(), 1U);
    ASSERT_NE(sink_.effects[0].recipients.subscribers, nullptr);
    EXPECT_TRUE(sink_.effects[0].recipients.subscribers->contains("u2"));
  }
  fail(true);
  restart();
  event.event_id = "e2";
  const auto refused = append(event);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::unavailable);
}

// The sender is on the source's denylist, but the partition gets to the send only after there was
// no more room for the answer. The stored lists would let it through.
TEST_F(DataSourceTest, AnAnswerIsKeptUntilWhatWaitedForItIsEvaluated) {
  configure([](DataSourceOptions& options) { options.cache_count = 0; });
  const std::string slow = group_of(0, "slow");
  const std::string quick = group_of(1, "quick");
  answers_[slow + " getSubscribers"] = R"(["u1"])";
  answers_[slow + " getBlacklist"] = R"(["u1"])";

  // An answer is given on the worker's thread, so this one holds it up.
  std::promise<void> release;
  std::string person = person_channel_id("a", "b");
  for (char c = 'c'; raw(partition_for(person, 4)) % 2 != 0; ++c) {
    person = person_channel_id("a", std::string(1, c));
  }
  std::promise<void> held;
  ASSERT_TRUE(router_
                  ->post_recipients(ChannelKey(person, ChannelType::person),
                                    [&](const Result<partition::Recipients>&) {
                                      held.set_value();
                                      release.get_future().wait();
                                    })
                  .has_value());
  held.get_future().wait();

  std::promise<std::vector<SendResult>> results;
  SendCommand command = to_group(slow, "a");
  command.origin = Origin::socket;
  ASSERT_TRUE(router_
                  ->post_send({command},
                              [&results](std::vector<SendResult> done) {
                                results.set_value(std::move(done));
                              })
                  .has_value());
  // The source is asked for one channel after another: when these are answered, the first was.
  for (int i = 0; i < 3; ++i) send({to_group(quick, "b")});
  release.set_value();
  const auto outcome = results.get_future().get();
  EXPECT_EQ(outcome[0].reason, Reason::in_denylist);

  // Soon nothing holds it any more, and the answer for another channel takes its place.
  const ChannelKey channel(slow, ChannelType::group);
  for (int i = 0; i < 1'000 && data_source_->find(channel); ++i) {
    send({to_group("other" + std::to_string(i), "c")});
  }
  EXPECT_EQ(data_source_->find(channel), nullptr);
}

// The same when the answer that is held is an old one and its successor is what has to go.
TEST_F(DataSourceTest, AHeldAnswerKeepsItsSuccessor) {
  configure([](DataSourceOptions& options) {
    options.cache_count = 0;
    options.cache_time = std::chrono::milliseconds(0);
  });
  answers_["g1 getSubscribers"] = R"(["u1"])";
  const auto ask = [this](const ChannelKey& channel) {
    std::promise<std::shared_ptr<const partition::ListSource::Lists>> answer;
    data_source_->when_ready({channel}, [&](const Result<void>& ready) {
      EXPECT_TRUE(ready.has_value());
      answer.set_value(data_source_->find(channel));
    });
    return answer.get_future().get();
  };
  auto first = ask(kGroup);
  ASSERT_NE(first, nullptr);
  EXPECT_NE(ask(kGroup), first);
  const ChannelKey other("g2", ChannelType::group);
  ask(other);
  ask(other);
  EXPECT_NE(data_source_->find(kGroup), nullptr);
  first.reset();
  ask(other);
  ask(other);
  EXPECT_EQ(data_source_->find(kGroup), nullptr);
}

// Some systems keep who blocked whom, not the denylist of an inbox: they know only the pair.
TEST_F(DataSourceTest, ADenylistMayBeKnownOnlyByThePair) {
  const std::string pair = person_channel_id("a", "b");
  answers_[pair + " getBlacklist"] = R"(["a","b"])";
  const auto write = [this](const std::string& from, const std::string& to) {
    SendCommand command = to_group(person_channel_id(from, to), "hi");
    command.channel.type = ChannelType::person;
    command.from_uid = from;
    return send({command})[0];
  };
  EXPECT_EQ(write("a", "b").reason, Reason::in_denylist);
  EXPECT_EQ(write("b", "a").reason, Reason::in_denylist);
  EXPECT_TRUE(write("a", "c").ok());
  EXPECT_TRUE(write("c", "b").ok());
  // Whatever way the message takes: the person decides, not the type of the channel.
  SendCommand command = to_group("ignored", "hi");
  command.from_uid = "a";
  command.subscribers = {"b"};
  command.flags.sync_once = true;
  EXPECT_EQ(send({command})[0].reason, Reason::in_denylist);
  // It stays a pair: both are told of what may be sent.
  const auto asked = recipients(ChannelKey(pair, ChannelType::person));
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->listed.size(), 2U);
  EXPECT_EQ(asked->excluded, nullptr);
}

TEST_F(DataSourceTest, BothDenylistsOfAPersonCount) {
  answers_["b getBlacklist"] = R"(["a"])";
  answers_[person_channel_id("b", "c") + " getBlacklist"] = R"(["c"])";
  for (const char* from : {"a", "c", "d"}) {
    SendCommand command = to_group(person_channel_id(from, "b"), "hi");
    command.channel.type = ChannelType::person;
    command.from_uid = from;
    EXPECT_EQ(send({command})[0].ok(), std::string(from) == "d") << from;
  }
}

// A system that has never heard of pairs refuses the id; one that is down says nothing about it.
TEST_F(DataSourceTest, APairThatIsRefusedIsNotDenied) {
  std::atomic<int> status = 404;
  source_.set_answer([&status](const http::ReceivedCall& call) {
    return call.body.find('@') == std::string::npos ? 200 : status.load();
  });
  SendCommand command = to_group(person_channel_id("a", "b"), "hi");
  command.channel.type = ChannelType::person;
  command.from_uid = "a";
  EXPECT_TRUE(send({command})[0].ok());
  restart();
  status = 500;
  EXPECT_EQ(send({command})[0].code, Errc::unavailable);
}

}  // namespace
}  // namespace jindou::datasource
