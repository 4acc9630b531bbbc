#include "api/process_meter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace jindou::api {
namespace {

std::chrono::microseconds cpu_time() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return std::chrono::microseconds(0);
  const auto micros = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

std::uint64_t resident_bytes() {
  // Total and resident pages, then more that is of no interest here.
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t thread_count() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/task", error);
  if (error) return 0;
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

ProcessMeter::ProcessMeter()
    : started_at_ms_(std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count()),
      last_at_(std::chrono::steady_clock::now()) {}

ProcessMeter::Sample ProcessMeter::sample() {
  Sample out;
  out.resident_bytes = resident_bytes();
  out.threads = thread_count();
  const MutexLock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const auto cpu = cpu_time();
  const auto passed = std::chrono::duration<double>(now - last_at_).count();
  // Between two requests a moment apart the clock of the kernel's accounting stands still.
  if (passed >= 0.1) {
    last_percent_ = 100 * std::chrono::duration<double>(cpu - last_cpu_).count() / passed;
    last_at_ = now;
    last_cpu_ = cpu;
  }
  out.cpu_percent = last_percent_;
  return out;
}

}  // namespace jindou::api
