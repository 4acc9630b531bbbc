#include "caller/lookup_options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

namespace jindou::caller {
namespace {

// What is wrong with the command line; empty: nothing.
template <class Options>
std::string problem_in(std::vector<std::string> words, Options& options) {
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

TEST(LookupOptions, OfChannels) {
  ChannelOptions options;
  EXPECT_EQ(problem_in({"list", "--type", "2", "--prefix", "g", "--limit", "7", "--json", "--url",
                        "http://h:1/", "--token", "t"},
                       options),
            "");
  EXPECT_EQ(options.command, ChannelOptions::Command::list);
  EXPECT_EQ(options.type, 2U);
  EXPECT_EQ(options.prefix, "g");
  EXPECT_EQ(options.limit, 7U);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.url, "http://h:1");
  EXPECT_EQ(options.token, "t");
  for (const auto command : {ChannelOptions::Command::show, ChannelOptions::Command::subscribers,
                             ChannelOptions::Command::denylist, ChannelOptions::Command::allowlist,
                             ChannelOptions::Command::messages}) {
    options = {};
    // The name of a command is an id like any other.
    EXPECT_EQ(problem_in({command_name(command), "show", "3"}, options), "");
    EXPECT_EQ(options.command, command);
    EXPECT_EQ(options.id, "show");
    EXPECT_EQ(options.type, 3U);
  }
  EXPECT_EQ(options.last, 20U);
  EXPECT_EQ(problem_in({"messages", "g", "2", "--last", "5"}, options), "");
  EXPECT_EQ(options.last, 5U);
}

TEST(LookupOptions, OfUsers) {
  UserOptions options;
  EXPECT_EQ(problem_in({"list", "--prefix", "a"}, options), "");
  EXPECT_EQ(options.command, UserOptions::Command::list);
  EXPECT_EQ(options.limit, 0U);
  for (const auto command :
       {UserOptions::Command::show, UserOptions::Command::kick, UserOptions::Command::quit,
        UserOptions::Command::ban, UserOptions::Command::unban}) {
    options = {};
    EXPECT_EQ(problem_in({command_name(command), "ann"}, options), "");
    EXPECT_EQ(options.command, command);
    EXPECT_EQ(options.uid, "ann");
    EXPECT_EQ(options.device_flag, -1);
  }
  EXPECT_EQ(problem_in({"quit", "ann", "--device-flag", "0"}, options), "");
  EXPECT_EQ(options.device_flag, 0);
}

TEST(LookupOptions, OfConnections) {
  ConnOptions options;
  EXPECT_EQ(problem_in({"list", "--sort", "pendingBytesDesc", "--offset", "100"}, options), "");
  EXPECT_EQ(options.sort, "pendingBytesDesc");
  EXPECT_EQ(options.offset, 100U);
  EXPECT_EQ(options.limit, 100U);
  options = {};
  EXPECT_EQ(problem_in({"kick", "9007199254740993"}, options), "");
  EXPECT_EQ(options.command, ConnOptions::Command::kick);
  EXPECT_EQ(options.id, 9007199254740993U);
  options = {};
  EXPECT_EQ(problem_in({"kick", "--uid", "ann", "--device-flag", "1"}, options), "");
  EXPECT_EQ(options.id, 0U);
  EXPECT_EQ(options.uid, "ann");
  EXPECT_EQ(options.device_flag, 1);
}

TEST(LookupOptions, WhatIsWrongIsSaid) {
  const std::vector<std::vector<std::string>> channel = {
      {},
      {"explode"},
      {"show", "g"},
      {"show", "g", "0"},
      {"show", "g", "256"},
      {"show", "g", "group"},
      {"show", "g", "2", "more"},
      {"list", "--type", "0"},
      {"list", "--limit", "-1"},
      {"messages", "g", "2", "--last", "0"},
      {"list", "--url", "h:1"},
  };
  for (const auto& words : channel) {
    ChannelOptions options;
    EXPECT_NE(problem_in(words, options), "") << testing::PrintToString(words);
  }
  const std::vector<std::vector<std::string>> user = {
      {},
      {"show"},
      {"ban", "a@b"},
      {"ban", ""},
      {"kick", "ann", "--device-flag", "256"},
      {"kick", "ann", "--device-flag", "-1"},
      {"ban", "ann", "--device-flag", "1"},
      {"show", "ann", "--url", "h:1"},
  };
  for (const auto& words : user) {
    UserOptions options;
    EXPECT_NE(problem_in(words, options), "") << testing::PrintToString(words);
  }
  const std::vector<std::vector<std::string>> conn = {
      {},
      {"kick"},
      {"kick", "0"},
      {"kick", "x"},
      {"kick", "7", "--uid", "ann"},
      {"kick", "7", "--device-flag", "1"},
      {"kick", "--uid", "a@b"},
      {"list", "--sort", "age"},
      {"list", "--limit", "0"},
      {"list", "--offset", "-1"},
      {"list", "--uid", "ann", "--limit", "5"},
  };
  for (const auto& words : conn) {
    ConnOptions options;
    EXPECT_NE(problem_in(words, options), "") << testing::PrintToString(words);
  }
}

}  // namespace
}  // namespace jindou::caller
