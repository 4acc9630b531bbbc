#include "caller/jobs_options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace jindou::caller {
namespace {

using Command = JobsOptions::Command;

const std::string kJob = "018bcfe5680000000000000000000001";

// What is wrong with the command line; empty: nothing.
std::string parse(std::vector<std::string> words, JobsOptions& options) {
  CLI::App app;
  add_options(app, options);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  const auto completed = complete(options);
  return completed ? "" : completed.error().detail();
}

TEST(JobsOptions, EachCommandHasItsFlags) {
  for (const Command command : {Command::show, Command::watch, Command::pause, Command::resume,
                                Command::cancel, Command::retry, Command::results}) {
    JobsOptions options;
    EXPECT_EQ(parse({command_name(command), kJob, "--url", "http://h:1/", "--token", "t"}, options),
              "");
    EXPECT_EQ(options.command, command);
    EXPECT_EQ(options.job, kJob);
    EXPECT_EQ(options.url, "http://h:1");
    EXPECT_EQ(options.token, "t");
  }
  JobsOptions options;
  EXPECT_EQ(
      parse({"list", "--state", "failed", "--limit", "5", "--before", kJob, "--json"}, options),
      "");
  EXPECT_EQ(options.command, Command::list);
  EXPECT_EQ(options.state, "failed");
  EXPECT_EQ(options.limit, 5U);
  EXPECT_EQ(options.before, kJob);
  EXPECT_TRUE(options.json);
  options = {};
  EXPECT_EQ(parse({"results", kJob, "--status", "refused", "--from", "7"}, options), "");
  EXPECT_EQ(options.status, "refused");
  EXPECT_EQ(options.from, 7U);
  options = {};
  EXPECT_EQ(parse({"retry", kJob, "--only-failed"}, options), "");
  EXPECT_TRUE(options.only_failed);
}

TEST(JobsOptions, OnlyWatchingIsPatient) {
  JobsOptions options;
  EXPECT_EQ(parse({"watch", kJob, "--patience", "7"}, options), "");
  EXPECT_EQ(options.patience, 7);
  for (const Command command : {Command::show, Command::pause, Command::resume, Command::cancel,
                                Command::retry, Command::results}) {
    EXPECT_NE(parse({command_name(command), kJob, "--patience", "7"}, options), "")
        << command_name(command);
  }
  EXPECT_NE(parse({"list", "--patience", "7"}, options), "");
}

TEST(JobsOptions, WhatIsWrongIsSaid) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"explode"},
      {"show"},
      {"show", "x"},
      {"show", kJob, "more"},
      {"list", "--state", "asleep"},
      {"list", "--limit", "0"},
      {"list", "--before", "x"},
      {"results", kJob, "--status", "odd"},
      {"results", kJob, "--from", "-1"},
      {"results", kJob, "--json"},
      {"watch", kJob, "--progress", "loud"},
      {"list", "--url", "h:1"},
  };
  for (const auto& words : wrong) {
    JobsOptions options;
    EXPECT_NE(parse(words, options), "") << testing::PrintToString(words);
  }
}

}  // namespace
}  // namespace jindou::caller
