#include "webhook/bodies.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "codec/base64.h"
#include "codec/json_reader.h"

namespace jindou::webhook {
namespace {

Message message() {
  Message message;
  message.id = static_cast<MessageId>(4097);
  message.seq = static_cast<MessageSeq>(7);
  message.channel = ChannelKey(person_channel_id("a", "b"), ChannelType::person);
  message.from_uid = "a";
  message.client_msg_no = "n";
  message.payload = "hi";
  message.timestamp = 1700000000;
  return message;
}

// What a reader of gzip files makes of it; fails on a cut-off one.
std::string gunzip(const std::string& packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string in = packed;
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(NotifyBodyTest, ElementsAreMessageObjectsWithCommasBetween) {
  std::string array;
  append_notify_element(array, message());
  const std::string one = array;
  append_notify_element(array, message());
  EXPECT_EQ(array, one + "," + one);
  const auto parsed = codec::parse_json("[" + array + "]");
  ASSERT_TRUE(parsed);
  const auto first = parsed->at(0);
  EXPECT_EQ(first["channel_id"].get_string().value(), "b");
  EXPECT_EQ(first["message_idstr"].get_string().value(), "4097");
}

TEST(NotifyBodyTest, BuiltInSystemAccountHasNoName) {
  Message from_system = message();
  from_system.from_uid = kSystemUid;
  std::string array;
  append_notify_element(array, from_system);
  EXPECT_NE(array.find(R"("from_uid":"")"), std::string::npos);
}

TEST(OfflineBodyTest, NamesReceiversNodeAndTheSystemAccount) {
  Message from_system = message();
  from_system.from_uid = kSystemUid;
  const std::vector<std::string> uids{"u1", "u2"};
  const auto body = offline_body(from_system, uids, 0, 1001);
  ASSERT_TRUE(body);
  EXPECT_NE(body->find(R"("from_uid":"____system")"), std::string::npos);
  EXPECT_NE(body->find(R"("to_uids":["u1","u2"],"source_id":1001)"), std::string::npos);
  EXPECT_EQ(body->find("compress"), std::string::npos);
}

TEST(OfflineBodyTest, MoreReceiversThanTheLimitComeAsAWholeGzipFile) {
  const std::vector<std::string> uids{"u1", "u2", "u\"3"};
  const auto plain = offline_body(message(), uids, 3, 1);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->find("compress"), std::string::npos);

  const auto body = offline_body(message(), uids, 2, 1);
  ASSERT_TRUE(body);
  const auto parsed = codec::parse_json(*body);
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)["to_uids"].get_array().value().size(), 0U);
  EXPECT_EQ((*parsed)["compress"].get_string().value(), "gzip");
  std::string packed;
  ASSERT_TRUE(codec::base64_decode((*parsed)["compress_to_uids"].get_string().value(), packed));
  EXPECT_EQ(gunzip(packed), R"(["u1","u2","u\"3"])");
}

TEST(GzipTest, RoundTripsEmptyAndLargeInput) {
  std::string large;
  for (int i = 0; i < 50'000; ++i) large += std::to_string(i * 7919);
  for (const std::string& bytes : {std::string(), large}) {
    const auto packed = gzip(bytes);
    ASSERT_TRUE(packed);
    EXPECT_EQ(gunzip(*packed), bytes);
  }
}

TEST(OnlineStatusTest, TextHasItsSixPartsInOrder) {
  EXPECT_EQ(online_status_text("a-b", DeviceFlag::web, true, 12, 1, 3), "a-b-1-1-12-1-3");
  EXPECT_EQ(online_status_text("u", DeviceFlag::app, false, 9, 0, 0), "u-0-0-9-0-0");
}

TEST(OnlineStatusTest, BodyIsAnArrayOfStrings) {
  const std::vector<std::string> texts{"a", "b\""};
  EXPECT_EQ(online_status_body(texts), R"(["a","b\""])");
}

}  // namespace
}  // namespace jindou::webhook
