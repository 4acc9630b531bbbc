#include "caller/job_text.h"

#include <gtest/gtest.h>

#include <string>

#include "caller/jobs_options.h"

namespace jindou::caller {
namespace {

constexpr const char* kRunning =
    R"({"id":"j1","name":"Spring","state":"running","items":5000,"accepted":1400,"duplicate":97,)"
    R"("refused":3,"unknown":0,"pending":3500,"items_per_second":10,"recent_per_second":1750})";

TEST(JobText, TellsHowFarItIs) {
  const auto job = parse_job(kRunning);
  ASSERT_TRUE(job);
  EXPECT_EQ(progress_text(*job), "running: 1,500 of 5,000 (30 %), 3 refused, 1,750/s, 2s left");
  JobView paused = *job;
  paused.state = "paused";
  paused.reason = "canary\x1b[2J";
  paused.unknown = 1;
  EXPECT_EQ(progress_text(paused),
            "paused (canary?[2J): 1,500 of 5,000 (30 %), 3 refused, 1 unknown");
  JobView fresh;
  fresh.state = "uploading";
  EXPECT_EQ(progress_text(fresh), "uploading: 0 of 0");
  EXPECT_EQ(end_code(*job), kNotFinished);
}

TEST(JobText, TellsHowItEnded) {
  JobView job;
  job.state = "done";
  job.items = job.sent = 5000;
  EXPECT_EQ(end_text(job), "done: 5,000 sent, of 5,000");
  EXPECT_EQ(end_code(job), kAllSent);
  job.sent = 4998;
  job.refused = 2;
  EXPECT_EQ(end_text(job), "done: 4,998 sent, 2 refused, of 5,000");
  EXPECT_EQ(end_code(job), kSomeRefused);
  job.state = "failed";
  job.reason = "too many";
  EXPECT_EQ(end_text(job), "failed (too many): 4,998 sent, 2 refused, of 5,000");
  for (const char* state : {"failed", "cancelled", "deleted"}) {
    job.state = state;
    EXPECT_EQ(end_code(job), kEndedEarly);
  }
  EXPECT_EQ(end_text(job), "the job was deleted");
  job.state = "done";
  job.kind = "recall";
  EXPECT_EQ(end_text(job), "done (too many): 4,998 recalled, 2 refused, of 5,000");
}

TEST(JobText, TellsWhomItHasReached) {
  const auto running = parse_job(
      R"({"id":"j1","state":"running","items":10,"accepted":5,"pending":5,"fanned_out":4,)"
      R"("pushed_online":1200,"left_offline":30,"recent_per_second":5})");
  ASSERT_TRUE(running);
  const std::string reach = "; pushed to 1,200 online, left for 30 offline";
  EXPECT_EQ(progress_text(*running), "running: 5 of 10 (50 %), 5/s, 1s left" + reach);
  JobView ended = *running;
  ended.state = "paused";
  EXPECT_EQ(progress_text(ended), "paused: 5 of 10 (50 %)" + reach);
  ended.state = "cancelled";
  EXPECT_EQ(end_text(ended), "cancelled: 5 sent, of 10" + reach);
}

TEST(JobText, WhatIsNoJobIsRefused) {
  for (const char* json : {"", "[]", "{}", "7", R"({"id":"x"})", R"({"state":"done"})"}) {
    EXPECT_FALSE(parse_job(json)) << json;
  }
  bool more = false;
  for (const char* json : {"", "[]", "{}", R"({"jobs":7})", R"({"jobs":[7]})"}) {
    EXPECT_FALSE(parse_jobs(json, more)) << json;
  }
}

TEST(JobText, ListsThem) {
  bool more = false;
  const auto jobs = parse_jobs(
      std::string(R"({"jobs":[)") + kRunning + R"(,{"id":"j2","state":"done"}],"more":1})", more);
  ASSERT_TRUE(jobs);
  EXPECT_TRUE(more);
  EXPECT_EQ(table_of(*jobs),
            "ID  STATE    ITEMS  SENT  REFUSED  NAME\n"
            "j1  running  5000   1497  3        Spring\n"
            "j2  done     0      0     0\n");
}

}  // namespace
}  // namespace jindou::caller
