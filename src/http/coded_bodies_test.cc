// A server whose callers compress: bodies that are decoded within their limits, answers that are
// coded for whoever likes it.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/decoder.h"
#include "http/encoder.h"
#include "http/server_fixture.h"

namespace jindou::http {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

std::string coded_body(Coding coding, const std::string& plain) {
  const auto encoder = make_encoder(coding, plain.size(), nullptr);
  std::string coded;
  EXPECT_TRUE(encoder->encode(plain, true, coded));
  return coded;
}

std::string decode(Coding coding, const std::string& coded) {
  const auto decoder = make_decoder(coding, nullptr);
  std::string plain(std::size_t{8} << 20, '\0');
  const auto step = decoder->decode(coded, plain);
  EXPECT_TRUE(decoder->complete());
  plain.resize(step.produced);
  return plain;
}

std::string field(Coding coding) {
  return "Content-Encoding: " + std::string(coding_name(coding)) + "\r\n";
}

std::string chunked(const std::string& path, const std::string& body, std::size_t piece,
                    const std::string& headers) {
  std::string text =
      "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string part = body.substr(at, piece);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    text += size + part + "\r\n";
  }
  return text + "0\r\n\r\n";
}

std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class CodedBodies : public HttpServerTest, public testing::WithParamInterface<Coding> {};

TEST_P(CodedBodies, AreDecoded) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  for (const std::size_t size : {0U, 3U, 70'000U, 3'000'000U}) {
    const std::string plain(size, 'b');
    const std::string coded = coded_body(GetParam(), plain);
    send(socket, post("/size", coded, field(GetParam())) +
                     chunked("/size", coded, 700, field(GetParam())) +
                     chunked("/size", coded, 100'000, field(GetParam())) + post("/x", "as it is"));
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /size " + std::to_string(size)));
    }
    EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x as it is"));
  }
  EXPECT_TRUE(handler_.padded);
}

TEST_P(CodedBodies, ComeByteByByte) {
  start();
  tcp::socket socket = connect();
  socket.set_option(tcp::no_delay(true));
  const std::string coded = coded_body(GetParam(), "a coded body");
  std::string rest;
  const std::string request = post("/x", coded, field(GetParam()) + "Expect: 100-continue\r\n");
  send(socket, request.substr(0, request.size() - coded.size()));
  EXPECT_TRUE(read_answer(socket, rest).starts_with("HTTP/1.1 100 "));
  for (const char c : coded) send(socket, std::string(1, c));
  EXPECT_TRUE(read_answer(socket, rest).ends_with("POST /x a coded body"));
}

TEST_P(CodedBodies, AreLimitedByWhatTheyBecome) {
  ServerOptions options;
  options.limits.body_bytes = 1'000'000;
  options.body_budget = std::make_shared<ByteBudget>(std::size_t{16} << 20);
  start(options);
  const std::string fits = coded_body(GetParam(), std::string(1'000'000, 'b'));
  EXPECT_TRUE(has(exchange(post("/size", fits, field(GetParam()) + "Connection: close\r\n")),
                  "POST /size 1000000"));
  for (const std::size_t size : {1'000'001U, 50'000'000U}) {
    const std::string bomb = coded_body(GetParam(), std::string(size, 'b'));
    for (const std::string& request :
         {post("/size", bomb, field(GetParam())), chunked("/size", bomb, 999, field(GetParam()))}) {
      const std::string answer = exchange(request);
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
      EXPECT_TRUE(has(answer, "1000000 bytes")) << answer;
      EXPECT_TRUE(has(answer, "api.maxBodyBytes")) << answer;
      EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
    }
  }
  EXPECT_EQ(handler_.handled, 1);
  while (options.body_budget->used() > 0) std::this_thread::sleep_for(1ms);
}

TEST_P(CodedBodies, DamagedOnesAreRefused) {
  start();
  const std::string coded = coded_body(GetParam(), std::string(5000, 'b') + "end");
  for (const std::string& wrong : {std::string("[{\"plain\":1}]"), coded + "[tail]"}) {
    const std::string answer = exchange(post("/x", wrong, field(GetParam())));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(
        has(answer, "is said to be " + std::string(coding_name(GetParam())) + ", but is damaged"))
        << answer;
  }
  const std::string cut = coded.substr(0, coded.size() - 1);
  for (const std::string& request :
       {post("/x", cut, field(GetParam())), chunked("/x", cut, 10, field(GetParam()))}) {
    const std::string answer = exchange(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(has(answer, "ends in the middle")) << answer;
  }
  EXPECT_EQ(handler_.handled, 0);
}

// Memory of decoders counts with the bodies: callers who send slowly hold no more than the budget.
TEST_P(CodedBodies, DecodersShareTheBudget) {
  ServerOptions options;
  // Room for several, whose windows are as long as their bodies with zstd, and not for all.
  const std::size_t budget = std::size_t{GetParam() == Coding::gzip ? 2U : 6U} << 20;
  options.body_budget = std::make_shared<ByteBudget>(budget);
  start(options);
  const std::string coded = coded_body(GetParam(), std::string(400'000, 'b') + "end");
  std::vector<tcp::socket> slow;
  for (int i = 0; i < 12; ++i) {
    slow.push_back(connect());
    send(slow.back(), "POST /size HTTP/1.1\r\nHost: h\r\n" + field(GetParam()) +
                          "Content-Length: " + std::to_string(coded.size()) + "\r\n\r\n" +
                          coded.substr(0, coded.size() - 1));
  }
  while (handler_.answers == 0) std::this_thread::sleep_for(1ms);
  EXPECT_LE(options.body_budget->used(), budget);
  int refused = 0;
  int taken = 0;
  for (tcp::socket& socket : slow) {
    send(socket, coded.substr(coded.size() - 1));
    std::string rest;
    const std::string answer = read_answer(socket, rest);
    if (answer.starts_with("HTTP/1.1 429 ")) ++refused;
    if (answer.starts_with("HTTP/1.1 200 ")) ++taken;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(taken, 0);
  slow.clear();
  while (options.body_budget->used() > 0) std::this_thread::sleep_for(1ms);
}

TEST_P(CodedBodies, AnswersAreCodedForWhoLikesIt) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  const std::string name(coding_name(GetParam()));
  const std::string accept = "Accept-Encoding: br, " + name + "\r\n";
  for (const std::string path : {"/medium", "/big"}) {
    send(socket, post(path, "", accept));
    const std::string answer = read_answer(socket, rest);
    EXPECT_TRUE(has(answer, "\r\nContent-Encoding: " + name + "\r\n")) << answer.substr(0, 500);
    EXPECT_TRUE(has(answer, "\r\nVary: Accept-Encoding\r\n"));
    EXPECT_EQ(decode(GetParam(), body_of(answer)),
              std::string(path == "/big" ? 4U << 20 : 50'000U, 'x'));
  }
  // The header of a GET alone.
  send(socket, "HEAD /medium HTTP/1.1\r\nHost: h\r\n" + accept + "Connection: close\r\n\r\n");
  const std::string head = read_all(socket);
  EXPECT_TRUE(has(head, "\r\nContent-Encoding: " + name + "\r\n")) << head;
  EXPECT_EQ(body_of(head), "");
}

INSTANTIATE_TEST_SUITE_P(All, CodedBodies, testing::Values(Coding::gzip, Coding::zstd));

TEST_F(HttpServerTest, UnknownCodingsAreToldWhichAreTaken) {
  start();
  for (const std::string coding : {"br", "gzip, zstd"}) {
    const std::string answer = exchange(post("/x", "abc", "Content-Encoding: " + coding + "\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 415 ")) << answer;
    EXPECT_TRUE(has(answer, "\r\nAccept-Encoding: gzip, zstd\r\n")) << answer;
  }
  EXPECT_EQ(handler_.handled, 0);
}

TEST_F(HttpServerTest, WhatStaysPlain) {
  start();
  tcp::socket socket = connect();
  std::string rest;
  const std::string accept = "Accept-Encoding: gzip\r\n";
  // 1024 bytes with what the handler puts before them, then one more.
  for (const std::size_t size : {1016U, 1017U}) {
    send(socket, post("/x", std::string(size, 'b'), accept));
    const std::string answer = read_answer(socket, rest);
    EXPECT_EQ(has(answer, "Content-Encoding"), size == 1017U) << answer.substr(0, 500);
    EXPECT_EQ(has(answer, "Vary: Accept-Encoding"), size == 1017U);
  }
  for (const std::string headers :
       {"", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: identity, gzip;q=0.5\r\n"}) {
    send(socket, post("/medium", "", headers));
    const std::string answer = read_answer(socket, rest);
    EXPECT_FALSE(has(answer, "Content-Encoding"));
    EXPECT_TRUE(has(answer, "Vary: Accept-Encoding"));
    EXPECT_EQ(body_of(answer), std::string(50'000, 'x'));
  }
  // Does not get smaller.
  std::string noise;
  for (std::uint64_t i = 1; noise.size() < 20'000;
       i = i * 6364136223846793005U + 1442695040888963407U) {
    noise += static_cast<char>(i >> 56);
  }
  send(socket, post("/x", noise, accept));
  EXPECT_FALSE(has(read_answer(socket, rest), "Content-Encoding"));
  EXPECT_TRUE(rest.empty());
}

// Two fields are one list.
TEST_F(HttpServerTest, AllAcceptEncodingsAreRead) {
  start();
  const std::string answer = exchange(
      post("/medium", "", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"));
  EXPECT_TRUE(has(answer, "Content-Encoding: gzip"));
}

TEST_F(HttpServerTest, CodingAnswersCanBeSwitchedOff) {
  ServerOptions options;
  options.encode_answers = false;
  start(options);
  const std::string answer =
      exchange(post("/medium", "", "Accept-Encoding: gzip\r\nConnection: close\r\n"));
  EXPECT_FALSE(has(answer, "Content-Encoding"));
  EXPECT_FALSE(has(answer, "Vary: Accept-Encoding"));
}

// Without room for the work an answer goes as it is.
TEST_F(HttpServerTest, NoRoomForACoderIsNoFailure) {
  ServerOptions options;
  options.answer_budget = std::make_shared<ByteBudget>(std::size_t{100'000});
  start(options);
  const std::string answer =
      exchange(post("/medium", "", "Accept-Encoding: gzip\r\nConnection: close\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer.substr(0, 500);
  EXPECT_EQ(body_of(answer), std::string(50'000, 'x'));
  while (options.answer_budget->used() > 0) std::this_thread::sleep_for(1ms);
}

}  // namespace
}  // namespace jindou::http
