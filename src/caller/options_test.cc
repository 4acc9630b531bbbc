#include "caller/options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>

namespace jindou::caller {
namespace {

std::string problem_of(SendOptions options) {
  const auto done = complete(options);
  return done ? "" : done.error().detail();
}

TEST(SendOptionsTest, WhatGoesTogether) {
  EXPECT_EQ(problem_of({}), "");
  SendOptions options;
  options.url = "127.0.0.1:5001";
  EXPECT_NE(problem_of(options).find("--url wants http://"), std::string::npos);
  options.url = "https://";
  EXPECT_NE(problem_of(options), "");
  options.url = "https://im.example.com/api//";
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.url, "https://im.example.com/api");
  options = {};
  options.template_name = "a";
  options.payload = "b";
  EXPECT_NE(problem_of(options).find("not both"), std::string::npos);
  options = {};
  options.dry_run = true;
  options.resume_file = "r";
  EXPECT_NE(problem_of(options).find("--dry-run"), std::string::npos);
}

TEST(SendOptionsTest, ATextShowsNoPasswordOfTheUrl) {
  SendOptions options;
  options.url = "https://u:geheim@im.example.com/api?token=geheim";
  EXPECT_EQ(shown_url(options), "https://***@im.example.com/api?token=***");
  options.url = "ftp://u:geheim@im.example.com";
  EXPECT_NE(problem_of(options).find("\"ftp://***@im.example.com\""), std::string::npos);
}

TEST(SendOptionsTest, TheTokenIsFound) {
  const std::string file = testing::TempDir() + "token_" + std::to_string(::getpid());
  std::ofstream(file) << "from file\r\nmore\n";
  ASSERT_EQ(::setenv("JINDOU_TOKEN", "from environment", 1), 0);
  SendOptions options;
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.token, "from environment");
  options = {};
  options.token_file = file;
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.token, "from file");
  EXPECT_EQ(request_headers(options, "a/b"),
            (std::vector<std::string>{"Content-Type: a/b", "token: from file"}));
  options = {};
  options.token = "from flag";
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.token, "from flag");
  options.token_file = file;
  EXPECT_NE(problem_of(options).find("--token or --token-file"), std::string::npos);
  ::unsetenv("JINDOU_TOKEN");
  options = {};
  options.token_file = file + ".none";
  EXPECT_NE(problem_of(options).find("--token-file"), std::string::npos);
  std::ofstream(file) << "\n";
  options.token_file = file;
  EXPECT_NE(problem_of(options).find("first line is empty"), std::string::npos);
  options = {};
  options.token = "a\nb: c";
  EXPECT_NE(problem_of(options).find("token"), std::string::npos);
  options = {};
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(request_headers(options, "a/b").size(), 1U);
  ::unlink(file.c_str());
}

TEST(SendOptionsTest, FlagsAreRead) {
  CLI::App app;
  SendOptions options;
  add_options(app, options);
  app.parse("--channel-type 2 --rate 0.5 --payload '{\"a\":1}' --results -", false);
  EXPECT_EQ(options.file, "-");
  EXPECT_EQ(options.channel_type, 2U);
  EXPECT_EQ(options.rate, 0.5);
  EXPECT_EQ(options.payload, "{\"a\":1}");
  EXPECT_TRUE(options.results);
  for (const char* wrong : {"--channel-type 0", "--channel-type 256", "--rate 0", "--rate -1",
                            "--tries 0", "--format xml", "--progress loud", "--timeout 0", "a b"}) {
    CLI::App other;
    SendOptions none;
    add_options(other, none);
    EXPECT_THROW(other.parse(wrong, false), CLI::ParseError) << wrong;
  }
}

}  // namespace
}  // namespace jindou::caller
