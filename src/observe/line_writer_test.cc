#include "observe/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace jindou::observe {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr milliseconds kEnough{10'000};

std::string notice(std::uint64_t lines) { return "dropped " + std::to_string(lines) + '\n'; }

// A pipe of few pages whose reader reads when the test says so. One page that has anything in it is
// not writable as poll() sees it, though a short line would fit.
class Pipe {
 public:
  explicit Pipe(int bytes = 4096) {
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(ends_[1], F_SETPIPE_SZ, bytes), bytes);
  }
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int writer() const { return ends_[1]; }
  void fill() const { EXPECT_EQ(::write(ends_[1], std::string(4096, '.').data(), 4096), 4096); }
  // Blocks until `end` came.
  std::string read_until(std::string_view end) const {
    std::string out;
    std::array<char, 4096> piece;
    while (!std::string_view(out).ends_with(end)) {
      const ssize_t count = ::read(ends_[0], piece.data(), piece.size());
      if (count <= 0) break;
      out.append(piece.data(), static_cast<std::size_t>(count));
    }
    return out;
  }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST(LineWriter, WritesLinesInOrder) {
  Pipe pipe(8192);
  LineWriter writer(pipe.writer(), 4096, notice);
  writer.write("a\n");
  writer.write("b\n");
  EXPECT_TRUE(writer.drain(kEnough));
  EXPECT_EQ(pipe.read_until("b\n"), "a\nb\n");
  EXPECT_EQ(writer.dropped(), 0U);
  EXPECT_EQ(writer.queued_bytes(), 0U);
}

// Nobody reads: lines up to the bound wait, the others are dropped, counted, and told of in place.
TEST(LineWriter, DropsBeyondItsBoundAndTellsHowMany) {
  Pipe pipe;
  pipe.fill();
  LineWriter writer(pipe.writer(), 10'000, notice);
  const std::string line = std::string(99, 'x') + '\n';
  for (int i = 0; i < 250; ++i) writer.write(line);
  EXPECT_FALSE(writer.drain(milliseconds(1)));
  EXPECT_EQ(writer.queued_bytes(), 10'000U);
  EXPECT_EQ(writer.dropped(), 150U);
  const std::string read = pipe.read_until("dropped 150\n");
  EXPECT_THAT(read, EndsWith(line + "dropped 150\n"));
  EXPECT_TRUE(writer.drain(kEnough));
  writer.write("after\n");
  EXPECT_EQ(pipe.read_until("after\n"), "after\n");
}

TEST(LineWriter, EndsThoughNobodyReads) {
  Pipe pipe;
  pipe.fill();
  LineWriter writer(pipe.writer(), 10'000, notice);
  writer.write("never read\n");
}

// A reader that went away costs the lines and nothing else.
TEST(LineWriter, CountsWhatCannotBeWritten) {
  Pipe pipe;
  pipe.close_reader();
  LineWriter writer(pipe.writer(), 10'000, notice);
  writer.write("lost\n");
  EXPECT_TRUE(writer.drain(kEnough));
  EXPECT_EQ(writer.dropped(), 1U);
  writer.write("lost too\n");
  EXPECT_TRUE(writer.drain(kEnough));
  EXPECT_GE(writer.dropped(), 2U);
}

TEST(WriteWithin, GivesUpOnAFullPipe) {
  Pipe pipe;
  EXPECT_TRUE(write_within(pipe.writer(), "ready\n", milliseconds(0)));
  EXPECT_EQ(pipe.read_until("\n"), "ready\n");
  pipe.fill();
  EXPECT_FALSE(write_within(pipe.writer(), "lost\n", milliseconds(10)));
}

}  // namespace
}  // namespace jindou::observe
