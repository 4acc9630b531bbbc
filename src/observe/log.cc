#include "observe/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>

namespace jindou::observe {
namespace {

struct LogState {
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<LogLevel> level{LogLevel::info};
  std::atomic<LogFormat> format{LogFormat::text};

  LogState()
      : logger(std::make_shared<spdlog::logger>(
            "jindou", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    set_pattern(LogFormat::text);
  }

  // Times are UTC in both formats: logs of several machines are read side by side.
  void set_pattern(LogFormat next) {
    const char* pattern = next == LogFormat::json
                              ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                              : "%Y-%m-%d %H:%M:%S.%e %-7l %v";
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    format.store(next, std::memory_order_relaxed);
  }
};

// Reachable from destructors that run at exit, therefore never destroyed.
LogState& log_state() {
  static LogState& state = *new LogState();
  return state;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::automatic:
    case LogLevel::info: break;
  }
  return spdlog::level::info;
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
  log_state().set_pattern(format);
}

void set_log_level(LogLevel level) {
  log_state().level.store(level == LogLevel::automatic ? LogLevel::info : level,
                          std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) {
  return level >= log_state().level.load(std::memory_order_relaxed);
}

void log_write(LogLevel level, std::string_view component, std::string_view message) {
  LogState& state = log_state();
  if (!log_enabled(level)) return;
  std::string line;
  line.reserve(component.size() + message.size() + 32);
  if (state.format.load(std::memory_order_relaxed) == LogFormat::json) {
    line += R"("component":")";
    append_json_escaped(line, component);
    line += R"(","msg":")";
    append_json_escaped(line, message);
    line += '"';
  } else {
    append_text_escaped(line, component);
    line += ": ";
    append_text_escaped(line, message);
  }
  state.logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
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
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
}

}  // namespace jindou::observe
