#include "webhook/pacer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/machine_share.h"

namespace jindou::webhook {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr double kSharePerProcessor = 0.025;
// Waiting for more than this part of the time that it wanted to run is contention: a thread of low
// priority waits a little on any machine that is not idle.
constexpr double kContended = 0.2;
// Less than this says nothing yet.
constexpr milliseconds kSampleMin{1};
// Each piece of work counts for as much as all after it: about the last five.
constexpr double kForget = 0.8;
// Longer rests would be felt as lateness.
constexpr milliseconds kRestMax{200};

}  // namespace

ProcessorUse this_threads_use() {
  const int fd = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 128> text{};
  const ssize_t size = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (size <= 0) return {};
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;
  const char* end = text.data() + size;
  const auto first = std::from_chars(text.data(), end, running);
  if (first.ec != std::errc() || first.ptr == end) return {};
  if (std::from_chars(first.ptr + 1, end, waiting).ec != std::errc()) return {};
  return {nanoseconds(running), nanoseconds(waiting)};
}

Pacer::Pacer(double share, Source source) : share_(share), source_(std::move(source)) {}

double Pacer::default_share() { return std::min(1.0, kSharePerProcessor * usable_processors()); }

milliseconds Pacer::rest() {
  const ProcessorUse now = source_();
  const nanoseconds ran = now.running - last_.running;
  const nanoseconds waited = now.waiting - last_.waiting;
  last_ = now;
  if (!std::exchange(started_, true)) return {};
  const auto fade = [](nanoseconds all, nanoseconds latest) {
    return nanoseconds(static_cast<std::int64_t>(static_cast<double>(all.count()) * kForget)) +
           latest;
  };
  running_ = fade(running_, ran);
  waiting_ = fade(waiting_, waited);
  const nanoseconds wanted = running_ + waiting_;
  if (wanted < kSampleMin ||
      static_cast<double>(waiting_.count()) < kContended * static_cast<double>(wanted.count())) {
    owed_ = {};
    return {};
  }
  // Rests are whole milliseconds; what is left over is owed.
  owed_ +=
      nanoseconds(static_cast<std::int64_t>(static_cast<double>(ran.count()) * (1 / share_ - 1)));
  owed_ = std::min<nanoseconds>(owed_, kRestMax);
  const auto rest = std::chrono::duration_cast<milliseconds>(owed_);
  owed_ -= rest;
  return rest;
}

}  // namespace jindou::webhook
