#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/varint.h"

namespace jindou {
namespace {

TEST(BigEndian, PutsTheMostSignificantByteFirst) {
  std::string out;
  append_be<std::uint8_t>(out, 0x01);
  append_be<std::uint16_t>(out, 0x0203);
  append_be<std::uint32_t>(out, 0x04050607);
  append_be<std::uint64_t>(out, 0x08090a0b0c0d0e0f);
  EXPECT_EQ(out, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
  EXPECT_EQ(read_be<std::uint8_t>(out, 0), 0x01);
  EXPECT_EQ(read_be<std::uint16_t>(out, 1), 0x0203);
  EXPECT_EQ(read_be<std::uint32_t>(out, 3), 0x04050607U);
  EXPECT_EQ(read_be<std::uint64_t>(out, 7), 0x08090a0b0c0d0e0fU);
}

TEST(BigEndian, OrderOfBytesIsOrderOfNumbers) {
  const std::uint64_t values[] = {0,
                                  1,
                                  127,
                                  128,
                                  255,
                                  256,
                                  65535,
                                  65536,
                                  1ULL << 32,
                                  1ULL << 63,
                                  std::numeric_limits<std::uint64_t>::max()};
  std::string previous;
  for (const auto value : values) {
    std::string bytes;
    append_be(bytes, value);
    EXPECT_EQ(read_be<std::uint64_t>(bytes, 0), value);
    EXPECT_LT(previous, bytes);
    previous = bytes;
  }
}

TEST(Varint, RoundTripsAtEveryLength) {
  for (int bits = 0; bits <= 64; ++bits) {
    const std::uint64_t top =
        bits == 64 ? std::numeric_limits<std::uint64_t>::max() : (std::uint64_t{1} << bits) - 1;
    for (const std::uint64_t value : {top, top + 1}) {
      std::string out;
      append_varint(out, value);
      ByteReader reader(out);
      EXPECT_EQ(reader.read_varint(), value);
      EXPECT_TRUE(reader.ok());
      EXPECT_TRUE(reader.at_end());
    }
  }
}

TEST(ByteReader, FailsOnceAndForEver) {
  ByteReader cut(std::string_view("\x80", 1));
  EXPECT_EQ(cut.read_varint(), 0U);
  EXPECT_FALSE(cut.ok());

  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  EXPECT_EQ(endless.read_varint(), 0U);
  EXPECT_FALSE(endless.ok());

  // The length of the string says more than there is; nothing after it is read either.
  ByteReader text(
      std::string_view("\x05"
                       "abc",
                       4));
  EXPECT_TRUE(text.read_string().empty());
  EXPECT_FALSE(text.ok());
  EXPECT_EQ(text.read_u8(), 0);
  EXPECT_TRUE(text.read_bytes(1).empty());
}

TEST(ByteReader, ReadsStringsInOrder) {
  std::string out;
  append_string(out, "one");
  append_string(out, "");
  append_string(out, "three");
  ByteReader reader(out);
  EXPECT_EQ(reader.read_string(), "one");
  EXPECT_EQ(reader.read_string(), "");
  EXPECT_EQ(reader.rest(), "\x05three");
  EXPECT_EQ(reader.read_string(), "three");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

}  // namespace
}  // namespace jindou
