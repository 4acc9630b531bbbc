// Who asks for a reload is answered once: with what became of it, or that there is none.
#include "app/reload_requests.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::app {
namespace {

class ReloadRequestsTest : public testing::Test {
 protected:
  void ask(const std::string& asked_by) {
    requests_.ask(asked_by, [this, asked_by](const Result<config::ReloadOutcome>& outcome) {
      answers_.push_back(
          asked_by + ": " +
          (outcome ? outcome->refused : std::string(errc_name(outcome.error().code()))));
    });
  }
  void serve() {
    requests_.serve([this](std::string_view asked_by) {
      ++reloads_;
      config::ReloadOutcome outcome;
      outcome.refused = "no " + std::string(asked_by);
      return outcome;
    });
  }

  std::size_t wakes_ = 0;
  std::size_t reloads_ = 0;
  std::vector<std::string> answers_;
  ReloadRequests requests_{[this] { ++wakes_; }};
};

using Answers = std::vector<std::string>;

TEST_F(ReloadRequestsTest, EachIsServedOnceInItsOrder) {
  ask("a");
  ask("b");
  EXPECT_EQ(wakes_, 2U);
  EXPECT_TRUE(answers_.empty());
  serve();
  EXPECT_EQ(answers_, (Answers{"a: no a", "b: no b"}));
  serve();
  EXPECT_EQ(reloads_, 2U);
}

TEST_F(ReloadRequestsTest, OfTooManyTheLastAreRefused) {
  for (std::size_t i = 0; i < ReloadRequests::kWaitingMax; ++i) ask("early");
  ask("late");
  EXPECT_EQ(answers_, (Answers{"late: overloaded"}));
  serve();
  EXPECT_EQ(reloads_, ReloadRequests::kWaitingMax);
  ask("later");
  serve();
  EXPECT_EQ(answers_.back(), "later: no later");
}

TEST_F(ReloadRequestsTest, AtTheEndEverybodyIsTold) {
  ask("waits");
  requests_.close();
  EXPECT_EQ(answers_, (Answers{"waits: unavailable"}));
  ask("comes");
  EXPECT_EQ(answers_.back(), "comes: unavailable");
  serve();
  EXPECT_EQ(reloads_, 0U);
}

}  // namespace
}  // namespace jindou::app
