#include "gateway/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cstring>

#include "base/bytes.h"
#include "codec/base64.h"
#include "model/id_rules.h"

namespace jindou::gateway {

namespace http = boost::beast::http;

namespace {

// RFC 6455 section 1.3.
constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kControlBytesMax = 125;

// What a Close frame may say (RFC 6455 section 7.4 and what was registered since).
bool may_close_with(std::uint16_t status) {
  return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
         (status >= 3000 && status <= 4999);
}

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += kAcceptGuid;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  std::string out;
  codec::base64_append(out, {reinterpret_cast<const char*>(digest.data()), size});
  return out;
}

UpgradeOutcome refuse(std::string_view status, std::string_view headers = {}) {
  UpgradeOutcome outcome;
  outcome.state = UpgradeOutcome::State::refused;
  outcome.response = http_refusal(status, headers);
  return outcome;
}

// The values of all lines of one header, which mean the same as one line with commas.
template <class Request>
std::string joined(const Request& request, boost::beast::string_view name) {
  std::string out;
  const auto lines = request.equal_range(name);
  for (auto line = lines.first; line != lines.second; ++line) {
    if (!out.empty()) out += ", ";
    out.append(line->value().data(), line->value().size());
  }
  return out;
}

}  // namespace

std::string http_refusal(std::string_view status, std::string_view headers) {
  std::string out = "HTTP/1.1 ";
  out += status;
  out += "\r\nConnection: close\r\nContent-Length: 0\r\n";
  out += headers;
  out += "\r\n";
  return out;
}

UpgradeOutcome read_upgrade(std::string_view bytes, const UpgradeLimits& limits) {
  const auto end = bytes.substr(0, limits.header_bytes_max).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() < limits.header_bytes_max) return {};
    return refuse("431 Request Header Fields Too Large");
  }
  const std::size_t header_bytes = end + 4;

  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(header_bytes));
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), header_bytes), error);
  if (error || !parser.is_header_done()) return refuse("400 Bad Request");
  const auto& request = parser.get();
  if (!boost::beast::websocket::is_upgrade(request)) {
    return refuse("426 Upgrade Required", "Upgrade: websocket\r\n");
  }
  if (request[http::field::sec_websocket_version] != "13") {
    return refuse("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  }
  if (request.count(http::field::sec_websocket_key) != 1) return refuse("400 Bad Request");
  const auto key = request[http::field::sec_websocket_key];
  std::string nonce;
  if (!codec::base64_decode({key.data(), key.size()}, nonce) || nonce.size() != 16) {
    return refuse("400 Bad Request");
  }

  UpgradeOutcome outcome;
  outcome.state = UpgradeOutcome::State::accepted;
  outcome.consumed = header_bytes;
  outcome.response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  outcome.response += accept_key({key.data(), key.size()});
  outcome.response += "\r\n";
  if (limits.compression) {
    outcome.deflate = choose_deflate(joined(request, "Sec-WebSocket-Extensions"));
  }
  if (outcome.deflate) {
    outcome.response += "Sec-WebSocket-Extensions: ";
    outcome.response += deflate_response(*outcome.deflate);
    outcome.response += "\r\n";
  }
  outcome.response += "\r\n";
  outcome.forwarded_for = joined(request, "X-Forwarded-For");
  outcome.real_ip = joined(request, "X-Real-IP");
  outcome.origin = joined(request, "Origin");
  outcome.host = joined(request, "Host");
  return outcome;
}

WsEvent WsDecoder::fail(std::uint16_t status) {
  failed_ = true;
  WsEvent event;
  event.status = status;
  event.kind = WsEvent::Kind::error;
  return event;
}

// Collects header bytes; true when the header is complete.
bool WsDecoder::read_header(std::span<char>& input) {
  for (;;) {
    std::size_t need = 2;
    if (header_have_ >= 2) {
      const unsigned length = header_[1] & 0x7fU;
      need = std::size_t{2} +
             (length == 126   ? 2U
              : length == 127 ? 8U
                              : 0U) +
             ((header_[1] & 0x80U) != 0 ? 4U : 0U);
    }
    if (header_have_ >= 2 && header_have_ == need) return true;
    if (input.empty()) return false;
    const std::size_t take = std::min(need - header_have_, input.size());
    std::memcpy(header_.data() + header_have_, input.data(), take);
    header_have_ = static_cast<std::uint8_t>(header_have_ + take);
    input = input.subspan(take);
  }
}

WsEvent WsDecoder::next(std::span<char>& input) {
  if (failed_) return fail();
  if (!in_payload_) {
    if (!read_header(input)) return {};
    if ((header_[0] & 0x30U) != 0) return fail();  // an extension nobody agreed on
    const bool compressed = (header_[0] & 0x40U) != 0;
    if (compressed && !compression_) return fail();
    if ((header_[1] & 0x80U) == 0) return fail();  // clients must mask
    fin_ = (header_[0] & 0x80U) != 0;
    opcode_ = static_cast<WsOpcode>(header_[0] & 0x0fU);
    const unsigned short_length = header_[1] & 0x7fU;
    const std::string_view bytes(reinterpret_cast<const char*>(header_.data()), header_have_);
    std::size_t at = 2;
    payload_left_ = short_length;
    if (short_length == 126) {
      payload_left_ = read_be<std::uint16_t>(bytes, at);
      at += 2;
    } else if (short_length == 127) {
      payload_left_ = read_be<std::uint64_t>(bytes, at);
      at += 8;
      if ((payload_left_ >> 63) != 0) return fail();
    }
    std::memcpy(mask_.data(), header_.data() + at, mask_.size());
    mask_at_ = 0;
    header_have_ = 0;
    switch (opcode_) {
      case WsOpcode::text:
      case WsOpcode::binary:
        if (in_message_) return fail();
        in_message_ = true;
        compressed_ = compressed;
        break;
      case WsOpcode::continuation:
        if (!in_message_ || compressed) return fail();
        break;
      case WsOpcode::close:
      case WsOpcode::ping:
      case WsOpcode::pong:
        if (!fin_ || compressed || payload_left_ > kControlBytesMax) return fail();
        control_.clear();
        break;
      default: return fail();
    }
    in_payload_ = true;
  } else if (input.empty()) {
    return {};
  }

  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input.size()));
  char* bytes = input.data();
  for (std::size_t i = 0; i < take; ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ mask_[(mask_at_ + i) & 3U]);
  }
  mask_at_ = static_cast<std::uint8_t>((mask_at_ + take) & 3U);
  input = input.subspan(take);
  payload_left_ -= take;
  const bool whole = payload_left_ == 0;
  if (whole) in_payload_ = false;

  WsEvent event;
  if (opcode_ == WsOpcode::close || opcode_ == WsOpcode::ping || opcode_ == WsOpcode::pong) {
    control_.append(bytes, take);
    if (!whole) return event;
    if (opcode_ == WsOpcode::close && control_.size() == 1) return fail();
    if (opcode_ == WsOpcode::close && control_.size() > 1) {
      if (!may_close_with(read_be<std::uint16_t>(control_, 0))) return fail();
      if (!is_valid_utf8(std::string_view(control_).substr(2))) return fail(kWsInvalidData);
    }
    event.kind = opcode_ == WsOpcode::close  ? WsEvent::Kind::close
                 : opcode_ == WsOpcode::ping ? WsEvent::Kind::ping
                                             : WsEvent::Kind::pong;
    event.payload = control_;
    return event;
  }
  event.kind = WsEvent::Kind::data;
  event.payload = {bytes, take};
  event.message_end = whole && fin_;
  event.compressed = compressed_;
  if (event.message_end) in_message_ = false;
  return event;
}

std::size_t write_ws_header(std::array<char, 10>& out, WsOpcode opcode, std::size_t payload_bytes,
                            bool compressed) {
  out[0] = static_cast<char>((compressed ? 0xc0U : 0x80U) | static_cast<unsigned>(opcode));
  if (payload_bytes < 126) {
    out[1] = static_cast<char>(payload_bytes);
    return 2;
  }
  const bool long_form = payload_bytes > 0xffff;
  out[1] = static_cast<char>(long_form ? 127 : 126);
  const int length_bytes = long_form ? 8 : 2;
  for (int i = 0; i < length_bytes; ++i) {
    out[static_cast<std::size_t>(2 + i)] = static_cast<char>(
        static_cast<unsigned char>(std::uint64_t{payload_bytes} >> (8 * (length_bytes - 1 - i))));
  }
  return static_cast<std::size_t>(2 + length_bytes);
}

void append_ws_control(std::string& out, WsOpcode opcode, std::string_view payload) {
  payload = payload.substr(0, kControlBytesMax);
  std::array<char, 10> header{};
  out.append(header.data(), write_ws_header(header, opcode, payload.size()));
  out += payload;
}

void append_ws_close(std::string& out, std::uint16_t status, std::string_view reason) {
  std::string payload;
  append_be(payload, status);
  // Browsers take a Close frame with half a character for a broken one.
  std::size_t bytes = std::min(reason.size(), kControlBytesMax - payload.size());
  while (bytes > 0 && bytes < reason.size() &&
         (static_cast<unsigned char>(reason[bytes]) & 0xc0U) == 0x80U) {
    --bytes;
  }
  if (is_valid_utf8(reason)) payload += reason.substr(0, bytes);
  append_ws_control(out, WsOpcode::close, payload);
}

}  // namespace jindou::gateway
