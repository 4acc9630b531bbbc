#include "caller/import.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

namespace jindou::caller {
namespace {

ImportOptions parsed(std::vector<std::string> words) {
  ImportOptions options;
  CLI::App app;
  add_options(app, options);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  app.parse(reversed);
  return options;
}

TEST(ImportOptionsTest, AllPartsUnlessSomeAreNamed) {
  EXPECT_EQ(parsed({"--from", "http://old:5001"}).parts.size(), 4U);
  const ImportOptions some =
      parsed({"--from", "http://old:5001", "--parts", "channels,devices", "--search"});
  EXPECT_EQ(some.parts, (std::vector<std::string>{"channels", "devices"}));
  EXPECT_TRUE(some.search);
  EXPECT_THROW(parsed({"--from", "http://old:5001", "--parts", "all"}), CLI::ParseError);
  EXPECT_THROW(parsed({}), CLI::ParseError);
}

TEST(ImportOptionsTest, EachServerHasItsToken) {
  ASSERT_EQ(::setenv("JINDOU_TOKEN", "of the new one", 1), 0);
  ImportOptions options = parsed({"--from", "http://old:5001/"});
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.token, "of the new one");
  EXPECT_EQ(options.peer.token, "");
  EXPECT_EQ(options.peer.url, "http://old:5001");
  options =
      parsed({"--from", "http://old:5001", "--from-token", "of the old one", "--patience", "1"});
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.peer.token, "of the old one");
  EXPECT_EQ(options.peer.patience, 1);
  ::unsetenv("JINDOU_TOKEN");
  options = parsed({"--from", "old:5001"});
  const auto done = complete(options);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().detail().find("--from"), std::string::npos);
  EXPECT_EQ(done.error().detail().find("--url"), std::string::npos);
  options = parsed({"--from", "http://old:5001", "--from-token", "a", "--from-token-file", "b"});
  EXPECT_EQ(complete(options).error().detail(), "give --from-token or --from-token-file, not both");
}

TEST(ImportOptionsTest, ASearchWantsTheChannelsThatItFinds) {
  ImportOptions options =
      parsed({"--from", "http://old:5001", "--parts", "conversations", "--search"});
  const auto done = complete(options);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().detail().find("--parts"), std::string::npos);
}

}  // namespace
}  // namespace jindou::caller
