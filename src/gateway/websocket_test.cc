// WebSocket frames in any split, and what must be refused.
#include "gateway/websocket.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/bytes.h"
#include "gateway/outbound_buffer.h"
#include "gateway/test_client.h"

namespace jindou::gateway {
namespace {

struct Decoded {
  std::string data;
  std::vector<std::string> controls;  // first character: kind
  std::size_t messages = 0;
  bool failed = false;
};

// Feeds `bytes` in pieces of `step`.
Decoded decode(std::string bytes, std::size_t step) {
  Decoded out;
  WsDecoder decoder;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> input(bytes.data() + at, std::min(step, bytes.size() - at));
    for (bool more = true; more;) {
      const WsEvent event = decoder.next(input);
      switch (event.kind) {
        case WsEvent::Kind::need_more: more = false; break;
        case WsEvent::Kind::data:
          out.data += event.payload;
          if (event.message_end) ++out.messages;
          break;
        case WsEvent::Kind::ping: out.controls.push_back("i" + std::string(event.payload)); break;
        case WsEvent::Kind::pong: out.controls.push_back("o" + std::string(event.payload)); break;
        case WsEvent::Kind::close: out.controls.push_back("c" + std::string(event.payload)); break;
        case WsEvent::Kind::error: out.failed = true; return out;
      }
    }
  }
  return out;
}

TEST(WsDecoder, TheSplitOfTheBytesDoesNotMatter) {
  const std::string large(70'000, 'L');
  const std::string bytes = TestClient::masked(0x82, "") + TestClient::masked(0x02, "abc") +
                            TestClient::masked(0x89, "ping") + TestClient::masked(0x80, "def") +
                            TestClient::masked(0x81, std::string(200, 't')) +
                            TestClient::masked(0x8a, "") + TestClient::masked(0x82, large) +
                            TestClient::masked(0x88, std::string("\x03\xe8", 2));
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                 std::size_t{1000}, bytes.size()}) {
    const Decoded got = decode(bytes, step);
    EXPECT_FALSE(got.failed);
    EXPECT_EQ(got.messages, 4U);
    EXPECT_EQ(got.data, "abcdef" + std::string(200, 't') + large);
    EXPECT_EQ(got.controls, (std::vector<std::string>{"iping", "o", "c\x03\xe8"}));
  }
}

TEST(WsDecoder, RefusesWhatTheProtocolForbids) {
  const auto failed = [](std::string bytes) { return decode(std::move(bytes), 1).failed; };
  EXPECT_TRUE(failed(std::string("\x82\x01x", 3)));    // not masked
  EXPECT_TRUE(failed(TestClient::masked(0xc2, "x")));  // compressed
  EXPECT_TRUE(failed(TestClient::masked(0x83, "x")));  // unknown opcode
  EXPECT_TRUE(failed(TestClient::masked(0x80, "x")));  // continues nothing
  EXPECT_TRUE(failed(TestClient::masked(0x02, "x") + TestClient::masked(0x82, "y")));
  EXPECT_TRUE(failed(TestClient::masked(0x09, "x")));                      // fragmented control
  EXPECT_TRUE(failed(TestClient::masked(0x89, std::string(126, 'x'))));    // long control
  EXPECT_TRUE(failed(std::string("\x82\xff\x80\0\0\0\0\0\0\0mask", 14)));  // 2^63 bytes
  EXPECT_FALSE(failed(TestClient::masked(0x89, std::string(125, 'x'))));
}

TEST(WsDecoder, LooksAtWhatACloseSays) {
  const auto status_of = [](const std::string& payload) {
    WsDecoder decoder;
    std::string bytes = TestClient::masked(0x88, payload);
    std::span<char> input(bytes);
    const WsEvent event = decoder.next(input);
    return event.kind == WsEvent::Kind::close ? 0 : int{event.status};
  };
  EXPECT_EQ(status_of(""), 0);
  EXPECT_EQ(status_of("\x03\xe8"), 0);                          // 1000
  EXPECT_EQ(status_of("\x0f\xa0\xe5\x86\x8d\xe8\xa7\x81"), 0);  // 4000 and two characters
  EXPECT_EQ(status_of("\x03"), 1002);
  EXPECT_EQ(status_of("\x03\xe7"), 1002);          // 999
  EXPECT_EQ(status_of("\x03\xed"), 1002);          // 1005
  EXPECT_EQ(status_of("\x03\xe8\xe5\x86"), 1007);  // cut
}

TEST(WsDecoder, MarksCompressedMessagesWhenTheyWereAgreedOn) {
  WsDecoder decoder;
  decoder.allow_compressed();
  std::string bytes = TestClient::masked(0x42, "ab") + TestClient::masked(0x89, "") +
                      TestClient::masked(0x80, "cd") + TestClient::masked(0x82, "ef");
  std::span<char> input(bytes);
  std::string trace;
  for (WsEvent event = decoder.next(input); event.kind != WsEvent::Kind::need_more;
       event = decoder.next(input)) {
    ASSERT_NE(event.kind, WsEvent::Kind::error);
    if (event.kind != WsEvent::Kind::data) continue;
    trace += event.compressed ? "z" : "-";
    trace += event.payload;
    if (event.message_end) trace += '|';
  }
  EXPECT_EQ(trace, "zabzcd|-ef|");

  for (const std::string& wrong : {TestClient::masked(0x42, "") + TestClient::masked(0xc0, ""),
                                   TestClient::masked(0xc9, ""), TestClient::masked(0xe2, "")}) {
    WsDecoder strict;
    strict.allow_compressed();
    std::string copy = wrong;
    std::span<char> rest(copy);
    WsEvent event = strict.next(rest);
    while (event.kind == WsEvent::Kind::data) event = strict.next(rest);
    EXPECT_EQ(event.kind, WsEvent::Kind::error);
  }
}

TEST(WsDecoder, StaysFailed) {
  WsDecoder decoder;
  std::string bad = TestClient::masked(0x83, "x");
  std::span<char> input(bad);
  EXPECT_EQ(decoder.next(input).kind, WsEvent::Kind::error);
  std::string good = TestClient::masked(0x82, "x");
  input = good;
  EXPECT_EQ(decoder.next(input).kind, WsEvent::Kind::error);
}

TEST(WsFrames, HeadersUseTheShortestLength) {
  std::array<char, 10> header{};
  const auto written = [&](std::size_t size) {
    return std::string(header.data(), write_ws_header(header, WsOpcode::binary, size));
  };
  EXPECT_EQ(written(0), std::string("\x82\0", 2));
  EXPECT_EQ(written(125), "\x82\x7d");
  EXPECT_EQ(written(126), std::string("\x82\x7e\0\x7e", 4));
  EXPECT_EQ(written(65535), "\x82\x7e\xff\xff");
  EXPECT_EQ(written(65536), std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10));
}

TEST(OutboundBuffer, WrapsEachFrameIntoOneMessage) {
  BufferPool pool;
  for (const std::size_t size : {std::size_t{1}, std::size_t{125}, std::size_t{126},
                                 std::size_t{65535}, std::size_t{65536}}) {
    OutboundBuffer buffer(pool);
    buffer.use_websocket();
    std::string expected;
    for (int i = 0; i < 3; ++i) {
      const std::string frame(size, static_cast<char>('a' + i));
      buffer.begin_frame() += frame;
      buffer.end_frame();
      std::array<char, 10> header{};
      expected.append(header.data(), write_ws_header(header, WsOpcode::binary, size));
      expected += frame;
    }
    EXPECT_EQ(buffer.frames(), 3U);
    EXPECT_TRUE(buffer.pending() == expected) << size;
  }
}

TEST(OutboundBuffer, ConsumesInAnyPiecesAndCountsWhatIsLeft) {
  BufferPool pool;
  OutboundBuffer buffer(pool);
  std::string sent;
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string frame = "frame " + std::to_string(i) + std::string(300, '.');
    buffer.begin_frame() += frame;
    buffer.end_frame();
    all += frame;
    if (i % 3 == 0) {
      const std::size_t take = std::min<std::size_t>(buffer.bytes(), 700);
      sent += buffer.pending().substr(0, take);
      buffer.consume(take);
    }
    if (!buffer.empty()) {
      EXPECT_GT(buffer.frames(), 0U);
    }
  }
  EXPECT_LT(buffer.frames(), 500U);
  sent += buffer.pending();
  buffer.consume(buffer.bytes());
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.frames(), 0U);
  EXPECT_EQ(sent, all);
}

TEST(Upgrade, AnswersWithTheKeyOfTheStandardsExample) {
  const std::string request =
      "GET /chat?token=1 HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_EQ(read_upgrade(request.substr(0, size), {8192}).state,
              UpgradeOutcome::State::need_more);
  }
  const UpgradeOutcome outcome = read_upgrade(request + "\x82", {8192});
  EXPECT_EQ(outcome.state, UpgradeOutcome::State::accepted);
  EXPECT_EQ(outcome.consumed, request.size());
  EXPECT_NE(outcome.response.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos);
  EXPECT_EQ(outcome.response.find("Protocol: chat"), std::string::npos);
}

TEST(CloseFrame, CarriesItsReasonAsWholeCharacters) {
  const auto close = [](std::string_view reason) {
    std::string out;
    append_ws_close(out, kWsPolicy, reason);
    return out;
  };
  EXPECT_EQ(close(""), std::string("\x88\x02\x03\xf0", 4));
  EXPECT_EQ(close("why"), std::string("\x88\x05\x03\xf0why", 7));
  // 123 bytes at most; the character that does not fit is left out as a whole.
  EXPECT_EQ(close(std::string(200, 'x')).size(), 127U);
  EXPECT_EQ(close(std::string(122, 'x') + "\xe4\xb8\xad").size(), 126U);
  EXPECT_EQ(close("\xff"), close(""));
}

TEST(Upgrade, RefusesWhatIsNoUpgrade) {
  const auto status = [](std::string_view request) {
    const UpgradeOutcome outcome = read_upgrade(request, {1024});
    EXPECT_EQ(outcome.state, UpgradeOutcome::State::refused);
    return outcome.response.substr(9, 3);
  };
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "426");
  EXPECT_EQ(
      status("POST / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
      "426");
  EXPECT_EQ(
      status("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
             "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
      "426");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"),
            "400");
  EXPECT_EQ(status("\x10\x02 nonsense\r\n\r\n"), "400");
  EXPECT_EQ(status(std::string(1024, 'a')), "431");
}

}  // namespace
}  // namespace jindou::gateway
