// The records of logs survive the way to bytes and back; their bytes are pinned; damage is an
// error.
#include "store/transaction_records.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace jindou::store {
namespace {

PreparedCommit sample_prepared() {
  PreparedCommit record;
  record.transaction = {300, 7};
  record.coordinator = PartitionId{1};
  record.participants = {{PartitionId{1}, 9}, {PartitionId{200}, 1000}};
  record.batch = "rows";
  return record;
}

TEST(LogRecords, KeepEverything) {
  const auto plain = decode_commit_log_record(encode(PlainCommit{12, "rows"}));
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(std::get<PlainCommit>(*plain).expected_position, 12U);
  EXPECT_EQ(std::get<PlainCommit>(*plain).batch, "rows");

  const auto prepared = decode_commit_log_record(encode(sample_prepared()));
  ASSERT_TRUE(prepared.has_value());
  const auto& read = std::get<PreparedCommit>(*prepared);
  EXPECT_EQ(read.transaction, sample_prepared().transaction);
  EXPECT_EQ(read.coordinator, sample_prepared().coordinator);
  EXPECT_EQ(read.participants, sample_prepared().participants);
  EXPECT_EQ(read.batch, "rows");

  for (const bool commits : {true, false}) {
    const auto decision = decode_commit_log_record(encode(TransactionDecision{{300, 7}, commits}));
    ASSERT_TRUE(decision.has_value());
    EXPECT_EQ(std::get<TransactionDecision>(*decision).commits, commits);
    EXPECT_EQ(std::get<TransactionDecision>(*decision).transaction, (TransactionId{300, 7}));
  }
}

TEST(LogRecords, HaveTheseBytes) {
  EXPECT_EQ(encode(PlainCommit{300, "rows"}), std::string("\x01\x01\x00\xac\x02\x04rows", 10));
  EXPECT_EQ(encode(sample_prepared()),
            std::string("\x01\x02\x00\xac\x02\x07\x01\x02\x01\x09\xc8\x01\xe8\x07\x04rows", 19));
  EXPECT_EQ(encode(TransactionDecision{{300, 7}, true}),
            std::string("\x01\x03\x01\xac\x02\x07", 6));
  EXPECT_EQ(encode(TransactionDecision{{300, 7}, false}),
            std::string("\x01\x03\x00\xac\x02\x07", 6));
}

TEST(LogRecords, WhatIsCutOffOrTooLongIsAnError) {
  for (const std::string& whole : {encode(PlainCommit{300, "rows"}), encode(sample_prepared()),
                                   encode(TransactionDecision{{300, 7}, true})}) {
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      EXPECT_FALSE(decode_commit_log_record(whole.substr(0, bytes)).has_value()) << bytes;
    }
    EXPECT_FALSE(decode_commit_log_record(whole + "x").has_value());
  }
}

TEST(LogRecords, WhatANewerVersionWritesIsAnError) {
  std::string format = encode(sample_prepared());
  format[0] = 2;
  std::string kind = encode(sample_prepared());
  kind[1] = 4;
  std::string flags = encode(sample_prepared());
  flags[2] = 1;
  std::string decision = encode(TransactionDecision{{300, 7}, true});
  decision[2] = 3;
  for (const std::string& bytes : {format, kind, flags, decision}) {
    const auto read = decode_commit_log_record(bytes);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code(), Errc::storage);
  }
}

TEST(LogRecords, ParticipantsAreInOrderAndHaveTheCoordinator) {
  PreparedCommit twice = sample_prepared();
  twice.participants[1].partition = PartitionId{1};
  EXPECT_FALSE(decode_commit_log_record(encode(twice)).has_value());
  PreparedCommit elsewhere = sample_prepared();
  elsewhere.coordinator = PartitionId{3};
  EXPECT_FALSE(decode_commit_log_record(encode(elsewhere)).has_value());
  PreparedCommit nobody = sample_prepared();
  nobody.participants.clear();
  EXPECT_FALSE(decode_commit_log_record(encode(nobody)).has_value());
}

}  // namespace
}  // namespace jindou::store
