// Every case is read whole and byte by byte: the two must agree.
#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace jindou::http {
namespace {

using Progress = RequestParser::Progress;

struct Reading {
  Progress progress = Progress::need_more;
  unsigned status = 0;
  std::size_t used = 0;
  Request request;
};

void read(const std::string& input, std::size_t piece, const ParserLimits& limits,
          Reading& reading) {
  RequestParser parser(reading.request, limits);
  std::size_t available = 0;
  for (;;) {
    std::size_t consumed = 0;
    const std::string_view rest =
        std::string_view(input).substr(reading.used, available - reading.used);
    reading.progress = parser.feed(rest, consumed);
    reading.used += consumed;
    if (reading.progress == Progress::header_done) continue;
    if (reading.progress == Progress::failed) reading.status = parser.failure_status();
    if (reading.progress != Progress::need_more || available == input.size()) return;
    available = std::min(input.size(), available + piece);
  }
}

// 200 when read to the end, 0 when more is needed, else the refusal's status.
unsigned verdict(const std::string& input, const ParserLimits& limits = {}) {
  Reading whole;
  read(input, input.size(), limits, whole);
  Reading bytes;
  read(input, 1, limits, bytes);
  EXPECT_EQ(whole.progress, bytes.progress) << input;
  EXPECT_EQ(whole.status, bytes.status) << input;
  EXPECT_EQ(whole.request.body, bytes.request.body);
  if (whole.progress == Progress::done) return 200;
  return whole.status;
}

std::string post(const std::string& headers, const std::string& body) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

TEST(RequestParser, ReadsARequestWithABody) {
  Reading reading;
  const std::string input = post("Content-Length: 5\r\nX-A:  b c \r\n", "hello");
  read(input + "NEXT", input.size() + 4, ParserLimits(), reading);
  EXPECT_EQ(reading.progress, Progress::done);
  EXPECT_EQ(reading.used, input.size());
  EXPECT_EQ(reading.request.method(), Verb::post);
  EXPECT_EQ(reading.request.path(), "/x");
  EXPECT_EQ(reading.request.body, "hello");
  EXPECT_EQ(reading.request.header("x-a"), "b c");
}

TEST(RequestParser, SplitsPathAndQuery) {
  Reading reading;
  read("GET /a/b?c=d?e HTTP/1.1\r\nHost: h\r\n\r\n", 1000, ParserLimits(), reading);
  EXPECT_EQ(reading.progress, Progress::done);
  EXPECT_EQ(reading.request.path(), "/a/b");
  EXPECT_EQ(reading.request.query(), "c=d?e");
}

// RFC 9112 section 2.2: some clients send one after the body of the request before.
TEST(RequestParser, PassesOverEmptyLinesBeforeARequest) {
  const std::string request = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(verdict("\r\n" + request), 200U);
  EXPECT_EQ(verdict("\r\n\r\n\r\n" + request), 200U);
  EXPECT_EQ(verdict("\r\n"), 0U);
  EXPECT_EQ(verdict("\r\r\n" + request), 400U);
  ParserLimits limits;
  limits.header_bytes = 64;
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += "\r\n";
  EXPECT_EQ(verdict(endless, limits), 400U);
}

// RFC 9112 section 3.2.2: a server has to accept what a client says to a proxy.
TEST(RequestParser, TakesATargetThatIsAUrlApart) {
  struct Case {
    const char* target;
    const char* path;
    const char* query;
  };
  for (const Case& c :
       {Case{"http://other:5001/a/b?c=d", "/a/b", "c=d"}, Case{"HTTPS://other:5001", "/", ""},
        Case{"http://other:5001?c=d", "/", "c=d"}}) {
    Reading reading;
    read(std::string("GET ") + c.target + " HTTP/1.1\r\nHost: h\r\n\r\n", 1000, ParserLimits(),
         reading);
    EXPECT_EQ(reading.progress, Progress::done) << c.target;
    EXPECT_EQ(reading.request.path(), c.path);
    EXPECT_EQ(reading.request.query(), c.query);
    EXPECT_EQ(reading.request.header("host"), "other:5001");
  }
  for (const char* target : {"http:///a", "http://user:word@h/a", "ftp://h/a", "a/b"}) {
    EXPECT_EQ(verdict(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"), 400U)
        << target;
  }
}

TEST(RequestParser, NamesTheCodingOfABody) {
  const auto coding = [](const std::string& headers, const std::string& body) {
    Reading reading;
    read(post(headers, body), 1000, ParserLimits(), reading);
    EXPECT_EQ(reading.progress, Progress::done) << headers;
    return reading.request.coding;
  };
  EXPECT_EQ(coding("Content-Length: 1\r\n", "a"), Coding::identity);
  EXPECT_EQ(coding("Content-Encoding: gzip\r\nContent-Length: 1\r\n", "a"), Coding::gzip);
  EXPECT_EQ(coding("Content-Encoding: X-GZIP\r\nContent-Length: 1\r\n", "a"), Coding::gzip);
  EXPECT_EQ(coding("Content-Encoding: zstd , identity\r\nContent-Length: 1\r\n", "a"),
            Coding::zstd);
  EXPECT_EQ(coding("Content-Encoding: br\r\nContent-Length: 0\r\n", ""), Coding::identity);
}

TEST(RequestParser, RefusesOtherCodingsWithoutReadingTheBody) {
  for (const char* encoding : {"br", "deflate", "gzip, zstd", "gzip, gzip", "zstd, br", "gzi", "*",
                               "gzip\r\nContent-Encoding: gzip"}) {
    const std::string headers = "Content-Encoding: " + std::string(encoding) + "\r\n";
    EXPECT_EQ(verdict(post(headers + "Content-Length: 5\r\n", "")), 415U) << encoding;
    EXPECT_EQ(verdict(post(headers + "Transfer-Encoding: chunked\r\n", "")), 415U) << encoding;
  }
  EXPECT_EQ(verdict(post("Content-Encoding: identity\r\nContent-Length: 1\r\n", "a")), 200U);
}

TEST(RequestParser, DivertsTheBody) {
  Request request;
  RequestParser parser(request, ParserLimits());
  const std::string input =
      post("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
  std::size_t used = 0;
  std::size_t consumed = 0;
  ASSERT_EQ(parser.feed(input, used), Progress::header_done);
  std::string pieces;
  parser.divert_body(pieces);
  EXPECT_EQ(parser.feed(std::string_view(input).substr(used), consumed), Progress::done);
  EXPECT_EQ(pieces, "abc");
  EXPECT_EQ(request.body, "");
}

// Who takes the body piece by piece may answer it before the peer sends more.
TEST(RequestParser, TheEndOfAChunkDoesNotWaitForWhatFollowsIt) {
  for (std::size_t back = 1; back < 8; ++back) {
    const std::string data = "{\"some\":\"item\"}\n";
    const std::string first = data.substr(0, data.size() - back);
    const std::string second = data.substr(data.size() - back);
    Request request;
    std::string pieces;
    RequestParser parser(request, {});
    std::string input = post("Transfer-Encoding: chunked\r\n", "");
    const auto feed = [&] {
      Progress progress = Progress::header_done;
      while (progress == Progress::header_done) {
        std::size_t consumed = 0;
        progress = parser.feed(input, consumed);
        input.erase(0, consumed);
        if (progress == Progress::header_done) parser.divert_body(pieces);
      }
      EXPECT_EQ(progress, Progress::need_more);
    };
    feed();
    for (const std::string& part : {first, second}) {
      std::array<char, 8> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", part.size());
      input += size.data() + part + "\r\n";
      feed();
    }
    EXPECT_EQ(pieces, data) << back;
  }
}

TEST(RequestParser, ReadsChunkedBodies) {
  Reading reading;
  read(post("Transfer-Encoding: chunked\r\n", "3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 1,
       ParserLimits(), reading);
  EXPECT_EQ(reading.progress, Progress::done);
  EXPECT_EQ(reading.request.body, "abcde");
  EXPECT_EQ(verdict(post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n")), 200U);
}

TEST(RequestParser, RefusesAmbiguousLengths) {
  EXPECT_EQ(verdict(post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: 5, 5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: +5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: -5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: 0x5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: 99999999999999999999999\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length:\r\n", "")), 400U);
  EXPECT_EQ(verdict(post("Content-Length : 5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
            400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")),
            400U);
}

TEST(RequestParser, RefusesOddTransferEncodings) {
  EXPECT_EQ(verdict(post("Transfer-Encoding: gzip\r\n", "")), 400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post("Transfer-Encoding:\r\n", "0\r\n\r\n")), 400U);
  EXPECT_EQ(
      verdict(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
      400U);
  EXPECT_EQ(verdict("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400U);
}

TEST(RequestParser, RefusesTrailersAndMalformedChunks) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(verdict(post(chunked, "1\r\na\r\n0\r\ntoken: secret\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post(chunked, "g\r\na\r\n0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post(chunked, "-1\r\na\r\n0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post(chunked, "1\r\nab\r\n0\r\n\r\n")), 400U);
  EXPECT_EQ(verdict(post(chunked, "fffffffffffffffff\r\na\r\n0\r\n\r\n")), 400U);
}

TEST(RequestParser, RefusesHeaderTricks) {
  EXPECT_EQ(verdict(post("X-A: b\r\n c\r\n", "")), 400U);
  EXPECT_EQ(verdict(post("Content-Length:\r\n 5\r\n", "hello")), 400U);
  EXPECT_EQ(verdict(post("X-A: b\rX-B: c\r\n", "")), 400U);
  EXPECT_EQ(verdict(post("X-A: b\nX-B: c\r\n", "")), 400U);
  EXPECT_EQ(verdict(post(std::string("X-A: b\0c\r\n", 10), "")), 400U);
  EXPECT_EQ(verdict(post(": b\r\n", "")), 400U);
  EXPECT_EQ(verdict(post("no colon\r\n", "")), 400U);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET / HTTP/1.0\r\n\r\n"), 200U);
}

TEST(RequestParser, RefusesOddRequestLines) {
  EXPECT_EQ(verdict("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET * HTTP/1.1\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 200U);
  EXPECT_EQ(verdict("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET / HTTP/0.9\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("\x16\x03\x01\x02 hello there, TLS?\r\n\r\n"), 400U);
  EXPECT_EQ(verdict("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"), 400U);
}

TEST(RequestParser, SaysWhatFollowsTheHeader) {
  Reading sized;
  read(post("Content-Length: 5\r\n", "hello"), 1, ParserLimits(), sized);
  EXPECT_TRUE(sized.request.has_body);
  EXPECT_EQ(sized.request.body_declared, 5U);
  Reading chunked;
  read(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 1, ParserLimits(), chunked);
  EXPECT_TRUE(chunked.request.has_body);
  Reading none;
  read(post("Content-Length: 0\r\n", ""), 1, ParserLimits(), none);
  EXPECT_FALSE(none.request.has_body);
}

TEST(RequestParser, EnforcesLimits) {
  ParserLimits limits;
  limits.header_bytes = 256;
  limits.header_fields = 5;
  limits.body_bytes = 10;
  const std::string long_value(300, 'v');
  EXPECT_EQ(verdict(post("X-A: " + long_value + "\r\n", ""), limits), 431U);
  EXPECT_EQ(verdict(post("X-A: " + long_value, ""), limits), 431U);
  std::string many;
  for (int i = 0; i < 40; ++i) many += "X: 12345678\r\n";
  EXPECT_EQ(verdict(post(many, ""), limits), 431U);
  EXPECT_EQ(verdict(post("A:1\r\nB:1\r\nC:1\r\nD:1\r\n", ""), limits), 200U);
  EXPECT_EQ(verdict(post("A:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\n", ""), limits), 431U);
  EXPECT_EQ(verdict(post("Content-Length: 10\r\n", "0123456789"), limits), 200U);
  EXPECT_EQ(verdict(post("Content-Length: 11\r\n", ""), limits), 413U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n"), limits),
            200U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked\r\n", "b\r\n01"), limits), 413U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked\r\n", "6\r\n012345\r\n5\r\n"), limits), 413U);
}

TEST(RequestParser, KnowsExpectations) {
  EXPECT_EQ(verdict(post("Expect: 100-continue\r\nContent-Length: 1\r\n", "a")), 200U);
  EXPECT_EQ(verdict(post("Expect: miracles\r\nContent-Length: 1\r\n", "a")), 417U);
}

TEST(RequestParser, WaitsForTheRestOfATruncatedRequest) {
  EXPECT_EQ(verdict("POST /x HT"), 0U);
  EXPECT_EQ(verdict("POST /x HTTP/1.1\r\nHost: h\r\n"), 0U);
  EXPECT_EQ(verdict(post("Content-Length: 5\r\n", "hell")), 0U);
  EXPECT_EQ(verdict(post("Transfer-Encoding: chunked\r\n", "3\r\nab")), 0U);
}

}  // namespace
}  // namespace jindou::http
