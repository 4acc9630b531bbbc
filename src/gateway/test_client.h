// A blocking client for the gateway's tests: sockets of the operating system, OpenSSL and the
// codec's client side, nothing of the gateway.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "codec/base64.h"
#include "codec/wkproto.h"
#include "codec/wkproto_crypto.h"
#include "model/device.h"

namespace jindou::gateway {

class TestClient {
 public:
  // `address` is "127.0.0.1:port". Over TLS any certificate is taken. `preface` goes before all
  // else, TLS included; `headers` are more lines of the WebSocket upgrade. A `session` of an
  // earlier client over TLS is resumed.
  struct Extras {
    std::string preface;
    std::string headers;
    SSL_SESSION* session = nullptr;
  };
  explicit TestClient(const std::string& address, bool websocket = false, bool tls = false)
      : TestClient(address, websocket, tls, Extras()) {}
  TestClient(const std::string& address, bool websocket, bool tls, const Extras& extras)
      : websocket_(websocket) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    const auto colon = address.rfind(':');
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      ::close(fd_);
      fd_ = -1;
    }
    write_raw(extras.preface);
    if (tls && !start_tls(extras.session)) {
      closed_ = true;
      return;
    }
    if (websocket_) upgrade(extras.headers);
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void close() {
    ssl_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // Ends this side of the stream; what the server sends can still be read.
  void end_stream() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
    ::shutdown(fd_, SHUT_WR);
  }
  // Writes and says goodbye in one segment (TLS), so that both come in one read.
  void write_and_leave(std::string_view bytes) {
    int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    write(bytes);
    SSL_shutdown(ssl_.get());
    on = 0;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    close();
  }
  int fd() const { return fd_; }

  // Null without TLS or when the handshake failed.
  SSL* ssl() { return ssl_.get(); }
  // The upgrade was answered by 101.
  bool upgraded() const { return upgrade_response.find(" 101 ") != std::string::npos; }

  // Bytes as they are, below WebSocket.
  bool write_raw(std::string_view bytes) {
    while (!bytes.empty()) {
      if (ssl_ != nullptr) {
        std::size_t sent = 0;
        ERR_clear_error();
        if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) == 1) {
          bytes.remove_prefix(sent);
        } else if (!wait_for_ssl(0, 5000)) {
          return false;
        }
        continue;
      }
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Protocol bytes: one masked binary message on WebSocket.
  bool write(std::string_view bytes) {
    return websocket_ ? write_raw(masked(0x82, bytes)) : write_raw(bytes);
  }

  static std::string masked(unsigned first_byte, std::string_view payload) {
    std::string out(1, static_cast<char>(first_byte));
    if (payload.size() < 126) {
      out += static_cast<char>(0x80U | payload.size());
    } else if (payload.size() <= 0xffff) {
      out += static_cast<char>(0x80U | 126U);
      append_be(out, static_cast<std::uint16_t>(payload.size()));
    } else {
      out += static_cast<char>(0x80U | 127U);
      append_be(out, static_cast<std::uint64_t>(payload.size()));
    }
    const std::array<unsigned char, 4> mask{0x11, 0x22, 0x33, 0x44};
    for (const unsigned char byte : mask) out += static_cast<char>(byte);
    for (std::size_t i = 0; i < payload.size(); ++i) {
      out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i & 3]);
    }
    return out;
  }

  codec::Connect connect_frame(std::string_view uid, std::string_view device_id = "dev") {
    SystemRandom random;
    keys_ = *codec::generate_key_pair(random);
    client_key_.clear();
    codec::base64_append(client_key_, {reinterpret_cast<const char*>(keys_.public_key.data()),
                                       keys_.public_key.size()});
    codec::Connect connect;
    connect.version = version_;
    connect.device_flag = 1;
    connect.device_id = device_id;
    connect.uid = uid;
    connect.client_timestamp = 1'700'000'000'000;
    connect.client_key = client_key_;
    return connect;
  }

  // Returns the reason of the CONNACK; empty if the connection was closed instead.
  std::optional<Reason> login(std::string_view uid, std::string_view device_id = "dev",
                              std::string_view token = "",
                              DeviceFlag device_flag = DeviceFlag::web) {
    codec::Connect connect = connect_frame(uid, device_id);
    connect.device_flag = raw(device_flag);
    connect.token = token;
    std::string bytes;
    if (!codec::encode(bytes, connect)) return std::nullopt;
    if (!write(bytes)) return std::nullopt;
    return read_connack();
  }

  std::optional<Reason> read_connack() {
    const auto frame = read_frame();
    if (!frame || frame->type != codec::FrameType::connack) return std::nullopt;
    const auto ack = codec::decode_connack(*frame, version_);
    if (!ack) return std::nullopt;
    if (ack->reason == Reason::success) {
      cipher_ = *codec::client_handshake(keys_.private_key, ack->server_key, ack->salt);
    }
    return ack->reason;
  }

  void append_send(std::string& out, std::uint32_t seq, std::string_view channel, ChannelType type,
                   std::string_view plain, std::string_view client_msg_no = "",
                   bool bad_key = false) {
    codec::Send send;
    send.flags = codec::kFlagRedDot;
    send.client_seq = seq;
    send.client_msg_no = client_msg_no;
    send.channel_id = channel;
    send.channel_type = type;
    std::string payload;
    cipher_.encrypt_payload(plain, payload);
    send.payload = payload;
    const codec::MsgKey key = cipher_.msg_key_for_send(send);
    send.msg_key =
        bad_key ? std::string_view("00000000000000000000000000000000") : codec::view_of(key);
    codec::encode(out, send, version_).ignore("test");
  }

  // The next frame; its body stays valid until the next call. Empty: closed, or nothing for
  // `timeout_ms`.
  std::optional<codec::RawFrame> read_frame(int timeout_ms = 5000) {
    in_.erase(0, consumed_);
    consumed_ = 0;
    for (;;) {
      const auto outcome = codec::parse_frame(in_);
      if (outcome.state == codec::ParseOutcome::State::error) return std::nullopt;
      if (outcome.state == codec::ParseOutcome::State::frame) {
        consumed_ = outcome.frame.consumed;
        return outcome.frame;
      }
      if (!read_more(timeout_ms)) return std::nullopt;
    }
  }

  // Reads until the server closes; false when it does not within `timeout_ms`.
  bool wait_closed(int timeout_ms = 5000) {
    while (read_more(timeout_ms)) {
    }
    return closed_;
  }

  codec::SessionCipher& cipher() { return cipher_; }
  void set_version(std::uint8_t version) { version_ = version; }
  std::uint8_t version() const { return version_; }
  const std::string& ws_control() const { return ws_control_; }
  // The status of the Close frame, if it is the first control frame that came; 0: none.
  unsigned ws_close_status() const {
    if (ws_control_.size() < 4 || ws_control_[0] != '\x88') return 0;
    return read_be<std::uint16_t>(ws_control_, 2);
  }
  std::string ws_close_reason() const {
    return ws_close_status() == 0 ? std::string() : ws_control_.substr(4);
  }
  // The number of WebSocket messages received.
  std::size_t ws_messages() const { return ws_messages_; }
  // How many of them came compressed.
  std::size_t ws_compressed() const { return ws_compressed_; }
  std::string& raw_in() { return raw_; }
  // The server has said so before it closed the connection (TLS).
  bool was_notified() const { return notified_; }

 private:
  bool start_tls(SSL_SESSION* session) {
    // OpenSSL writes without MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    // One for all clients, so that a session of one can be resumed by another.
    static SSL_CTX* const kContext = [] {
      SSL_CTX* made = SSL_CTX_new(TLS_client_method());
      SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT);
      SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      return made;
    }();
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
    ssl_.reset(SSL_new(kContext));
    SSL_set_fd(ssl_.get(), fd_);
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
    for (;;) {
      ERR_clear_error();
      const int status = SSL_connect(ssl_.get());
      if (status == 1) return true;
      if (!wait_for_ssl(status, 5000)) {
        ssl_.reset();
        return false;
      }
    }
  }

  // Waits for what the last call, which returned `status`, asked for; false: it failed, or nothing
  // came.
  bool wait_for_ssl(int status, int timeout_ms) {
    const int wanted = SSL_get_error(ssl_.get(), status);
    if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) return false;
    pollfd waiting{fd_, static_cast<short>(wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
    return ::poll(&waiting, 1, timeout_ms) > 0;
  }

  void upgrade(std::string_view headers) {
    std::string request =
        "GET /any/path?x=1 HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
        "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    request += headers;
    request += "\r\n";
    write_raw(request);
    while (raw_.find("\r\n\r\n") == std::string::npos) {
      if (!fill(5000)) return;
    }
    upgrade_response = raw_.substr(0, raw_.find("\r\n\r\n") + 4);
    raw_.erase(0, upgrade_response.size());
  }

  bool fill_from_tls(int timeout_ms) {
    using std::chrono::steady_clock;
    const auto end = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    std::array<char, 65536> buffer;
    for (;;) {
      std::size_t got = 0;
      // What another connection of this thread left there would be taken for an error of this one.
      ERR_clear_error();
      if (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got) == 1) {
        (websocket_ ? raw_ : in_).append(buffer.data(), got);
        return true;
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now());
      if (left.count() < 0) return false;
      const int wanted = SSL_get_error(ssl_.get(), 0);
      if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) {
        notified_ = wanted == SSL_ERROR_ZERO_RETURN;
        closed_ = true;
        return false;
      }
      wait_for_ssl(0, static_cast<int>(left.count()));
    }
  }

  bool fill(int timeout_ms) {
    if (fd_ < 0) return false;
    if (ssl_ != nullptr) return fill_from_tls(timeout_ms);
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) <= 0) return false;
    std::array<char, 65536> buffer;
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      closed_ = true;
      return false;
    }
    (websocket_ ? raw_ : in_).append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  bool read_more(int timeout_ms) {
    if (!websocket_) return fill(timeout_ms);
    for (;;) {
      if (take_ws_message()) return true;
      if (!fill(timeout_ms)) return false;
    }
  }

  static std::string inflated(std::string payload) {
    payload.append("\0\0\xff\xff", 4);
    z_stream stream{};
    inflateInit2(&stream, -15);
    std::string out(std::size_t{1} << 20, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(payload.data());
    stream.avail_in = static_cast<uInt>(payload.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    inflate(&stream, Z_SYNC_FLUSH);
    out.resize(out.size() - stream.avail_out);
    inflateEnd(&stream);
    return out;
  }

  bool take_ws_message() {
    if (raw_.size() < 2) return false;
    const auto opcode = static_cast<unsigned>(static_cast<unsigned char>(raw_[0])) & 15U;
    std::size_t size = static_cast<unsigned char>(raw_[1]);
    std::size_t at = 2;
    if (size == 126) {
      if (raw_.size() < 4) return false;
      size = read_be<std::uint16_t>(raw_, 2);
      at = 4;
    } else if (size == 127) {
      if (raw_.size() < 10) return false;
      size = static_cast<std::size_t>(read_be<std::uint64_t>(raw_, 2));
      at = 10;
    }
    if (raw_.size() < at + size) return false;
    if (opcode == 2) {
      if ((static_cast<unsigned char>(raw_[0]) & 0x40U) != 0) {
        in_ += inflated(raw_.substr(at, size));
        ++ws_compressed_;
      } else {
        in_.append(raw_, at, size);
      }
      ++ws_messages_;
    } else {
      ws_control_.append(raw_, 0, at + size);
    }
    raw_.erase(0, at + size);
    return true;
  }

 public:
  std::string upgrade_response;

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  bool websocket_;
  int fd_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  bool closed_ = false;
  bool notified_ = false;
  std::uint8_t version_ = 5;
  codec::KeyPair keys_;
  std::string client_key_;
  codec::SessionCipher cipher_;
  std::string raw_;  // WebSocket only
  std::string in_;
  std::size_t consumed_ = 0;
  std::string ws_control_;
  std::size_t ws_messages_ = 0;
  std::size_t ws_compressed_ = 0;
};

}  // namespace jindou::gateway
