#include "model/ids.h"

#include <gtest/gtest.h>

#include "model/reason.h"

namespace jindou {
namespace {

TEST(MessageId, CarriesCounterAndPartition) {
  for (const std::uint64_t counter : {std::uint64_t{1}, std::uint64_t{4095}, kIdCounterMax}) {
    for (int partition = 0; partition < kPartitionsMax; ++partition) {
      const auto id = message_id_of(counter, static_cast<PartitionId>(partition));
      EXPECT_EQ(counter_of(id), counter);
      EXPECT_EQ(raw(partition_of(id)), partition);
    }
  }
}

TEST(MessageId, IsExactInAJavaScriptNumber) {
  const auto largest = message_id_of(kIdCounterMax, static_cast<PartitionId>(kPartitionsMax - 1));
  EXPECT_LT(raw(largest), std::uint64_t{1} << 53);
}

// The old JavaScript client corrupts ids whose low 32 bits are 0xffffffc0 or more.
TEST(MessageId, LowHalfStaysBelowTheRangeOldClientsCorrupt) {
  const std::uint64_t counter = (std::uint64_t{1} << 22) - 1;  // all counter bits of the low half
  const auto id = message_id_of(counter, static_cast<PartitionId>(kPartitionsMax - 1));
  EXPECT_LT(raw(id) & 0xffffffffU, 0xffffffc0U);
}

TEST(MessageId, IncreasesWithTheCounterWithinAPartition) {
  const auto partition = static_cast<PartitionId>(511);
  EXPECT_LT(raw(message_id_of(1, partition)), raw(message_id_of(2, static_cast<PartitionId>(0))));
}

TEST(Reason, PermissionCodesAreTheDocumentedOnes) {
  for (int code = 0; code < 256; ++code) {
    const bool expected = code == 3 || code == 4 || code == 5 || code == 11 || code == 13 ||
                          code == 19 || code == 24 || code == 25 || code == 100 || code == 102;
    EXPECT_EQ(reason_is_permission(static_cast<Reason>(code)), expected) << code;
    EXPECT_FALSE(reason_text(static_cast<Reason>(code)).empty()) << code;
  }
}

TEST(Reason, WhatRefusesAMessageOrALoginHasAText) {
  for (int code = 0; code < 256; ++code) {
    const auto reason = static_cast<Reason>(code);
    if (reason_is_permission(reason)) {
      EXPECT_TRUE(reason_refuses_message(reason)) << code;
    }
    if (reason_refuses_message(reason) || reason_refuses_login(reason)) {
      EXPECT_NE(reason_text(reason), "unknown") << code;
      EXPECT_NE(reason, Reason::success);
    }
  }
  EXPECT_TRUE(reason_refuses_message(Reason::last_seq_differs));
  EXPECT_FALSE(reason_refuses_message(Reason::auth_fail));
  EXPECT_TRUE(reason_refuses_login(Reason::client_key_is_empty));
}

}  // namespace
}  // namespace jindou
