// What was refused for something whose commit then failed: it was never stored, so that the refusal
// is not the last word. Whatever it was, it can be tried again, and is made then.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/simulation/lone_partition.h"
#include "partition/transaction.h"

namespace jindou::partition::simulation {
namespace {

const ChannelKey kDoubtfulGroup("group", ChannelType::group);

Change add_to(MemberList list, std::vector<std::string> uids) {
  ChangeMembers change;
  change.channel = kDoubtfulGroup;
  change.list = list;
  change.operation = ChangeMembers::Operation::add;
  change.uids = std::move(uids);
  return change;
}

SendCommand doubtful_message(const std::string& number, const std::string& payload) {
  SendCommand command;
  command.channel = kDoubtfulGroup;
  command.from_uid = "u2";
  command.client_msg_no = number;
  command.payload = payload;
  command.idempotent = true;
  command.setting = kSettingStream;
  return command;
}

class UncertainRefusals : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(core_.run(add_to(MemberList::subscribers, {"u1", "u2"})).has_value());
    ASSERT_FALSE(core_.run(doubtful_message("anchor", "a")).has_value());
  }
  // The oldest commit is not stored, and nobody knows; the others go their way.
  void fail() {
    core_.partition().pump();
    core_.memory.fail_one(false);
    core_.settle();
  }
  // `second` is refused behind `first`, which is not stored: in the same commit, and in the next.
  void expect_open(const Command& first, const Command& second) {
    for (const bool together : {true, false}) {
      SCOPED_TRACE(together ? "in one commit" : "one behind the other");
      const auto lost = core_.begin(first);
      if (!together) core_.partition().pump();
      const auto refused = core_.begin(second);
      EXPECT_FALSE(refused->has_value()) << "nobody is told before the commit is decided";
      fail();
      EXPECT_EQ(*lost, Errc::unknown_outcome);
      EXPECT_EQ(*refused, Errc::unavailable);
    }
    EXPECT_EQ(core_.run(second), std::nullopt);
  }

  LonePartition core_{MemoryStore()};
};

TEST_F(UncertainRefusals, OfASenderWhoIsOnNoDenylistAfterAll) {
  expect_open(add_to(MemberList::denylist, {"u2"}), doubtful_message("n1", "p"));
}

TEST_F(UncertainRefusals, OfANumberThatWasNotUsedAfterAll) {
  expect_open(doubtful_message("n1", "p"), doubtful_message("n1", "other"));
}

TEST_F(UncertainRefusals, OfAChangeOfAChannelThatIsNotDisbandedAfterAll) {
  expect_open(Change(DeleteChannel{kDoubtfulGroup}), add_to(MemberList::subscribers, {"u3"}));
}

TEST_F(UncertainRefusals, OfAnEventOfAMessageThatIsThereAfterAll) {
  AppendEvent event;
  event.channel = kDoubtfulGroup;
  event.client_msg_no = "anchor";
  event.effect = AppendEvent::Effect::text_delta;
  event.event_id = "e1";
  event.event_key = "main";
  event.text = "t";
  DeleteMessages deleted;
  deleted.channel = kDoubtfulGroup;
  deleted.seqs = {1};
  expect_open(Change(deleted), event);
}

TEST_F(UncertainRefusals, OfARequestThatNobodyHasAfterAll) {
  ClaimRequest first;
  first.partition = kPartition;
  first.key = std::string(32, 'k');
  first.fingerprint = std::string(32, 'f');
  first.claim = 1;
  first.now_ms = core_.clock.now_ms;
  first.until_ms = first.now_ms + 1000;
  first.expires_s = first.now_ms / 1000 + 1000;
  ClaimRequest second = first;
  second.claim = 2;
  expect_open(Change(first), Change(second));
}

TEST_F(UncertainRefusals, OfWhatIsMadeAllOrNone) {
  const auto lost = core_.begin(Change(DeleteChannel{kDoubtfulGroup}));
  std::optional<TransactionResult> told;
  const auto transaction = std::make_shared<Transaction>(
      std::vector<Command>{add_to(MemberList::subscribers, {"u3"})},
      std::vector<Transaction::Share>{{kPartition, {0}, nullptr}}, nullptr,
      [&told](TransactionResult result) { told = std::move(result); });
  transaction->begin({core_.clock, [](auto&&...) { return true; }, [] {}},
                     std::chrono::milliseconds(1000));
  transaction->run(0, Transaction::Step::check, core_.partition());
  fail();
  EXPECT_EQ(*lost, Errc::unknown_outcome);
  ASSERT_TRUE(told.has_value());
  ASSERT_FALSE(told->made());
  EXPECT_EQ(told->error().code(), Errc::unavailable);
}

TEST_F(UncertainRefusals, AreNotThoseThatWereFoundBeforeThePartition) {
  SendCommand moderated = doubtful_message("n1", "p");
  Moderation verdict;
  verdict.refused = true;
  verdict.code = Errc::denied;
  moderated.moderation = std::make_shared<const Moderation>(verdict);
  SendCommand over = doubtful_message("n2", "p");
  over.bulk_count = BulkCount::over;
  const auto lost = core_.begin(add_to(MemberList::denylist, {"u2"}));
  const auto first = core_.begin(moderated);
  const auto second = core_.begin(over);
  fail();
  EXPECT_EQ(*lost, Errc::unknown_outcome);
  EXPECT_EQ(*first, Errc::denied);
  EXPECT_EQ(*second, Errc::denied);
}

}  // namespace
}  // namespace jindou::partition::simulation
