#include "bench/tls_client.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>
#include <functional>

namespace jindou::bench {

namespace {

template <class T, auto Free>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;

constexpr long kValidSeconds = 24L * 3600;

Error openssl_error(const char* what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return Error(Errc::internal, std::string(what) + ": " + text.data());
}

Result<void> write_pem(const std::string& file, const std::function<int(std::FILE*)>& write) {
  std::FILE* out = std::fopen(file.c_str(), "wb");
  if (out == nullptr) return Error(Errc::storage, file + ": cannot be written");
  const bool written = write(out) == 1;
  const bool closed = std::fclose(out) == 0;
  if (!written || !closed) return Error(Errc::storage, file + ": cannot be written");
  return {};
}

// Progress, or why there is none. A closed peer leaves errors in the thread's queue, which the next
// call must not see.
Io outcome(const SSL* ssl, int result) {
  if (result > 0) return Io::progress;
  const int error = SSL_get_error(ssl, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Io::would_block
                                                                       : Io::closed;
}

}  // namespace

Result<void> write_certificate(const std::string& cert_file, const std::string& key_file) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("key");
  const Certificate certificate(X509_new());
  if (!certificate) return openssl_error("certificate");
  X509_set_version(certificate.get(), 2);  // version 3
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return openssl_error("sign");
  JD_RETURN_IF_ERROR(
      write_pem(cert_file, [&](std::FILE* out) { return PEM_write_X509(out, certificate.get()); }));
  return write_pem(key_file, [&](std::FILE* out) {
    return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<std::unique_ptr<TlsClient>> TlsClient::create() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return openssl_error("TLS");
  std::unique_ptr<TlsClient> client(new TlsClient(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Thousands of idle sessions in this process as well: their buffers go while nothing is read.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return client;
}

TlsClient::~TlsClient() { SSL_CTX_free(context_); }

Result<std::unique_ptr<TlsConnection>> TlsConnection::create(const TlsClient& client, int fd) {
  SSL* ssl = SSL_new(client.context());
  if (ssl == nullptr) return openssl_error("TLS");
  std::unique_ptr<TlsConnection> connection(new TlsConnection(ssl));
  if (SSL_set_fd(ssl, fd) != 1) return openssl_error("TLS");
  SSL_set_connect_state(ssl);
  return connection;
}

TlsConnection::~TlsConnection() { SSL_free(ssl_); }

Io TlsConnection::handshake() { return outcome(ssl_, SSL_do_handshake(ssl_)); }

Io TlsConnection::write(std::string_view bytes) {
  const Io io = outcome(ssl_, SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())));
  return io == Io::progress ? io : Io::closed;
}

Io TlsConnection::read(std::string& out) {
  std::array<char, 4096> chunk{};
  bool any = false;
  while (true) {
    const int n = SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    const Io io = outcome(ssl_, n);
    if (io != Io::progress) return any && io == Io::would_block ? Io::progress : io;
    out.append(chunk.data(), static_cast<std::size_t>(n));
    any = true;
  }
}

}  // namespace jindou::bench
