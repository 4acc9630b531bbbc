#include "webhook/letter.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jindou::webhook {
namespace {

using std::chrono::milliseconds;

Letter letter() {
  Letter letter;
  letter.event = Event::offline;
  letter.body = R"({"a":1})";
  letter.id = "id";
  return letter;
}

bool has_header(const http::Call& request, const std::string& line) {
  return std::count(request.headers.begin(), request.headers.end(), line) == 1;
}

bool names_header(const http::Call& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const std::string& line) { return line.starts_with(name); });
}

http::CallAnswer answer(int status, std::string grpc_status = {}, std::string body = {}) {
  http::CallAnswer answer;
  answer.status = status;
  answer.grpc_status = std::move(grpc_status);
  answer.body = std::move(body);
  return answer;
}

TEST(UrlTest, EventJoinsWhateverTheAddressHas) {
  EXPECT_EQ(url_with_event("http://h/p", "e"), "http://h/p?event=e");
  EXPECT_EQ(url_with_event("http://h/p?", "e"), "http://h/p?event=e");
  EXPECT_EQ(url_with_event("http://h/p?k=v", "e"), "http://h/p?k=v&event=e");
  EXPECT_EQ(url_with_event("http://h/p?k=v&", "e"), "http://h/p?k=v&event=e");
  EXPECT_EQ(url_with_event("http://h/p#f", "e"), "http://h/p?event=e#f");
}

TEST(SignatureTest, IsHmacSha256OverTimestampDotBody) {
  // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(signature("secret", "1700000000", "{}"),
            "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
}

TEST(EventIdTest, DependsOnEventAndContentOnly) {
  EXPECT_EQ(event_id(Event::notify, "x"), event_id(Event::notify, "x"));
  EXPECT_NE(event_id(Event::notify, "x"), event_id(Event::notify, "y"));
  EXPECT_NE(event_id(Event::notify, "x"), event_id(Event::offline, "x"));
  EXPECT_EQ(event_id(Event::notify, "x").size(), 32U);
}

TEST(RequestTest, IsUnsignedWithoutSecret) {
  WebhookOptions options;
  options.http_addr = "http://h/p";
  const auto request = request_of(letter(), options, 12);
  EXPECT_EQ(request.url, "http://h/p?event=msg.offline");
  EXPECT_EQ(request.body, letter().body);
  EXPECT_TRUE(has_header(request, "Content-Type: application/json"));
  EXPECT_TRUE(has_header(request, "X-Jindou-Timestamp: 12"));
  EXPECT_TRUE(has_header(request, "X-Jindou-Event-Id: id"));
  EXPECT_FALSE(names_header(request, "X-Jindou-Signature"));
}

TEST(RequestTest, IsSignedWithSecret) {
  WebhookOptions options;
  options.http_addr = "http://h/p";
  options.secret = "s";
  const auto request = request_of(letter(), options, 12);
  EXPECT_TRUE(has_header(request, "X-Jindou-Signature: " + signature("s", "12", letter().body)));
}

TEST(RequestTest, GrpcAddressComesBeforeTheHttpAddress) {
  WebhookOptions options;
  options.http_addr = "http://h/p";
  options.grpc_addr = "g:1";
  const auto request = request_of(letter(), options, 12);
  EXPECT_EQ(request.url, "http://g:1/wkhook.WebhookService/SendWebhook");
  EXPECT_TRUE(request.http2);
  EXPECT_EQ(request.body, grpc_request_frame("msg.offline", letter().body));
  EXPECT_TRUE(has_header(request, "Content-Type: application/grpc"));
}

TEST(RequestTest, AgentsAreReachedOverHttpAtTheirOwnAddress) {
  WebhookOptions options;
  options.grpc_addr = "g:1";
  Letter to_agent = letter();
  to_agent.to_agent = true;
  EXPECT_TRUE(request_of(to_agent, options, 12).url.empty());
  options.agent_http_addr = "http://agents/";
  const auto request = request_of(to_agent, options, 12);
  EXPECT_EQ(request.url, "http://agents/?event=msg.offline");
  EXPECT_FALSE(request.http2);
}

TEST(VerdictTest, FollowsTheStatus) {
  for (const int status : {200, 201, 204, 299}) {
    EXPECT_EQ(verdict_on(answer(status), false), Verdict::delivered) << status;
  }
  for (const int status : {0, 408, 425, 429, 500, 502, 503, 599}) {
    EXPECT_EQ(verdict_on(answer(status), false), Verdict::down) << status;
  }
  for (const int status : {301, 400, 401, 404, 413, 422}) {
    EXPECT_EQ(verdict_on(answer(status), false), Verdict::refused) << status;
  }
}

TEST(VerdictTest, OfGrpcNeedsBothStatusAndResponse) {
  const std::string success("\0\0\0\0\2\x08\x01", 7);
  const std::string failure("\0\0\0\0\0", 5);
  EXPECT_EQ(verdict_on(answer(200, "0", success), true), Verdict::delivered);
  EXPECT_EQ(verdict_on(answer(200, "0", failure), true), Verdict::down);
  EXPECT_EQ(verdict_on(answer(200, "", success), true), Verdict::down);
  EXPECT_EQ(verdict_on(answer(200, "14"), true), Verdict::down);
  EXPECT_EQ(verdict_on(answer(200, "3"), true), Verdict::refused);
  EXPECT_EQ(verdict_on(answer(200, "12"), true), Verdict::refused);
  EXPECT_EQ(verdict_on(answer(0), true), Verdict::down);
}

TEST(GrpcTest, RequestFrameHasGoldenBytes) {
  EXPECT_EQ(grpc_request_frame("ab", "{}"), std::string("\0\0\0\0\x08\x0a\x02"
                                                        "ab\x12\x02{}",
                                                        13));
  // A length of two bytes in the varint.
  const std::string data(300, 'x');
  const std::string frame = grpc_request_frame("e", data);
  EXPECT_EQ(frame.substr(0, 11), std::string("\0\0\0\x01\x32\x0a\x01"
                                             "e\x12\xac\x02",
                                             11));
  EXPECT_EQ(frame.substr(11), data);
}

TEST(GrpcTest, ResponseIsReadWithUnknownFieldsAndRefusedWhenBroken) {
  EXPECT_TRUE(is_grpc_success(std::string("\0\0\0\0\6\x12\x02zz\x08\x01", 11)));
  EXPECT_FALSE(is_grpc_success(std::string("\0\0\0\0\2\x08\x00", 7)));
  EXPECT_FALSE(is_grpc_success(std::string("\1\0\0\0\2\x08\x01", 7)));  // compressed
  EXPECT_FALSE(is_grpc_success(std::string("\0\0\0\0\3\x08\x01", 7)));  // cut off
  EXPECT_FALSE(is_grpc_success(std::string("\0\0\0\0\2\x12\x7f", 7)));  // beyond the end
  EXPECT_FALSE(is_grpc_success(std::string("\0\0\0\0\1\x08", 6)));
  EXPECT_FALSE(is_grpc_success(""));
}

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(unsigned char byte) : byte_(byte) {}
  void fill(std::span<unsigned char> out) override { std::ranges::fill(out, byte_); }

 private:
  unsigned char byte_;
};

TEST(BackoffTest, DoublesUpToTheLongestWait) {
  FixedRandom random(0);
  Backoff backoff(random);
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 6; ++i)
    waits.push_back(backoff.next(milliseconds(10), milliseconds(100)).count());
  EXPECT_EQ(waits, (std::vector<std::int64_t>{10, 20, 40, 80, 100, 100}));
  backoff.reset();
  EXPECT_EQ(backoff.next(milliseconds(10), milliseconds(100)), milliseconds(10));
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(backoff.next(milliseconds(10), milliseconds(100)), milliseconds(100));
  }
}

TEST(BackoffTest, JitterTakesOffHalfAtMost) {
  SystemRandom random;
  Backoff backoff(random);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto wait = backoff.next(milliseconds(1000), milliseconds(1000));
    EXPECT_GE(wait, milliseconds(500));
    EXPECT_LE(wait, milliseconds(1000));
    differs = differs || wait != milliseconds(1000);
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace jindou::webhook
