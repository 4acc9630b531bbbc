// What the rows share: progress, samples, the shape of requests, how rows are filled in.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "bench/http_client.h"
#include "bench/net.h"
#include "bench/request_template.h"
#include "bench/table.h"

namespace jindou::bench {

// Figures of the table that several rows use.
inline constexpr std::size_t kPayloadBytes = 200;
inline constexpr std::size_t kBatchItems = 100;
inline constexpr std::size_t kBatchConnections = 8;
inline constexpr double kFillSecondsMax = 1800;

template <class... Args>
void progress(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print(stderr, "bench: {}\n", fmt::format(text, std::forward<Args>(args)...));
}

inline double micros(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }
inline double millis(std::uint64_t nanoseconds) { return micros(nanoseconds) / 1000; }

void append(std::vector<std::uint64_t>& all, const std::vector<std::uint64_t>& more);

// Keys of different loads on one server must not meet.
std::string new_run_id();

// How many cores the server and this process kept busy, over all spans between begin() and end().
class CpuMeter {
 public:
  // 0: the server's process is not known.
  explicit CpuMeter(pid_t server) : server_(server) {}
  void begin();
  // `messages`: that were sent since begin().
  void end(std::uint64_t messages = 0);
  double server_cores() const { return wall_ > 0 ? server_used_ / wall_ : 0; }
  double own_cores() const { return wall_ > 0 ? own_used_ / wall_ : 0; }
  // Processor time of the server, in microseconds; 0: end() was told of no messages.
  double server_micros_per_message() const {
    return messages_ > 0 ? server_used_ * 1e6 / static_cast<double>(messages_) : 0;
  }
  std::string text() const;

 private:
  pid_t server_;
  TimePoint start_;
  double server_start_ = 0;
  double own_start_ = 0;
  double wall_ = 0;
  double server_used_ = 0;
  double own_used_ = 0;
  std::uint64_t messages_ = 0;
};

// "smallest..largest".
std::string spread(const std::vector<double>& values);

void add_detail(Row& row, std::string name, double value);
void compare(Row& row, Row::Bar kind, double bar, double ratio, std::string reference);
// The same without a bar.
void refer(Row& row, double ratio, std::string reference);

// Errors: those of HttpClient::post.
Result<void> create_group(HttpClient& http, const std::string& name,
                          const std::vector<std::string>& subscribers);

// Adds users to a group that exists. Errors: those of HttpClient::post.
Result<void> add_subscribers(HttpClient& http, const std::string& name,
                             const std::vector<std::string>& subscribers);

RequestTemplate::Shape batch_shape(const GroupNames& groups);
RequestTemplate::Shape single_shape(const GroupNames& groups);

}  // namespace jindou::bench
