// connect: logins a second, with the key exchange, on each transport.
#include <thread>
#include <utility>

#include "base/random.h"
#include "bench/client_session.h"
#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"
#include "codec/base64.h"
#include "codec/wkproto_crypto.h"

namespace jindou::bench {

namespace {

struct ConnectMode {
  std::string name;
  SessionKind kind;
  const Endpoint* endpoint = nullptr;
  std::vector<double> rates;
  CpuMeter cpu;
};

// Beside every round.
constexpr double kAgreementSeconds = 0.5;
// Until the server has noticed that the sessions of the last round are gone.
constexpr std::chrono::milliseconds kPause{300};

// What a login costs in key agreement alone: one key pair and one shared secret, on one core of
// this process, with the server's own functions.
Result<double> key_agreements_per_second(double seconds) {
  SystemRandom random;
  JD_TRY(const auto client, codec::generate_key_pair(random));
  std::string client_key;
  codec::base64_append(client_key, {reinterpret_cast<const char*>(client.public_key.data()),
                                    client.public_key.size()});
  const TimePoint start = std::chrono::steady_clock::now();
  std::uint64_t count = 0;
  while (seconds_since(start) < seconds) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_TRY(const auto answer, codec::server_handshake(client_key, random));
    if (answer.salt.empty()) return Error(Errc::internal, "a handshake without salt");
    ++count;
  }
  return static_cast<double>(count) / seconds_since(start);
}

}  // namespace

Result<void> measure_connect(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const TlsTarget opened, open_tls_target(stage));
  const Target& target = opened.target;
  std::vector<ConnectMode> modes;
  const auto add = [&](const char* name, Transport transport, Protocol protocol,
                       const Endpoint& endpoint) {
    if (endpoint.size == 0) {
      progress("connect: {} skipped, that address of the server is not known", name);
      return;
    }
    ConnectMode mode{name,
                     {transport, protocol, opened.client.get(), false},
                     &endpoint,
                     {},
                     CpuMeter(target.pid)};
    modes.push_back(std::move(mode));
  };
  add("connect_tcp", Transport::tcp, Protocol::wkproto, target.tcp);
  add("connect_ws", Transport::websocket, Protocol::wkproto, target.ws);
  add("connect_json", Transport::websocket, Protocol::json_rpc, target.ws);
  add("connect_tls", Transport::tls, Protocol::wkproto, target.tls);

  std::vector<double> agreements;
  const auto count = static_cast<std::size_t>(options.connect_sessions);
  for (int round = 0; round <= options.rounds; ++round) {
    JD_TRY(const double alone, key_agreements_per_second(kAgreementSeconds));
    if (round > 0) agreements.push_back(alone);
    for (ConnectMode& mode : modes) {
      std::vector<std::string> uids;
      for (std::size_t i = 0; i < count; ++i) {
        uids.push_back(fmt::format("{}_{}_{:06}", mode.name, round, i));
      }
      if (round > 0) mode.cpu.begin();
      double seconds = 0;
      JD_TRY(const auto sessions, connect_sessions(*mode.endpoint, mode.kind, uids, &seconds));
      if (round > 0) mode.cpu.end();
      const double rate = seconds > 0 ? static_cast<double>(sessions.size()) / seconds : 0;
      progress("{}, round {}: {} logins/s", mode.name, round, format_number(rate));
      if (round > 0) mode.rates.push_back(rate);
      std::this_thread::sleep_for(kPause);
    }
  }
  const double reference = median(agreements);
  for (const ConnectMode& mode : modes) {
    Row row(mode.name,
            fmt::format("connect: {} logins over {}, {} at once", count, name_of(mode.kind),
                        kHandshakesAtOnce),
            median(mode.rates), "logins/s");
    if (mode.kind.protocol == Protocol::wkproto) {
      refer(row, reference > 0 ? row.value / reference : 0,
            fmt::format("key agreement alone, one core: {}", format_number(reference)));
    }
    row.note = fmt::format("rounds {}; {}", spread(mode.rates), mode.cpu.text());
    add_detail(row, "server_cores", mode.cpu.server_cores());
    add_detail(row, "generator_cores", mode.cpu.own_cores());
    rows.push_back(row);
  }
  return {};
}

}  // namespace jindou::bench
