// What is remembered of pushes and receipts, and since when.
#include "gateway/push_record.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/push_survey.h"
#include "gateway/session_fixture.h"

namespace jindou::gateway {
namespace {

using presence::PushedDevice;

constexpr std::int64_t kEpochMs = 1'700'000'000'000;  // where HandClock begins

class PushRecordTest : public testing::Test {
 protected:
  static MessageId message(std::uint64_t id) { return static_cast<MessageId>(id); }
  static SessionId session(std::uint64_t id) { return static_cast<SessionId>(id); }
  void pass(std::int64_t ms) { clock_.passed += std::chrono::milliseconds(ms); }
  void push(PushRecord& record, std::uint64_t id, std::uint64_t to) {
    record.note_push(message(id), session(to), clock_.steady());
  }
  void receipt(PushRecord& record, std::uint64_t id, std::uint64_t from) {
    record.note_receipt(message(id), session(from), clock_.steady());
  }
  static std::vector<PushedDevice> found(const PushRecord& record, std::uint64_t id,
                                         std::int64_t committed_at = kEpochMs / 1000) {
    PushSearch search(record, message(id), committed_at);
    // In parts, as a shard does it.
    while (search.advance(3)) {
    }
    return search.take();
  }

  HandClock clock_;
};

TEST_F(PushRecordTest, WhatWasPushedAndAcknowledgedIsFoundByMessage) {
  PushRecord record(10'000, clock_);
  EXPECT_TRUE(record.on());
  push(record, 1, 10);
  pass(5);
  push(record, 1, 11);
  push(record, 2, 11);
  pass(1'500);
  record.note_repeat(message(1), session(11), clock_.steady());
  pass(1);
  receipt(record, 1, 11);
  pass(1);
  receipt(record, 1, 11);
  const auto devices = found(record, 1);
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].session, session(10));
  EXPECT_EQ(devices[0].pushed_at_ms, kEpochMs);
  EXPECT_EQ(devices[0].acknowledged_at_ms, 0);
  EXPECT_EQ(devices[0].repeats, 0U);
  EXPECT_EQ(devices[1].session, session(11));
  EXPECT_EQ(devices[1].pushed_at_ms, kEpochMs + 5);
  EXPECT_EQ(devices[1].repeats, 1U);
  EXPECT_EQ(devices[1].acknowledged_at_ms, kEpochMs + 1'506) << "the first receipt counts";
  ASSERT_EQ(found(record, 2).size(), 1U);
  EXPECT_TRUE(found(record, 3).empty());
  EXPECT_EQ(record.since_ms(), kEpochMs);
}

TEST_F(PushRecordTest, WhatIsWrittenOverIsForgottenAndItSaysSo) {
  PushRecord record(1'000, clock_);  // room for 33 notes
  push(record, 1, 10);
  pass(10);
  receipt(record, 1, 10);
  pass(10);
  for (std::uint64_t i = 2; i <= 32; ++i) push(record, i, 10);
  ASSERT_EQ(found(record, 1).size(), 1U);
  EXPECT_EQ(record.since_ms(), kEpochMs);
  push(record, 33, 10);
  const auto devices = found(record, 1);
  ASSERT_EQ(devices.size(), 1U) << "the receipt is there still";
  EXPECT_EQ(devices[0].pushed_at_ms, 0);
  EXPECT_EQ(devices[0].acknowledged_at_ms, kEpochMs + 10);
  EXPECT_EQ(record.since_ms(), kEpochMs + 1);
  push(record, 34, 10);
  EXPECT_TRUE(found(record, 1).empty());
  EXPECT_EQ(record.since_ms(), kEpochMs + 11);
  pass(50);
  for (std::uint64_t i = 100; i < 300; ++i) push(record, i, 10);
  EXPECT_TRUE(found(record, 266).empty());
  for (std::uint64_t i = 267; i < 300; ++i) EXPECT_EQ(found(record, i).size(), 1U) << i;
  EXPECT_EQ(record.since_ms(), kEpochMs + 71);
}

TEST_F(PushRecordTest, ASearchGoesNoFurtherBackThanItsMessage) {
  PushRecord record(10'000, clock_);
  push(record, 1, 10);
  pass(120'000);
  push(record, 2, 10);
  // The clock may have been set back by less than a minute in between.
  EXPECT_EQ(found(record, 1, kEpochMs / 1000 + 60).size(), 1U);
  EXPECT_TRUE(found(record, 1, kEpochMs / 1000 + 61).empty());
}

TEST_F(PushRecordTest, ASearchIsNotLedAstrayByWhatIsWrittenMeanwhile) {
  PushRecord record(1'000, clock_);
  for (std::uint64_t to = 1; to <= 33; ++to) push(record, 1, to);
  PushSearch search(record, message(1), kEpochMs / 1000);
  EXPECT_TRUE(search.advance(3));
  for (std::uint64_t to = 101; to <= 120; ++to) push(record, 1, to);
  while (search.advance(3)) {
  }
  const auto devices = search.take();
  // 33, 32 and 31 before, and those of the others that are there still.
  ASSERT_EQ(devices.size(), 13U);
  EXPECT_EQ(devices.front().session, session(21));
  EXPECT_EQ(devices.back().session, session(33));
}

TEST_F(PushRecordTest, SessionsThatEndedAreKnownWhileThereIsRoom) {
  PushRecord record(10'000, clock_);  // 2,000 bytes for them
  push(record, 1, 10);
  record.note_end(session(10), {"ann", "phone", DeviceFlag::web});
  const PushRecord::Ended* ended = record.find_ended(session(10));
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->uid, "ann");
  EXPECT_EQ(ended->device_id, "phone");
  EXPECT_EQ(ended->device_flag, DeviceFlag::web);
  EXPECT_EQ(record.find_ended(session(11)), nullptr);
  for (std::uint64_t id = 11; id <= 17; ++id) record.note_end(session(id), {"bob", "", {}});
  EXPECT_EQ(record.find_ended(session(10)), nullptr) << "the oldest makes room";
  EXPECT_NE(record.find_ended(session(11)), nullptr);
  // One that there is no room for takes nobody's.
  record.note_end(session(18), {std::string(3'000, 'u'), "", {}});
  EXPECT_EQ(record.find_ended(session(18)), nullptr);
  EXPECT_NE(record.find_ended(session(11)), nullptr);
}

TEST_F(PushRecordTest, SessionsWithoutNotesAreForgotten) {
  PushRecord record(2'000, clock_);  // 66 notes
  push(record, 1, 10);
  record.note_end(session(10), {"ann", "", {}});
  for (std::uint64_t i = 0; i < 66; ++i) push(record, 2, 11);
  EXPECT_TRUE(found(record, 1).empty());
  record.note_end(session(11), {"bob", "", {}});
  EXPECT_EQ(record.find_ended(session(10)), nullptr);
  EXPECT_NE(record.find_ended(session(11)), nullptr);
}

TEST_F(PushRecordTest, WithoutMemoryNothingIsRemembered) {
  for (const std::size_t bytes : {0, 100}) {
    PushRecord record(bytes, clock_);
    EXPECT_FALSE(record.on());
    push(record, 1, 10);
    record.note_end(session(10), {"ann", "", {}});
    EXPECT_TRUE(found(record, 1).empty());
    EXPECT_EQ(record.find_ended(session(10)), nullptr);
  }
}

TEST_F(PushRecordTest, AClockThatIsSetBackMakesItForgetfulNotWrong) {
  class SteppedClock final : public Clock {
   public:
    std::int64_t wall_ms() const override { return kEpochMs + passed_ms + step_ms; }
    std::chrono::steady_clock::time_point steady() const override {
      return std::chrono::steady_clock::time_point(std::chrono::milliseconds(passed_ms));
    }
    std::int64_t passed_ms = 0;
    std::int64_t step_ms = 0;
  };
  SteppedClock clock;
  PushRecord record(1'000, clock);
  record.note_push(message(1), session(10), clock.steady());
  clock.passed_ms = 1'000;
  clock.step_ms = -30'000;
  for (std::uint64_t id = 2; id <= 40; ++id) {
    record.note_push(message(id), session(10), clock.steady());
  }
  EXPECT_EQ(found(record, 40).front().pushed_at_ms, kEpochMs - 29'000);
  EXPECT_EQ(record.since_ms(), kEpochMs + 1);
}

TEST(PushSurveyTest, TheReportsOfAllShardsAreOne) {
  std::optional<presence::PushReport> whole;
  presence::PushQuery query;
  query.listed_max = 3;
  PushSurvey survey(query, 2, [&whole](presence::PushReport report) { whole = std::move(report); });
  const auto report = [](std::int64_t since, std::initializer_list<std::uint64_t> sessions) {
    presence::PushReport out;
    out.since_ms = since;
    out.devices = sessions.size();
    out.acknowledged = 1;
    for (const std::uint64_t id : sessions) {
      PushedDevice device;
      device.session = static_cast<SessionId>(id);
      device.pushed_at_ms = static_cast<std::int64_t>(id);
      out.listed.push_back(device);
    }
    return out;
  };
  survey.add_shard(report(5, {2, 4}));
  EXPECT_FALSE(whole);
  survey.add_shard(report(7, {1, 3}));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->since_ms, 7) << "of the one that remembers least";
  EXPECT_EQ(whole->devices, 4U);
  EXPECT_EQ(whole->acknowledged, 2U);
  ASSERT_EQ(whole->listed.size(), 3U);
  EXPECT_EQ(raw(whole->listed[0].session), 1U);
  EXPECT_EQ(raw(whole->listed[2].session), 3U);
}

}  // namespace
}  // namespace jindou::gateway
