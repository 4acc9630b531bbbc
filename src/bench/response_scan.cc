#include "bench/response_scan.h"

#include <strings.h>

#include <cstring>

namespace jindou::bench {

namespace {

constexpr std::size_t kHeaderBytesMax = 16 * 1024;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

ScannedResponse broken(const char* problem) {
  ScannedResponse result;
  result.state = ScannedResponse::State::broken;
  result.problem = problem;
  return result;
}

bool parse_size(std::string_view text, std::size_t& out) {
  if (text.empty() || text.size() > 12) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<std::size_t>(c - '0');
  }
  return true;
}

}  // namespace

ScannedResponse scan_response(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > kHeaderBytesMax) return broken("header too long");
    return {};
  }
  // "HTTP/1.1 200"
  if (end < 12 || !bytes.starts_with("HTTP/1.")) return broken("not an HTTP/1 answer");
  ScannedResponse result;
  for (std::size_t i = 9; i < 12; ++i) {
    if (bytes[i] < '0' || bytes[i] > '9') return broken("no status");
    result.status = result.status * 10 + (bytes[i] - '0');
  }
  std::size_t length = 0;
  bool length_known = result.status == 204 || result.status == 304;
  std::size_t at = bytes.find("\r\n");
  while (at < end) {
    const std::size_t begin = at + 2;
    std::size_t next = bytes.find("\r\n", begin);
    if (next > end) next = end;
    const std::string_view line = bytes.substr(begin, next - begin);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      const std::string_view name = line.substr(0, colon);
      const std::string_view value = trim(line.substr(colon + 1));
      if (same_name(name, "content-length")) {
        if (!parse_size(value, length)) return broken("unreadable Content-Length");
        length_known = true;
      } else if (same_name(name, "transfer-encoding")) {
        return broken("chunked answers are not understood");
      } else if (same_name(name, "connection")) {
        result.keep_alive = !same_name(value, "close");
      }
    }
    at = next;
  }
  if (!length_known) return broken("no Content-Length");
  const std::size_t body = end + 4;
  if (bytes.size() - body < length) return result;
  result.state = ScannedResponse::State::complete;
  result.body = bytes.substr(body, length);
  result.consumed = body + length;
  return result;
}

IdCount count_message_ids(std::string_view json) {
  static constexpr std::string_view kName = "\"message_id\":";
  IdCount count;
  const char* at = json.data();
  const char* const end = json.data() + json.size();
  while (true) {
    at = static_cast<const char*>(
        ::memmem(at, static_cast<std::size_t>(end - at), kName.data(), kName.size()));
    if (at == nullptr) return count;
    at += kName.size();
    while (at < end && *at == ' ') ++at;
    if (at == end) return count;
    if (*at >= '1' && *at <= '9') {
      ++count.given;
    } else {
      ++count.zero;
    }
  }
}

}  // namespace jindou::bench
