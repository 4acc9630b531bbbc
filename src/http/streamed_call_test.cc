// A call whose body and answer are streams, against the server of this folder and against peers
// that go away.
#include "http/streamed_call.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include "http/server_fixture.h"
#include "http/test_receiver.h"

namespace jindou::http {
namespace {

using namespace std::chrono_literals;

// Answers with what comes, "[end]" behind it; or with an error; or with less than it is sent.
class Echo final : public RequestHandler {
 public:
  bool admit(Request& request, Response& response) override {
    request.streams = true;
    if (request.path() != "/denied") return true;
    response.status = 401;
    response.body = "denied";
    return false;
  }
  Task<void> handle(Request& request, Response& response) override {
    if (request.path() == "/busy") {
      response.status = 503;
      response.extra_headers = "Retry-After: 7\r\n";
      response.body = "busy";
      co_return;
    }
    for (;;) {
      std::string_view piece;
      const Stream::Part part = co_await request.stream->read(Stream::Wait::yes, piece);
      const std::string text = part == Stream::Part::piece ? std::string(piece) : "[end]";
      const bool taken = co_await request.stream->write(text);
      if (part != Stream::Part::piece || !taken || request.path() == "/once") break;
    }
  }
  void refuse(std::string_view detail, Response& response) override { response.body = detail; }
  void answering(const Request&, const Response&, const ExchangeTimes&) override {}
  void answered(const Request&, const Response&, const ExchangeTimes&) override {}
};

class StreamedCallTest : public HttpServerTest {
 protected:
  void start_echo() {
    ServerOptions options;
    options.tick = 5ms;
    server_ = std::make_unique<Server>(shards_, echo_, clock_, options);
    ASSERT_TRUE(server_->listen("127.0.0.1:0"));
    shards_.start();
  }
  std::string url(const std::string& path) const { return "http://" + server_->address() + path; }

  Echo echo_;
};

using Body = StreamedCall::Body;

// Steps until the call has ended, for a minute at most.
void run(StreamedCall& call) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (call.step(20ms)) ASSERT_LT(std::chrono::steady_clock::now(), until);
}

TEST_F(StreamedCallTest, AnswersAreReadWhileTheBodyIsWritten) {
  start_echo();
  std::string answer;
  int sent = 0;
  // Each word is written when the one before has come back.
  const auto write = [&](std::span<char> room, std::size_t& written) {
    if (answer.size() < static_cast<std::size_t>(sent) * 4) return Body::later;
    if (sent == 50) return Body::end;
    std::memcpy(room.data(), "word", 4);
    written = 4;
    ++sent;
    return Body::bytes;
  };
  StreamedCall call({url("/echo"), {"Content-Type: text/plain"}, 10s, ""},
                    {write, [&](std::string_view piece) { answer += piece; }});
  run(call);
  EXPECT_EQ(call.answer().status, 200);
  EXPECT_EQ(call.answer().error, "");
  EXPECT_EQ(answer.size(), 50U * 4 + 5);
  EXPECT_TRUE(answer.ends_with("word[end]"));
  EXPECT_TRUE(call.has_moved());
  EXPECT_FALSE(call.has_moved());
}

TEST_F(StreamedCallTest, BodiesOfMegabytesBothWays) {
  start_echo();
  constexpr std::size_t kBytes = 20'000'000;
  std::size_t left = kBytes;
  std::size_t came = 0;
  const auto write = [&](std::span<char> room, std::size_t& written) {
    written = std::min(room.size(), left);
    left -= written;
    std::memset(room.data(), 'x', written);
    return written == 0 ? Body::end : Body::bytes;
  };
  StreamedCall call({url("/echo"), {}, 10s, ""},
                    {write, [&](std::string_view piece) { came += piece.size(); }});
  run(call);
  EXPECT_EQ(call.answer().error, "");
  EXPECT_EQ(came, kBytes + 5);
}

TEST_F(StreamedCallTest, OtherStatusesEndTheUpload) {
  start_echo();
  const auto write = [](std::span<char> room, std::size_t& written) {
    written = room.size();
    std::memset(room.data(), 'x', written);
    return Body::bytes;
  };
  const auto take = [](std::string_view piece) { FAIL() << piece; };
  StreamedCall denied({url("/denied"), {}, 10s, ""}, {write, take});
  run(denied);
  EXPECT_EQ(denied.answer().status, 401);
  EXPECT_EQ(denied.answer().body, "denied");
  EXPECT_EQ(denied.answer().error, "");
  StreamedCall busy({url("/busy"), {}, 10s, ""}, {write, take});
  run(busy);
  EXPECT_EQ(busy.answer().status, 503);
  EXPECT_EQ(busy.answer().body, "busy");
  EXPECT_EQ(busy.answer().retry_after, 7s);
}

TEST_F(StreamedCallTest, IsStoppedWhenEnoughHasCome) {
  start_echo();
  std::string answer;
  const auto write = [&](std::span<char> room, std::size_t& written) {
    if (!answer.empty()) return Body::stop;
    written = 1;
    room[0] = 'x';
    return Body::bytes;
  };
  StreamedCall call({url("/once"), {}, 10s, ""},
                    {write, [&](std::string_view piece) { answer += piece; }});
  run(call);
  EXPECT_EQ(call.answer().status, 200);
  EXPECT_EQ(call.answer().error, "");
}

TEST_F(StreamedCallTest, ExceptionsOfHandlersComeOut) {
  start_echo();
  const auto fail = [](std::span<char>, std::size_t&) -> Body { throw std::runtime_error("oops"); };
  StreamedCall call({url("/echo"), {}, 10s, ""}, {fail, [](std::string_view) {}});
  EXPECT_THROW(run(call), std::runtime_error);
}

TEST_F(StreamedCallTest, AnInputThatCanBeReadEndsTheWait) {
  start_echo();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const auto write = [](std::span<char>, std::size_t&) { return Body::later; };
  StreamedCall call({url("/echo"), {}, 10s, ""}, {write, [](std::string_view) {}});
  std::thread writer([&] {
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  });
  // Far longer than the test may take.
  pollfd ready{};
  for (int i = 0; i < 1000 && ready.revents == 0; ++i) {
    ASSERT_TRUE(call.step(600s, ends[0]));
    ready = {ends[0], POLLIN, 0};
    ::poll(&ready, 1, 0);
  }
  EXPECT_NE(ready.revents, 0);
  writer.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StreamedCallWithoutServer, ErrorsAreTold) {
  const auto write = [](std::span<char>, std::size_t&) { return Body::end; };
  StreamedCall none({"http://127.0.0.1:" + std::to_string(unused_port()) + "/", {}, 10s, ""},
                    {write, [](std::string_view) {}});
  run(none);
  EXPECT_EQ(none.answer().status, 0);
  EXPECT_NE(none.answer().error, "");
  EXPECT_FALSE(none.step(1ms));
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kClose; });
  StreamedCall cut({receiver.url(), {}, 10s, ""}, {write, [](std::string_view) {}});
  run(cut);
  EXPECT_EQ(cut.answer().status, 0);
  EXPECT_NE(cut.answer().error, "");
  StreamedCall wrong({"ftp://127.0.0.1/", {}, 10s, ""}, {write, [](std::string_view) {}});
  run(wrong);
  EXPECT_NE(wrong.answer().error, "");
}

}  // namespace
}  // namespace jindou::http
