#include "model/payload.h"

#include <gtest/gtest.h>

namespace jindou {
namespace {

TEST(Payload, SharesOneCopy) {
  const auto bytes = std::make_shared<const std::string>("shared");
  const Payload a(bytes);
  Payload b = a;
  EXPECT_EQ(a.view().data(), bytes->data());
  EXPECT_EQ(b.view().data(), bytes->data());
  EXPECT_EQ(bytes.use_count(), 3);
  b.own() = "own";
  EXPECT_EQ(b, "own");
  EXPECT_EQ(a, "shared");
  EXPECT_EQ(bytes.use_count(), 2);
  b = a;
  b.clear();
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(a.size(), 6U);
}

TEST(Payload, SharesItsOwnBytesOnceItIsToldTo) {
  Payload a("bytes");
  a.share();
  Payload b = a;
  EXPECT_EQ(b.view().data(), a.view().data());
  EXPECT_EQ(b, "bytes");
  b.share();
  EXPECT_EQ(b.view().data(), a.view().data());
  EXPECT_TRUE(b.own().empty());
  EXPECT_EQ(a, "bytes");
}

TEST(Payload, IsItsBytes) {
  const Payload own(std::string("a\0b", 3));
  EXPECT_EQ(own.size(), 3U);
  EXPECT_EQ(own, Payload(std::make_shared<const std::string>("a\0b", 3)));
  EXPECT_NE(own, "a");
  EXPECT_NE(own, std::string("a"));
  EXPECT_EQ(own.str(), std::string_view(own));
  EXPECT_EQ(Payload("x"), std::string_view("x"));
  EXPECT_TRUE(Payload().empty());
}

}  // namespace
}  // namespace jindou
