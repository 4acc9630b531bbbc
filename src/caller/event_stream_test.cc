#include "caller/event_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::caller {
namespace {

std::vector<std::string> events_of(const std::string& text, std::size_t piece_bytes) {
  std::vector<std::string> told;
  EventStream stream(1000, [&told](const ServerEvent& event) {
    told.push_back(event.name + "/" + event.id + "/" + event.data);
  });
  for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
    EXPECT_TRUE(stream.take(std::string_view(text).substr(at, piece_bytes)));
  }
  return told;
}

TEST(EventStream, EventsComeOutOfPiecesOfAnySize) {
  const std::string text =
      "retry: 2000\nid: 1\nevent: progress\ndata: {\"a\":1}\n\n:\n\n: a comment\n\n"
      "data\ndata:  two\r\ndata:three\r\n\r\nevent: none\n\nid: 2\nevent: end\ndata: x\n\ndata: "
      "cut";
  const std::vector<std::string> expected = {"progress/1/{\"a\":1}", "message//\n two\nthree",
                                             "end/2/x"};
  for (const std::size_t bytes : {1U, 2U, 7U, 1000U}) EXPECT_EQ(events_of(text, bytes), expected);
}

TEST(EventStream, OneThatIsTooLargeIsNotKept) {
  int told = 0;
  EventStream stream(100, [&told](const ServerEvent&) { ++told; });
  const std::string line = "data: " + std::string(60, 'x') + "\n";
  EXPECT_TRUE(stream.take(line));
  EXPECT_TRUE(stream.take("\n"));
  EXPECT_TRUE(stream.take(line));
  EXPECT_FALSE(stream.take(line));
  EXPECT_FALSE(stream.take("\n\ndata: x\n\n"));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace jindou::caller
