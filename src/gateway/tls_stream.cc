#include "gateway/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace jindou::gateway {

struct TlsStream::Io {
  static int read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    std::span<const char>& received = of(bio).received_;
    if (received.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t take = std::min(static_cast<std::size_t>(size), received.size());
    std::memcpy(out, received.data(), take);
    received = received.subspan(take);
    return static_cast<int>(take);
  }
  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    of(bio).sealed_.raw().append(bytes, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static TlsStream& of(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static BIO_METHOD* method() {
    // One for the process, never freed: streams may end after everything else.
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "jindou");
      if (fresh == nullptr) throw std::bad_alloc();
      BIO_meth_set_read(fresh, &Io::read);
      BIO_meth_set_write(fresh, &Io::write);
      BIO_meth_set_ctrl(fresh, &Io::control);
      BIO_meth_set_create(fresh, &Io::create);
      return fresh;
    }();
    return kMethod;
  }
};

void TlsStream::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(SSL_CTX* context, OutboundBuffer& sealed)
    : sealed_(sealed), ssl_(SSL_new(context)) {
  BIO* bio = ssl_ == nullptr ? nullptr : BIO_new(Io::method());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() = default;

void TlsStream::fail() {
  failed_ = true;
  const unsigned long code = ERR_peek_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  problem_ = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
}

TlsStream::Outcome TlsStream::read(std::span<char> plain) {
  if (failed_) return {Status::failed, 0};
  ERR_clear_error();
  std::size_t got = 0;
  if (SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &got) == 1) return {Status::data, got};
  switch (SSL_get_error(ssl_.get(), 0)) {
    case SSL_ERROR_WANT_READ: return {Status::need_more, 0};
    case SSL_ERROR_ZERO_RETURN: return {Status::closed, 0};
    default: fail(); return {Status::failed, 0};
  }
}

bool TlsStream::write(std::string_view plain) {
  if (failed_ || close_sent_ || !is_ready()) return false;
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) == 1) return true;
  fail();
  return false;
}

void TlsStream::close() {
  if (failed_ || close_sent_ || !is_ready()) return;
  close_sent_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsStream::is_ready() const { return SSL_is_init_finished(ssl_.get()) == 1; }
bool TlsStream::is_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

}  // namespace jindou::gateway
