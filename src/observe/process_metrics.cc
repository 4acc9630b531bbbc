#include "observe/process_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>

#include "observe/metrics.h"

namespace jindou::observe {

namespace {

// Seconds since 1970: when the system started, and how long after that the process did.
std::optional<double> start_time() {
  std::ifstream file("/proc/stat");
  double booted_at = 0;
  for (std::string word; file >> word && booted_at == 0;) {
    if (word == "btime") file >> booted_at;
  }
  std::string text;
  std::getline(std::ifstream("/proc/self/stat"), text);
  // The name of the program, in brackets, may hold spaces; field 22 is the 20th behind it.
  const auto name_end = text.rfind(')');
  if (booted_at == 0 || name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < 20; ++i) fields >> field;
  std::istringstream number(field);
  double ticks = 0;
  if (!(number >> ticks)) return std::nullopt;
  return booted_at + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<double> open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  // One of them is the one that lists them.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void append_process_metrics(std::string& out, std::string_view version) {
  fmt::format_to(std::back_inserter(out),
                 "# HELP jindou_build_info The version, as a label of the number 1.\n"
                 "# TYPE jindou_build_info gauge\n"
                 "jindou_build_info{{version=\"{}\"}} 1\n",
                 version);
  if (const auto at = start_time()) {
    append_sample(out, "process_start_time_seconds", "gauge",
                  "When the process started, in seconds since 1970.", *at);
  }
  if (const auto open = open_descriptors()) {
    append_sample(out, "process_open_fds", "gauge", "Open file descriptors.", *open);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    append_sample(out, "process_max_fds", "gauge", "How many there may be.",
                  static_cast<double>(limit.rlim_cur));
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    append_sample(out, "process_cpu_seconds_total", "counter", "Processor time used.",
                  seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  }
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (std::ifstream("/proc/self/statm") >> total >> resident) {
    append_sample(out, "process_resident_memory_bytes", "gauge", "Memory that is resident.",
                  static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
}

}  // namespace jindou::observe
