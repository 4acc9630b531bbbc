// Any bytes from a client, before and after a login: the session neither crashes nor takes more
// than it was given, and its answers are whole frames.
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "gateway/session.h"

namespace {

using namespace jindou;           // NOLINT(google-build-using-namespace): one program, one purpose
using namespace jindou::gateway;  // NOLINT(google-build-using-namespace)

class Host final : public SessionHost {
 public:
  OutboundBuffer& outbound() override { return buffer; }
  void outbound_changed() override {}
  void flush_outbound() override {}
  void begin_login(LoginRequest) override { login = true; }
  Result<void> submit(std::vector<SendCommand>, std::uint64_t, std::uint64_t) override {
    return Error(Errc::overloaded);
  }
  void advance_commands(channel::AdvanceCommandPosition) override {}
  void end_connection(EndHow, std::string_view) override {}
  void resume_input() override {}

  BufferPool pool;
  OutboundBuffer buffer{pool};
  bool login = false;
};

struct World {
  std::shared_ptr<GatewayOptions> options = std::make_shared<GatewayOptions>();
  SystemClock clock;
  SystemRandom random;
  observe::Metrics metrics;
  boost::asio::io_context context;
  delivery::ShardFanOut fan_out{context, clock, metrics, {}};
  presence::SessionDirectory directory;
  SessionEnv env{
      options, clock, random, metrics, fan_out, directory, std::make_shared<ShardTraffic>(), 0};
};

void run(World& world, std::string_view bytes, bool logged_in) {
  Host host;
  Session session(static_cast<SessionId>(1), world.env, host, "tcp");
  if (logged_in) {
    codec::Connect connect;
    connect.uid = "u";
    connect.client_key = "k";
    std::string frame;
    codec::encode(frame, connect).ignore("it is short");
    session.on_bytes(frame);
    if (!host.login) std::abort();
    session.finish_login(Login(), false);
  }
  std::size_t used = session.on_bytes(bytes);
  if (used > bytes.size()) std::abort();
  session.end_of_input();
  if (host.login && !logged_in) {
    session.finish_login(Login(), used < bytes.size());
    used += session.on_bytes(bytes.substr(used));
    session.end_of_input();
  }
  while (!host.buffer.empty()) {
    const auto outcome = codec::parse_frame(host.buffer.pending());
    if (outcome.state != codec::ParseOutcome::State::frame) std::abort();
    host.buffer.consume(outcome.frame.consumed);
  }
  session.on_connection_lost();
  if (world.directory.session_count() != 0 || world.fan_out.session_count() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  run(world, bytes, false);
  run(world, bytes, true);
  return 0;
}
