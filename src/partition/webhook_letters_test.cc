// What the webhook gives up is kept in the commit that moves its position behind it, up to a bound,
// and is told again once for however many ask.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/letter_reader.h"
#include "partition/simulation/lone_partition.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

using simulation::LonePartition;
using simulation::MemoryStore;

constexpr PartitionId kLettersPartition = simulation::kPartition;

WebhookLetter letter(std::uint64_t counter, const std::string& error = "status 500") {
  store::WebhookLetterRecord record;
  record.log = ChannelKey("g", ChannelType::group);
  record.seq = counter;
  record.error = error;
  return {counter, record};
}

class WebhookLettersTest : public ::testing::Test {
 protected:
  void restart(const PartitionOptions& options = {}) {
    const MemoryStore kept = world_->memory;
    world_ = std::make_unique<LonePartition>(kept, options);
  }
  std::optional<Errc> advance(std::uint64_t to, std::vector<WebhookLetter> letters,
                              std::uint64_t dropped = 0) {
    AdvanceWebhook command;
    command.partition = kLettersPartition;
    command.notified_to = to;
    command.offline_to = 0;
    command.letters = std::move(letters);
    command.letters_dropped = dropped;
    return world_->run(command);
  }
  std::optional<Errc> redrive(std::vector<std::uint64_t> counters) {
    return world_->run(RedriveWebhook{kLettersPartition, std::move(counters)});
  }
  std::optional<Errc> settle(std::uint64_t counter, std::uint64_t redrives,
                             std::optional<store::WebhookLetterRecord> again = {}) {
    SettleRedrives command;
    command.partition = kLettersPartition;
    command.settled.push_back({counter, redrives, std::move(again)});
    return world_->run(command);
  }
  // The counters, with the error of each; "*": it is to be told again.
  std::string stored() const {
    const auto rows = world_->rows();
    std::string out;
    const std::string prefix = store::webhook_letter_prefix(kLettersPartition);
    for (auto row = rows.lower_bound(prefix); row != rows.end() && row->first.starts_with(prefix);
         ++row) {
      const std::uint64_t counter = store::counter_of_webhook_letter_key(row->first);
      const auto record = store::decode_webhook_letter(row->second);
      EXPECT_TRUE(record.has_value());
      out += std::to_string(counter) + " " + record->error;
      if (rows.contains(store::webhook_redrive_key(kLettersPartition, counter))) out += "*";
      out += ", ";
    }
    return out;
  }
  std::uint64_t dropped() const {
    const auto rows = world_->rows();
    const auto row = rows.find(store::webhook_letters_dropped_key(kLettersPartition));
    return row == rows.end() ? 0 : store::decode_webhook_letters_dropped(row->second)->count;
  }
  std::uint64_t position() const {
    const auto rows = world_->rows();
    const auto row = rows.find(store::webhook_cursor_key(kLettersPartition));
    return row == rows.end() ? 0 : store::decode_webhook_cursor(row->second)->notified_to;
  }

  std::unique_ptr<LonePartition> world_ = std::make_unique<LonePartition>(MemoryStore());
};

TEST_F(WebhookLettersTest, AreInTheCommitThatPassesThem) {
  AdvanceWebhook command;
  command.partition = kLettersPartition;
  command.notified_to = 7;
  command.letters = {letter(5), letter(7)};
  world_->begin(command);
  EXPECT_EQ(position(), 0U);
  EXPECT_EQ(stored(), "");
  world_->step();
  EXPECT_EQ(position(), 7U);
  EXPECT_EQ(stored(), "5 status 500, 7 status 500, ");
}

TEST_F(WebhookLettersTest, AreKeptOnceWhenTheCommandIsRepeated) {
  EXPECT_FALSE(advance(7, {letter(5)}, 3));
  EXPECT_FALSE(redrive({5}));
  EXPECT_FALSE(settle(5, 0));
  // Whoever was not told that it was done asks again, and so does a server that begins anew.
  EXPECT_FALSE(advance(7, {letter(5)}, 3));
  EXPECT_EQ(stored(), "");
  EXPECT_EQ(dropped(), 3U);
  restart();
  EXPECT_FALSE(advance(9, {letter(5), letter(8), letter(10)}));
  EXPECT_EQ(stored(), "8 status 500, ") << "10 is not passed yet";
}

TEST_F(WebhookLettersTest, MakeRoomForLaterOnesAndAreCounted) {
  PartitionOptions options;
  options.webhook_letters.per_partition_max = 3;
  restart(options);
  EXPECT_FALSE(advance(3, {letter(1), letter(2), letter(3)}));
  EXPECT_FALSE(redrive({1}));
  EXPECT_FALSE(advance(5, {letter(4), letter(5)}, 7));
  EXPECT_EQ(stored(), "3 status 500, 4 status 500, 5 status 500, ");
  EXPECT_EQ(dropped(), 9U);
  EXPECT_FALSE(world_->rows().contains(store::webhook_redrive_key(kLettersPartition, 1)));
  restart(options);
  EXPECT_FALSE(advance(6, {letter(6)}));
  EXPECT_EQ(stored(), "4 status 500, 5 status 500, 6 status 500, ");
  EXPECT_EQ(dropped(), 10U);
}

TEST_F(WebhookLettersTest, HaveABoundInBytes) {
  PartitionOptions options;
  options.webhook_letters.bytes_max = 1'000;
  restart(options);
  const std::string long_error(200, 'e');
  std::vector<WebhookLetter> letters;
  for (std::uint64_t i = 1; i <= 10; ++i) letters.push_back(letter(i, long_error));
  EXPECT_FALSE(advance(10, letters));
  EXPECT_EQ(dropped(), 6U);  // 230 bytes each
  // Those that were told again leave room.
  EXPECT_FALSE(redrive({7, 8, 9, 10}));
  for (std::uint64_t i = 7; i <= 10; ++i) EXPECT_FALSE(settle(i, 0));
  EXPECT_FALSE(advance(12, {letter(11, long_error), letter(12, long_error)}));
  EXPECT_EQ(dropped(), 6U);
}

TEST_F(WebhookLettersTest, AreToldAgainOnceForTwoWhoAsk) {
  EXPECT_FALSE(advance(3, {letter(1), letter(2)}));
  EXPECT_FALSE(redrive({1, 9}));
  EXPECT_FALSE(redrive({1}));
  EXPECT_EQ(stored(), "1 status 500*, 2 status 500, ");
  restart();
  EXPECT_FALSE(redrive({1}));
  EXPECT_FALSE(settle(2, 0)) << "nobody asked for it";
  EXPECT_FALSE(settle(1, 0));
  EXPECT_FALSE(settle(1, 0));
  EXPECT_EQ(stored(), "2 status 500, ");
}

TEST_F(WebhookLettersTest, AreReadPageByPageWithTheirMessages) {
  SendCommand command;
  command.channel = ChannelKey("v1", ChannelType::visitors);
  command.from_uid = "v1";
  command.client_msg_no = "n";
  command.payload = "hello";
  ASSERT_FALSE(world_->run(command));
  WebhookLetter first = letter(1);
  first.record.log = command.channel;
  EXPECT_FALSE(advance(9, {first, letter(2), letter(3)}));
  EXPECT_FALSE(redrive({2}));
  const LetterReader reader(store::PartitionReaders(world_->memory, PartitionMap(1)));
  const auto page = reader.load(std::nullopt, 2, 1'000);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->letters.size(), 2U);
  EXPECT_TRUE(page->more);
  ASSERT_TRUE(page->letters[0].message.has_value());
  EXPECT_EQ(page->letters[0].message->payload, "hello");
  EXPECT_FALSE(page->letters[0].marked);
  EXPECT_FALSE(page->letters[1].message.has_value());
  EXPECT_TRUE(page->letters[1].marked);
  const auto rest = reader.load(LetterReader::Place{kLettersPartition, 2}, 2, 1'000);
  ASSERT_TRUE(rest.has_value());
  ASSERT_EQ(rest->letters.size(), 1U);
  EXPECT_EQ(rest->letters[0].counter, 3U);
  EXPECT_FALSE(rest->more);

  const auto unmarked = reader.load_unmarked();
  ASSERT_TRUE(unmarked.has_value());
  ASSERT_EQ(unmarked->size(), 1U);
  EXPECT_EQ(unmarked->front().counters, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(*reader.load_partitions(), std::vector<bool>{true});
  const auto by_id = reader.load_of(message_id_of(3, kLettersPartition));
  ASSERT_TRUE(by_id.has_value() && by_id->has_value());
  EXPECT_EQ((*by_id)->record.error, "status 500");
  EXPECT_FALSE(reader.load_of(message_id_of(4, kLettersPartition))->has_value());
}

TEST_F(WebhookLettersTest, GivenUpAgainAnswerOnlyToWhatWasToldLast) {
  EXPECT_FALSE(advance(3, {letter(1)}));
  EXPECT_FALSE(redrive({1}));
  EXPECT_FALSE(settle(1, 0, letter(1, "status 400").record));
  EXPECT_EQ(stored(), "1 status 400, ");
  EXPECT_FALSE(redrive({1}));
  restart();
  // What was said of the first time comes once more, late.
  EXPECT_FALSE(settle(1, 0, letter(1, "status 500").record));
  EXPECT_FALSE(settle(1, 0));
  EXPECT_EQ(stored(), "1 status 400*, ");
  EXPECT_FALSE(settle(1, 1));
  EXPECT_EQ(stored(), "");
}

}  // namespace
}  // namespace jindou::partition
