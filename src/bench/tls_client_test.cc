// The certificate that is made for a run is one a TLS server can use, and the client end talks to
// such a server.
#include "bench/tls_client.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>

#include "bench/server_process.h"

namespace jindou::bench {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeConnection {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

TEST(TlsClient, ShakesHandsAndReadsWhatTheServerWrites) {
  const auto directory = TempDirectory::create(std::filesystem::temp_directory_path().string());
  ASSERT_TRUE(directory);
  const std::string cert = (*directory)->path() + "/cert.pem";
  const std::string key = (*directory)->path() + "/key.pem";
  ASSERT_TRUE(write_certificate(cert, key));

  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_server_method()));
  ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), cert.c_str()), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM), 1);
  ASSERT_EQ(SSL_CTX_check_private_key(context.get()), 1);

  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Fd server_end(ends[0]);
  const Fd client_end(ends[1]);
  const std::unique_ptr<SSL, FreeConnection> server(SSL_new(context.get()));
  SSL_set_fd(server.get(), server_end.get());
  SSL_set_accept_state(server.get());

  const auto client = TlsClient::create();
  ASSERT_TRUE(client);
  const auto connection = TlsConnection::create(**client, client_end.get());
  ASSERT_TRUE(connection);
  Io io = Io::would_block;
  for (int turn = 0; turn < 10 && io == Io::would_block; ++turn) {
    io = (*connection)->handshake();
    SSL_do_handshake(server.get());
  }
  ASSERT_EQ(io, Io::progress);
  ASSERT_EQ(SSL_is_init_finished(server.get()), 1);

  std::string in;
  EXPECT_EQ((*connection)->read(in), Io::would_block);
  ASSERT_EQ(SSL_write(server.get(), "hello", 5), 5);
  EXPECT_EQ((*connection)->read(in), Io::progress);
  EXPECT_EQ(in, "hello");
  EXPECT_EQ((*connection)->write("answer"), Io::progress);
  std::array<char, 16> got{};
  EXPECT_EQ(SSL_read(server.get(), got.data(), static_cast<int>(got.size())), 6);
}

}  // namespace
}  // namespace jindou::bench
