#include "runtime/thread_owner.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/assert.h"

namespace jindou::runtime {
namespace {

bool asks_elsewhere(const ThreadOwner& owner) {
  bool answer = false;
  std::thread other([&] { answer = owner.is_this_thread(); });
  other.join();
  return answer;
}

// The first to ask is the owner, and nobody else is.
TEST(ThreadOwner, IsTheFirstThreadThatAsks) {
  const ThreadOwner owner;
  EXPECT_TRUE(owner.is_this_thread());
  EXPECT_FALSE(asks_elsewhere(owner));
  EXPECT_TRUE(owner.is_this_thread());
}

// Made here, used there: the constructor owns nothing.
TEST(ThreadOwner, IsNotTheThreadThatMadeIt) {
  const ThreadOwner owner;
  bool first = false;
  bool again = false;
  std::thread other([&] {
    first = owner.is_this_thread();
    again = owner.is_this_thread();
  });
  // While the other lives nobody can have its address.
  other.join();
  EXPECT_TRUE(first);
  EXPECT_TRUE(again);
  EXPECT_FALSE(owner.is_this_thread());
}

// Handed over by the owner; nobody else can give it away.
TEST(ThreadOwner, IsHandedOverByTheOwnerOnly) {
  ThreadOwner owner;
  ASSERT_TRUE(owner.is_this_thread());
  bool taken = true;
  std::thread thief([&] { taken = owner.let_go(); });
  thief.join();
  EXPECT_FALSE(taken);
  EXPECT_TRUE(owner.is_this_thread());

  EXPECT_TRUE(owner.let_go());
  EXPECT_TRUE(asks_elsewhere(owner));
  EXPECT_FALSE(owner.is_this_thread());
}

// What the users of it do: a call from a thread that does not own the object ends the process.
TEST(ThreadOwnerDeathTest, ACallFromAnotherThreadEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const ThreadOwner owner;
        JD_ASSERT(owner.is_this_thread());
        std::thread([&] { JD_ASSERT(owner.is_this_thread()); }).join();
      },
      "assertion failed: owner.is_this_thread\\(\\) at .*thread_owner_test.cc");
}

}  // namespace
}  // namespace jindou::runtime
