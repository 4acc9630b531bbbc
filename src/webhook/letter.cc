#include "webhook/letter.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace jindou::webhook {

namespace {

constexpr std::string_view kGrpcPath = "/wkhook.WebhookService/SendWebhook";
// A gRPC message frame begins with a byte for compression (none) and a length of 4 bytes.
constexpr std::size_t kGrpcPrefixBytes = 5;
// Protobuf tags: field number << 3 | wire type (0 varint, 2 bytes).
constexpr char kEventTag = 1 << 3 | 2;
constexpr char kDataTag = 2 << 3 | 2;
constexpr std::uint64_t kStatusTag = 1 << 3;
constexpr std::uint64_t kStatusSuccess = 1;
constexpr std::size_t kEventIdBytes = 16;

std::string hex(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(kDigits[bytes[i] >> 4]);
    out.push_back(kDigits[bytes[i] & 15]);
  }
  return out;
}

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Takes a varint off the front; false when it is cut off or too long.
bool take_varint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool take_bytes(std::string_view& bytes, std::uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(count);
  return true;
}

// gRPC codes that say that the receiver, not the request, is in trouble.
bool is_grpc_down(std::string_view status) {
  return status.empty() ||                    // no gRPC answer at all
         status == "1" || status == "2" ||    // cancelled, unknown
         status == "4" || status == "8" ||    // deadline exceeded, resource exhausted
         status == "10" || status == "13" ||  // aborted, internal
         status == "14";                      // unavailable
}

}  // namespace

std::string event_id(Event event, std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::string input(event_name(event));
  input.push_back('\n');
  input.append(content);
  EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return hex(digest.data(), kEventIdBytes);
}

std::string signature(std::string_view secret, std::string_view timestamp, std::string_view body) {
  std::string input;
  input.reserve(timestamp.size() + 1 + body.size());
  input.append(timestamp).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data(), &size);
  return hex(digest.data(), size);
}

Route route_of(const Letter& letter, const WebhookOptions& options) {
  if (letter.to_agent) return options.has_agent() ? Route::http : Route::none;
  if (!options.grpc_addr.empty()) return Route::grpc;
  return options.http_addr.empty() ? Route::none : Route::http;
}

std::string url_with_event(std::string_view address, std::string_view event) {
  const auto fragment = address.find('#');
  const std::string_view tail =
      fragment == std::string_view::npos ? std::string_view() : address.substr(fragment);
  std::string url(address.substr(0, address.size() - tail.size()));
  const auto query = url.find('?');
  if (query == std::string::npos) {
    url += '?';
  } else if (query + 1 < url.size() && url.back() != '&') {
    url += '&';
  }
  url.append("event=").append(event).append(tail);
  return url;
}

http::Call request_of(const Letter& letter, const WebhookOptions& options,
                      std::int64_t now_seconds) {
  http::Call request;
  request.connect_timeout = options.connect_timeout;
  request.timeout = options.timeout;
  request.ca_file = options.ca_file;
  const std::string_view event = event_name(letter.event);
  switch (route_of(letter, options)) {
    case Route::none: return request;
    case Route::http:
      request.url =
          url_with_event(letter.to_agent ? options.agent_http_addr : options.http_addr, event);
      break;
    case Route::grpc:
      request.url = "http://";
      request.url.append(options.grpc_addr).append(kGrpcPath);
      request.http2 = true;
      break;
  }
  const std::string timestamp = std::to_string(now_seconds);
  if (request.http2) {
    request.body = grpc_request_frame(event, letter.body);
    request.headers = {"Content-Type: application/grpc", "TE: trailers"};
  } else {
    request.body = letter.body;
    request.headers = {"Content-Type: application/json"};
  }
  request.headers.push_back("X-Jindou-Timestamp: " + timestamp);
  request.headers.push_back("X-Jindou-Event-Id: " + letter.id);
  if (!options.secret.empty()) {
    request.headers.push_back("X-Jindou-Signature: " +
                              signature(options.secret, timestamp, letter.body));
  }
  return request;
}

Verdict verdict_on(const http::CallAnswer& answer, bool http2) {
  if (answer.status == 0 || answer.status >= 500) return Verdict::down;
  if (answer.status == 408 || answer.status == 425 || answer.status == 429) return Verdict::down;
  if (!answer.ok()) return Verdict::refused;
  if (!http2) return Verdict::delivered;
  if (answer.grpc_status != "0") {
    return is_grpc_down(answer.grpc_status) ? Verdict::down : Verdict::refused;
  }
  // The service has one word for every failure, so it is read as "try again later".
  return is_grpc_success(answer.body) ? Verdict::delivered : Verdict::down;
}

std::string grpc_request_frame(std::string_view event, std::string_view data) {
  std::string message;
  message.reserve(event.size() + data.size() + 16);
  message.push_back(kEventTag);
  append_varint(message, event.size());
  message.append(event);
  message.push_back(kDataTag);
  append_varint(message, data.size());
  message.append(data);
  std::string frame;
  frame.reserve(kGrpcPrefixBytes + message.size());
  frame.push_back(0);
  append_be(frame, static_cast<std::uint32_t>(message.size()));
  frame.append(message);
  return frame;
}

bool is_grpc_success(std::string_view frame) {
  if (frame.size() < kGrpcPrefixBytes || frame[0] != 0) return false;
  std::string_view message = frame.substr(kGrpcPrefixBytes);
  if (read_be<std::uint32_t>(frame, 1) != message.size()) return false;
  bool success = false;
  while (!message.empty()) {
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (!take_varint(message, tag)) return false;
    switch (tag & 7) {
      case 0:
        if (!take_varint(message, value)) return false;
        // The last of a repeated field counts.
        if (tag == kStatusTag) success = value == kStatusSuccess;
        break;
      case 1:
        if (!take_bytes(message, 8)) return false;
        break;
      case 2:
        if (!take_varint(message, value) || !take_bytes(message, value)) return false;
        break;
      case 5:
        if (!take_bytes(message, 4)) return false;
        break;
      default: return false;
    }
  }
  return success;
}

std::chrono::milliseconds Backoff::next(std::chrono::milliseconds least,
                                        std::chrono::milliseconds most) {
  constexpr unsigned kDoublingsMax = 20;  // 2^20 ms is a quarter of an hour from 1 ms
  const auto doubled = least * (std::int64_t{1} << std::min(failures_, kDoublingsMax));
  if (failures_ <= kDoublingsMax) ++failures_;
  const auto wait = std::max(least, std::min(doubled, most));
  const auto half = static_cast<std::uint64_t>(wait.count() / 2);
  return wait - std::chrono::milliseconds(random_.next_u64() % (half + 1));
}

}  // namespace jindou::webhook
