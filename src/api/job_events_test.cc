// GET /jobs/{id}/events: who listens hears how a job goes on, and when it has ended.
#include "api/job_events.h"

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "api/job_routes_fixture.h"

namespace jindou::api {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

class JobEventsTest : public JobRoutesTest {
 protected:
  void SetUp() override {
    JobRoutesTest::SetUp();
    set(100, 10ms, 1h);
  }
  void set(std::size_t listeners, std::chrono::milliseconds interval,
           std::chrono::milliseconds heartbeat) {
    ApiOptions options;
    options.job_events = {listeners, interval, heartbeat};
    configure(options);
  }
  std::string make(const char* target = kLater) {
    return id_of(post(target, "[" + item("", "g1") + "," + item("", "g1") + "]"));
  }
  // In another thread, until the answer is over.
  struct Listener {
    ScriptedStream stream{{}};
    std::future<Answer> answer;
  };
  std::unique_ptr<Listener> listen(const std::string& id, const Headers& headers = {}) {
    auto listener = std::make_unique<Listener>();
    listener->answer = std::async(std::launch::async, [this, id, headers, to = listener.get()] {
      return call(Verb::get, "/jobs/" + id + "/events", "", "", headers, &to->stream);
    });
    return listener;
  }
  static void wait_writes(const Listener& listener, std::size_t least) {
    while (listener.stream.writes() < least) std::this_thread::sleep_for(1ms);
  }
};

TEST_F(JobEventsTest, AJobIsFollowedToItsEnd) {
  const std::string id = make();
  const auto listener = listen(id);
  wait_writes(*listener, 1);
  act(id, "pause");
  wait_writes(*listener, 2);
  act(id, "cancel");
  const Answer answer = listener->answer.get();
  EXPECT_EQ(answer.status, 200U);
  EXPECT_TRUE(has(answer.headers, "Cache-Control: no-cache\r\n")) << answer.headers;
  const std::string& text = listener->stream.written();
  EXPECT_TRUE(text.starts_with("retry: 2000\nid: ")) << text;
  const std::string begin = "data: {\"id\":\"" + id + "\",\"batch_id\":\"" + id + "\",\"state\":\"";
  const auto ready = text.find("event: progress\n" + begin + "ready\"");
  const auto paused = text.find("event: progress\n" + begin + "paused\"");
  const auto end = text.find("event: end\n" + begin + "cancelled\"");
  EXPECT_LT(ready, paused) << text;
  EXPECT_LT(paused, end) << text;
  EXPECT_NE(end, std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("}\n\n")) << text;
}

TEST_F(JobEventsTest, OneThatHasEndedIsToldAtOnceAndOnlyOnce) {
  const std::string id = make(kAsync);
  const std::string done = wait_for(id, "done");
  EXPECT_TRUE(has(done, "\"commit_ms\":{\"p50\":")) << done;
  const auto first = listen(id);
  first->answer.get();
  const std::string& text = first->stream.written();
  EXPECT_EQ(first->stream.writes(), 1U);
  EXPECT_TRUE(has(text, "event: end\ndata: " + done + "\n\n")) << text;
  const auto at = text.find("id: ") + 4;
  const std::string last = text.substr(at, text.find('\n', at) - at);
  const auto again = listen(id, {{"Last-Event-ID", last}});
  EXPECT_EQ(again->answer.get().status, 204U);
  EXPECT_EQ(again->stream.writes(), 0U);
  // Of anything else that is said nothing comes.
  for (const std::string other : {"0", "none of ours", "18446744073709551616"}) {
    const auto told = listen(id, {{"Last-Event-ID", other}});
    EXPECT_EQ(told->answer.get().status, 200U);
    EXPECT_EQ(told->stream.written(), text);
  }
}

TEST_F(JobEventsTest, ADeletedJobIsGone) {
  const std::string id = make();
  set(100, 100ms, 1h);
  const auto listener = listen(id);
  wait_writes(*listener, 1);
  act(id, "cancel");
  EXPECT_EQ(call(Verb::delete_, "/jobs/" + id).status, 200U);
  listener->answer.get();
  const std::string& text = listener->stream.written();
  const bool told = has(text, R"("state":"deleted"})") || has(text, R"("state":"cancelled")");
  EXPECT_TRUE(told) << text;
  EXPECT_TRUE(has(text, "event: end\n")) << text;
}

TEST_F(JobEventsTest, WhoHearsNothingHearsThat) {
  set(100, 5ms, 20ms);
  const std::string id = make();
  const auto listener = listen(id);
  wait_writes(*listener, 4);
  EXPECT_EQ(services_->job_listeners, 1U);
  listener->stream.make_deaf();
  listener->answer.get();
  EXPECT_TRUE(listener->stream.written().ends_with("}\n\n:\n\n:\n\n:\n\n"));
  EXPECT_EQ(services_->job_listeners, 0U);
}

TEST_F(JobEventsTest, ThereAreAsManyListenersAsThereMayBe) {
  const std::string id = make();
  set(1, 10ms, 1h);
  const auto first = listen(id);
  wait_writes(*first, 1);
  const auto second = listen(id);
  const Answer refused = second->answer.get();
  EXPECT_EQ(refused.status, 429U);
  EXPECT_TRUE(has(refused.body, "jobs.eventListeners")) << refused.body;
  first->stream.make_deaf();
  first->answer.get();
  const auto third = listen(id);
  wait_writes(*third, 1);
  third->stream.make_deaf();
  EXPECT_EQ(third->answer.get().status, 200U);
}

TEST_F(JobEventsTest, OfAnUnknownJobThereAreNone) {
  EXPECT_EQ(listen("018bcfe5680000000000000000000001")->answer.get().status, 404U);
  EXPECT_EQ(services_->job_listeners, 0U);
}

TEST(ReachWaitTest, IsThatOfEachEnd) {
  ReachWait wait;
  Job job;
  job.counts.accepted = 1;
  job.state = JobState::running;
  EXPECT_FALSE(wait.goes_on(TimePoint(1s), job));
  job.state = JobState::failed;
  EXPECT_TRUE(wait.goes_on(TimePoint(2s), job));
  EXPECT_TRUE(wait.goes_on(TimePoint(3s), job));
  // It is tried again, which is seen, or has ended once more by then.
  job.state = JobState::running;
  EXPECT_FALSE(wait.goes_on(TimePoint(10s), job));
  job.state = JobState::failed;
  EXPECT_TRUE(wait.goes_on(TimePoint(11s), job));
  job.pass = 2;
  EXPECT_TRUE(wait.goes_on(TimePoint(20s), job));
  EXPECT_FALSE(wait.goes_on(TimePoint(22s), job));
  // There is nothing to wait for.
  job.pass = 3;
  job.reach.messages = 1;
  EXPECT_FALSE(wait.goes_on(TimePoint(30s), job));
}

TEST(SeenPaceTest, IsThatOfTheLastLooks) {
  SeenPace pace;
  Job job;
  EXPECT_FALSE(pace.per_second().has_value());
  pace.see(TimePoint(0s), job);
  EXPECT_FALSE(pace.per_second().has_value());
  job.cursor = 300;
  pace.see(TimePoint(2s), job);
  EXPECT_EQ(pace.per_second(), 150U);
  // What was long ago does not count.
  for (int i = 0; i < 10; ++i) pace.see(TimePoint(3s + i * 1s), job);
  EXPECT_EQ(pace.per_second(), 0U);
  // Another pass begins anew.
  job.pass = 2;
  job.cursor = 0;
  pace.see(TimePoint(20s), job);
  EXPECT_FALSE(pace.per_second().has_value());
}

}  // namespace
}  // namespace jindou::api
