#include "bench/webhook_sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "runtime/thread_identity.h"

namespace jindou::bench {

namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kLength = "Content-Length: ";
constexpr std::string_view kEndOfHeader = "\r\n\r\n";
// A member that every message object has once.
constexpr std::string_view kMark = "\"message_idstr\":";

std::uint64_t count_messages(std::string_view body) {
  std::uint64_t count = 0;
  for (auto at = body.find(kMark); at != std::string_view::npos;
       at = body.find(kMark, at + kMark.size())) {
    ++count;
  }
  return count;
}

// The size of the first request in `bytes`, header and body; 0 while the header is not complete.
std::size_t request_size(std::string_view bytes, std::size_t& header) {
  const auto end = bytes.find(kEndOfHeader);
  if (end == std::string_view::npos) return 0;
  header = end + kEndOfHeader.size();
  const auto at = bytes.substr(0, header).find(kLength);
  std::size_t length = 0;
  if (at != std::string_view::npos) {
    const char* first = bytes.data() + at + kLength.size();
    std::from_chars(first, bytes.data() + header, length);
  }
  return header + length;
}

}  // namespace

Result<std::unique_ptr<WebhookSink>> WebhookSink::start() {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (!listener.valid() || ::bind(listener.get(), plain, size) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0 ||
      ::getsockname(listener.get(), plain, &size) != 0) {
    return Error(Errc::internal, "cannot listen for webhooks");
  }
  const auto port = ntohs(address.sin_port);
  return std::unique_ptr<WebhookSink>(new WebhookSink(std::move(listener), port));
}

WebhookSink::WebhookSink(Fd listener, unsigned short port)
    : listener_(std::move(listener)), port_(port), thread_([this] { accept(); }) {}

WebhookSink::~WebhookSink() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    // Ends accept() and every read.
    ::shutdown(listener_.get(), SHUT_RDWR);
    for (const Connection& connection : connections_) ::shutdown(connection.fd.get(), SHUT_RDWR);
  }
  thread_.join();
  for (Connection& connection : connections_) connection.thread.join();
}

void WebhookSink::accept() {
  while (true) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const MutexLock lock(mutex_);
    if (stopping_ || !fd.valid()) return;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection& connection = connections_.emplace_back();
    connection.fd = std::move(fd);
    connection.thread = std::thread([this, raw = connection.fd.get()] { serve(raw); });
  }
}

void WebhookSink::serve(int fd) {
  runtime::lower_this_threads_priority();
  std::string bytes;
  std::array<char, 65536> chunk{};
  while (true) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n <= 0) return;
    bytes.append(chunk.data(), static_cast<std::size_t>(n));
    std::size_t header = 0;
    for (std::size_t size = request_size(bytes, header); size > 0 && size <= bytes.size();
         size = request_size(bytes, header)) {
      messages_ += count_messages(std::string_view(bytes).substr(header, size - header));
      ++requests_;
      bytes.erase(0, size);
      if (::write(fd, kAnswer.data(), kAnswer.size()) < 0) return;
    }
  }
}

}  // namespace jindou::bench
