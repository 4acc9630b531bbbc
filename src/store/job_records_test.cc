// What is stored of jobs survives the way to bytes and back; its bytes are pinned; damage is an
// error; a chunk of input stays within its bounds.
#include "store/job_records.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace jindou::store {
namespace {

// Every strict beginning of `bytes`, every other format and every flag are refused.
template <class Decode>
void expect_refusals(const std::string& bytes, const Decode& decode) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto result = decode(bytes.substr(0, size));
    ASSERT_FALSE(result.has_value()) << size;
    EXPECT_EQ(result.error().code(), Errc::storage);
  }
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    std::string other = bytes;
    other[place] = '\x7f';
    EXPECT_FALSE(decode(other).has_value()) << place;
  }
}

SendCommand message(const std::string& payload) {
  SendCommand command;
  command.channel = ChannelKey("g1", ChannelType::group);
  command.from_uid = "u1";
  command.client_msg_no = "n1";
  command.idempotent = true;
  command.payload = payload;
  return command;
}

TEST(JobRecord, ComesBackAndIsRefusedWhenItIsCut) {
  Job job;
  job.id = "id";
  job.state = JobState::failed;
  job.options.name = "news";
  job.options.caller_kind = CallerIdentity::Kind::login;
  job.options.caller_name = "u1";
  job.options.rate = 300;
  job.options.not_before_ms = 1'700'000'000'000;
  job.options.stops_on_refusal = true;
  job.options.canary_items = 5;
  job.options.refused_ppm_max = 10'000;
  job.counts = {100, 40, 5, 7, 3, 2};
  job.sealed = true;
  job.input_bytes = 4096;
  job.cursor = 55;
  job.chunk = 50;
  job.reached = 60;
  job.pass = 2;
  job.created_ms = 1'700'000'000'001;
  job.changed_ms = 1'700'000'000'002;
  job.sealed_ms = 1'700'000'000'003;
  job.started_ms = 1'700'000'000'004;
  job.ended_ms = 1'700'000'000'005;
  job.reason = "an item was refused";
  job.times.add(3, 50);
  job.times.add(1'000'000, 5);
  job.options.kind = JobKind::edit;
  job.options.source = "another";
  job.options.operator_uid = "admin";
  job.options.window = {1320, 360, -300};
  const std::string bytes = encode(job);
  const auto decode = [](std::string_view text) { return decode_job(text, "id"); };
  EXPECT_EQ(decode(bytes).value(), job);
  expect_refusals(bytes, decode);
  job.options.window = {540, 1260, 0, "Asia/Shanghai"};
  const std::string zoned = encode(job);
  EXPECT_EQ(decode(zoned).value(), job);
  EXPECT_TRUE(zoned.ends_with("\rAsia/Shanghai"));
  expect_refusals(zoned, decode);
}

TEST(JobRecord, HasTheBytesTheStoreWasWrittenWith) {
  Job job;
  job.state = JobState::running;
  job.sealed = true;
  job.options.stops_on_refusal = true;
  job.options.name = "n";
  job.options.caller_kind = CallerIdentity::Kind::token;
  job.options.caller_name = "c";
  job.options.rate = 1;
  job.options.not_before_ms = 2;
  job.options.canary_items = 3;
  job.options.refused_ppm_max = 4;
  job.counts = {5, 6, 7, 8, 9, 10};
  job.input_bytes = 11;
  job.cursor = 12;
  job.chunk = 13;
  job.reached = 14;
  job.pass = 15;
  job.created_ms = 16;
  job.changed_ms = 17;
  job.sealed_ms = 18;
  job.started_ms = 19;
  job.ended_ms = 20;
  job.reason = "r";
  const std::string bytes = {1, 3, 2,  1,  'n', 1,  1,  'c', 1,  2,  3,  4,  5,  6, 7,
                             8, 9, 10, 11, 12,  13, 14, 15,  16, 17, 18, 19, 20, 1, 'r'};
  EXPECT_EQ(encode(job), bytes);
}

// What was written before there was one has none, and is not settled.
TEST(JobRecord, NamesItsRunnerOrIsSettled) {
  Job job;
  job.started_ms = 1;
  const std::string plain = encode(job);
  const auto decode = [](std::string_view text) { return decode_job(text, ""); };
  EXPECT_EQ(decode(plain).value(), job);
  EXPECT_FALSE(decode(plain)->is_settled());
  job.runner = 300;
  const std::string named = encode(job);
  EXPECT_EQ(named.substr(2), plain.substr(2) + "\xac\2");
  EXPECT_EQ(decode(named).value(), job);
  expect_refusals(named, decode);
  job.runner = 0;
  job.settled = true;
  const std::string settled = encode(job);
  EXPECT_EQ(settled.substr(2), plain.substr(2) + std::string(1, '\0'));
  EXPECT_EQ(decode(settled).value(), job);
  EXPECT_TRUE(decode(settled)->is_settled());
  expect_refusals(settled, decode);
}

// What was written before anybody counted has nobody in it.
TEST(JobRecord, TellsWhomTheMessagesHaveReached) {
  Job job;
  const std::string plain = encode(job);
  job.reach = {3, 300, 2};
  const std::string told = encode(job);
  EXPECT_EQ(told.substr(3), plain.substr(2) + "\3\xac\2\2");
  EXPECT_EQ(decode_job(told, "").value(), job);
  EXPECT_EQ(decode_job(plain, "")->reach, JobReach());
  for (std::size_t size = 0; size < told.size(); ++size) {
    EXPECT_FALSE(decode_job(told.substr(0, size), "").has_value()) << size;
  }
  EXPECT_EQ(job.reach.left_offline(), 298U);
  job.reach.pushed = 301;
  EXPECT_EQ(job.reach.left_offline(), 0U);
}

// A bit of its own, which there is during such a pass only.
TEST(JobRecord, TellsOfAPassOverWhatHasFailed) {
  Job job;
  const std::string plain = encode(job);
  job.only_failed = true;
  const std::string told = encode(job);
  EXPECT_EQ(told, std::string("\1\x80\2") + plain.substr(2));
  EXPECT_EQ(decode_job(told, "").value(), job);
  EXPECT_FALSE(decode_job(plain, "")->only_failed);
}

// Whoever goes back to a version from before a bit is told, and loses nothing.
TEST(JobRecord, WithABitThatIsNotKnownIsUnreadable) {
  const std::string plain = encode(Job());
  EXPECT_TRUE(decode_job(plain, "").has_value());
  const std::string newer = std::string("\1\x80\4") + plain.substr(2);
  const auto read = decode_job(newer, "");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().text(), Error(Errc::storage, "unreadable record of a job").text());
}

TEST(JobInput, ComesBackAndIsRefusedWhenItIsCut) {
  SendCommand full = message(std::string("\0binary\xff", 8));
  full.topic = "tp";
  full.stream_no = "s1";
  full.subscribers = {"u2", "u3"};
  full.expire = 300;
  full.setting = kSettingTopic;
  full.flags.no_persist = true;
  full.flags.red_dot = true;
  full.flags.sync_once = true;
  full.if_last_seq = 300;
  full.sender_conversation = false;
  JobInputBuilder builder;
  EXPECT_TRUE(builder.empty());
  EXPECT_TRUE(builder.add(full));
  EXPECT_TRUE(builder.refuse(Errc::too_large, "the payload is too large"));
  EXPECT_TRUE(builder.add(message("hi")));
  const JobInput input = builder.take();
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(input.items, 3U);
  EXPECT_EQ(input.refused, std::vector<JobInput::Refused>({{1, Errc::too_large}}));

  const auto items = decode_job_input(input.bytes);
  ASSERT_TRUE(items.has_value());
  ASSERT_EQ(items->size(), 3U);
  const SendCommand& again = (*items)[0].message;
  EXPECT_FALSE((*items)[0].refusal.has_value());
  EXPECT_EQ(again.channel, full.channel);
  EXPECT_EQ(again.from_uid, "u1");
  EXPECT_EQ(again.client_msg_no, "n1");
  EXPECT_TRUE(again.idempotent);
  EXPECT_EQ(again.payload, full.payload);
  EXPECT_EQ(again.topic, "tp");
  EXPECT_EQ(again.stream_no, "s1");
  EXPECT_EQ(again.subscribers, full.subscribers);
  EXPECT_EQ(again.expire, 300U);
  EXPECT_EQ(again.setting, kSettingTopic);
  EXPECT_EQ(again.flags, full.flags);
  ASSERT_TRUE((*items)[1].refusal.has_value());
  EXPECT_EQ((*items)[1].refusal->code, Errc::too_large);
  EXPECT_EQ((*items)[1].refusal->text, "the payload is too large");
  EXPECT_EQ((*items)[2].message.payload, "hi");
  EXPECT_EQ((*items)[2].message.flags, MessageFlags());

  builder.add(full);
  const std::string one = builder.take().bytes;
  // A chunk is not empty, but its first two bytes are one that is.
  for (std::size_t size = 3; size < one.size(); ++size) {
    EXPECT_FALSE(decode_job_input(one.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_job_input("").has_value());
  EXPECT_FALSE(decode_job_input(std::string("\1\1", 2)).has_value());
  EXPECT_FALSE(decode_job_input(std::string("\2\0", 2)).has_value());
}

TEST(JobInput, PayloadsOfRevisedMessagesAreThereOnce) {
  const std::string payload(1000, 'x');
  JobInputBuilder builder;
  EXPECT_TRUE(builder.add(message(payload)));
  EXPECT_TRUE(builder.add_revised(message(payload), MessageId{7}));
  EXPECT_TRUE(builder.add_revised(message(payload), MessageId{0}));
  EXPECT_TRUE(builder.add_revised(message("another"), MessageId{9}));
  EXPECT_TRUE(builder.refuse(Errc::invalid, "no"));
  EXPECT_TRUE(builder.add_revised(message("another"), MessageId{10}));
  EXPECT_TRUE(builder.add_revised(message("another"), MessageId{11}));
  const std::string bytes = builder.take().bytes;
  EXPECT_LT(bytes.size(), 2'200U);
  const auto items = decode_job_input(bytes);
  ASSERT_TRUE(items.has_value());
  ASSERT_EQ(items->size(), 7U);
  EXPECT_EQ((*items)[1].revised, MessageId{7});
  EXPECT_EQ((*items)[2].revised, MessageId{0});
  EXPECT_EQ((*items)[2].message.payload, payload);
  EXPECT_EQ((*items)[2].message.client_msg_no, "n1");
  EXPECT_EQ((*items)[3].message.payload, "another");
  EXPECT_EQ((*items)[6].message.payload, "another");
  // The next chunk knows nothing of it.
  EXPECT_TRUE(builder.add_revised(message("another"), MessageId{12}));
  EXPECT_EQ(decode_job_input(builder.take().bytes)->at(0).message.payload, "another");
  // Nothing is repeated that is not there.
  EXPECT_FALSE(decode_job_input(std::string("\1\0\x80\x18\7\2\1g\1u\1n", 12)).has_value());
}

TEST(JobInput, HasTheBytesTheStoreWasWrittenWith) {
  JobInputBuilder builder;
  builder.add(message("hi"));
  builder.refuse(Errc::invalid, "no");
  const std::string bytes = {1,   0,   2, 2,   'g', '1', 2, 'u', '1', 2,
                             'n', '1', 2, 'h', 'i', 1,   0, 2,   'n', 'o'};
  // The type of a channel stands before its id.
  std::string wanted = bytes;
  wanted.insert(3, 1, '\2');
  EXPECT_EQ(builder.take().bytes, wanted);
}

TEST(JobInput, StaysWithinItsBounds) {
  JobInputBuilder builder;
  for (std::size_t i = 0; i < kJobChunkItemsMax; ++i) ASSERT_TRUE(builder.add(message("x")));
  EXPECT_FALSE(builder.add(message("x")));
  EXPECT_FALSE(builder.refuse(Errc::invalid, "no"));
  EXPECT_EQ(builder.items(), kJobChunkItemsMax);
  JobInput input = builder.take();
  EXPECT_TRUE(input.refused.empty());
  EXPECT_EQ(decode_job_input(input.bytes)->size(), kJobChunkItemsMax);

  // One alone may be larger, nothing goes with it.
  EXPECT_TRUE(builder.add(message(std::string(kJobChunkBytesMax, 'x'))));
  EXPECT_FALSE(builder.add(message("x")));
  EXPECT_EQ(builder.take().items, 1U);
  EXPECT_TRUE(builder.add(message(std::string(kJobChunkBytesMax / 2, 'x'))));
  EXPECT_FALSE(builder.add(message(std::string(kJobChunkBytesMax / 2, 'x'))));
  EXPECT_TRUE(builder.add(message("x")));
  EXPECT_LE(builder.bytes(), kJobChunkBytesMax);

  builder.take();
  builder.refuse(Errc::invalid, std::string(kJobReasonBytesMax + 1, 'x'));
  EXPECT_EQ(decode_job_input(builder.take().bytes)->at(0).refusal->text.size(), kJobReasonBytesMax);
}

TEST(JobResults, ComeBackAndHaveTheBytesTheStoreWasWrittenWith) {
  std::vector<JobResult> results(5);
  results[1].state = JobResult::State::accepted;
  results[1].message_id = MessageId{300};
  results[1].message_seq = MessageSeq{7};
  results[2].state = JobResult::State::refused;
  results[2].code = Errc::denied;
  results[2].reason = Reason::ban;
  results[3].state = JobResult::State::unknown;
  results[3].code = Errc::deadline;
  results[3].reason = Reason::system_error;
  results[4].state = JobResult::State::unreadable;
  results[4].code = Errc::invalid;
  const std::string bytes = {1, 0, 5, 0, 1, '\xac', 2, 7, 3, 3, 19, 4, 10, 15, 5, 0, 0};
  EXPECT_EQ(encode(results), bytes);
  EXPECT_EQ(decode_job_results(bytes).value(), results);
  expect_refusals(bytes, decode_job_results);
}

RefusalWordsPtr words_of_test(SendResult::Cause cause, std::string text,
                              std::vector<std::string> found_by = {}) {
  auto words = std::make_shared<RefusalWords>();
  words->cause = cause;
  words->text = std::move(text);
  words->found_by = std::move(found_by);
  return words;
}

JobResult refused_with(RefusalWordsPtr words) {
  JobResult result;
  result.state = JobResult::State::refused;
  result.code = Errc::denied;
  result.reason = Reason::ban;
  result.words = std::move(words);
  return result;
}

TEST(JobResults, KeepWhatARefusalWasToldIn) {
  using Cause = SendResult::Cause;
  std::vector<JobResult> results(6);
  results[0] = refused_with(words_of_test(Cause::other, "no", {"bad", "b"}));
  results[1] = refused_with(nullptr);
  results[2] = refused_with(words_of_test(Cause::key_channel, ""));
  // The same words stand there once.
  results[3] = refused_with(words_of_test(Cause::other, "no", {"bad", "b"}));
  results[4].state = JobResult::State::accepted;
  results[4].message_id = MessageId{1};
  results[4].message_seq = MessageSeq{2};
  results[5].state = JobResult::State::unreadable;
  results[5].code = Errc::invalid;
  const std::string bytes = {1,  1, 2, 0, 2,  'n', 'o', 2, 3, 'b', 'a', 'd', 1, 'b',
                             2,  0, 0, 6, 3,  3,   19,  1, 3, 3,   19,  0,   3, 3,
                             19, 2, 3, 3, 19, 1,   1,   1, 2, 5,   0,   0};
  EXPECT_EQ(encode(results), bytes);
  const auto back = decode_job_results(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, results);
  EXPECT_EQ((*back)[0].words, (*back)[3].words);
  expect_refusals(bytes, decode_job_results);
  // A cause and a place that there are not, and a table without anything.
  std::string other = bytes;
  other[3] = static_cast<char>(static_cast<int>(SendResult::kLastCause) + 1);
  EXPECT_FALSE(decode_job_results(other));
  other = bytes;
  other[21] = 3;
  EXPECT_FALSE(decode_job_results(other));
  EXPECT_FALSE(decode_job_results(std::string("\1\1\0\0", 4)));
}

TEST(JobResults, KeepSoManyWordsAndNoMore) {
  std::vector<JobResult> results;
  for (std::size_t i = 0; i < kJobChunkItemsMax; ++i) {
    results.push_back(refused_with(words_of_test(SendResult::Cause::other, std::to_string(i))));
  }
  auto back = decode_job_results(encode(results));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), results.size());
  EXPECT_EQ((*back)[kRefusalWordsMax - 1], results[kRefusalWordsMax - 1]);
  EXPECT_EQ((*back)[kRefusalWordsMax].words, nullptr);
  EXPECT_EQ((*back)[kRefusalWordsMax].code, Errc::denied);
  const std::string text(RefusalWords::kBytesMax - 3, 'x');
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].words = words_of_test(SendResult::Cause::other, text + std::to_string(i));
  }
  const std::string bytes = encode(results);
  EXPECT_LT(bytes.size(), kRefusalWordsBytesMax + 5 * results.size());
  back = decode_job_results(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ((*back)[10], results[10]);
  EXPECT_EQ((*back)[40].words, nullptr);
}

TEST(JobResults, KeepTheLastSeqThatWasAnotherOne) {
  std::vector<JobResult> results(1);
  results[0].state = JobResult::State::refused;
  results[0].code = Errc::conflict;
  results[0].reason = Reason::last_seq_differs;
  results[0].last_seq = 300;
  const std::string bytes = {1, 0, 1, 3, 4, 101, '\xac', 2};
  EXPECT_EQ(encode(results), bytes);
  EXPECT_EQ(decode_job_results(bytes).value(), results);
  expect_refusals(bytes, decode_job_results);
}

TEST(JobResults, KeepEachErrorUnderItsNumber) {
  const std::string golden = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 12, 13};
  std::string places;
  for (std::uint8_t code = 0; code <= static_cast<std::uint8_t>(Errc::internal); ++code) {
    std::vector<JobResult> results(1);
    results[0].state = JobResult::State::refused;
    results[0].code = static_cast<Errc>(code);
    const std::string bytes = encode(results);
    places += bytes[4];
    EXPECT_EQ(decode_job_results(bytes).value(), results);
  }
  EXPECT_EQ(places, golden);
  EXPECT_FALSE(decode_job_results(std::string("\1\0\1\3\x0f\0", 6)).has_value());
  EXPECT_FALSE(decode_job_results(std::string("\1\0\1\6", 4)).has_value());
}

}  // namespace
}  // namespace jindou::store
