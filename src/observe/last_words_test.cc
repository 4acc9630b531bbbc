#include "observe/last_words.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include "base/assert.h"

namespace jindou::observe {
namespace {

TEST(LastWords, NameTheAssertion) {
  EXPECT_DEATH(
      {
        install_last_words();
        JD_ASSERT(1 + 1 == 3);
      },
      "assertion failed: 1 \\+ 1 == 3 at .*last_words_test.cc");
}

void call_noexcept(void (*f)()) noexcept { f(); }

TEST(LastWords, NameTheException) {
  EXPECT_DEATH(
      {
        install_last_words();
        call_noexcept([] { throw std::runtime_error("a surprise"); });
      },
      "nobody caught: a surprise");
}

// Standard error is full and nobody reads it: the process ends all the same.
TEST(LastWords, AreGivenUpWhenNobodyReads) {
  EXPECT_EXIT(
      {
        install_last_words();
        int ends[2];
        if (::pipe(ends) != 0) std::_Exit(1);
        ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
        if (::write(ends[1], std::string(4096, '.').data(), 4096) != 4096) std::_Exit(1);
        ::dup2(ends[1], STDERR_FILENO);
        JD_ASSERT(1 + 1 == 3);
      },
      ::testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace jindou::observe
