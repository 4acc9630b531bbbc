#include "bench/response_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::bench {
namespace {

using ScanState = ScannedResponse::State;

TEST(ScanResponse, WaitsForEveryByteAndThenGivesTheBody) {
  const std::string text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Y: z\r\n\r\nhello";
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_EQ(scan_response(std::string_view(text).substr(0, n)).state, ScanState::need_more) << n;
  }
  const std::string more = text + "HTTP/1.1";
  const ScannedResponse response = scan_response(more);
  EXPECT_EQ(response.state, ScanState::complete);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.consumed, text.size());
  EXPECT_TRUE(response.keep_alive);
}

TEST(ScanResponse, SeesStatusAndClose) {
  const ScannedResponse response = scan_response(
      "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(response.state, ScanState::complete);
  EXPECT_EQ(response.status, 429);
  EXPECT_FALSE(response.keep_alive);
}

TEST(ScanResponse, NoContentNeedsNoLength) {
  const ScannedResponse response = scan_response("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(response.state, ScanState::complete);
  EXPECT_EQ(response.body, "");
}

TEST(ScanResponse, RefusesWhatItCannotMeasure) {
  EXPECT_EQ(scan_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").state,
            ScanState::broken);
  EXPECT_EQ(scan_response("HTTP/1.1 200 OK\r\n\r\n").state, ScanState::broken);
  EXPECT_EQ(scan_response("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n").state,
            ScanState::broken);
  EXPECT_EQ(scan_response("SSH-2.0-OpenSSH\r\n\r\n").state, ScanState::broken);
  EXPECT_EQ(scan_response(std::string(20'000, 'x')).state, ScanState::broken);
}

TEST(CountMessageIds, TellsGivenFromZero) {
  const IdCount ids = count_message_ids(
      R"([{"message_id":12,"message_idstr":"12"},{"message_id": 0},{"message_id":0},)"
      R"({"message_id":   9007199254740991}])");
  EXPECT_EQ(ids.given, 2U);
  EXPECT_EQ(ids.zero, 2U);
}

TEST(CountMessageIds, FindsNoneInOtherText) {
  const IdCount ids = count_message_ids(R"({"status":400,"msg":"message_id"})");
  EXPECT_EQ(ids.given, 0U);
  EXPECT_EQ(ids.zero, 0U);
  EXPECT_EQ(count_message_ids("").given, 0U);
  EXPECT_EQ(count_message_ids("\"message_id\":").given, 0U);
}

}  // namespace
}  // namespace jindou::bench
