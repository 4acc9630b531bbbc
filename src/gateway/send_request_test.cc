// Which channel a client means, and the order in which a SEND is judged.
#include "gateway/send_request.h"

#include <gtest/gtest.h>

#include "gateway/ack_queue.h"

namespace jindou::gateway {
namespace {

TEST(ResolveChannel, PersonIdsBecomeTheInternalPair) {
  const auto id = [](std::string_view wire) {
    return resolve_channel(wire, ChannelType::person, "u1").id;
  };
  EXPECT_EQ(id("u2"), "u2@u1");
  EXPECT_EQ(id("u1@u2"), "u2@u1");
  EXPECT_EQ(id("u2@u1"), "u2@u1");
  EXPECT_EQ(id("u1"), "u1@u1");
  EXPECT_EQ(id("49"), person_channel_id("u1", "49"));
  for (const std::string_view bad :
       {"", " ", "a@b", "u1@", "@u1", "u1@a@b", "a#b", "a&b", "u2____cmd", "u1@u2____cmd"}) {
    EXPECT_EQ(id(bad), "") << bad;
  }
  EXPECT_EQ(id(std::string_view("a\0b", 3)), "");
  EXPECT_EQ(id("\xff\xfe"), "");
  EXPECT_EQ(id(std::string(257, 'a')), "");
  EXPECT_NE(id(std::string(256, 'a')), "");
}

TEST(ResolveChannel, AgentIdsKeepTheirOrder) {
  const auto id = [](std::string_view wire, std::string_view sender) {
    return resolve_channel(wire, ChannelType::agent, sender).id;
  };
  EXPECT_EQ(id("bot", "u"), "u@bot");
  EXPECT_EQ(id("u@bot", "u"), "u@bot");
  EXPECT_EQ(id("u@bot", "bot"), "u@bot");
  EXPECT_EQ(id("u@bot", "x"), "");
}

TEST(ResolveChannel, OtherTypesAreTakenAsTheyAre) {
  EXPECT_EQ(resolve_channel("g", ChannelType::group, "u").id, "g");
  EXPECT_EQ(resolve_channel("parent@topic", ChannelType::community_topic, "u").id, "parent@topic");
  EXPECT_EQ(resolve_channel("visitor|1", ChannelType::customer_service, "u").id, "visitor|1");
  EXPECT_EQ(resolve_channel("", ChannelType::group, "u").id, "");
  EXPECT_EQ(resolve_channel("g____cmd", ChannelType::group, "u").id, "");
}

class MakeCommand : public testing::Test {
 protected:
  Reason make() {
    const Sender sender{"u1", static_cast<SessionId>(5), caller_};
    out_ = SendCommand();
    out_.payload = plain_;
    return make_command(frame_, sender, 100, random_, out_);
  }

  SystemRandom random_;
  CallerPtr caller_ = std::make_shared<CallerIdentity>();
  std::string plain_ = "hello";
  codec::Send frame_ = [] {
    codec::Send frame;
    frame.channel_id = "g";
    frame.channel_type = ChannelType::group;
    frame.client_msg_no = "no-1";
    frame.flags = codec::kFlagRedDot | codec::kFlagSyncOnce | codec::kFlagDup;
    frame.setting = 0xff;
    frame.topic = "t";
    frame.expire = 7;
    return frame;
  }();
  SendCommand out_;
};

TEST_F(MakeCommand, FillsEveryField) {
  ASSERT_EQ(make(), Reason::success);
  EXPECT_EQ(out_.channel, ChannelKey("g", ChannelType::group));
  EXPECT_EQ(out_.from_uid, "u1");
  EXPECT_EQ(out_.client_msg_no, "no-1");
  EXPECT_TRUE(out_.idempotent);
  EXPECT_EQ(out_.payload, "hello");
  EXPECT_EQ(out_.topic, "t");
  EXPECT_EQ(out_.expire, 7U);
  EXPECT_EQ(out_.setting, 0xaa);
  EXPECT_TRUE(out_.flags.red_dot);
  EXPECT_TRUE(out_.flags.sync_once);
  EXPECT_FALSE(out_.flags.no_persist);
  EXPECT_EQ(out_.origin, Origin::socket);
  EXPECT_EQ(out_.origin_session, static_cast<SessionId>(5));
  EXPECT_EQ(out_.caller, caller_);
}

TEST_F(MakeCommand, InventsANumberThatIsNoIdempotencyKey) {
  frame_.client_msg_no = {};
  ASSERT_EQ(make(), Reason::success);
  EXPECT_FALSE(out_.idempotent);
  EXPECT_EQ(out_.client_msg_no.size(), 32U);
}

TEST_F(MakeCommand, JudgesInTheDocumentedOrder) {
  frame_.channel_type = ChannelType::none;
  frame_.channel_id = "";
  EXPECT_EQ(make(), Reason::not_support_channel_type);
  frame_.channel_type = ChannelType::group;
  plain_.assign(101, 'x');
  EXPECT_EQ(make(), Reason::channel_id_error);
  frame_.channel_id = "g";
  EXPECT_EQ(make(), Reason::payload_decode_error);
  plain_.assign(100, 'x');
  EXPECT_EQ(make(), Reason::success);
  plain_.clear();
  EXPECT_EQ(make(), Reason::success);
}

TEST_F(MakeCommand, RefusesFieldsThatCouldNotBeShownAgain) {
  const std::string long_number(257, 'x');
  frame_.client_msg_no = long_number;
  EXPECT_EQ(make(), Reason::payload_decode_error);
  frame_.client_msg_no = "\xff";
  EXPECT_EQ(make(), Reason::payload_decode_error);
  frame_.client_msg_no = "ok";
  frame_.topic = "\xc3";
  EXPECT_EQ(make(), Reason::payload_decode_error);
}

TEST_F(MakeCommand, RefusesAnExpireThatIsAUnixTime) {
  frame_.expire = 316'224'000;
  EXPECT_EQ(make(), Reason::success);
  EXPECT_EQ(out_.expire, 316'224'000U);
  for (const std::uint32_t expire : {316'224'001U, 1'700'000'000U, 4'294'967'295U}) {
    frame_.expire = expire;
    EXPECT_EQ(make(), Reason::payload_decode_error) << expire;
  }
}

TEST(AckQueueDeathTest, KnowsOnlyTheAnswersThatAreInIt) {
  AckQueue queue;
  EXPECT_DEATH(queue.pop(), "number - first_ < count_");
  const std::uint64_t first = queue.push({});
  const std::uint64_t second = queue.push({});
  EXPECT_DEATH(queue.ack(second + 1), "number - first_ < count_");
  queue.pop();
  EXPECT_EQ(queue.state(second), AckQueue::State::waiting);
  EXPECT_DEATH(queue.ack(first), "number >= first_");
  EXPECT_DEATH(queue.set_state(first, AckQueue::State::ready), "number >= first_");
}

TEST(AckQueue, KeepsOrderAndNumbersOverManyRounds) {
  AckQueue queue;
  std::uint32_t next_out = 0;
  std::uint32_t next_in = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < round % 37; ++i) {
      const std::uint32_t seq = next_in++;
      AckQueue::Entry entry;
      entry.ack.client_seq = seq;
      entry.id = "id " + std::to_string(seq);
      const std::uint64_t number = queue.push(std::move(entry));
      EXPECT_EQ(number + 1, queue.next_number());
      EXPECT_EQ(queue.ack(number).client_seq, seq);
      queue.set_state(number, AckQueue::State::ready);
    }
    for (int i = 0; i < round % 31 && !queue.empty(); ++i) {
      EXPECT_EQ(queue.front().state, AckQueue::State::ready);
      EXPECT_EQ(queue.front().id, "id " + std::to_string(next_out));
      EXPECT_EQ(queue.front().ack.client_seq, next_out++);
      queue.pop();
    }
  }
  while (!queue.empty()) {
    EXPECT_EQ(queue.front().ack.client_seq, next_out++);
    queue.pop();
  }
  EXPECT_EQ(next_out, next_in);
}

}  // namespace
}  // namespace jindou::gateway
