#include "webhook/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "webhook/wake_signal.h"

namespace jindou::webhook {
namespace {

TEST(MailboxTest, KeepsTheOrderOfAWriter) {
  Mailbox<int> mailbox(10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(mailbox.put(i));
  EXPECT_EQ(mailbox.take(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(mailbox.take().empty());
}

TEST(MailboxTest, RefusesWhenFullAndHasRoomAfterATake) {
  Mailbox<int> mailbox(2);
  EXPECT_TRUE(mailbox.put(1));
  EXPECT_TRUE(mailbox.put(2));
  EXPECT_FALSE(mailbox.put(3));
  EXPECT_EQ(mailbox.take(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(mailbox.put(4));
  EXPECT_EQ(mailbox.size(), 1U);
}

TEST(MailboxTest, WhatIsNotTakenTakesRoom) {
  Mailbox<int> mailbox(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(mailbox.put(i));
  EXPECT_EQ(mailbox.take(3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(mailbox.size(), 1U);
  for (int i = 4; i < 7; ++i) EXPECT_TRUE(mailbox.put(i));
  EXPECT_FALSE(mailbox.put(7));
  EXPECT_TRUE(mailbox.take(0).empty());
  EXPECT_EQ(mailbox.take(2), (std::vector<int>{3, 4}));
  EXPECT_EQ(mailbox.take(), (std::vector<int>{5, 6}));
  EXPECT_EQ(mailbox.size(), 0U);
}

TEST(MailboxTest, FreesWhatIsLeft) {
  Mailbox<std::unique_ptr<int>> mailbox(10);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(mailbox.put(std::make_unique<int>(i)));
  EXPECT_EQ(mailbox.take(1).size(), 1U);
  EXPECT_TRUE(mailbox.put(std::make_unique<int>(3)));
}

TEST(MailboxTest, LosesNothingBetweenThreads) {
  constexpr int kWriters = 3;
  constexpr int kEach = 20'000;
  Mailbox<std::pair<int, int>> mailbox(kWriters * kEach);
  WakeSignal signal;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(mailbox.put({writer, i}));
        signal.notify();
      }
    });
  }
  std::vector<int> next(kWriters, 0);
  int seen = 0;
  while (seen < kWriters * kEach) {
    for (const auto& [writer, i] : mailbox.take()) {
      EXPECT_EQ(i, next[static_cast<std::size_t>(writer)]++);
      ++seen;
    }
    // Longer than any test may take: a lost wake-up shows.
    if (seen < kWriters * kEach && mailbox.size() == 0) signal.wait_for(std::chrono::hours(1));
  }
  for (auto& writer : writers) writer.join();
}

TEST(WakeSignalTest, EarlierNotificationEndsTheNextWait) {
  WakeSignal signal;
  signal.notify();
  signal.notify();
  signal.wait_for(std::chrono::hours(1));
  signal.wait_for(std::chrono::milliseconds(1));  // both were one
}

}  // namespace
}  // namespace jindou::webhook
