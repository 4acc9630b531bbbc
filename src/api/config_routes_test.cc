// POST /config/reload: who asked is passed on, and what became of it is the answer.
#include <string>
#include <utility>

#include "api/job_routes_fixture.h"
#include "config/live_settings.h"

namespace jindou::api {
namespace {

class ConfigRoutes : public JobRoutesTest {
 protected:
  void reload_gives(const Result<config::ReloadOutcome>& outcome) {
    services_->deps.ask_for_reload = [this, outcome](std::string asked_by,
                                                     const config::ReloadDone& done) {
      asked_by_ = std::move(asked_by);
      done(outcome);
    };
  }

  std::string asked_by_;
};

TEST_F(ConfigRoutes, TellsWhatWasTakenOverAndWhatWaits) {
  config::ReloadOutcome outcome;
  outcome.report.applied = {"logger.level", "api.statusStyle"};
  outcome.report.waiting = {"api.maxBatch"};
  outcome.warnings = {"ginMode has no effect"};
  reload_gives(outcome);
  const Answer answer = post("/config/reload", "");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, R"({"applied":["logger.level","api.statusStyle"],)"
                         R"("waiting":["api.maxBatch"],"warnings":["ginMode has no effect"]})");
  EXPECT_EQ(asked_by_, R"("by":"open","address":"")");
}

TEST_F(ConfigRoutes, SaysWhyNothingWasTakenOver) {
  config::ReloadOutcome outcome;
  outcome.refused = "api.maxBatch: 'none' is no number";
  reload_gives(outcome);
  const Answer answer = post("/config/reload", "");
  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(text_of(answer.body, "code"), "conflict");
  EXPECT_EQ(text_of(answer.body, "msg"), "nothing changed: api.maxBatch: 'none' is no number");
  reload_gives(Error(Errc::unavailable, "the server stops"));
  EXPECT_EQ(post("/config/reload", "").status, 503U);
  services_->deps.ask_for_reload = nullptr;
  EXPECT_EQ(post("/config/reload", "").status, 503U);
}

TEST_F(ConfigRoutes, TakesNoSettings) {
  reload_gives(config::ReloadOutcome());
  const Answer answer = post("/config/reload", R"({"api.maxBatch":1})");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(text_of(answer.body, "msg"), "takes no body")) << answer.body;
  EXPECT_EQ(asked_by_, "");
}

}  // namespace
}  // namespace jindou::api
