// Proves that patched requests are what a client would have built: right length, right groups, no
// client_msg_no twice.
#include "bench/request_template.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "codec/base64.h"

namespace jindou::bench {
namespace {

std::vector<std::string> values_of(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  std::vector<std::string> out;
  for (std::size_t at = json.find(key); at != std::string_view::npos; at = json.find(key, at)) {
    at += key.size();
    out.emplace_back(json.substr(at, json.find('"', at) - at));
  }
  return out;
}

RequestTemplate::Shape small_shape() {
  RequestTemplate::Shape shape;
  shape.host = "127.0.0.1:5001";
  shape.items = 3;
  shape.groups.count = 4;
  shape.run_id = "cafe0123";
  return shape;
}

TEST(WriteDigits, PadsAndCutsToTheWidth) {
  std::string text = "xxxxx";
  write_digits(text.data() + 1, 42, 3);
  EXPECT_EQ(text, "x042x");
  write_digits(text.data() + 1, 98765, 3);
  EXPECT_EQ(text, "x765x");
}

TEST(MakePayloads, AreOfTheAskedSizeAndDiffer) {
  const auto payloads = make_payloads(10, 200, 1);
  std::set<std::string> distinct(payloads.begin(), payloads.end());
  EXPECT_EQ(distinct.size(), 10U);
  for (const auto& payload : payloads) EXPECT_EQ(payload.size(), 200U);
  EXPECT_EQ(make_payloads(10, 200, 1), payloads);
}

TEST(RequestTemplate, LinesAreAChunk) {
  RequestTemplate::Shape shape = small_shape();
  shape.form = RequestTemplate::Form::lines;
  RequestTemplate request(shape, make_payloads(2, 200, 1));
  const std::string text(request.fill(7, 3));
  const std::size_t end = text.find("\r\n");
  const std::string body = text.substr(end + 2, text.size() - end - 4);
  EXPECT_EQ(std::stoul(text.substr(0, end), nullptr, 16), body.size());
  EXPECT_TRUE(text.ends_with("}\n\r\n"));
  EXPECT_EQ(std::count(body.begin(), body.end(), '\n'), 3);
  EXPECT_EQ(values_of(body, "channel_id"),
            (std::vector<std::string>{"bench_group_0003", "bench_group_0000", "bench_group_0001"}));
}

TEST(RequestTemplate, ContentLengthIsTheBodysLength) {
  RequestTemplate request(small_shape(), make_payloads(2, 200, 1));
  const std::string text(request.fill(1, 0));
  const std::size_t end = text.find("\r\n\r\n");
  ASSERT_NE(end, std::string::npos);
  const std::size_t body = text.size() - end - 4;
  EXPECT_NE(text.find("Content-Length: " + std::to_string(body) + "\r\n"), std::string::npos);
  EXPECT_TRUE(text.starts_with("POST /message/sendbatch HTTP/1.1\r\nHost: 127.0.0.1:5001\r\n"));
  EXPECT_EQ(text[end + 4], '[');
  EXPECT_EQ(text.back(), ']');
}

TEST(RequestTemplate, GroupsGoRoundFromTheFirst) {
  RequestTemplate request(small_shape(), make_payloads(2, 200, 1));
  const std::vector<std::string> expected = {"bench_group_0003", "bench_group_0000",
                                             "bench_group_0001"};
  EXPECT_EQ(values_of(request.fill(1, 3), "channel_id"), expected);
}

TEST(RequestTemplate, EveryItemOfEveryRequestHasItsOwnNumber) {
  RequestTemplate request(small_shape(), make_payloads(2, 200, 1));
  std::set<std::string> seen;
  std::size_t length = 0;
  for (std::uint64_t number = 8; number < 12; ++number) {
    const std::string_view text = request.fill(number, 0);
    if (length == 0) length = text.size();
    EXPECT_EQ(text.size(), length);
    for (const auto& value : values_of(text, "client_msg_no")) seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 12U);
  EXPECT_TRUE(seen.contains("cafe0123-0000000010-002"));
}

TEST(RequestTemplate, PayloadsAreTheBase64OfThePlainOnesInTurn) {
  const auto payloads = make_payloads(2, 200, 1);
  RequestTemplate request(small_shape(), payloads);
  const auto encoded = values_of(request.fill(1, 0), "payload");
  ASSERT_EQ(encoded.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    std::string plain;
    ASSERT_TRUE(codec::base64_decode(encoded[i], plain));
    EXPECT_EQ(plain, payloads[i % 2]);
  }
}

TEST(RequestTemplate, ATableHasThePayloadOnce) {
  RequestTemplate::Shape shape = small_shape();
  shape.form = RequestTemplate::Form::table;
  RequestTemplate request(shape, make_payloads(2, 200, 1));
  const std::string text(request.fill(7, 3));
  EXPECT_EQ(values_of(text, "payload_ref"), (std::vector<std::string>{"a", "a", "a"}));
  EXPECT_EQ(values_of(text, "payload").size(), 0U);
  EXPECT_EQ(values_of(text, "a").size(), 1U);
  EXPECT_EQ(values_of(text, "channel_id"),
            (std::vector<std::string>{"bench_group_0003", "bench_group_0000", "bench_group_0001"}));
  EXPECT_TRUE(text.ends_with("]}"));
}

TEST(RequestTemplate, CompressedIsOneRequestForEachFirstGroup) {
  RequestTemplate::Shape shape = small_shape();
  shape.groups.count = 6;
  shape.numbered = false;
  RequestTemplate plain(shape, make_payloads(2, 200, 1));
  const std::string text(plain.fill(7, 3));
  EXPECT_EQ(values_of(text, "client_msg_no").size(), 0U);
  shape.compressed = true;
  RequestTemplate request(shape, make_payloads(2, 200, 1));
  const std::string coded(request.fill(7, 3));
  EXPECT_NE(coded.find("Content-Encoding: gzip\r\n"), std::string::npos);
  const std::string body = coded.substr(coded.find("\r\n\r\n") + 4);
  EXPECT_NE(coded.find("Content-Length: " + std::to_string(body.size()) + "\r\n"),
            std::string::npos);
  z_stream stream = {};
  ASSERT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(text.size(), ' ');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  EXPECT_EQ(out, text.substr(text.find("\r\n\r\n") + 4));
}

TEST(RequestTemplate, SingleIsOneObject) {
  RequestTemplate::Shape shape = small_shape();
  shape.form = RequestTemplate::Form::single;
  shape.items = 1;
  RequestTemplate request(shape, make_payloads(1, 200, 1));
  const std::string text(request.fill(7, 2));
  EXPECT_TRUE(text.starts_with("POST /message/send HTTP/1.1\r\n"));
  EXPECT_EQ(text[text.find("\r\n\r\n") + 4], '{');
  EXPECT_EQ(text.back(), '}');
}

}  // namespace
}  // namespace jindou::bench
