// What a key may send, and as whom, through the real core.
#include "partition/intake_rights.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

using Cause = SendResult::Cause;

class RightsTest : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    router_->intake().add_first(stage_);
  }
  // Sends with a key of these senders and channels.
  std::vector<SendResult> send_with(std::vector<std::string> senders,
                                    std::vector<ChannelPattern> channels,
                                    std::vector<SendCommand> commands) {
    auto key = std::make_shared<ApiKey>();
    key->name = "k";
    key->scopes = Scope::send;
    key->senders = std::move(senders);
    key->channels = std::move(channels);
    auto caller = std::make_shared<CallerIdentity>();
    caller->kind = CallerIdentity::Kind::key;
    caller->key = std::move(key);
    for (SendCommand& command : commands) command.caller = caller;
    return send(std::move(commands));
  }
  static SendCommand from(const std::string& uid, SendCommand command) {
    command.from_uid = uid;
    return command;
  }
  static SendCommand to_person(const std::string& from, const std::string& to) {
    SendCommand command = to_group("", "hi");
    command.from_uid = from;
    command.channel = ChannelKey(person_channel_id(from, to), ChannelType::person);
    return command;
  }

  RightsStage stage_;
};

TEST_F(RightsTest, OfABatchOnlyItemsOfOtherSendersAreRefused) {
  const auto results =
      send_with({"bot"}, {},
                {from("bot", to_group("g1", "a")), from("ann", to_group("g1", "b")),
                 from("bot", to_group("g2", "c"))});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].state, SendResult::State::refused);
  EXPECT_EQ(results[1].code, Errc::denied);
  EXPECT_EQ(results[1].reason, Reason::not_allow_send);
  EXPECT_EQ(results[1].cause, Cause::key_sender);
  EXPECT_TRUE(results[2].ok());
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"a"});
}

TEST_F(RightsTest, ChannelsAreNamedAsTheirSenderNamesThem) {
  const std::vector<ChannelPattern> channels = {{ChannelType::group, "o-"},
                                                {ChannelType::person, "u-"}};
  const auto results = send_with({}, channels,
                                 {to_group("o-1", "a"), to_group("p-1", "b"), to_group("u-1", "c"),
                                  to_person("x", "u-1"), to_person("u-1", "x")});
  ASSERT_EQ(results.size(), 5U);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].cause, Cause::key_channel);
  EXPECT_EQ(results[2].cause, Cause::key_channel);
  EXPECT_TRUE(results[3].ok());
  EXPECT_EQ(results[4].cause, Cause::key_channel) << "not to the one with the prefix";
}

TEST_F(RightsTest, ACommandToUsersNeedsEachOfThem) {
  SendCommand command = to_group("", "do");
  command.channel = {};
  command.flags.sync_once = true;
  command.subscribers = {"u-1", "u-2"};
  const std::vector<ChannelPattern> channels = {{ChannelType::person, "u-"}};
  EXPECT_TRUE(send_with({}, channels, {command})[0].ok());
  command.subscribers.push_back("x");
  EXPECT_EQ(send_with({}, channels, {command})[0].cause, Cause::key_channel);
}

TEST_F(RightsTest, AListReachesNobodyWhomTheKeyMayNotSendTo) {
  const std::vector<ChannelPattern> channels = {
      {ChannelType::group, "o-"}, {ChannelType::person, "u-"}, {ChannelType::visitors, "v"}};
  SendCommand command = to_group("o-1", "a");
  const auto told = [&](const ChannelKey& channel, std::vector<std::string> listed) {
    command.channel = channel;
    command.subscribers = std::move(listed);
    return send_with({}, channels, {command})[0].cause;
  };
  const ChannelKey group("o-1", ChannelType::group);
  const ChannelKey visitors("v", ChannelType::visitors);
  EXPECT_EQ(told(group, {"u-1", "u-2"}), Cause::other);
  EXPECT_EQ(told(group, {"x"}), Cause::key_channel);
  EXPECT_EQ(told(group, {"u-1", "x"}), Cause::key_channel);
  EXPECT_EQ(told(group, {command.from_uid}), Cause::other) << "who sends it";
  EXPECT_EQ(told(visitors, {"v"}), Cause::other) << "whom the channel is of";
  EXPECT_EQ(told(visitors, {"w"}), Cause::key_channel);
  EXPECT_EQ(told(ChannelKey("p-1", ChannelType::group), {"u-1"}), Cause::key_channel);
}

TEST_F(RightsTest, OthersAreNotLookedAt) {
  EXPECT_TRUE(send_with({}, {}, {to_group("g1", "a")})[0].ok());
  EXPECT_TRUE(send({to_group("g1", "a")})[0].ok());
}

}  // namespace
}  // namespace jindou::partition
