// The server's end of one TLS connection, as bytes in and bytes out, without a socket: encrypted
// bytes are given to it, plain ones come out, and the other way round. It therefore never waits for
// a socket, whatever TLS has to say in between (handshake, tickets, key updates).
//
// Not thread-safe. Idle it holds no record buffers.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/outbound_buffer.h"

namespace jindou::gateway {

// The most plain bytes that one record holds: what read() should have room for.
inline constexpr std::size_t kTlsRecordBytes = 16 << 10;

class TlsStream {
 public:
  // `context` is of a TlsContext. Appends what is to be sent to `sealed`, which is borrowed.
  TlsStream(SSL_CTX* context, OutboundBuffer& sealed);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Status : std::uint8_t {
    data,       // so many plain bytes; call again
    need_more,  // everything received is used up
    closed,     // the peer has said that it sends no more
    failed,     // not TLS, no version or cipher in common, a damaged record; an alert is on its way
  };
  struct Outcome {
    Status status = Status::need_more;
    std::size_t bytes = 0;
  };

  // Bytes from the socket. They must stay where they are until read() says something else than
  // `data`.
  void receive(std::span<const char> bytes) { received_ = bytes; }
  Outcome read(std::span<char> plain);

  // False when the connection cannot take any: failed, or before the end of the handshake.
  bool write(std::string_view plain);
  // Tells the peer that nothing more comes. Does nothing when that cannot be said any more.
  void close();

  bool is_ready() const;  // the handshake is over
  bool is_resumed() const;
  // Why it failed: OpenSSL's word for it.
  const std::string& problem() const { return problem_; }

 private:
  struct Io;  // what OpenSSL calls to read and write
  struct Free {
    void operator()(SSL* ssl) const;
  };

  void fail();

  OutboundBuffer& sealed_;
  std::span<const char> received_;
  std::unique_ptr<SSL, Free> ssl_;
  std::string problem_;
  bool failed_ = false;
  bool close_sent_ = false;
};

}  // namespace jindou::gateway
