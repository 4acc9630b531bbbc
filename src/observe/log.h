// Logs: one line per event on standard error, for people on a terminal, as JSON otherwise.
//
// Lines carry ids, sizes and error codes; never payloads, tokens or personal data. Thread-safe.
#pragma once

#include <fmt/core.h>

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

// True when lines of `level` are written: lets a caller skip expensive arguments.
bool log_enabled(LogLevel level);

// Writes one line. `component` is a constant such as "gateway". Control characters and invalid
// UTF-8 in `message` are escaped, so that no input can forge a line. Blocks for the write to
// standard error; keep it away from per-message paths (use metrics there).
void log_write(LogLevel level, std::string_view component, std::string_view message);

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
