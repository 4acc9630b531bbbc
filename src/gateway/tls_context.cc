#include "gateway/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <utility>

namespace jindou::gateway {

namespace {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// Long enough for a phone that comes back after a walk; the keys of tickets live a day at most.
constexpr long kTicketSeconds = 2 * 60 * 60;

// TLS 1.2 with forward secrecy and authenticated encryption, which every client of the last ten
// years has. TLS 1.3 has nothing else.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The first reason OpenSSL gave; empties its list.
std::string take_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

Error certificate_error(const PemFile& file, const std::string& problem) {
  return {Errc::invalid, "wssConfig.certFile: " + file.path + ": " + problem};
}
Error key_error(const PemFile& file, const std::string& problem) {
  return {Errc::invalid, "wssConfig.keyFile: " + file.path + ": " + problem};
}

// OpenSSL would ask on the terminal otherwise.
int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

void apply_policy(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  // A phone without AES in its processor asks for ChaCha20 first, and gets it.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
  // Most connections are idle: their record buffers (34 KiB) are freed in between.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Clients that come back resume by a ticket that they keep; nothing is kept here. One ticket
  // instead of two: a client has one connection at a time.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  constexpr std::string_view kIdContext = "jindou";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kIdContext.data()),
                                 kIdContext.size());
  // Early data can be replayed.
  SSL_CTX_set_max_early_data(context, 0);
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const PemFile& certificate,
                                                           const PemFile& key) {
  ERR_clear_error();
  SSL_CTX* handle = SSL_CTX_new(TLS_server_method());
  if (handle == nullptr) return Error(Errc::internal, "TLS cannot be set up: " + take_reason());
  const std::shared_ptr<TlsContext> context(new TlsContext(handle));
  apply_policy(handle);

  const BioPtr certificates = reader_of(certificate.text);
  const CertificatePtr own(PEM_read_bio_X509_AUX(certificates.get(), nullptr, nullptr, nullptr));
  if (own == nullptr) {
    ERR_clear_error();
    return certificate_error(certificate, "no certificate in PEM form in it");
  }
  if (SSL_CTX_use_certificate(handle, own.get()) != 1) {
    return certificate_error(certificate, take_reason());
  }
  for (;;) {
    CertificatePtr issuer(PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr));
    if (issuer == nullptr) {
      const unsigned long code = ERR_peek_last_error();
      const bool at_end =
          ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
      if (!at_end) {
        return certificate_error(certificate, "an issuer in it is unreadable: " + take_reason());
      }
      ERR_clear_error();
      break;
    }
    if (SSL_CTX_add0_chain_cert(handle, issuer.get()) != 1) {
      return certificate_error(certificate, take_reason());
    }
    issuer.release();  // NOLINT(bugprone-unused-return-value): the context owns it now
  }

  bool passphrase_asked = false;
  const BioPtr keys = reader_of(key.text);
  const KeyPtr own_key(
      PEM_read_bio_PrivateKey(keys.get(), nullptr, refuse_passphrase, &passphrase_asked));
  if (own_key == nullptr) {
    ERR_clear_error();
    return key_error(key, passphrase_asked
                              ? "the key is protected by a passphrase; write it without one"
                              : "no private key in PEM form in it");
  }
  if (X509_check_private_key(own.get(), own_key.get()) != 1) {
    ERR_clear_error();
    return key_error(key, "not the key of the certificate in " + certificate.path);
  }
  if (SSL_CTX_use_PrivateKey(handle, own_key.get()) != 1) return key_error(key, take_reason());

  context->not_before_ = seconds_of(X509_get0_notBefore(own.get()));
  context->not_after_ = seconds_of(X509_get0_notAfter(own.get()));
  return std::shared_ptr<const TlsContext>(context);
}

}  // namespace jindou::gateway
