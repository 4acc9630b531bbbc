#include "partition/keyed_request.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace jindou::partition {
namespace {

using namespace std::chrono_literals;
using Finding = KeyedRequest::Finding;

constexpr std::int64_t kAskedMs = 1'700'000'000'000;
constexpr PartitionId kKeyHome{1};
constexpr RequestTimes kKeyTimes{6s, 24h};

std::string key_digest(const std::string& text) { return digest_of_parts({text}); }

KeyedRequest keyed_try(std::uint64_t claim, const std::string& what = "what") {
  return {key_digest("key"), key_digest(what), claim};
}

// As the partition stores a claim that it takes.
KeyedRequest::Record claimed_record(const ClaimRequest& claim) {
  store::RequestRecord record;
  record.fingerprint = claim.fingerprint;
  record.claim = claim.claim;
  record.until_ms = claim.until_ms;
  record.expires_s = claim.expires_s;
  record.numbers = claim.numbers;
  return record;
}

std::vector<std::string> numbers_given(const KeyedRequest& keyed, std::size_t first = 0) {
  std::vector<SendCommand> messages(2);
  keyed.number(messages, first);
  return {messages[0].client_msg_no, messages[1].client_msg_no};
}

TEST(BytesDigest, IsOfTheBytesHoweverTheyCome) {
  BytesDigest whole;
  whole.add("abc");
  BytesDigest pieces;
  pieces.add("a");
  pieces.add("");
  pieces.add("bc");
  const std::string digest = whole.finish();
  EXPECT_EQ(digest, pieces.finish());
  // SHA-256 of "abc", as FIPS 180-2 has it.
  EXPECT_EQ(digest.substr(0, 4), "\xba\x78\x16\xbf");
  EXPECT_EQ(digest.size(), 32U);
}

TEST(KeyedRequest, WhoComesWhileItIsCarriedOutIsTooEarly) {
  KeyedRequest first = keyed_try(1);
  EXPECT_EQ(first.look({}, kAskedMs, kKeyTimes), Finding::free);
  const auto record = claimed_record(first.claim(kKeyHome, {}, kAskedMs, kKeyTimes));
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs + 5'999, kKeyTimes), Finding::busy);
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs + 6'000, kKeyTimes), Finding::free);
  EXPECT_EQ(keyed_try(2, "another").look(record, kAskedMs, kKeyTimes), Finding::other);
}

TEST(KeyedRequest, AClaimOfAClockThatWasSetBackKeepsNobodyOut) {
  KeyedRequest first = keyed_try(1);
  const auto record = claimed_record(first.claim(kKeyHome, {}, kAskedMs, kKeyTimes));
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs - kClaimSkewMaxMs, kKeyTimes), Finding::busy);
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs - kClaimSkewMaxMs - 1, kKeyTimes), Finding::free);
}

TEST(KeyedRequest, WhatIsAnsweredStaysSoUntilItsTimeIsOver) {
  KeyedRequest first = keyed_try(1);
  auto record = claimed_record(first.claim(kKeyHome, {}, kAskedMs, kKeyTimes));
  record->finished = true;
  constexpr std::int64_t kDayMs = 24 * 3'600'000;
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs + kDayMs - 1'000, kKeyTimes), Finding::answered);
  EXPECT_EQ(keyed_try(2, "another").look(record, kAskedMs + kDayMs - 1'000, kKeyTimes),
            Finding::other);
  EXPECT_EQ(keyed_try(2).look(record, kAskedMs + kDayMs, kKeyTimes), Finding::free);
}

TEST(KeyedRequest, ARepeatHasTheNumbersOfTheFirstAndALaterRequestOthers) {
  KeyedRequest first = keyed_try(1);
  const auto record = claimed_record(first.claim(kKeyHome, {}, kAskedMs, kKeyTimes));
  KeyedRequest repeat = keyed_try(2);
  EXPECT_EQ(repeat.claim(kKeyHome, record, kAskedMs + 10'000, kKeyTimes).numbers, 1U);
  EXPECT_EQ(numbers_given(repeat), numbers_given(first));
  EXPECT_NE(numbers_given(repeat)[0], numbers_given(repeat)[1]);
  EXPECT_EQ(numbers_given(repeat, 1)[0], numbers_given(first)[1]);
  KeyedRequest later = keyed_try(3);
  later.claim(kKeyHome, record, kAskedMs + 25LL * 3'600'000, kKeyTimes);
  EXPECT_NE(numbers_given(later)[0], numbers_given(first)[0]);
}

TEST(KeyedRequest, NumbersOfTheCallerStay) {
  std::vector<SendCommand> messages(1);
  messages[0].idempotent = true;
  messages[0].client_msg_no = "mine";
  keyed_try(1).number(messages, 0);
  EXPECT_EQ(messages[0].client_msg_no, "mine");
}

TEST(KeyedRequest, WhatIsStoredOfItNamesItsClaim) {
  const KeyedRequest keyed = keyed_try(7);
  EXPECT_EQ(keyed.finish(kKeyHome, 200, "X: 1\r\n", "{}").claim, 7U);
  EXPECT_EQ(keyed.finish(kKeyHome, 200, "X: 1\r\n", "{}").headers, "X: 1\r\n");
  EXPECT_EQ(keyed.release(kKeyHome).claim, 7U);
  EXPECT_EQ(keyed.release(kKeyHome).key, key_digest("key"));
}

TEST(KeyedRequest, AnAnswerHoldsWhenNoRepeatCanChangeIt) {
  std::vector<SendResult> results(2);
  results[0].state = SendResult::State::accepted;
  EXPECT_FALSE(is_settled(results));  // the other one is unknown
  results[1] = SendResult::refuse(Reason::in_denylist, Errc::denied);
  EXPECT_TRUE(is_settled(results));
  results[1].code = Errc::overloaded;
  EXPECT_FALSE(is_settled(results));
}

}  // namespace
}  // namespace jindou::partition
