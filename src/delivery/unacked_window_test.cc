// What is sent again, when, and how often.
#include "delivery/unacked_window.h"

#include <gtest/gtest.h>

namespace jindou::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const UnackedWindow::TimePoint kStart{seconds(1000)};
constexpr UnackedWindow::Limits kLimits{1024, 1 << 20};

std::shared_ptr<const Message> message(std::uint64_t id, std::size_t payload_bytes = 0,
                                       std::uint32_t expire = 0) {
  auto made = std::make_shared<Message>();
  made->id = static_cast<MessageId>(id);
  made->payload = std::string(payload_bytes, 'p');
  made->timestamp = 5000;
  made->expire = expire;
  return made;
}

std::vector<std::uint64_t> due(UnackedWindow& window, UnackedWindow::TimePoint now,
                               std::size_t tries_max = 5, std::int64_t now_seconds = 0) {
  std::vector<std::uint64_t> ids;
  window.resend_due(now, now_seconds, seconds(60), tries_max,
                    [&ids](const auto& m) { ids.push_back(raw(m->id)); });
  return ids;
}

using Ids = std::vector<std::uint64_t>;

TEST(UnackedWindow, SendsAgainOnlyWhatIsDueAndUnacknowledged) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 10; ++id) {
    window.push(message(id), kStart + seconds(60) + seconds(id), kLimits);
  }
  const auto acknowledged = window.acknowledge(static_cast<MessageId>(2));
  ASSERT_NE(acknowledged, nullptr);
  EXPECT_EQ(raw(acknowledged->id), 2U);
  EXPECT_EQ(window.size(), 10U);
  EXPECT_EQ(window.waiting(), 9U);
  EXPECT_FALSE(window.acknowledge(static_cast<MessageId>(2)));
  EXPECT_FALSE(window.acknowledge(static_cast<MessageId>(99)));
  EXPECT_EQ(due(window, kStart + seconds(60)), Ids{});
  EXPECT_EQ(due(window, kStart + seconds(64)), (Ids{1, 3, 4}));
  EXPECT_EQ(due(window, kStart + seconds(64)), Ids{});
  EXPECT_EQ(due(window, kStart + seconds(124)), (Ids{1, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(UnackedWindow, GivesUpAfterTheLastTry) {
  UnackedWindow window;
  window.push(message(1), kStart, kLimits);
  EXPECT_EQ(due(window, kStart, 2), Ids{1});
  EXPECT_EQ(due(window, kStart + seconds(60), 2), Ids{1});
  EXPECT_EQ(due(window, kStart + seconds(120), 2), Ids{});
  EXPECT_TRUE(window.empty());
}

TEST(UnackedWindow, GivesUpTheOldestWhenFull) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 20; ++id) window.push(message(id), kStart, {8, 1 << 20});
  EXPECT_EQ(due(window, kStart), (Ids{13, 14, 15, 16, 17, 18, 19, 20}));
}

TEST(UnackedWindow, GivesUpTheOldestWhenTheirPayloadsAreTooLargeTogether) {
  UnackedWindow window;
  const UnackedWindow::Limits limits{1024, 1000};
  for (std::uint64_t id = 1; id <= 20; ++id) window.push(message(id, 300), kStart, limits);
  EXPECT_EQ(window.payload_bytes(), 900U);
  EXPECT_TRUE(window.acknowledge(static_cast<MessageId>(19)));
  EXPECT_EQ(window.payload_bytes(), 600U);
  window.push(message(21, 400), kStart, limits);
  EXPECT_EQ(due(window, kStart), (Ids{18, 20, 21}));
  window.push(message(22, 401), kStart, limits);
  EXPECT_EQ(due(window, kStart), Ids{22});
  EXPECT_EQ(due(window, kStart + seconds(60)), (Ids{21, 22}));
  window.push(message(23, 5000), kStart, limits);
  EXPECT_EQ(due(window, kStart), Ids{23});
  EXPECT_EQ(window.payload_bytes(), 5000U);
  EXPECT_TRUE(window.acknowledge(static_cast<MessageId>(23)));
  EXPECT_EQ(window.payload_bytes(), 0U);
  EXPECT_TRUE(window.empty());
}

TEST(UnackedWindow, GivesUpWhatHasExpired) {
  UnackedWindow window;
  window.push(message(1, 10, 60), kStart, kLimits);
  window.push(message(2, 10, 61), kStart, kLimits);
  window.push(message(3, 10), kStart, kLimits);
  EXPECT_EQ(due(window, kStart, 5, 5060), (Ids{1, 2, 3}));
  EXPECT_EQ(due(window, kStart + seconds(60), 5, 5061), (Ids{2, 3}));
  EXPECT_EQ(window.size(), 2U);
  EXPECT_EQ(window.payload_bytes(), 20U);
  EXPECT_EQ(due(window, kStart + seconds(120), 5, 1'000'000), Ids{3});
}

TEST(UnackedWindow, BecomesEmptyWhateverTheOrderOfReceipts) {
  UnackedWindow window;
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t id = 1; id <= 100; ++id) window.push(message(id), kStart, kLimits);
    for (std::uint64_t id = 100; id >= 1; --id) {
      EXPECT_TRUE(window.acknowledge(static_cast<MessageId>(id)));
    }
    EXPECT_TRUE(window.empty());
    EXPECT_EQ(window.waiting(), 0U);
    EXPECT_EQ(window.payload_bytes(), 0U);
    EXPECT_EQ(due(window, kStart), Ids{});
  }
}

TEST(UnackedWindow, MayBeClearedWhileItSendsAgain) {
  UnackedWindow window;
  for (std::uint64_t id = 1; id <= 3; ++id) window.push(message(id), kStart, kLimits);
  int calls = 0;
  window.resend_due(kStart, 0, seconds(60), 5, [&](const auto&) {
    ++calls;
    window.clear();
  });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.waiting(), 0U);
}

}  // namespace
}  // namespace jindou::delivery
