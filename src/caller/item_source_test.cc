#include "caller/item_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace jindou::caller {
namespace {

using Found = ItemSource::Found;

class ItemSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "item_source_" + std::to_string(::getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, std::string_view text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static Result<std::unique_ptr<ItemSource>> open(const std::string& path,
                                                  const SendOptions& options = {}) {
    JD_TRY(auto input, Input::open(path));
    return ItemSource::open(std::move(input), options);
  }
  // The items, and the error behind them.
  static std::vector<Item> read_all(ItemSource& source, std::string* error = nullptr) {
    std::vector<Item> items;
    for (;;) {
      Item item;
      const auto found = source.next(item);
      if (!found) {
        EXPECT_NE(error, nullptr) << found.error().detail();
        if (error != nullptr) *error = found.error().detail();
        break;
      }
      if (*found == Found::end) break;
      if (*found == Found::later) {
        source.wait();
      } else {
        items.push_back(std::move(item));
      }
    }
    Item item;
    const auto after = source.next(item);
    EXPECT_TRUE(after && *after == Found::end);
    return items;
  }
  static std::string open_error(const std::string& path, const SendOptions& options = {}) {
    const auto source = open(path, options);
    return source ? "" : source.error().detail();
  }
  static SendOptions csv_options() {
    SendOptions options;
    options.from = "system";
    options.channel_type = 2;
    options.payload = "Hi {{name}}";
    return options;
  }

  std::string directory_;
};

TEST_F(ItemSourceTest, LinesWithTheirPlaces) {
  const auto source =
      open(write("a.ndjson", "\xef\xbb\xbf{\"a\":1}\r\n\n{\"a\":2}\n  \n[3]\n{\"a\":4}"));
  ASSERT_TRUE(source);
  EXPECT_FALSE((*source)->is_csv());
  const auto items = read_all(**source);
  ASSERT_EQ(items.size(), 4U);
  const std::uint64_t lines[] = {1, 3, 5, 6};
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].row, i + 1);
    EXPECT_EQ(items[i].line, lines[i]);
    EXPECT_EQ(items[i].after.rows, i + 1);
  }
  EXPECT_EQ(items[0].original, "{\"a\":1}");
  EXPECT_EQ(items[3].original, "{\"a\":4}");
  EXPECT_EQ(items[3].after.bytes, *(*source)->size());
}

TEST_F(ItemSourceTest, RecordsWithTheirPlaces) {
  const auto source = open(write("a.csv",
                                 "\xef\xbb\xbfname,channel_id\r\n\"two\r\nlines\",g1\r\n"
                                 "ann,g2,g3\r\nbob,g4"),
                           csv_options());
  ASSERT_TRUE(source) << source.error().detail();
  EXPECT_TRUE((*source)->is_csv());
  const auto items = read_all(**source);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].line, 2U);
  EXPECT_NE(items[0].text.find(R"("vars":{"name":"two\r\nlines"})"), std::string::npos);
  EXPECT_EQ(items[1].line, 4U);
  EXPECT_NE(items[1].problem, "");
  EXPECT_EQ(items[2].line, 5U);
  EXPECT_EQ(items[2].row, 3U);
  EXPECT_EQ(items[2].original, "bob,g4");
}

TEST_F(ItemSourceTest, TheFormatIsFoundOut) {
  const auto is_csv = [&](const std::string& name, std::string_view text, const char* format) {
    SendOptions options = csv_options();
    options.format = format;
    const auto source = open(write(name, text), options);
    EXPECT_TRUE(source) << source.error().detail();
    return source && (*source)->is_csv();
  };
  EXPECT_TRUE(is_csv("a.csv", "channel_id,name\n", "auto"));
  EXPECT_TRUE(is_csv("a", "channel_id,name\n", "auto"));
  EXPECT_TRUE(is_csv("a.ndjson", "channel_id,name\n", "csv"));
  EXPECT_FALSE(is_csv("a", " \n{\"a\":1}\n", "auto"));
  EXPECT_FALSE(is_csv("a.jsonl", "x", "auto"));
  EXPECT_FALSE(is_csv("a", "", "auto"));
  EXPECT_FALSE(is_csv("a.csv", "{\"a\":1}", "ndjson"));
}

TEST_F(ItemSourceTest, WhatIsNoInput) {
  EXPECT_NE(open_error(directory_ + "/none").find("none cannot be read: No such file"),
            std::string::npos);
  EXPECT_NE(open_error(directory_).find("is a directory"), std::string::npos);
  EXPECT_NE(open_error(write("a.json", "[\n{}]")).find("jq -c '.[]'"), std::string::npos);
  EXPECT_NE(open_error(write("a.csv", ""), csv_options()).find("is empty"), std::string::npos);
  EXPECT_NE(open_error(write("a.csv", "\n\nid,name\n"), csv_options()).find("line 3: no column"),
            std::string::npos);
  EXPECT_NE(open_error(write("a.csv", "a\"b\n"), csv_options()).find("line 1: there is a quote"),
            std::string::npos);
}

TEST_F(ItemSourceTest, AFaultOfQuotesEndsIt) {
  const auto source =
      open(write("a.csv", "channel_id,name\ng1,ann\ng2,\"bob\" \ng3,carl\n"), csv_options());
  ASSERT_TRUE(source);
  std::string error;
  EXPECT_EQ(read_all(**source, &error).size(), 1U);
  EXPECT_NE(error.find("a.csv, line 3: there is something"), std::string::npos) << error;
}

// Without their expire, or to nobody, the other lines are not what was meant.
TEST_F(ItemSourceTest, AHeadEndsItBeforeTheLinesThatShareIt) {
  for (const char* head : {R"({"defaults":{"expire":5}})", R"({"payloads":{"p":"aGk="}})"}) {
    const auto source = open(write("a.ndjson", "\n" + std::string(head) + "\n{\"a\":1}\n"));
    ASSERT_TRUE(source);
    std::string error;
    EXPECT_TRUE(read_all(**source, &error).empty());
    EXPECT_NE(error.find("a.ndjson, line 2: payloads and defaults are not taken from a file"),
              std::string::npos)
        << error;
    EXPECT_TRUE(error.ends_with("; nothing was sent")) << error;
  }
  // Behind other lines it says nothing of all, and is refused by itself.
  const auto late = open(write("b.ndjson", "{\"a\":1}\n{\"defaults\":{}}\n{\"a\":2}\n"));
  ASSERT_TRUE(late);
  const auto items = read_all(**late);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[1].code, "invalid");
  EXPECT_EQ(items[2].problem, "");
}

TEST_F(ItemSourceTest, ALongLineIsAProblemByItself) {
  std::string text = "{\"a\":1}\n{\"b\":\"";
  text.append(kRowBytesMax, 'x');
  text += "\"}\n{\"c\":1}\n";
  const auto source = open(write("a.ndjson", text));
  ASSERT_TRUE(source);
  const auto items = read_all(**source);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[1].line, 2U);
  EXPECT_EQ(items[1].code, "too_large");
  EXPECT_EQ(items[2].line, 3U);
}

TEST_F(ItemSourceTest, GoesOnBehindAPosition) {
  std::string text = "channel_id,name\n";
  for (int i = 0; i < 20'000; ++i) text += "g" + std::to_string(i) + ",\"a\nb\"\n";
  const std::string path = write("a.csv", text);
  const auto whole = open(path, csv_options());
  ASSERT_TRUE(whole);
  const auto items = read_all(**whole);
  ASSERT_EQ(items.size(), 20'000U);
  for (const std::size_t at : {0, 1, 12'345, 19'999, 20'000}) {
    const Position position = at == 0 ? Position() : items[at - 1].after;
    const auto source = open(path, csv_options());
    ASSERT_TRUE(source);
    EXPECT_TRUE((*source)->skip(position));
    const auto rest = read_all(**source);
    ASSERT_EQ(rest.size(), items.size() - at);
    if (rest.empty()) continue;
    EXPECT_EQ(rest.front().text, items[at].text);
    EXPECT_EQ(rest.back().after, items.back().after);
  }
  // A longer file is the same file up to there; one that differs before is not.
  const auto longer = open(write("b.csv", text + "h,x\n"), csv_options());
  EXPECT_TRUE((*longer)->skip(items.back().after));
  EXPECT_EQ(read_all(**longer).size(), 1U);
  std::string other = text;
  other[other.size() / 2] = other[other.size() / 2] == 'g' ? 'h' : 'g';
  const auto changed = open(write("b.csv", other), csv_options());
  const auto skipped = (*changed)->skip(items.back().after);
  ASSERT_FALSE(skipped);
  EXPECT_NE(skipped.error().detail().find("are not those that were sent before"),
            std::string::npos);
  const auto shorter = open(write("b.csv", text.substr(0, 100)), csv_options());
  EXPECT_FALSE((*shorter)->skip(items.back().after));
}

TEST_F(ItemSourceTest, APipeIsNotWaitedFor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::write(ends[1], "{\"a\":1}\n{\"b\"", 12), 12);
  const auto source = ItemSource::open(Input(ends[0], "pipe"), {});
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->descriptor_to_wait_for(), ends[0]);
  EXPECT_FALSE((*source)->size());
  Item item;
  EXPECT_EQ((*source)->next(item).value(), Found::item);
  EXPECT_EQ((*source)->next(item).value(), Found::later);
  ASSERT_EQ(::write(ends[1], ":2}", 3), 3);
  EXPECT_EQ((*source)->next(item).value(), Found::later);
  ::close(ends[1]);
  (*source)->wait();
  EXPECT_EQ((*source)->next(item).value(), Found::item);
  EXPECT_EQ(item.original, "{\"b\":2}");
  EXPECT_EQ((*source)->next(item).value(), Found::end);
  ::close(ends[0]);
}

}  // namespace
}  // namespace jindou::caller
