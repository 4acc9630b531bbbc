#include "caller/server_call.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "caller/interrupt.h"
#include "caller/job_text.h"
#include "caller/pace.h"
#include "caller/status_line.h"
#include "codec/json_reader.h"
#include "http/streamed_call.h"

namespace jindou::caller {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCallLook{200};
// A thousand jobs; a page of metrics has some hundred KiB.
constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;

}  // namespace

http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path,
                            const TakePiece& take) {
  http::StreamedRequest request;
  request.url = options.url + path;
  request.headers = request_headers(options, "");
  request.ca_file = options.ca_file;
  request.is_get = is_get;
  const auto timeout = std::chrono::ceil<milliseconds>(Seconds(options.timeout));
  request.connect_timeout = timeout;
  http::StreamedCall::Handlers handlers;
  handlers.write_body = [](std::span<char>, std::size_t&) { return http::StreamedCall::Body::end; };
  handlers.take_answer = take;
  http::StreamedCall call(std::move(request), std::move(handlers));
  TimePoint moved = std::chrono::steady_clock::now();
  while (call.step(kCallLook)) {
    if (call.has_moved()) moved = std::chrono::steady_clock::now();
    http::CallAnswer broken;
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

http::CallAnswer ask_server(const ServerOptions& options, bool is_get, const std::string& path) {
  std::string body;
  auto answer = ask_server(options, is_get, path, [&body](std::string_view piece) {
    body += piece.substr(0, kAnswerBytesMax - std::min(kAnswerBytesMax, body.size()));
  });
  if (answer.ok()) answer.body = std::move(body);
  return answer;
}

std::string message_of(const http::CallAnswer& answer) {
  const auto parsed = codec::parse_json(answer.body);
  std::string_view msg;
  if (!parsed || (*parsed)["msg"].get(msg) != simdjson::SUCCESS) return {};
  return printable(msg);
}

}  // namespace jindou::caller
