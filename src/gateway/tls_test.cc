// The server's end of TLS against OpenSSL's client, in memory; certificates and their files.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>

#include "gateway/test_certificate.h"
#include "gateway/tls_certificate.h"
#include "gateway/tls_context.h"
#include "gateway/tls_stream.h"

namespace jindou::gateway {
namespace {

using Status = TlsStream::Status;

std::shared_ptr<const TlsContext> context_of(const TestCertificate& certificate) {
  auto context =
      TlsContext::make({"c.pem", certificate.cert_text()}, {"k.pem", certificate.key_text()});
  EXPECT_TRUE(context) << context.error().text();
  return *context;
}

// OpenSSL's client, its bytes carried by hand.
class Client {
 public:
  explicit Client(int version = 0, SSL_SESSION* session = nullptr)
      : context_(SSL_CTX_new(TLS_client_method())) {
    if (version != 0) {
      SSL_CTX_set_min_proto_version(context_, version);
      SSL_CTX_set_max_proto_version(context_, version);
    }
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
    if (session != nullptr) SSL_set_session(ssl_, session);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  SSL* ssl() { return ssl_; }
  void receive(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string to_send() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out_, &bytes);
    std::string taken(bytes, static_cast<std::size_t>(size));
    (void)BIO_reset(out_);
    return taken;
  }
  std::string read() {
    std::string all;
    std::array<char, 4096> piece{};
    std::size_t got = 0;
    ERR_clear_error();
    while (SSL_read_ex(ssl_, piece.data(), piece.size(), &got) == 1) all.append(piece.data(), got);
    return all;
  }
  bool saw_end() { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

class TlsStreamTest : public testing::Test {
 protected:
  TlsStreamTest() : context_(context_of(certificate_)), sealed_(pool_) { restart(); }

  void restart() {
    sealed_.clear();
    stream_ = std::make_unique<TlsStream>(context_->handle(), sealed_);
    received_.clear();
  }
  // Gives `bytes` to the server's end in pieces of `step`.
  Status serve(std::string bytes, std::size_t step = 1 << 20) {
    Status status = Status::need_more;
    std::array<char, kTlsRecordBytes> plain{};
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      stream_->receive(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
      for (;;) {
        const auto outcome = stream_->read(plain);
        status = outcome.status;
        if (status != Status::data) break;
        received_.append(plain.data(), outcome.bytes);
      }
    }
    return status;
  }
  // Carries bytes until neither side has any.
  Status exchange(Client& client, std::size_t step = 1 << 20) {
    Status status = Status::need_more;
    for (;;) {
      incoming_ += client.read();
      const std::string bytes = client.to_send();
      if (!bytes.empty()) status = serve(bytes, step);
      if (bytes.empty() && sealed_.empty()) return status;
      client.receive(sealed_.pending());
      sealed_.clear();
    }
  }

  TestCertificate certificate_;
  std::shared_ptr<const TlsContext> context_;
  BufferPool pool_;
  OutboundBuffer sealed_;
  std::unique_ptr<TlsStream> stream_;
  std::string received_;  // by the server
  std::string incoming_;  // by the client
};

TEST_F(TlsStreamTest, CarriesBytesBothWaysInAnySplit) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t step : {1UL, 7UL, 100'000UL}) {
      restart();
      incoming_.clear();
      Client client(version);
      EXPECT_FALSE(stream_->write("too early"));
      EXPECT_EQ(exchange(client, step), Status::need_more);
      ASSERT_TRUE(stream_->is_ready());
      EXPECT_FALSE(stream_->is_resumed());
      EXPECT_EQ(SSL_version(client.ssl()), version);
      const std::string large(100'000, 'L');
      SSL_write(client.ssl(), large.data(), static_cast<int>(large.size()));
      ASSERT_TRUE(stream_->write(std::string(50'000, 'S')));
      exchange(client, step);
      EXPECT_EQ(received_, large);
      EXPECT_EQ(incoming_, std::string(50'000, 'S'));
    }
  }
}

TEST_F(TlsStreamTest, SaysGoodbyeAndHearsIt) {
  Client client;
  exchange(client);
  stream_->write("last");
  stream_->close();
  exchange(client);
  EXPECT_EQ(incoming_, "last");
  EXPECT_TRUE(client.saw_end());
  EXPECT_FALSE(stream_->write("more"));
  stream_->close();
  EXPECT_TRUE(sealed_.empty());
  SSL_shutdown(client.ssl());
  EXPECT_EQ(serve(client.to_send()), Status::closed);
}

TEST_F(TlsStreamTest, ClientsResumeWithATicketAlsoWithTls12) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    restart();
    Client first(version);
    exchange(first);
    SSL_SESSION* session = SSL_get1_session(first.ssl());
    ASSERT_TRUE(SSL_SESSION_is_resumable(session));
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0U);
    restart();
    Client second(version, session);
    EXPECT_EQ(exchange(second), Status::need_more);
    EXPECT_TRUE(stream_->is_ready());
    EXPECT_TRUE(stream_->is_resumed());
    SSL_SESSION_free(session);
  }
}

TEST_F(TlsStreamTest, WhatIsNotTlsFails) {
  EXPECT_EQ(serve("GET / HTTP/1.1\r\n\r\n"), Status::failed);
  EXPECT_FALSE(stream_->problem().empty());
  EXPECT_EQ(serve("more"), Status::failed);
  EXPECT_FALSE(stream_->write("x"));
  stream_->close();
}

TEST_F(TlsStreamTest, OldVersionsFailWithAnAlert) {
  Client client;
  SSL_set_min_proto_version(client.ssl(), TLS1_VERSION);
  SSL_set_max_proto_version(client.ssl(), TLS1_1_VERSION);
  SSL_set_security_level(client.ssl(), 0);
  SSL_set_cipher_list(client.ssl(), "ALL:@SECLEVEL=0");
  EXPECT_EQ(exchange(client), Status::failed);
  EXPECT_EQ(stream_->problem(), "unsupported protocol");
  EXPECT_FALSE(stream_->is_ready());
}

TEST_F(TlsStreamTest, DamagedRecordsFail) {
  Client client;
  exchange(client);
  SSL_write(client.ssl(), "hello", 5);
  std::string bytes = client.to_send();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_EQ(serve(bytes), Status::failed);
  EXPECT_EQ(received_, "");
  EXPECT_FALSE(sealed_.empty());  // the alert
}

TEST_F(TlsStreamTest, ClientsCannotRenegotiate) {
  Client client(TLS1_2_VERSION);
  exchange(client);
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  exchange(client);
  SSL_write(client.ssl(), "still here", 10);
  exchange(client);
  EXPECT_FALSE(SSL_renegotiate_pending(client.ssl()) == 0 && received_.empty());
}

TEST_F(TlsStreamTest, KeyUpdatesAreAnsweredInBetween) {
  Client client(TLS1_3_VERSION);
  exchange(client);
  SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
  SSL_write(client.ssl(), "after", 5);
  EXPECT_EQ(exchange(client), Status::need_more);
  EXPECT_EQ(received_, "after");
  ASSERT_TRUE(stream_->write("answer"));
  exchange(client);
  EXPECT_EQ(incoming_, "answer");
}

TEST_F(TlsStreamTest, OutlivesTheContextItBeganWith) {
  Client client;
  exchange(client);
  context_.reset();
  ASSERT_TRUE(stream_->write("x"));
  exchange(client);
  EXPECT_EQ(incoming_, "x");
}

// ---- certificates ---------------------------------------------------------------------------

std::string problem_of(const std::string& certificate, const std::string& key) {
  const auto context = TlsContext::make({"c.pem", certificate}, {"k.pem", key});
  return context ? "" : context.error().detail();
}

TEST(TlsContext, SaysWhichFileIsWrongAndWhy) {
  const TestCertificate a;
  const TestCertificate b;
  EXPECT_EQ(problem_of(a.cert_text(), a.key_text()), "");
  EXPECT_EQ(problem_of("", a.key_text()),
            "wssConfig.certFile: c.pem: no certificate in PEM form in it");
  EXPECT_EQ(problem_of(a.key_text(), a.key_text()),
            "wssConfig.certFile: c.pem: no certificate in PEM form in it");
  EXPECT_EQ(problem_of(a.cert_text(), a.cert_text()),
            "wssConfig.keyFile: k.pem: no private key in PEM form in it");
  EXPECT_EQ(problem_of(a.cert_text(), b.key_text()),
            "wssConfig.keyFile: k.pem: not the key of the certificate in c.pem");
  EXPECT_EQ(problem_of(a.cert_text(), a.protected_key()),
            "wssConfig.keyFile: k.pem: the key is protected by a passphrase; write it without one");
  EXPECT_NE(problem_of(a.cert_text() + "-----BEGIN CERTIFICATE-----\nnonsense\n", a.key_text())
                .find("an issuer in it is unreadable"),
            std::string::npos);
}

TEST(TlsContext, KeepsTheIssuersAndKnowsWhenItExpires) {
  const TestCertificate own;
  const TestCertificate issuer;
  const auto context =
      TlsContext::make({"c.pem", own.cert_text() + issuer.cert_text()}, {"k.pem", own.key_text()});
  ASSERT_TRUE(context);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs((*context)->handle(), &chain);
  EXPECT_EQ(sk_X509_num(chain), 1);
  const std::int64_t now = SystemClock().wall_seconds();
  EXPECT_NEAR(static_cast<double>((*context)->not_after()), static_cast<double>(now + 3600), 60);
  EXPECT_LT((*context)->not_before(), now);
}

class TlsCertificateTest : public testing::Test {
 protected:
  TlsCertificateTest() {
    settings_.set({files_.cert_file(), files_.key_file(), {}});
    certificate_ = std::make_shared<TlsCertificate>(clock_, settings_);
  }

  SystemClock clock_;
  TestCertificate files_;
  config::LiveValue<config::TlsSettings> settings_;
  std::shared_ptr<TlsCertificate> certificate_;
};

TEST_F(TlsCertificateTest, NamesAFileThatCannotBeRead) {
  settings_.set({"/nowhere/cert.pem", files_.key_file(), {}});
  const auto loaded = certificate_->load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().detail(),
            "wssConfig.certFile: cannot read /nowhere/cert.pem: No such file or directory");
  settings_.set({files_.cert_file(), "/", {}});
  EXPECT_EQ(certificate_->load().error().detail(),
            "wssConfig.keyFile: cannot read /: it is a directory");
}

TEST_F(TlsCertificateTest, NewFilesAreUsedAndUnchangedOnesAreNot) {
  ASSERT_TRUE(certificate_->load());
  const auto first = certificate_->current();
  certificate_->refresh();
  EXPECT_EQ(certificate_->current(), first);
  files_.replace("second", 7200);
  certificate_->refresh();
  EXPECT_NE(certificate_->current(), first);
  EXPECT_GT(certificate_->current()->not_after(), first->not_after());
}

TEST_F(TlsCertificateTest, BrokenNewFilesLeaveTheOldCertificate) {
  ASSERT_TRUE(certificate_->load());
  const auto first = certificate_->current();
  TestCertificate::write(files_.key_file(), "nonsense");
  certificate_->refresh();
  EXPECT_EQ(certificate_->current(), first);
  std::filesystem::remove(files_.cert_file());
  certificate_->refresh();
  EXPECT_EQ(certificate_->current(), first);
  files_.replace("second", 3600);
  certificate_->refresh();
  EXPECT_NE(certificate_->current(), first);
}

}  // namespace
}  // namespace jindou::gateway
