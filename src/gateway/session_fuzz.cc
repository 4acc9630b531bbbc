// Any bytes from a client, before and after a login, as a stream and as a WebSocket message (where
// they may be JSON-RPC): the session neither crashes nor takes more than it was given, and its
// answers are whole frames or objects.
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "codec/json_rpc.h"
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
  void advance_commands(partition::AdvanceCommandPosition) override {}
  void end_connection(EndHow, std::string_view, std::string_view) override {}
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

enum class Client { wkproto, json };

std::string connect_of(Client client) {
  if (client == Client::json) {
    return R"({"id":1,"method":"connect","params":{"uid":"u","token":""}})";
  }
  codec::Connect connect;
  connect.uid = "u";
  connect.client_key = "k";
  std::string frame;
  codec::encode(frame, connect).ignore("it is short");
  return frame;
}

void check_answers(std::string_view answers) {
  if (answers.starts_with('{')) {
    while (!answers.empty()) {
      // No request, but an object for all that.
      codec::json_rpc::Call call;
      const auto outcome = codec::json_rpc::take_call(answers, call);
      if (outcome.consumed == 0 || outcome.code == codec::json_rpc::kParseError) std::abort();
      answers.remove_prefix(outcome.consumed);
    }
    return;
  }
  while (!answers.empty()) {
    const auto outcome = codec::parse_frame(answers);
    if (outcome.state != codec::ParseOutcome::State::frame) std::abort();
    answers.remove_prefix(outcome.frame.consumed);
  }
}

// `first` has logged in before the bytes come, if it is given.
void run(World& world, std::string_view bytes, Medium medium, std::optional<Client> first) {
  Host host;
  Session session(static_cast<SessionId>(1), world.env, host, "x", medium);
  if (first) {
    const std::string connect = connect_of(*first);
    session.on_bytes(connect, connect.size());
    if (!host.login) std::abort();
    session.finish_login(Login(), false);
  }
  // A message comes in two pieces; a stream has no whole messages.
  const std::size_t half = bytes.size() / 2;
  std::size_t used = session.on_bytes(bytes.substr(0, half), 0);
  if (used > half) std::abort();
  const std::size_t whole = medium == Medium::messages ? bytes.size() - used : 0;
  const std::size_t more = session.on_bytes(bytes.substr(used), whole);
  if (used + more > bytes.size()) std::abort();
  used += more;
  session.end_of_input();
  if (host.login && !first) {
    session.finish_login(Login(), used < bytes.size());
    const std::string_view rest = bytes.substr(used);
    session.on_bytes(rest, medium == Medium::messages ? rest.size() : 0);
    session.end_of_input();
  }
  check_answers(host.buffer.pending());
  session.on_connection_lost();
  if (world.directory.session_count() != 0 || world.fan_out.session_count() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  run(world, bytes, Medium::stream, std::nullopt);
  run(world, bytes, Medium::messages, std::nullopt);
  run(world, bytes, Medium::stream, Client::wkproto);
  run(world, bytes, Medium::messages, Client::json);
  run(world, bytes, Medium::stream, Client::json);
  return 0;
}
