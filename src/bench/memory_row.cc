// memory: what an idle session costs the server, on each transport.
#include <algorithm>
#include <thread>
#include <utility>

#include "bench/client_session.h"
#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr double kPlainBarKib = 12;

// The resident bytes once they have stopped moving: five equal readings (within 64 KiB) a fifth of
// a second apart, or the last one after ten seconds.
Result<std::uint64_t> settled_bytes(pid_t pid) {
  constexpr std::uint64_t kStillBytes = 64 * 1024;
  JD_TRY(std::uint64_t last, resident_bytes(pid));
  int still = 0;
  for (int i = 0; i < 50 && still < 5; ++i) {
    JD_RETURN_IF_ERROR(check_interrupted());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    JD_TRY(const std::uint64_t now, resident_bytes(pid));
    const std::uint64_t moved = now > last ? now - last : last - now;
    still = moved <= kStillBytes ? still + 1 : 0;
    last = now;
  }
  return last;
}

std::vector<std::string> names(const char* prefix, std::size_t count) {
  std::vector<std::string> uids;
  for (std::size_t i = 0; i < count; ++i) uids.push_back(fmt::format("{}_{:06}", prefix, i));
  return uids;
}

// Against a new server, whose heap nothing else has stretched.
Result<void> measure_transport(Stage& stage, const std::string& name, SessionKind kind,
                               std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  const bool tls = kind.transport == Transport::tls;
  TlsTarget opened;
  if (tls) {
    JD_TRY(opened, open_tls_target(stage));
    kind.tls = opened.client.get();
  } else {
    JD_TRY(opened.target, stage.open_target());
  }
  const Target& target = opened.target;
  const Endpoint& endpoint = tls                                      ? target.tls
                             : kind.transport == Transport::websocket ? target.ws
                                                                      : target.tcp;
  if (endpoint.size == 0 || target.pid == 0) {
    progress("{}: skipped, that address of the server or its process (--pid) is not known", name);
    return {};
  }
  auto count = static_cast<std::size_t>(options.memory_sessions);
  std::string why;
  const std::uint64_t files = raise_open_files();
  if (sessions_within(files) < count) {
    why = fmt::format("; {} asked for, the limit of open files is {}", count, files);
    count = sessions_within(files);
  }
  kind.derive_keys = false;
  // A few sessions first, so that what the server makes once is not counted as part of each.
  JD_TRY(const auto first, connect_sessions(endpoint, kind, names("bench_first", 64)));
  JD_TRY(const std::uint64_t before, settled_bytes(target.pid));
  double seconds = 0;
  JD_TRY(const auto sessions,
         connect_sessions(endpoint, kind, names("bench_idle", count), &seconds));
  JD_TRY(const std::uint64_t after, settled_bytes(target.pid));
  progress("{}: {} KiB before, {} KiB with {} sessions", name, before / 1024, after / 1024,
           sessions.size());
  const double grown = after > before ? static_cast<double>(after - before) : 0;
  Row row(name,
          fmt::format("memory: resident per idle {} session, {} sessions", name_of(kind),
                      format_count(sessions.size())),
          grown / static_cast<double>(sessions.size()) / 1024, "KiB");
  if (!tls) compare(row, Row::Bar::at_most, kPlainBarKib, row.value, "");
  row.note =
      fmt::format("server {:.1f} MiB before, {:.1f} MiB after; {} logins/s{}",
                  static_cast<double>(before) / 1048576, static_cast<double>(after) / 1048576,
                  format_number(seconds > 0 ? static_cast<double>(count) / seconds : 0), why);
  add_detail(row, "sessions", static_cast<double>(sessions.size()));
  rows.push_back(row);
  return {};
}

}  // namespace

Result<void> measure_memory(Stage& stage, std::vector<Row>& rows) {
  SessionKind kind;
  JD_RETURN_IF_ERROR(measure_transport(stage, "memory_tcp", kind, rows));
  kind.transport = Transport::websocket;
  JD_RETURN_IF_ERROR(measure_transport(stage, "memory_ws", kind, rows));
  kind.transport = Transport::tls;
  return measure_transport(stage, "memory_tls", kind, rows);
}

}  // namespace jindou::bench
