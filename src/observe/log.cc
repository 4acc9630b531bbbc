#include "observe/log.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iterator>

#include "observe/line_writer.h"
#include "observe/metrics.h"

namespace jindou::observe {
namespace {

// A line longer than this is cut: the queue is for many.
constexpr std::size_t kMessageBytesMax = std::size_t{16} << 10;
// How long the end of the process waits for a reader that hangs.
constexpr std::chrono::milliseconds kPatienceAtExit{500};

std::string notice_of_dropped(std::uint64_t lines);

struct LogState {
  LineWriter writer{STDERR_FILENO, kLogQueueBytes, notice_of_dropped};
  std::atomic<LogLevel> level{LogLevel::info};
  std::atomic<LogFormat> format{LogFormat::text};
};

// Reachable from destructors that run at exit, therefore never destroyed.
LogState& log_state() {
  static LogState& state = []() -> LogState& {
    LogState& made = *new LogState();
    std::atexit([] { log_flush(kPatienceAtExit); });
    return made;
  }();
  return state;
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::warn: return "warning";
    case LogLevel::error: return "error";
    case LogLevel::automatic:
    case LogLevel::info: break;
  }
  return "info";
}

// One line with its line feed. Times are UTC in both formats: logs of several machines are read
// side by side.
std::string format_line(LogFormat format, LogLevel level, std::string_view component,
                        std::string_view message) {
  const auto now = std::chrono::system_clock::now();
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  std::string line;
  line.reserve(component.size() + message.size() + 96);
  const auto out = std::back_inserter(line);
  if (format == LogFormat::json) {
    fmt::format_to(out, R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","component":")", utc,
                   millis, level_name(level));
    append_json_escaped(line, component);
    line += R"(","msg":")";
    append_json_escaped(line, message);
    line += "\"}\n";
  } else {
    fmt::format_to(out, "{:%Y-%m-%d %H:%M:%S}.{:03} {:<7} ", utc, millis, level_name(level));
    append_text_escaped(line, component);
    line += ": ";
    append_text_escaped(line, message);
    line += '\n';
  }
  return line;
}

// Called with the writer's lock held: must not log.
std::string notice_of_dropped(std::uint64_t lines) {
  return format_line(log_state().format.load(std::memory_order_relaxed), LogLevel::warn, "log",
                     fmt::format("{} lines were dropped here: nobody read standard error fast "
                                 "enough, or writing to it failed",
                                 lines));
}

constexpr char kHexDigits[] = "0123456789abcdef";

// Length of the valid UTF-8 sequence at `at` (RFC 3629, table of section 4), 0 if there is none.
std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const unsigned lead = byte(0);
  const auto tail = [&](std::size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xbf; };
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

LogFormat default_log_format() {
  return ::isatty(STDERR_FILENO) == 1 ? LogFormat::text : LogFormat::json;
}

void init_log(LogLevel level, LogFormat format) {
  set_log_level(level);
  log_state().format.store(format, std::memory_order_relaxed);
}

void set_log_level(LogLevel level) {
  log_state().level.store(level == LogLevel::automatic ? LogLevel::info : level,
                          std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) {
  return level >= log_state().level.load(std::memory_order_relaxed);
}

void log_write(LogLevel level, std::string_view component, std::string_view message) {
  if (!log_enabled(level)) return;
  LogState& state = log_state();
  const LogFormat format = state.format.load(std::memory_order_relaxed);
  if (message.size() <= kMessageBytesMax) {
    state.writer.write(format_line(format, level, component, message));
    return;
  }
  std::string cut(message.substr(0, kMessageBytesMax));
  cut += fmt::format("... ({} bytes more)", message.size() - kMessageBytesMax);
  state.writer.write(format_line(format, level, component, cut));
}

std::string log_time() {
  const auto now = std::chrono::system_clock::now();
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
}

bool log_record(std::string_view component, std::string_view members) {
  LogState& state = log_state();
  if (state.format.load(std::memory_order_relaxed) == LogFormat::text) {
    return state.writer.write(
        format_line(LogFormat::text, LogLevel::info, component, fmt::format("{{{}}}", members)));
  }
  return state.writer.write(
      fmt::format("{{\"time\":\"{}\",\"level\":\"info\",\"component\":\"{}\",{}}}\n", log_time(),
                  component, members));
}

bool log_flush(std::chrono::milliseconds patience) { return log_state().writer.drain(patience); }

void set_log_queue_bytes(std::size_t bytes) { log_state().writer.set_bytes_max(bytes); }

void append_log_metrics(std::string& out) {
  const LineWriter& writer = log_state().writer;
  append_sample(out, "jindou_log_lines_dropped_total", "counter",
                "Log lines dropped because nobody read standard error or writing to it failed",
                static_cast<double>(writer.dropped()));
  append_sample(out, "jindou_log_queued_bytes", "gauge",
                "Log lines that wait for the reader of standard error",
                static_cast<double>(writer.queued_bytes()));
}

void append_json_escaped(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
      ++at;
    } else if (c == '\n') {
      out += "\\n";
      ++at;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
      ++at;
    } else if (const std::size_t length = utf8_sequence(text, at); length > 0) {
      out.append(text.substr(at, length));
      at += length;
    } else {
      out += "\\ufffd";
      ++at;
    }
  }
}

void append_text_escaped(std::string& out, std::string_view text) {
  const auto hex = [&out](unsigned char byte) {
    out += "\\x";
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 15];
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = static_cast<unsigned char>(at + 1 < text.size() ? text[at + 1] : '\0');
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      hex(byte);
    } else if (byte == 0xc2 && next >= 0x80 && next <= 0x9f) {
      // U+0080 to U+009F: some terminals take them for commands.
      hex(byte);
      hex(next);
      ++at;
    } else {
      out += text[at];
    }
  }
}

}  // namespace jindou::observe
