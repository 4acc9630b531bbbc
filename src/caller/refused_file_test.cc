#include "caller/refused_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/json_reader.h"

namespace jindou::caller {
namespace {

Item item_of(std::string original, std::uint64_t line = 7) {
  Item item;
  item.line = line;
  item.original = std::move(original);
  return item;
}

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(RefusedLine, OfNdjson) {
  const auto line = [](std::string original) {
    std::string text = refused_line(false, item_of(std::move(original)), "denied", "no \"way\"");
    EXPECT_TRUE(codec::parse_json(text)) << text;
    return text;
  };
  const std::string why = R"({"refused":{"line":7,"code":"denied","msg":"no \"way\"")";
  EXPECT_EQ(line(R"({"a":1, "b":2})"), why + R"(},"a":1, "b":2})");
  EXPECT_EQ(line("{}"), why + "}}");
  EXPECT_EQ(line("[1"), why + R"(,"text":"[1"}})");
  EXPECT_EQ(line(""), why + "}}");
  EXPECT_EQ(line(R"({"refused":{"line":1}})"), R"({"refused":{"line":1}})");
}

TEST(RefusedLine, OfCsv) {
  EXPECT_EQ(refused_line(true, item_of("u,\"a\nb\""), "invalid", "has 1, not 2"),
            "7,invalid,\"has 1, not 2\",u,\"a\nb\"");
}

class RefusedFileTest : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "refused_" + std::to_string(::getpid()); }
  void TearDown() override { ::unlink(path_.c_str()); }
  std::string path_;
};

TEST_F(RefusedFileTest, IsMadeWithItsFirstItem) {
  auto file = RefusedFile::create(path_, "refused_line,refused_code,refused_msg,a");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->flush(true));
  EXPECT_FALSE(std::filesystem::exists(path_));
  file->add(item_of("x", 2), "denied", "m");
  file->add(item_of("y", 3), "denied", "m");
  const std::uint64_t bytes = file->bytes();
  ASSERT_TRUE(file->flush(true));
  EXPECT_EQ(content_of(path_),
            "refused_line,refused_code,refused_msg,a\n2,denied,m,x\n3,denied,m,y\n");
  EXPECT_EQ(bytes, std::filesystem::file_size(path_));
  EXPECT_EQ(file->bytes(), bytes);
  EXPECT_EQ(file->unwritten(), 0U);
}

TEST_F(RefusedFileTest, OneThatIsThereIsNotWrittenOver) {
  std::ofstream(path_) << "mine";
  const auto file = RefusedFile::create(path_, "");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().detail().find("exists"), std::string::npos);
  EXPECT_EQ(content_of(path_), "mine");
}

TEST_F(RefusedFileTest, ALaterRunGoesOnWhereItCounts) {
  std::uint64_t counted = 0;
  {
    auto file = RefusedFile::create(path_, "");
    ASSERT_TRUE(file);
    file->add(item_of("{}", 1), "a", "b");
    ASSERT_TRUE(file->flush(false));
    counted = file->bytes();
    file->add(item_of("{}", 2), "a", "b");
    ASSERT_TRUE(file->flush(false));
  }
  {
    auto file = RefusedFile::reopen(path_, "", counted);
    ASSERT_TRUE(file);
    file->add(item_of("{}", 3), "a", "b");
    ASSERT_TRUE(file->flush(true));
  }
  EXPECT_EQ(content_of(path_),
            "{\"refused\":{\"line\":1,\"code\":\"a\",\"msg\":\"b\"}}\n"
            "{\"refused\":{\"line\":3,\"code\":\"a\",\"msg\":\"b\"}}\n");
  const auto longer = RefusedFile::reopen(path_, "", 1'000'000);
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().detail().find("is shorter"), std::string::npos);
}

}  // namespace
}  // namespace jindou::caller
