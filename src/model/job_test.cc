#include "model/job.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace jindou {
namespace {

class Counting final : public Random {
 public:
  void fill(std::span<unsigned char> out) override { std::memset(out.data(), ++n_, out.size()); }

 private:
  unsigned char n_ = 0;
};

TEST(JobId, SortsByTheTimeInWhichItWasMade) {
  Counting random;
  const std::string first = make_job_id(1'700'000'000'000, random);
  const std::string second = make_job_id(1'700'000'000'001, random);
  EXPECT_EQ(first, "018bcfe56800" + std::string("01010101010101010101"));
  EXPECT_EQ(second, "018bcfe56801" + std::string("02020202020202020202"));
  EXPECT_TRUE(is_job_id(first));
  EXPECT_NE(make_job_id(1'700'000'000'001, random), second);
}

TEST(JobId, IsToldFromOtherTexts) {
  EXPECT_TRUE(is_job_id(std::string(32, 'f')));
  EXPECT_FALSE(is_job_id(std::string(31, 'f')));
  EXPECT_FALSE(is_job_id(std::string(33, 'f')));
  EXPECT_FALSE(is_job_id(std::string(32, 'F')));
  EXPECT_FALSE(is_job_id(std::string(32, 'g')));
  EXPECT_FALSE(is_job_id(""));
}

TEST(JobId, TellsWhenItWasMade) {
  Counting random;
  EXPECT_EQ(job_id_ms(make_job_id(1'700'000'000'001, random)), 1'700'000'000'001);
  EXPECT_EQ(job_id_ms("018bcfe56800"), std::nullopt);
}

TEST(JobStates, GoNoOtherWays) {
  // Each line: an action, and the states in which it can be done with what comes of it.
  const std::map<JobAction, std::map<JobState, JobState>> wanted = {
      {JobAction::seal, {{JobState::uploading, JobState::ready}}},
      {JobAction::start,
       {{JobState::ready, JobState::running}, {JobState::running, JobState::running}}},
      {JobAction::pause,
       {{JobState::ready, JobState::paused},
        {JobState::running, JobState::paused},
        {JobState::paused, JobState::paused}}},
      {JobAction::resume,
       {{JobState::ready, JobState::ready},
        {JobState::running, JobState::running},
        {JobState::paused, JobState::ready}}},
      {JobAction::cancel,
       {{JobState::uploading, JobState::cancelled},
        {JobState::ready, JobState::cancelled},
        {JobState::running, JobState::cancelled},
        {JobState::paused, JobState::cancelled},
        {JobState::cancelled, JobState::cancelled}}},
      {JobAction::fail,
       {{JobState::uploading, JobState::failed},
        {JobState::ready, JobState::failed},
        {JobState::running, JobState::failed},
        {JobState::paused, JobState::failed},
        {JobState::failed, JobState::failed}}},
      {JobAction::retry, {{JobState::done, JobState::ready}, {JobState::failed, JobState::ready}}},
      {JobAction::finish,
       {{JobState::ready, JobState::done},
        {JobState::running, JobState::done},
        {JobState::paused, JobState::done}}},
  };
  ASSERT_EQ(wanted.size(), static_cast<std::size_t>(kLastJobAction) + 1);
  for (const auto& [action, ways] : wanted) {
    for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(kLastJobState); ++n) {
      const auto state = static_cast<JobState>(n);
      const auto way = ways.find(state);
      const auto next = next_job_state(state, action);
      EXPECT_EQ(next, way == ways.end() ? std::optional<JobState>() : way->second)
          << job_state_name(state) << ", " << job_action_name(action);
    }
  }
}

TEST(JobStates, HaveNames) {
  std::set<std::string_view> names;
  for (std::uint8_t n = 0; n <= static_cast<std::uint8_t>(kLastJobState); ++n) {
    names.insert(job_state_name(static_cast<JobState>(n)));
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"uploading", "ready", "running", "paused", "done",
                                               "cancelled", "failed"}));
  EXPECT_FALSE(is_ended(JobState::paused));
  EXPECT_TRUE(is_ended(JobState::failed));
  EXPECT_TRUE(is_runnable(JobState::ready));
  EXPECT_FALSE(is_runnable(JobState::paused));
}

TEST(JobResultOf, TellsWhatASendTold) {
  SendResult sent;
  sent.state = SendResult::State::accepted;
  sent.message_id = MessageId{5};
  sent.message_seq = MessageSeq{6};
  JobResult result = job_result_of(sent);
  EXPECT_EQ(result.state, JobResult::State::accepted);
  EXPECT_EQ(result.message_id, MessageId{5});
  EXPECT_EQ(result.message_seq, MessageSeq{6});
  sent.state = SendResult::State::duplicate;
  EXPECT_EQ(job_result_of(sent).state, JobResult::State::duplicate);
  result = job_result_of(SendResult::refuse(Reason::ban, Errc::denied));
  EXPECT_EQ(result.state, JobResult::State::refused);
  EXPECT_EQ(result.reason, Reason::ban);
  EXPECT_EQ(result.code, Errc::denied);
  EXPECT_EQ(job_result_of(SendResult()).state, JobResult::State::unknown);
}

TEST(JobResultOf, KeepsTheWordsOfARefusal) {
  SendResult sent = SendResult::refuse(Reason::ban, Errc::denied);
  sent.cause = SendResult::Cause::key_channel;
  JobResult result = job_result_of(sent);
  ASSERT_NE(result.words, nullptr);
  EXPECT_EQ(result.words->cause, SendResult::Cause::key_channel);
  EXPECT_EQ(result.words->text, "");
  Moderation found;
  found.refused = true;
  found.reason = "casino";
  found.found_by = {"banned", "service"};
  sent = SendResult::refuse(Reason::moderated, Errc::denied);
  sent.moderation = std::make_shared<const Moderation>(found);
  result = job_result_of(sent);
  ASSERT_NE(result.words, nullptr);
  EXPECT_EQ(result.words->text, "casino");
  EXPECT_EQ(result.words->found_by, found.found_by);
  EXPECT_EQ(job_result_of(SendResult::refuse(Reason::ban, Errc::denied)).words, nullptr);
  // Compared by what they say.
  EXPECT_EQ(result, job_result_of(sent));
  JobResult other = result;
  other.words = nullptr;
  EXPECT_NE(result, other);
}

TEST(JobResultOf, CutsWordsBetweenCharacters) {
  Moderation found;
  found.refused = true;
  for (int i = 0; i < 200; ++i) found.reason += "\xe8\xb5\x8c";
  found.found_by = {std::string(200, 'a'), std::string(56, 'b'), "c"};
  SendResult sent = SendResult::refuse(Reason::moderated, Errc::denied);
  sent.moderation = std::make_shared<const Moderation>(found);
  const JobResult result = job_result_of(sent);
  ASSERT_NE(result.words, nullptr);
  EXPECT_EQ(result.words->text, found.reason.substr(0, RefusalWords::kBytesMax / 3 * 3));
  EXPECT_EQ(result.words->found_by.size(), 2U);
}

TEST(DailyWindow, OpensAtItsTimeOfTheDay) {
  constexpr std::int64_t kHour = 3'600'000;
  constexpr std::int64_t kDay = 24 * kHour;
  DailyWindow window;
  EXPECT_EQ(window.opens_in_ms(5).value(), 0) << "there is none";
  window = {9 * 60, 21 * 60, 0};
  EXPECT_EQ(window.opens_in_ms(100 * kDay + 9 * kHour - 1).value(), 1);
  EXPECT_EQ(window.opens_in_ms(100 * kDay + 9 * kHour).value(), 0);
  EXPECT_EQ(window.opens_in_ms(100 * kDay + 21 * kHour - 1).value(), 0);
  EXPECT_EQ(window.opens_in_ms(100 * kDay + 21 * kHour).value(), 12 * kHour);
  // By a clock that is ahead of UTC, and one that is behind.
  window.offset_min = 8 * 60;
  EXPECT_EQ(window.opens_in_ms(100 * kDay + kHour).value(), 0);
  EXPECT_EQ(window.opens_in_ms(100 * kDay).value(), kHour);
  window.offset_min = -5 * 60;
  EXPECT_EQ(window.opens_in_ms(100 * kDay).value(), 0);
  EXPECT_EQ(window.opens_in_ms(100 * kDay + 2 * kHour).value(), 12 * kHour);
}

TEST(DailyWindow, MayGoPastMidnight) {
  constexpr std::int64_t kHour = 3'600'000;
  const DailyWindow window = {22 * 60, 6 * 60, 0};
  for (const std::int64_t hour : {22, 23, 24, 29})
    EXPECT_EQ(window.opens_in_ms(hour * kHour).value(), 0);
  EXPECT_EQ(window.opens_in_ms(30 * kHour).value(), 16 * kHour);
  EXPECT_EQ(window.opens_in_ms(-2 * kHour).value(), 0);
  EXPECT_EQ(window.opens_in_ms(-3 * kHour).value(), kHour);
}

// 2026-03-29T01:00:00Z: in Berlin it is three o'clock after two.
TEST(DailyWindow, ByTheClockOfAZoneThatIsSetForward) {
  constexpr std::int64_t kMinute = 60'000;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kChange = 1'774'746'000'000;
  DailyWindow window = {9 * 60, 21 * 60, 0, "Europe/Berlin"};
  // Nine o'clock is at eight in winter and at seven in summer, by UTC.
  EXPECT_EQ(window.opens_in_ms(kChange - 17 * kHour - 1).value(), 1);
  EXPECT_EQ(window.opens_in_ms(kChange - 17 * kHour).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange - kHour).value(), 7 * kHour) << "over the change";
  EXPECT_EQ(window.opens_in_ms(kChange + 6 * kHour - 1).value(), 1);
  EXPECT_EQ(window.opens_in_ms(kChange + 6 * kHour).value(), 0);
  // It begins in the hour that there is not: with the first moment behind that.
  window = {2 * 60 + 30, 4 * 60, 0, "Europe/Berlin"};
  EXPECT_EQ(window.opens_in_ms(kChange - 1).value(), 1);
  EXPECT_EQ(window.opens_in_ms(kChange).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange + kHour - 1).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange + kHour).value(), 22 * kHour + 30 * kMinute);
  // All of it is in that hour: it is left out on that day.
  window = {2 * 60 + 10, 2 * 60 + 50, 0, "Europe/Berlin"};
  EXPECT_EQ(window.opens_in_ms(kChange - 1).value(), 23 * kHour + 10 * kMinute + 1);
  // Past midnight, and ending in that hour: it ends with the change.
  window = {22 * 60, 2 * 60 + 30, 0, "Europe/Berlin"};
  EXPECT_EQ(window.opens_in_ms(kChange - 1).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange).value(), 19 * kHour);
}

// 2026-10-25T01:00:00Z: in Berlin it is two o'clock for the second time.
TEST(DailyWindow, ByTheClockOfAZoneThatIsSetBack) {
  constexpr std::int64_t kMinute = 60'000;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kChange = 1'792'890'000'000;
  DailyWindow window = {2 * 60 + 30, 4 * 60, 0, "Europe/Berlin"};
  EXPECT_EQ(window.opens_in_ms(kChange - 30 * kMinute - 1).value(), 1);
  EXPECT_EQ(window.opens_in_ms(kChange - 30 * kMinute).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange - 1).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange).value(), 30 * kMinute) << "the clock shows two again";
  EXPECT_EQ(window.opens_in_ms(kChange + 30 * kMinute).value(), 0);
  EXPECT_EQ(window.opens_in_ms(kChange + 2 * kHour).value(), 23 * kHour - 30 * kMinute);
  window = {9 * 60, 21 * 60, 0, "Europe/Berlin"};
  EXPECT_EQ(window.opens_in_ms(kChange - kHour).value(), 8 * kHour) << "over the change";
}

TEST(DailyWindow, OfAZoneThatThereIsNotIsAnError) {
  const DailyWindow window = {9 * 60, 21 * 60, 0, "Europe/Nowhere"};
  EXPECT_EQ(window.opens_in_ms(0).error().code(), Errc::invalid);
  EXPECT_EQ(DailyWindow().opens_in_ms(0).value(), 0);
}

TEST(ItemTimes, StepsGrowWithTheTime) {
  const std::vector<std::uint64_t> first = {1, 2, 3, 4, 6, 8, 12, 16, 24};
  for (std::size_t step = 0; step < first.size(); ++step) {
    EXPECT_EQ(ItemTimes::end_of(step), first[step]);
  }
  EXPECT_EQ(ItemTimes::end_of(ItemTimes::kSteps - 1), 65'536U);
}

TEST(ItemTimes, TellWithinWhatTimeMostWereDone) {
  ItemTimes times;
  EXPECT_EQ(times.within(0.5), 0U);
  times.add(0, 50);
  times.add(5, 40);
  times.add(6, 9);
  times.add(10'000'000, 1);
  EXPECT_EQ(times.items(), 100U);
  EXPECT_EQ(times.within(0.5), 1U);
  EXPECT_EQ(times.within(0.51), 6U);
  EXPECT_EQ(times.within(0.99), 6U);
  EXPECT_EQ(times.within(1), 65'536U);
}

}  // namespace
}  // namespace jindou
