// Which offers of permessage-deflate are accepted, and messages of any kind there and back.
#include "gateway/ws_deflate.h"

#include <gtest/gtest.h>

#include <vector>

namespace jindou::gateway {
namespace {

std::string response_to(std::string_view offers) {
  const auto agreement = choose_deflate(offers);
  return agreement ? deflate_response(*agreement) : "";
}

constexpr std::string_view kPlainResponse =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

TEST(DeflateOffer, TheFirstThatCanBeKeptIsAccepted) {
  for (const char* offer :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; future=1, permessage-deflate"}) {
    EXPECT_EQ(response_to(offer), kPlainResponse) << offer;
  }
  EXPECT_EQ(response_to("permessage-deflate; server_max_window_bits=10; client_max_window_bits"),
            std::string(kPlainResponse) + "; server_max_window_bits=10");
}

TEST(DeflateOffer, OthersAreNotAccepted) {
  for (const char* offer :
       {"", "x-webkit-deflate-frame", "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=x"}) {
    EXPECT_EQ(response_to(offer), "") << offer;
  }
}

class DeflateTest : public testing::Test {
 protected:
  std::string packed(std::string_view text, unsigned bits = 15) {
    const auto out = deflater_.deflate(text, bits);
    EXPECT_TRUE(out);
    return std::string(out.value_or(""));
  }
  std::optional<std::string> unpacked(std::string_view payload, std::size_t bytes_max = 1 << 20) {
    std::string_view message;
    if (inflater_.inflate(payload, bytes_max, message) != WsInflater::Status::ok) return {};
    return std::string(message);
  }

  WsDeflater deflater_{10};
  WsInflater inflater_;
};

TEST_F(DeflateTest, MessagesComeBackAsTheyWere) {
  std::string json;
  for (int i = 0; i < 5000; ++i) json += R"({"method":"recv","params":{"n":)" + std::to_string(i);
  for (const unsigned bits : {9U, 12U, 15U}) {
    for (const std::size_t size : {10UL, 100UL, 10'000UL, json.size()}) {
      const std::string text = json.substr(0, size) + std::string(20, 'a');
      const std::string payload = packed(text, bits);
      EXPECT_LT(payload.size(), text.size());
      EXPECT_EQ(unpacked(payload), text);
    }
  }
}

TEST_F(DeflateTest, EachMessageStandsAlone) {
  const std::string text(1000, 'x');
  EXPECT_EQ(packed(text), packed(text));
}

TEST_F(DeflateTest, WhatIsShortOrDoesNotGetSmallerIsLeftAsItIs) {
  EXPECT_FALSE(deflater_.deflate("aaaaaaaaa", 15));
  EXPECT_FALSE(deflater_.deflate("", 15));
  std::string noise;
  std::uint64_t state = 1;
  for (int i = 0; i < 1000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    noise += static_cast<char>(state >> 56);
  }
  EXPECT_FALSE(deflater_.deflate(noise, 15));
}

TEST_F(DeflateTest, UnpacksTheExamplesOfTheStandard) {
  // RFC 7692 section 7.2.3: one block, no compression, a final block, two blocks, nothing.
  EXPECT_EQ(unpacked(std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)), "Hello");
  EXPECT_EQ(unpacked(std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)), "Hello");
  EXPECT_EQ(unpacked(std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8)), "Hello");
  EXPECT_EQ(unpacked(std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)),
            "Hello");
  EXPECT_EQ(unpacked(std::string("\x00", 1)), "");
}

TEST_F(DeflateTest, ABombIsStoppedAtTheLimit) {
  const std::string payload = packed(std::string(1 << 20, '\0'));
  EXPECT_LT(payload.size(), 10'000U);
  std::string_view message;
  EXPECT_EQ(inflater_.inflate(payload, (1 << 20) - 1, message), WsInflater::Status::too_long);
  EXPECT_EQ(inflater_.inflate(payload, 1 << 20, message), WsInflater::Status::ok);
  EXPECT_EQ(message.size(), 1U << 20);
}

TEST_F(DeflateTest, BrokenPayloadsAreNoticed) {
  const std::string payload = packed("hello hello hello hello hello");
  EXPECT_FALSE(unpacked("\xff\xff\xff\xff"));
  EXPECT_FALSE(unpacked("\x07"));
  std::size_t noticed = 0;
  for (std::size_t size = 1; size < payload.size(); ++size) {
    if (unpacked(payload.substr(0, size)) != "hello hello hello hello hello") ++noticed;
  }
  EXPECT_EQ(noticed, payload.size() - 1);
  EXPECT_EQ(unpacked(payload), "hello hello hello hello hello");
}

}  // namespace
}  // namespace jindou::gateway
