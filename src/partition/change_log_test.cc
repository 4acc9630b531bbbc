// What became of messages can be asked for by number: nothing is skipped, repeated or made up, and
// who asks too late is told so.
#include "partition/change_log.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "partition/addressing.h"
#include "partition/core_fixture.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

using Kind = store::EntryKind;

const ChannelKey kGroup("g1", ChannelType::group);

class ChangesOfALog : public Core {
 protected:
  void send_some(int count) {
    std::vector<SendCommand> commands;
    for (int i = 0; i < count; ++i) commands.push_back(to_group("g1", "text"));
    send(std::move(commands));
  }
  void remove(std::vector<std::uint64_t> seqs) {
    ASSERT_TRUE(change(DeleteMessages{kGroup, std::move(seqs)}).has_value());
  }
  void clear(std::uint64_t up_to) { ASSERT_TRUE(change(ClearMessages{kGroup, up_to}).has_value()); }
  LogChanges load(std::uint64_t after, std::size_t count = 100) {
    return records_->load_changes(kGroup, after, count).value();
  }
  static std::string describe(const LogChanges& page) {
    std::string out;
    for (const LogChange& each : page.changes) {
      out += std::to_string(each.number) +
             (each.kind == Kind::removal ? ":removal " : ":clearing ") + std::to_string(each.seq) +
             ", ";
    }
    out += "last " + std::to_string(page.last);
    if (page.more) out += ", more";
    if (!page.complete) out += ", incomplete";
    return out;
  }
  bool has_record() {
    std::string value;
    const PartitionId partition = partition_for("g1", database_->partitions());
    return database_->get(store::Table::main, store::channel_key(partition, kGroup), value).value();
  }
};

TEST_F(ChangesOfALog, AreNumberedInTheirOrderAndReadPageByPage) {
  send_some(6);
  EXPECT_EQ(describe(load(0)), "last 0");
  remove({4, 2, 9});
  clear(3);
  clear(3);
  remove({1});
  remove({6});
  EXPECT_EQ(describe(load(0)), "1:removal 2, 2:removal 4, 3:clearing 3, 4:removal 6, last 4");
  EXPECT_EQ(describe(load(0, 3)), "1:removal 2, 2:removal 4, 3:clearing 3, last 4, more");
  EXPECT_EQ(describe(load(3, 3)), "4:removal 6, last 4");
  EXPECT_EQ(describe(load(3, 1)), "4:removal 6, last 4");
  EXPECT_EQ(describe(load(4)), "last 4");
  EXPECT_EQ(load(0).changes[0].timestamp, clock_.wall_seconds());
}

TEST_F(ChangesOfALog, DeletingWhatIsDeletedIsNone) {
  send_some(3);
  // Also while the first deletion is on its way.
  std::promise<bool> first;
  ASSERT_TRUE(router_->post_change(DeleteMessages{kGroup, {2}}, [&first](Result<void> done) {
    first.set_value(done.has_value());
  }));
  remove({2});
  EXPECT_TRUE(first.get_future().get());
  remove({2});
  close();
  open();
  remove({2, 2});
  EXPECT_EQ(describe(load(0)), "1:removal 2, last 1");
  remove({1, 2});
  EXPECT_EQ(describe(load(0)), "1:removal 2, 2:removal 1, last 2");
}

TEST_F(ChangesOfALog, AMessageIsNone) {
  send_some(3);
  EXPECT_FALSE(has_record()) << "nothing is written for the number";
  EXPECT_EQ(describe(load(0)), "last 0");
}

TEST_F(ChangesOfALog, GoOnAfterARestartAndAfterTheChannelWasDeleted) {
  send_some(4);
  remove({1});
  close();
  open();
  remove({2});
  EXPECT_EQ(describe(load(0)), "1:removal 1, 2:removal 2, last 2");
  ASSERT_TRUE(change(DeleteChannel{kGroup}).has_value());
  // Where nothing is left, what came before says nothing more.
  EXPECT_EQ(describe(load(2)), "3:clearing 4, last 3");
  EXPECT_EQ(describe(load(1)), "last 3, incomplete");
  UpsertChannel again;
  again.channel = kGroup;
  again.revives = true;
  ASSERT_TRUE(change(again).has_value());
  send_some(1);
  remove({5});
  EXPECT_EQ(describe(load(3)), "4:removal 5, last 4");
}

TEST_F(ChangesOfALog, CommandsHaveTheirOwn) {
  auto command = to_group("g1", "command");
  command.flags.sync_once = true;
  send({command, command, to_group("g1", "text")});
  ClearMessages commands{kGroup, 1};
  commands.commands = true;
  ASSERT_TRUE(change(commands).has_value());
  EXPECT_EQ(describe(load(0)), "last 0");
  EXPECT_EQ(describe(*records_->load_changes(store::command_log_of(kGroup), 0, 10)),
            "1:clearing 1, last 1");
}

TEST_F(ChangesOfALog, OnlyTheLatestAreKept) {
  close();
  partition_options_.log_changes_max = 3;
  open();
  send_some(9);
  for (std::uint64_t seq = 1; seq <= 5; ++seq) remove({seq});
  EXPECT_EQ(describe(load(2)), "3:removal 3, 4:removal 4, 5:removal 5, last 5");
  EXPECT_EQ(describe(load(1)), "last 5, incomplete");
  close();
  partition_options_.log_changes_max = 1;
  open();
  remove({6});
  EXPECT_EQ(describe(load(5)), "6:removal 6, last 6");
  EXPECT_EQ(describe(load(4)), "last 6, incomplete");
  EXPECT_EQ(describe(load(2)), "last 6, incomplete");
}

// Numbers that were given out before data was lost are not given to other changes.
TEST_F(ChangesOfALog, GoOnBehindAFloorAfterALossOfData) {
  send_some(3);
  remove({1});
  close();
  seq_floor_ = 70'000;
  open();
  EXPECT_EQ(describe(load(9)), "last 1, incomplete") << "a number that this store never gave";
  remove({2});
  EXPECT_EQ(describe(load(1)), "last 70001, incomplete");
  EXPECT_EQ(describe(load(70'000)), "70001:removal 2, last 70001");
}

// Whoever follows the commits sees the same, beside the messages.
TEST_F(ChangesOfALog, StandInTheCommitRecordsWithTheirNumbers) {
  send_some(2);
  remove({1});
  clear(1);
  send_some(1);
  remove({2, 3});
  std::vector<std::pair<Kind, std::uint64_t>> told;
  const std::string prefix =
      store::commit_record_prefix(partition_for("g1", database_->partitions()));
  ASSERT_TRUE(database_
                  ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                         [&](std::string_view key, std::string_view value) {
                           const auto record = store::decode_commit_record(
                               value, store::counter_of_commit_record_key(key));
                           for (const auto& entry : record->entries) {
                             told.emplace_back(entry.kind, entry.change);
                           }
                           return true;
                         })
                  .has_value());
  EXPECT_EQ(told, (std::vector<std::pair<Kind, std::uint64_t>>{{Kind::message, 0},
                                                               {Kind::message, 0},
                                                               {Kind::removal, 1},
                                                               {Kind::clearing, 2},
                                                               {Kind::message, 0},
                                                               {Kind::removal, 3},
                                                               {Kind::removal, 4}}));
}

}  // namespace
}  // namespace jindou::partition
