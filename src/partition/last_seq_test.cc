// A message that is to be sent only while the log has a certain last seq: what it is compared with,
// what is told, and that nothing is done when it is another one.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

SendCommand if_last(std::uint32_t seq, SendCommand command) {
  command.if_last_seq = seq;
  return command;
}

void expect_differs(const SendResult& result, std::uint64_t last_seq) {
  EXPECT_EQ(result.state, SendResult::State::refused);
  EXPECT_EQ(result.reason, Reason::last_seq_differs);
  EXPECT_EQ(result.code, Errc::conflict);
  EXPECT_EQ(result.last_seq, last_seq);
}

class IfLastSeq : public Core {
 protected:
  TransactionResult send_together(std::vector<SendCommand> messages) {
    std::vector<Command> commands(std::make_move_iterator(messages.begin()),
                                  std::make_move_iterator(messages.end()));
    std::promise<TransactionResult> result;
    EXPECT_TRUE(
        router_
            ->post_all(std::move(commands),
                       [&result](TransactionResult done) { result.set_value(std::move(done)); })
            .has_value());
    return result.get_future().get();
  }
};

TEST_F(IfLastSeq, ItemsOfOneBatchSeeEachOther) {
  const auto results =
      send({if_last(0, to_group("g1", "a")), if_last(1, to_group("g1", "b")),
            if_last(1, to_group("g1", "c")), if_last(0, to_group("g2", "d")), to_group("g1", "e")});
  EXPECT_EQ(results[0].state, SendResult::State::accepted);
  EXPECT_EQ(raw(results[1].message_seq), 2U);
  expect_differs(results[2], 2);
  EXPECT_EQ(results[3].state, SendResult::State::accepted);
  EXPECT_EQ(raw(results[4].message_seq), 3U);
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"a", "b", "e"}));
}

TEST_F(IfLastSeq, ARepeatOfWhatWasStoredAnswersItsFirstResult) {
  const auto first = send({if_last(0, to_group("g1", "a", "n1")), to_group("g1", "b")});
  expect_differs(send({if_last(0, to_group("g1", "c", "n2"))})[0], 2);
  close();
  open();
  const auto again =
      send({if_last(0, to_group("g1", "a", "n1")), if_last(0, to_group("g1", "c", "n2")),
            if_last(2, to_group("g1", "c", "n2"))});
  EXPECT_EQ(again[0].state, SendResult::State::duplicate);
  EXPECT_EQ(again[0].message_id, first[0].message_id);
  expect_differs(again[1], 2);
  // One that was refused may be sent later under its number.
  EXPECT_EQ(raw(again[2].message_seq), 3U);
}

TEST_F(IfLastSeq, TheLogThatTheMessageGoesToCounts) {
  auto command = [](std::uint32_t seq, std::vector<std::string> users) {
    SendCommand to = if_last(seq, to_group("g1", "c"));
    to.flags.sync_once = true;
    to.subscribers = std::move(users);
    return to;
  };
  send({to_group("g1", "a"), to_group("g1", "b")});
  EXPECT_TRUE(send({command(0, {})})[0].ok());
  expect_differs(send({command(2, {})})[0], 1);
  EXPECT_TRUE(send({command(0, {"u2", "u3"})})[0].ok());
  expect_differs(send({command(0, {"u2", "u3"})})[0], 1);
  EXPECT_TRUE(send({command(1, {"u2", "u3"})})[0].ok());
}

TEST_F(IfLastSeq, WhatIsNotStoredIsComparedToo) {
  auto fleeting = [](std::uint32_t seq) {
    SendCommand to = if_last(seq, to_group("g1", "typing"));
    to.flags.no_persist = true;
    return to;
  };
  send({to_group("g1", "a")});
  expect_differs(send({fleeting(0)})[0], 1);
  EXPECT_TRUE(send({fleeting(1)})[0].ok());
  EXPECT_TRUE(send({fleeting(1)})[0].ok());
}

TEST_F(IfLastSeq, DeletedMessagesCountAndRefusedOnesDoNot) {
  ChangeMembers denying;
  denying.channel = ChannelKey("g1", ChannelType::group);
  denying.list = MemberList::denylist;
  denying.uids = {"u9"};
  ASSERT_TRUE(change(denying));
  send({to_group("g1", "a"), to_group("g1", "b")});
  DeleteMessages deleted;
  deleted.channel = ChannelKey("g1", ChannelType::group);
  deleted.seqs = {2};
  ASSERT_TRUE(change(deleted));
  // Who may not send is told that, and no seq.
  SendCommand denied = if_last(7, to_group("g1", "c"));
  denied.from_uid = "u9";
  const SendResult refused = send({denied})[0];
  EXPECT_EQ(refused.reason, Reason::in_denylist);
  EXPECT_EQ(refused.last_seq, 0U);
  EXPECT_EQ(raw(send({if_last(2, to_group("g1", "c"))})[0].message_seq), 3U);
}

TEST_F(IfLastSeq, AllOrNoneIsNoneWhenOneDiffers) {
  const auto none = send_together({if_last(0, to_group("g1", "a")), if_last(1, to_group("g1", "b")),
                                   if_last(1, to_group("g2", "c"))});
  ASSERT_FALSE(none.made());
  EXPECT_EQ(none.failed, 2U);
  EXPECT_EQ(none.error().code(), Errc::conflict);
  EXPECT_EQ(none.error().reason(), raw(Reason::last_seq_differs));
  EXPECT_EQ(none.error().seq(), 0U);
  const auto differs = send_together({to_group("g3", "a"), if_last(7, to_group("g3", "b"))});
  ASSERT_FALSE(differs.made());
  EXPECT_EQ(differs.error().seq(), 1U);
  EXPECT_TRUE(payloads("g1").empty());
  EXPECT_TRUE(send_together({if_last(0, to_group("g1", "a")), if_last(1, to_group("g1", "b")),
                             if_last(0, to_group("g2", "c"))})
                  .made());
}

}  // namespace
}  // namespace jindou::partition
