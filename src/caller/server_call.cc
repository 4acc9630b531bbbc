#include "caller/server_call.h"

#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "caller/interrupt.h"
#include "caller/pace.h"
#include "caller/shown_text.h"
#include "caller/status_line.h"
#include "codec/json_reader.h"
#include "http/streamed_call.h"

namespace jindou::caller {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCallLook{200};

// Ends early when `enough`, unless it is null, has become true.
http::CallAnswer call_server(const ServerOptions& options, http::StreamedRequest request,
                             std::string_view body, const TakePiece& take, const bool* enough) {
  request.ca_file = options.ca_file;
  const auto timeout = std::chrono::ceil<milliseconds>(Seconds(options.timeout));
  request.connect_timeout = timeout;
  http::StreamedCall::Handlers handlers;
  handlers.write_body = [&body](std::span<char> room, std::size_t& written) {
    if (body.empty()) return http::StreamedCall::Body::end;
    written = body.copy(room.data(), room.size());
    body.remove_prefix(written);
    return http::StreamedCall::Body::bytes;
  };
  handlers.take_answer = take;
  http::StreamedCall call(std::move(request), std::move(handlers));
  TimePoint moved = std::chrono::steady_clock::now();
  while (call.step(kCallLook)) {
    if (call.has_moved()) moved = std::chrono::steady_clock::now();
    http::CallAnswer broken;
    if (enough != nullptr && *enough) return broken;
    if (interrupted()) {
      broken.error = "interrupted";
      return broken;
    }
    if (std::chrono::steady_clock::now() - moved > timeout) {
      broken.error = "nothing has come from the server for " + duration_text(options.timeout);
      return broken;
    }
  }
  return call.answer();
}

// With the body of the answer.
template <class Call>
http::CallAnswer read_whole(std::size_t bytes_max, const Call& call) {
  std::string body;
  bool too_long = false;
  const TakePiece take = [&](std::string_view piece) {
    too_long = too_long || piece.size() > bytes_max - body.size();
    if (!too_long) body += piece;
  };
  http::CallAnswer answer = call(take, &too_long);
  if (too_long) {
    answer = http::CallAnswer();
    answer.error = "the answer is longer than " + std::to_string(bytes_max >> 20) + " MiB";
    answer.too_long = true;
  } else if (answer.ok()) {
    answer.body = std::move(body);
  }
  return answer;
}

http::CallAnswer call_path(const ServerOptions& options, bool is_get, const std::string& path,
                           const TakePiece& take, const bool* enough) {
  http::StreamedRequest request;
  request.url = options.url + path;
  request.headers = request_headers(options, "");
  request.is_get = is_get;
  return call_server(options, std::move(request), {}, take, enough);
}

}  // namespace

http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path,
                            const TakePiece& take) {
  return call_path(options, is_get, path, take, nullptr);
}

http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path,
                            std::size_t bytes_max) {
  return read_whole(bytes_max, [&](const TakePiece& take, const bool* enough) {
    return call_path(options, is_get, path, take, enough);
  });
}

http::CallAnswer post_to_server(const ServerOptions& options, const std::string& path,
                                const std::string& body) {
  return read_whole(kAnswerBytesMax, [&](const TakePiece& take, const bool* enough) {
    http::StreamedRequest request;
    request.url = options.url + path;
    request.headers = request_headers(options, "application/json");
    return call_server(options, std::move(request), body, take, enough);
  });
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string message_of(const http::CallAnswer& answer) {
  const auto parsed = codec::parse_json(answer.body);
  std::string_view msg;
  if (!parsed || (*parsed)["msg"].get(msg) != simdjson::SUCCESS) return {};
  return printable(msg);
}

}  // namespace jindou::caller
