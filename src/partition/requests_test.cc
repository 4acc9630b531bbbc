// Who carries out a request that may be repeated, on the real store with its real threads.
#include "partition/requests.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

class RequestClaims : public Core {
 protected:
  ClaimRequest claim_of(std::uint64_t who) const {
    ClaimRequest claim;
    claim.partition = partition_;
    claim.key = key_;
    claim.fingerprint = std::string(store::kRequestKeyBytes, 'f');
    claim.claim = who;
    claim.now_ms = clock_.wall_ms();
    claim.until_ms = claim.now_ms + 10'000;
    claim.expires_s = claim.now_ms / 1000 + 3600;
    claim.numbers = 77;
    return claim;
  }
  FinishRequest finish_of(std::uint64_t who, const std::string& answer) const {
    FinishRequest finish;
    finish.partition = partition_;
    finish.key = key_;
    finish.claim = who;
    finish.status = 200;
    finish.headers = "X: 1\r\n";
    finish.answer = answer;
    return finish;
  }
  Errc refusal(Change what) {
    const auto done = change(std::move(what));
    EXPECT_FALSE(done.has_value());
    return done ? Errc::internal : done.error().code();
  }
  std::optional<store::RequestRecord> stored() {
    auto record = records_->load_request(key_);
    EXPECT_TRUE(record.has_value());
    return record ? *record : std::nullopt;
  }
  std::size_t rows() {
    std::size_t count = 0;
    for (const auto& prefix :
         {store::request_prefix(partition_), store::request_expiry_prefix(partition_)}) {
      EXPECT_TRUE(database_
                      ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                             [&count](auto, auto) {
                               ++count;
                               return true;
                             })
                      .has_value());
    }
    return count;
  }

  std::string key_ = std::string(store::kRequestKeyBytes, 'k');
  PartitionId partition_ = PartitionMap(4).of_request(key_);
};

TEST_F(RequestClaims, OneHasItUntilItIsAnsweredAndThenNobody) {
  EXPECT_FALSE(stored().has_value());
  ASSERT_TRUE(change(claim_of(1)).has_value());
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict);
  EXPECT_TRUE(change(claim_of(1)).has_value()) << "it has it already";
  EXPECT_EQ(refusal(finish_of(2, "other")), Errc::conflict);
  ASSERT_TRUE(change(finish_of(1, "[]")).has_value());
  EXPECT_EQ(refusal(claim_of(1)), Errc::conflict);
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict);
  EXPECT_EQ(refusal(finish_of(1, "again")), Errc::conflict);
  const auto record = stored();
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(record->finished);
  EXPECT_EQ(record->status, 200);
  EXPECT_EQ(record->headers, "X: 1\r\n");
  EXPECT_EQ(record->answer, "[]");
}

TEST_F(RequestClaims, OfManyAtOnceOneGetsIt) {
  std::vector<std::promise<Result<void>>> outcomes(50);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_TRUE(router_
                    ->post_change(claim_of(i + 1),
                                  [&outcome = outcomes[i]](Result<void> done) {
                                    outcome.set_value(std::move(done));
                                  })
                    .has_value());
  }
  std::size_t claimed = 0;
  for (auto& outcome : outcomes) claimed += outcome.get_future().get().has_value() ? 1 : 0;
  EXPECT_EQ(claimed, 1U);
}

TEST_F(RequestClaims, WhoIsGoneLosesIt) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  clock_.now_ms += 9'999;
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict);
  clock_.now_ms += 1;
  ASSERT_TRUE(change(claim_of(2)).has_value());
  EXPECT_EQ(refusal(finish_of(1, "late")), Errc::conflict);
  ASSERT_TRUE(change(ReleaseRequest{partition_, key_, 1}).has_value()) << "not its own: nothing";
  EXPECT_TRUE(change(finish_of(2, "[]")).has_value());
  EXPECT_EQ(rows(), 2U);
}

TEST_F(RequestClaims, WhatWasLetGoIsFreeForItsRepeat) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  ASSERT_TRUE(change(ReleaseRequest{partition_, key_, 1}).has_value());
  ClaimRequest other = claim_of(2);
  other.fingerprint = std::string(store::kRequestKeyBytes, 'o');
  EXPECT_EQ(refusal(other), Errc::conflict) << "a part of the first may be stored";
  EXPECT_TRUE(change(claim_of(2)).has_value());
  EXPECT_EQ(rows(), 2U);
}

TEST_F(RequestClaims, ItsNumbersStayUntilItsTimeIsOver) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  clock_.now_ms += 20'000;
  ClaimRequest other = claim_of(2);
  other.numbers = 78;
  EXPECT_EQ(refusal(other), Errc::conflict);
  EXPECT_EQ(stored()->numbers, 77U);
  clock_.now_ms += 3'600'000;
  other = claim_of(2);
  other.numbers = 78;
  EXPECT_TRUE(change(other).has_value());
  EXPECT_EQ(stored()->numbers, 78U);
}

TEST_F(RequestClaims, AClockThatWasSetBackKeepsNobodyOut) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  clock_.now_ms -= 30'000;
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict) << "clocks of nodes may differ so much";
  clock_.now_ms -= 3'600'000;
  EXPECT_TRUE(change(claim_of(2)).has_value());
}

TEST_F(RequestClaims, AnotherRequestDoesNotGetTheKey) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  clock_.now_ms += 20'000;
  ClaimRequest other = claim_of(2);
  other.fingerprint = std::string(store::kRequestKeyBytes, 'o');
  EXPECT_EQ(refusal(other), Errc::conflict) << "even when who had it is gone";
  clock_.now_ms += 3'600'000;
  other.now_ms = clock_.wall_ms();
  other.expires_s = other.now_ms / 1000 + 3600;
  EXPECT_TRUE(change(other).has_value()) << "its time is over";
  EXPECT_EQ(rows(), 2U);
}

TEST_F(RequestClaims, AreKeptOverARestart) {
  ASSERT_TRUE(change(claim_of(1)).has_value());
  close();
  open();
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict);
  ASSERT_TRUE(change(finish_of(1, "[]")).has_value());
  close();
  open();
  EXPECT_EQ(refusal(claim_of(2)), Errc::conflict);
  EXPECT_EQ(stored()->answer, "[]");
}

TEST_F(RequestClaims, AreReclaimedWhenTheirTimeIsOver) {
  const ClaimRequest first = claim_of(1);
  ASSERT_TRUE(change(first).has_value());
  const std::string expiry = store::request_expiry_key(partition_, first.expires_s, key_);
  ASSERT_TRUE(change(ReclaimRequests{partition_, {expiry}, first.expires_s - 1}).has_value());
  EXPECT_EQ(rows(), 2U) << "not yet";
  // Claimed anew, it is kept for longer.
  clock_.now_ms += 20'000;
  ASSERT_TRUE(change(claim_of(2)).has_value());
  ASSERT_TRUE(change(ReclaimRequests{partition_, {expiry}, first.expires_s}).has_value());
  EXPECT_EQ(rows(), 2U);
  const std::string later = store::request_expiry_key(partition_, first.expires_s + 20, key_);
  ASSERT_TRUE(change(ReclaimRequests{partition_, {later}, first.expires_s + 20}).has_value());
  EXPECT_EQ(rows(), 0U);
}

}  // namespace
}  // namespace jindou::partition
