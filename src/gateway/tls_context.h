// One certificate with its private key, ready to serve TLS 1.2 and 1.3. Immutable.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::gateway {

// A text and the name of the file that it was read from, for messages.
struct PemFile {
  std::string path;
  std::string text;
};

class TlsContext {
 public:
  // `certificate` holds the server's own certificate first, then those of its issuers. Errors:
  // invalid (names the setting, the file and what is wrong with it).
  static Result<std::shared_ptr<const TlsContext>> make(const PemFile& certificate,
                                                        const PemFile& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For TlsStream, which takes a share of its own: connections outlive the context they began with.
  SSL_CTX* handle() const { return context_; }
  // When the certificate begins and ends to be valid, in seconds since the Unix epoch.
  std::int64_t not_before() const { return not_before_; }
  std::int64_t not_after() const { return not_after_; }

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}

  SSL_CTX* context_;
  std::int64_t not_before_ = 0;
  std::int64_t not_after_ = 0;
};

}  // namespace jindou::gateway
