// The client's end of TLS, and a certificate for the server's: for rows about TLS sessions. The
// certificate is made for one run and trusted by nobody, so it is not checked either.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bench/net.h"

// OpenSSL's own names, which this header needs by pointer only.
struct ssl_st;
struct ssl_ctx_st;

namespace jindou::bench {

// Writes a self-signed certificate with a P-256 key for "localhost" as PEM files. Errors: internal,
// storage.
Result<void> write_certificate(const std::string& cert_file, const std::string& key_file);

// What TLS connections share. Outlives them.
class TlsClient {
 public:
  static Result<std::unique_ptr<TlsClient>> create();
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ssl_ctx_st* context() const { return context_; }

 private:
  explicit TlsClient(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

// TLS over one connected non-blocking socket, which it borrows.
class TlsConnection {
 public:
  // Errors: internal.
  static Result<std::unique_ptr<TlsConnection>> create(const TlsClient& client, int fd);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Each does what it can without waiting. The handshake has made progress once it is complete.
  Io handshake();
  // All of it or closed: for the few hundred bytes of a greeting.
  Io write(std::string_view bytes);
  // Appends what has come.
  Io read(std::string& out);

 private:
  explicit TlsConnection(ssl_st* ssl) : ssl_(ssl) {}
  ssl_st* ssl_;
};

}  // namespace jindou::bench
