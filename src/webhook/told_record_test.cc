#include "webhook/told_record.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace jindou::webhook {
namespace {

constexpr std::size_t kNoteBytes = 24;

MessageId told_id(std::uint64_t id) { return static_cast<MessageId>(id); }

TEST(ToldRecordTest, WhatWasToldOfAMessageIsFoundOldestFirst) {
  ToldRecord record(10 * kNoteBytes, 5);
  EXPECT_TRUE(record.on());
  const std::array<MessageId, 2> both = {told_id(1), told_id(2)};
  record.note(both, {Event::notify, ToldOutcome::delivered, 100, 0});
  record.note({&both[0], 1}, {Event::offline, ToldOutcome::given_up, 90, 7});
  const auto told = record.find(told_id(1));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].event, Event::notify);
  EXPECT_EQ(told[0].at_ms, 100);
  EXPECT_EQ(told[1].event, Event::offline);
  EXPECT_EQ(told[1].outcome, ToldOutcome::given_up);
  EXPECT_EQ(told[1].receivers, 7U);
  EXPECT_EQ(record.find(told_id(2)).size(), 1U);
  EXPECT_TRUE(record.find(told_id(3)).empty());
  EXPECT_EQ(record.since_ms(), 5);
}

TEST(ToldRecordTest, TheOldestAreWrittenOverAndItSaysSo) {
  ToldRecord record(3 * kNoteBytes, 5);
  for (std::uint64_t id = 1; id <= 4; ++id) {
    const MessageId message = told_id(id);
    record.note({&message, 1},
                {Event::notify, ToldOutcome::delivered, static_cast<std::int64_t>(10 * id), 0});
  }
  EXPECT_TRUE(record.find(told_id(1)).empty());
  for (std::uint64_t id = 2; id <= 4; ++id) EXPECT_EQ(record.find(told_id(id)).size(), 1U) << id;
  EXPECT_EQ(record.since_ms(), 11);
}

TEST(ToldRecordTest, WithoutMemoryNothingIsRemembered) {
  ToldRecord record(kNoteBytes - 1, 5);
  EXPECT_FALSE(record.on());
  const MessageId message = told_id(1);
  record.note({&message, 1}, {Event::notify, ToldOutcome::delivered, 100, 0});
  EXPECT_TRUE(record.find(message).empty());
}

}  // namespace
}  // namespace jindou::webhook
