// Content codings: which one is meant or chosen, and bytes there and back, in pieces of any size.
#include "http/content_coding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/decoder.h"
#include "http/encoder.h"

namespace jindou::http {
namespace {

using State = Decoder::State;

TEST(ContentEncoding, IsOneOrNone) {
  const auto read = [](std::initializer_list<std::string_view> values) {
    ContentEncoding encoding;
    for (const auto value : values) encoding.add(value);
    return encoding.coding();
  };
  EXPECT_EQ(read({}), Coding::identity);
  EXPECT_EQ(read({""}), Coding::identity);
  EXPECT_EQ(read({"identity"}), Coding::identity);
  EXPECT_EQ(read({"gzip"}), Coding::gzip);
  EXPECT_EQ(read({" GZip\t"}), Coding::gzip);
  EXPECT_EQ(read({"x-gzip"}), Coding::gzip);
  EXPECT_EQ(read({"identity, zstd,"}), Coding::zstd);
  EXPECT_EQ(read({"gzip, gzip"}), std::nullopt);
  EXPECT_EQ(read({"gzip", "zstd"}), std::nullopt);
  EXPECT_EQ(read({"deflate"}), std::nullopt);
  EXPECT_EQ(read({"br, gzip"}), std::nullopt);
}

TEST(AcceptEncoding, IsWeighed) {
  EXPECT_EQ(choose_coding(""), Coding::identity);
  EXPECT_EQ(choose_coding("gzip"), Coding::gzip);
  EXPECT_EQ(choose_coding("x-gzip;q=0.1"), Coding::gzip);
  EXPECT_EQ(choose_coding("zstd"), Coding::zstd);
  EXPECT_EQ(choose_coding("gzip, deflate, br, zstd"), Coding::zstd);
  EXPECT_EQ(choose_coding("gzip;q=1.0, zstd; q=0.999"), Coding::gzip);
  EXPECT_EQ(choose_coding("gzip;q=0.5,ZSTD;Q=0.5"), Coding::zstd);
  EXPECT_EQ(choose_coding("gzip;q=0"), Coding::identity);
  EXPECT_EQ(choose_coding("gzip;q=0.000, zstd;q=0"), Coding::identity);
  EXPECT_EQ(choose_coding("identity, gzip;q=0.9"), Coding::identity);
  EXPECT_EQ(choose_coding("identity;q=0.5, gzip;q=0.5"), Coding::gzip);
  EXPECT_EQ(choose_coding("*"), Coding::gzip);
  EXPECT_EQ(choose_coding("*;q=0"), Coding::identity);
  EXPECT_EQ(choose_coding("gzip;q=0, *"), Coding::identity);
  EXPECT_EQ(choose_coding("br, deflate"), Coding::identity);
  // What is malformed is not wanted.
  for (const char* weight : {"", "2", "1.1", "0.1234", "-1", "x", "0x"}) {
    EXPECT_EQ(choose_coding("gzip;q=" + std::string(weight)), Coding::identity) << weight;
  }
  EXPECT_EQ(choose_coding(",, ;q=1, ;;gzip"), Coding::identity);
}

TEST(AcceptEncoding, NotEverythingGetsSmaller) {
  for (const char* type : {"application/json", "text/html; charset=utf-8", "image/svg+xml"}) {
    EXPECT_TRUE(is_compressible(type)) << type;
  }
  for (const char* type : {"text/event-stream", "image/png", "font/woff2", "application/gzip"}) {
    EXPECT_FALSE(is_compressible(type)) << type;
  }
}

std::string encode(Coding coding, std::string_view plain, std::size_t piece = 5000) {
  const auto encoder = make_encoder(coding, plain.size(), nullptr);
  std::string coded;
  std::size_t at = 0;
  do {
    const std::string_view slice = plain.substr(at, piece);
    at += slice.size();
    EXPECT_TRUE(encoder->encode(slice, at == plain.size(), coded));
  } while (at < plain.size());
  return coded;
}

struct Decoded {
  std::string plain;
  State state = State::going_on;
  bool complete = false;
  std::string problem;
};

// With pieces of input and room for output of these sizes.
Decoded decode(Coding coding, std::string_view coded, std::size_t piece, std::size_t room,
               std::shared_ptr<ByteBudget> budget = nullptr) {
  Decoded result;
  const auto decoder = make_decoder(coding, std::move(budget));
  if (!decoder) {
    result.state = State::no_room;
    return result;
  }
  std::string out(room, '\0');
  for (std::size_t at = 0; at < coded.size();) {
    std::string_view input = coded.substr(at, piece);
    at += input.size();
    Decoder::Step step;
    do {
      step = decoder->decode(input, out);
      input.remove_prefix(step.consumed);
      result.plain.append(out, 0, step.produced);
      result.state = step.state;
      result.problem = decoder->problem();
      if (step.state != State::going_on) return result;
    } while (!input.empty() || step.produced == room);
  }
  result.complete = decoder->complete();
  return result;
}

// Text that gets smaller, but not to nothing.
std::string sample(std::size_t bytes) {
  std::string text;
  for (unsigned i = 0; text.size() < bytes; ++i) {
    text += "{\"channel_id\":\"g" + std::to_string(i * 2654435761U) + "\"},";
  }
  text.resize(bytes);
  return text;
}

class Codings : public testing::TestWithParam<Coding> {};

TEST_P(Codings, ThereAndBack) {
  for (const std::size_t bytes : {0U, 1U, 1000U, 70'000U, 3'000'000U}) {
    const std::string plain = sample(bytes);
    const std::string coded = encode(GetParam(), plain);
    if (bytes >= 1000) {
      EXPECT_LT(coded.size(), bytes / 2);
    }
    for (const std::size_t piece : {1U, 7U, 65'536U}) {
      if (piece < 10 && bytes > 100'000) continue;
      for (const std::size_t room : {1U, 1000U, 65'536U}) {
        const Decoded decoded = decode(GetParam(), coded, piece, room);
        EXPECT_EQ(decoded.state, State::going_on);
        EXPECT_TRUE(decoded.complete);
        EXPECT_TRUE(decoded.plain == plain) << bytes << ' ' << piece << ' ' << room;
      }
    }
  }
}

TEST_P(Codings, SeveralPartsInARow) {
  const std::string coded = encode(GetParam(), "first ") + encode(GetParam(), "") +
                            encode(GetParam(), sample(100'000)) + encode(GetParam(), " last");
  for (const std::size_t piece : {1U, 3U, 65'536U}) {
    const Decoded decoded = decode(GetParam(), coded, piece, 777);
    EXPECT_TRUE(decoded.complete);
    EXPECT_TRUE(decoded.plain == "first " + sample(100'000) + " last");
  }
}

TEST_P(Codings, CutOffAnywhereIsNotComplete) {
  const std::string coded = encode(GetParam(), sample(3000));
  for (std::size_t size = 0; size < coded.size(); ++size) {
    const Decoded decoded = decode(GetParam(), coded.substr(0, size), 100, 1000);
    EXPECT_EQ(decoded.state, State::going_on) << decoded.problem;
    EXPECT_FALSE(decoded.complete) << size;
  }
}

TEST_P(Codings, DamageIsFound) {
  EXPECT_EQ(decode(GetParam(), "[{\"from_uid\":\"u1\"}]", 100, 1000).state, State::broken);
  const std::string coded = encode(GetParam(), sample(3000));
  EXPECT_EQ(decode(GetParam(), coded + "[1234567]", 100'000, 1000).state, State::broken);
  if (GetParam() == Coding::gzip) {
    std::string wrong_sum = coded;
    wrong_sum[wrong_sum.size() - 6] ^= 1;
    EXPECT_EQ(decode(GetParam(), wrong_sum, 100'000, 1000).state, State::broken);
  }
}

TEST_P(Codings, ABombIsNeverMoreThanItsRoom) {
  const std::string coded = encode(GetParam(), std::string(50'000'000, '\0'), 1'000'000);
  EXPECT_LT(coded.size(), 300'000U);
  const auto budget = std::make_shared<ByteBudget>(std::size_t{2} << 20);
  const auto decoder = make_decoder(GetParam(), budget);
  ASSERT_NE(decoder, nullptr);
  std::string out(1000, 'x');
  const Decoder::Step step = decoder->decode(coded, std::span<char>(out).first(990));
  EXPECT_EQ(step.state, State::going_on);
  EXPECT_LE(step.produced, 990U);
  EXPECT_EQ(out.substr(990), std::string(10, 'x'));
}

TEST_P(Codings, MemoryIsCounted) {
  const std::string plain = sample(3'000'000);
  const std::string coded = encode(GetParam(), plain);
  const auto budget = std::make_shared<ByteBudget>(std::size_t{16} << 20);
  {
    const auto decoder = make_decoder(GetParam(), budget);
    std::string out(100'000, '\0');
    EXPECT_EQ(decoder->decode(std::string_view(coded).substr(0, 50'000), out).state,
              State::going_on);
    EXPECT_GT(budget->used(), 30'000U);
  }
  EXPECT_EQ(budget->used(), 0U);
  {
    const auto encoder = make_encoder(GetParam(), plain.size(), budget);
    std::string out;
    EXPECT_TRUE(encoder->encode(plain, true, out));
    EXPECT_GT(budget->used(), 200'000U);
    EXPECT_LT(budget->used(), 3U << 20);
  }
  EXPECT_EQ(budget->used(), 0U);
  // No room: at the start, or on the way.
  const auto tiny = std::make_shared<ByteBudget>(1000);
  EXPECT_EQ(make_decoder(GetParam(), tiny), nullptr);
  std::string out;
  const auto encoder = make_encoder(GetParam(), plain.size(), tiny);
  EXPECT_TRUE(encoder == nullptr || !encoder->encode(plain, true, out));
  const auto small = std::make_shared<ByteBudget>(GetParam() == Coding::gzip ? 20'000 : 400'000);
  EXPECT_EQ(decode(GetParam(), coded, 65'536, 65'536, small).state, State::no_room);
  EXPECT_EQ(tiny->used(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, Codings, testing::Values(Coding::gzip, Coding::zstd));

TEST(Zstd, TheWindowIsBounded) {
  using namespace std::string_literals;
  // A frame without a content size, with a window of 8 MiB, then of 9 and of 128 MiB.
  const std::string head = "\x28\xb5\x2f\xfd\x00"s;
  EXPECT_EQ(decode(Coding::zstd, head + "\x68\x01\x00\x00"s, 100, 100).state, State::going_on);
  for (const std::string& window : {"\x69"s, "\x88"s}) {
    const Decoded decoded = decode(Coding::zstd, head + window + "\x01\x00\x00"s, 100, 100);
    EXPECT_EQ(decoded.state, State::broken);
    EXPECT_NE(decoded.problem.find("8 MiB"), std::string::npos) << decoded.problem;
  }
}

TEST(Zstd, FormatsOfBeforeAreNotDecoded) {
  using namespace std::string_literals;
  for (const char first : {'\x22', '\x23', '\x24', '\x25', '\x26', '\x27'}) {
    const std::string old = first + "\xb5\x2f\xfd"s + std::string(40, '\0');
    EXPECT_EQ(decode(Coding::zstd, old, 100, 100).state, State::broken);
    EXPECT_EQ(decode(Coding::zstd, encode(Coding::zstd, "a") + old, 100, 100).state, State::broken);
  }
  // Nor where the cuts of a caller put them at the beginning of a piece: behind a byte of a magic
  // number, and behind a header that is wrong.
  const std::string old = "\x25\xb5\x2f\xfd"s + std::string(40, '\0');
  for (const std::string& before : {"\x28"s, "\x28\xb5\x2f\xfd\xe8"s}) {
    const auto budget = std::make_shared<ByteBudget>(std::size_t{9} << 20);
    const auto decoder = make_decoder(Coding::zstd, budget);
    std::array<char, 100> out{};
    Decoder::Step step;
    for (std::string_view piece : {std::string_view(before), std::string_view(old)}) {
      while (!piece.empty() && step.state == Decoder::State::going_on) {
        step = decoder->decode(piece, out);
        piece.remove_prefix(step.consumed);
      }
    }
    EXPECT_EQ(step.state, Decoder::State::broken);
  }
  // A frame to be skipped.
  const Decoded decoded = decode(Coding::zstd,
                                 "\x50\x2a\x4d\x18\x03\x00\x00\x00"s
                                 "abc" +
                                     encode(Coding::zstd, "d"),
                                 5, 9);
  EXPECT_EQ(decoded.plain, "d");
  EXPECT_TRUE(decoded.complete);
}

}  // namespace
}  // namespace jindou::http
