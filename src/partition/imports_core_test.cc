// What is imported keeps what the rest of the store relies on, over a loss of data too.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "partition/imports.h"
#include "store/data_loss.h"

namespace jindou::partition {
namespace {

class ImportsIntoACore : public Core {
 protected:
  static ImportMessages one(const std::string& group, std::uint64_t seq) {
    ImportMessages command;
    command.channel = ChannelKey(group, ChannelType::group);
    Message& message = command.messages.emplace_back();
    message.id = static_cast<MessageId>(kForeignIdMin + seq);
    message.seq = static_cast<MessageSeq>(seq);
    message.from_uid = "u1";
    message.timestamp = 1'600'000'000;
    message.payload = "imported";
    return command;
  }
};

// The floor lies beyond the counters of message ids, and so beyond every seq.
TEST_F(ImportsIntoACore, TheFloorAfterALossIsBehindThem) {
  // More than a loss skips at least.
  constexpr std::uint64_t kFar = 20'000'000;
  static_assert(kFar > store::kIdsSkippedMin);
  ASSERT_TRUE(change(one("g1", kFar)).has_value());
  std::vector<SendCommand> commands;
  for (int i = 0; i < 3; ++i) commands.push_back(to_group("g1", "text"));
  const std::uint64_t last = raw(send(std::move(commands)).back().message_seq);
  ASSERT_EQ(last, kFar + 3);
  close();
  ASSERT_TRUE(store::note_restored(options_.directory, 0, 0).has_value());
  open();
  const std::uint64_t floor = database_->data_loss().floor;
  EXPECT_GT(floor, last);
  close();
  seq_floor_ = floor;
  open();
  EXPECT_EQ(raw(send({to_group("g1", "text")})[0].message_seq), floor + 1);
}

TEST_F(ImportsIntoACore, NoneTakesASeqThatMayHaveBeenGivenOutBeforeALoss) {
  close();
  seq_floor_ = 70'000;
  open();
  const auto done = change(one("g1", 70'000));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::conflict);
  EXPECT_NE(done.error().detail().find("70000"), std::string::npos);
  EXPECT_TRUE(change(one("g1", 70'001)).has_value());
}

}  // namespace
}  // namespace jindou::partition
