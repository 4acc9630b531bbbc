// Logs: one line per event on standard error, for people on a terminal, as JSON otherwise.
//
// Lines carry ids, sizes and error codes; never payloads, tokens or personal data. Thread-safe.
// A line is queued and written by a thread of its own (line_writer.h), so that a reader that hangs
// holds up nobody; what does not fit into the queue is dropped, counted and told of. The end of the
// process waits half a second for what is queued.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace jindou::observe {

// Numbered as the documented configuration key logger.level: 0 automatic (info), 1 debug ... 4
// error.
enum class LogLevel : std::uint8_t { automatic = 0, debug = 1, info = 2, warn = 3, error = 4 };

enum class LogFormat : std::uint8_t { text, json };

// Text when standard error is a terminal, JSON lines otherwise.
LogFormat default_log_format();

// Sets the least level that is written and the format of lines. Call once at start, before other
// threads log; without it lines are text from level info on.
void init_log(LogLevel level, LogFormat format);

// Changes the least level; at any time.
void set_log_level(LogLevel level);

// Some six thousand lines: what a busy server says while its reader is replaced.
constexpr std::size_t kLogQueueBytes = std::size_t{1} << 20;
// Bytes of lines that wait for the reader; kLogQueueBytes until set. At any time.
void set_log_queue_bytes(std::size_t bytes);

// Waits until what is queued has been written; false when `patience` was over before.
bool log_flush(std::chrono::milliseconds patience);

// Appends jindou_log_lines_dropped_total and jindou_log_queued_bytes in the Prometheus text format.
void append_log_metrics(std::string& out);

// True when lines of `level` are written: lets a caller skip expensive arguments.
bool log_enabled(LogLevel level);

// Writes one line. `component` is a constant such as "gateway". Control characters and invalid
// UTF-8 in `message` are escaped, so that no input can forge a line; beyond 16 KiB it is cut. Does
// not wait for the reader. Keep it away from per-message paths (use metrics there).
void log_write(LogLevel level, std::string_view component, std::string_view message);

// Writes one line of structured members, `"event":"login","status":200`, which are JSON and end
// neither in a comma nor in a line feed, whatever the least level is. In text it is one object.
// False: the line was dropped.
bool log_record(std::string_view component, std::string_view members);

// The time now as logs show it, in UTC: "2030-01-31T12:00:00.123Z".
std::string log_time();

template <class... Args>
void log_debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::debug)) {
    log_write(LogLevel::debug, component, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <class... Args>
void log_info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::info)) {
    log_write(LogLevel::info, component, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <class... Args>
void log_warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::warn)) {
    log_write(LogLevel::warn, component, fmt::format(format, std::forward<Args>(args)...));
  }
}
template <class... Args>
void log_error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::error)) {
    log_write(LogLevel::error, component, fmt::format(format, std::forward<Args>(args)...));
  }
}

// Appends `text` escaped for the inside of a JSON string; invalid UTF-8 becomes U+FFFD.
void append_json_escaped(std::string& out, std::string_view text);

// Appends `text` with control characters as \n, \t or \xNN, so that it stays on one line.
void append_text_escaped(std::string& out, std::string_view text);

}  // namespace jindou::observe
