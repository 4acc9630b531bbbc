// Which lines of the audit log are kept, and how they are read back.
#include "observe/audit_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jindou::observe {
namespace {

std::vector<std::uint64_t> ring_numbers(const AuditRing::Page& page) {
  std::vector<std::uint64_t> numbers;
  for (const AuditRing::Line& line : page.lines) numbers.push_back(line.number);
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

TEST(AuditRing, PagesFollowOneAnotherNewestFirst) {
  AuditRing ring(10);
  ring.set_bytes_max(1 << 20);
  for (int i = 0; i < 5; ++i) ring.add(AuditEvent::change, "\"n\":" + std::to_string(i));
  const auto first = ring.read({0, std::nullopt, 2});
  EXPECT_EQ(ring_numbers(first), (Numbers{14, 13}));
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.lines[0].members, "\"n\":4");
  // What comes meanwhile moves nothing.
  ring.add(AuditEvent::change, "");
  const auto second = ring.read({13, std::nullopt, 2});
  EXPECT_EQ(ring_numbers(second), (Numbers{12, 11}));
  EXPECT_TRUE(second.more);
  const auto last = ring.read({11, std::nullopt, 2});
  EXPECT_EQ(ring_numbers(last), (Numbers{10}));
  EXPECT_FALSE(last.more);
  EXPECT_TRUE(ring.read({10, std::nullopt, 2}).lines.empty());
  EXPECT_TRUE(ring.read({1, std::nullopt, 2}).lines.empty());
  EXPECT_EQ(ring_numbers(ring.read({999, std::nullopt, 1})), (Numbers{15}));
}

TEST(AuditRing, OneEventIsPickedOut) {
  AuditRing ring(1);
  ring.set_bytes_max(1 << 20);
  for (const AuditEvent event : {AuditEvent::login, AuditEvent::change, AuditEvent::login}) {
    ring.add(event, "");
  }
  const auto page = ring.read({0, AuditEvent::login, 1});
  EXPECT_EQ(ring_numbers(page), (Numbers{3}));
  EXPECT_TRUE(page.more);
  // What is behind it is of another event: there is no more.
  EXPECT_FALSE(ring.read({0, AuditEvent::change, 1}).more);
  EXPECT_TRUE(ring.read({0, AuditEvent::stop, 1}).lines.empty());
}

TEST(AuditRing, TheOldestGoWhenItIsFull) {
  AuditRing ring(1);
  ring.set_bytes_max(10'000);
  for (int i = 0; i < 1000; ++i) ring.add(AuditEvent::change, std::string(300, 'x'));
  const auto kept = ring.read({0, std::nullopt, 1000});
  EXPECT_GT(kept.lines.size(), 10U);
  EXPECT_LT(kept.lines.size(), 34U);
  EXPECT_EQ(kept.lines.front().number, 1000U);
  // A cursor into what is gone ends the list.
  const auto gone = ring.read({kept.lines.back().number, std::nullopt, 10});
  EXPECT_TRUE(gone.lines.empty());
  EXPECT_FALSE(gone.more);
  // One that is larger than all of it is not kept either.
  ring.add(AuditEvent::change, std::string(20'000, 'x'));
  EXPECT_TRUE(ring.read({0, std::nullopt, 10}).lines.empty());
}

TEST(AuditRing, LessRoomDropsAtOnceAndNoneKeepsNothing) {
  AuditRing ring(1);
  ring.add(AuditEvent::change, "");
  EXPECT_TRUE(ring.read({0, std::nullopt, 10}).lines.empty());
  ring.set_bytes_max(1 << 20);
  for (int i = 0; i < 100; ++i) ring.add(AuditEvent::change, "");
  EXPECT_EQ(ring.read({0, std::nullopt, 1000}).lines.size(), 100U);
  ring.set_bytes_max(1000);
  EXPECT_LT(ring.read({0, std::nullopt, 1000}).lines.size(), 20U);
  ring.set_bytes_max(0);
  EXPECT_TRUE(ring.read({0, std::nullopt, 10}).lines.empty());
}

TEST(AuditEvents, AreFoundByTheirNames) {
  for (const std::string_view name : kAuditEventNames) {
    const auto event = audit_event_of(name);
    ASSERT_TRUE(event) << name;
    EXPECT_EQ(audit_event_name(*event), name);
  }
  EXPECT_FALSE(audit_event_of("nothing"));
  EXPECT_FALSE(audit_event_of(""));
}

}  // namespace
}  // namespace jindou::observe
