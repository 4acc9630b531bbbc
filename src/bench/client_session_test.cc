#include "bench/client_session.h"

#include <gtest/gtest.h>

namespace jindou::bench {
namespace {

using State = WsMessage::State;

// What a server would write: the same frame without mask.
std::string server_message(std::string_view payload) {
  std::string out;
  out.push_back(static_cast<char>(0x82));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(payload.size()));
  } else {
    out.push_back(126);
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xff));
  }
  out.append(payload);
  return out;
}

TEST(ParseWsMessage, WaitsForTheWholeMessage) {
  for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 5000UL}) {
    const std::string payload(size, 'p');
    const std::string bytes = server_message(payload);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      ASSERT_EQ(parse_ws_message(std::string_view(bytes).substr(0, n)).state, State::need_more);
    }
    const WsMessage message = parse_ws_message(bytes);
    EXPECT_EQ(message.state, State::message);
    EXPECT_EQ(message.opcode, 2U);
    EXPECT_EQ(message.payload, payload);
    EXPECT_EQ(message.consumed, bytes.size());
  }
}

TEST(ParseWsMessage, RefusesMaskedAndReservedBits) {
  EXPECT_EQ(parse_ws_message("\x82\x80").state, State::broken);
  EXPECT_EQ(parse_ws_message("\xc2\x01").state, State::broken);
}

TEST(AppendWsBinary, MasksThePayload) {
  std::string out;
  append_ws_message(out, WsOpcode::binary, "abcde", 0x01020304);
  ASSERT_EQ(out.size(), 2U + 4U + 5U);
  EXPECT_EQ(static_cast<unsigned char>(out[0]), 0x82);
  EXPECT_EQ(static_cast<unsigned char>(out[1]), 0x85);
  EXPECT_EQ(out.substr(2, 4), std::string("\x01\x02\x03\x04"));
  EXPECT_EQ(out[6], 'a' ^ 1);
  EXPECT_EQ(out[7], 'b' ^ 2);
  EXPECT_EQ(out[10], 'e' ^ 1);
}

TEST(AppendWsBinary, UsesTheLongerLengthsWhenNeeded) {
  std::string out;
  append_ws_message(out, WsOpcode::binary, std::string(200, 'x'), 0);
  EXPECT_EQ(static_cast<unsigned char>(out[1]), 0x80 | 126);
  EXPECT_EQ(out.size(), 4U + 4U + 200U);
}

}  // namespace
}  // namespace jindou::bench
