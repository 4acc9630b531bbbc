// What is sent again, when, and how often.
#include "delivery/unacked_window.h"

#include <gtest/gtest.h>

namespace jindou::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const UnackedWindow::TimePoint kStart{seconds(1000)};

std::shared_ptr<const Message> message(std::uint64_t id) {
  auto made = std::make_shared<Message>();
  made->id = static_cast<MessageId>(id);
  return made;
}

std::vector<std::uint64_t> due(UnackedWindow& window, UnackedWindow::TimePoint now,
                               std::size_t tries_max = 5) {
  std::vector<std::uint64_t> ids;
  window.resend_due(now, seconds(60), tries_max,
                    [&ids](const auto& m) { ids.push_back(raw(m->id)); });
  return ids;
}

using Ids = std::vector<std::uint64_t>;

TEST(UnackedWindow, SendsAgainOnlyWhatIsDueAndUnacknowledged) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 10; ++id) {
    window.push(message(id), kStart + seconds(60) + seconds(id), 1024);
  }
  EXPECT_TRUE(window.acknowledge(static_cast<MessageId>(2)));
  EXPECT_FALSE(window.acknowledge(static_cast<MessageId>(2)));
  EXPECT_FALSE(window.acknowledge(static_cast<MessageId>(99)));
  EXPECT_EQ(due(window, kStart + seconds(60)), Ids{});
  EXPECT_EQ(due(window, kStart + seconds(64)), (Ids{1, 3, 4}));
  EXPECT_EQ(due(window, kStart + seconds(64)), Ids{});
  EXPECT_EQ(due(window, kStart + seconds(124)), (Ids{1, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(UnackedWindow, GivesUpAfterTheLastTry) {
  UnackedWindow window;
  window.push(message(1), kStart, 1024);
  EXPECT_EQ(due(window, kStart, 2), Ids{1});
  EXPECT_EQ(due(window, kStart + seconds(60), 2), Ids{1});
  EXPECT_EQ(due(window, kStart + seconds(120), 2), Ids{});
  EXPECT_TRUE(window.empty());
}

TEST(UnackedWindow, GivesUpTheOldestWhenFull) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 20; ++id) window.push(message(id), kStart, 8);
  EXPECT_EQ(due(window, kStart), (Ids{13, 14, 15, 16, 17, 18, 19, 20}));
}

TEST(UnackedWindow, BecomesEmptyWhateverTheOrderOfReceipts) {
  UnackedWindow window;
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t id = 1; id <= 100; ++id) window.push(message(id), kStart, 1024);
    for (std::uint64_t id = 100; id >= 1; --id) {
      EXPECT_TRUE(window.acknowledge(static_cast<MessageId>(id)));
    }
    EXPECT_TRUE(window.empty());
    EXPECT_EQ(due(window, kStart), Ids{});
  }
}

TEST(UnackedWindow, MayBeClearedWhileItSendsAgain) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 3; ++id) window.push(message(id), kStart, 1024);
  int calls = 0;
  window.resend_due(kStart, seconds(60), 5, [&](const auto&) {
    ++calls;
    window.clear();
  });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(window.empty());
}

}  // namespace
}  // namespace jindou::delivery
