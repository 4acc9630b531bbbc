// fanout: deliveries to a group whose subscribers are all online, encrypted and as JSON-RPC, and
// what a person chat notices of it.
#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "bench/fan_out_load.h"
#include "bench/interrupt.h"
#include "bench/person_chat.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr double kFanoutBar = 200'000;
// Batches undelivered at most: enough that the server never waits for the generator.
constexpr std::size_t kWindow = 2;
// A batch makes about so many deliveries, of 4 to 100 messages.
constexpr std::size_t kBatchDeliveries = 400'000;
constexpr std::size_t kBatchItemsMin = 4;
// One message at a time, as many as ten seconds allow.
constexpr std::size_t kSamplesMax = 200;
constexpr std::size_t kSamplesMin = 20;
constexpr double kSamplesSeconds = 10;
// Subscribers named in one request; its body stays below the server's limit.
constexpr std::size_t kSubscribersPerRequest = 5000;
// What a session costs on this machine with its sockets on both ends, rounded up generously.
constexpr std::uint64_t kSessionBytes = 64 << 10;
constexpr std::chrono::milliseconds kChatInterval{5};

std::uint64_t available_bytes() {
  std::ifstream in("/proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (in >> name >> kib >> unit) {
    if (name == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

// How many sessions this machine allows, and why not all of those asked for.
struct Size {
  std::size_t asked = 0;
  std::size_t sessions = 0;
  std::string why;
};

Size fitting(std::size_t asked) {
  Size size;
  size.asked = size.sessions = asked;
  const std::uint64_t files = raise_open_files();
  if (sessions_within(files) < asked) {
    size.sessions = sessions_within(files);
    size.why =
        fmt::format("{} asked for; the limit of open files is {}", format_count(asked), files);
  }
  const std::uint64_t memory = available_bytes();
  if (memory != 0 && memory / kSessionBytes < size.sessions) {
    size.sessions = std::max<std::size_t>(static_cast<std::size_t>(memory / kSessionBytes), 1);
    size.why =
        fmt::format("{} asked for; {} MiB of memory are free", format_count(asked), memory >> 20);
  }
  return size;
}

Result<void> create_large_group(const Endpoint& endpoint, const std::string& name,
                                const std::vector<std::string>& uids) {
  HttpClient http(endpoint);
  for (std::size_t at = 0; at < uids.size(); at += kSubscribersPerRequest) {
    JD_RETURN_IF_ERROR(check_interrupted());
    const std::size_t end = std::min(uids.size(), at + kSubscribersPerRequest);
    const std::vector<std::string> some(uids.begin() + static_cast<std::ptrdiff_t>(at),
                                        uids.begin() + static_cast<std::ptrdiff_t>(end));
    JD_RETURN_IF_ERROR(at == 0 ? create_group(http, name, some)
                               : add_subscribers(http, name, some));
  }
  return {};
}

std::string size_text(std::size_t sessions) { return format_count(sessions); }

// What one kind of session at one size has given.
struct Measured {
  std::string name;  // of the row
  std::size_t sessions = 0;
  std::string kind;
  std::vector<double> rates;
  std::uint64_t checked = 0;
  FanOutLoad::Latencies latencies;
  std::size_t batch_items = 0;
  std::string cores;
  double server_cores = 0;
  double generator_cores = 0;
  std::string why;  // not all sessions asked for
};

struct Chat {
  std::vector<std::uint64_t> idle;
  std::vector<std::uint64_t> during;
  std::size_t sessions = 0;
  double deliveries_per_second = 0;
};

// A person chat of its own thread while `load` runs.
Result<FanOutLoad::Round> run_with_chat(FanOutLoad& load, PersonChat& chat, double seconds,
                                        std::vector<std::uint64_t>& samples) {
  std::optional<Result<std::vector<std::uint64_t>>> result;
  std::thread thread([&] { result = chat.run(seconds, kChatInterval); });
  auto round = load.run(seconds, kWindow);
  thread.join();
  if (!round) return round.error();
  if (!*result) return result->error();
  append(samples, **result);
  return round;
}

Result<void> measure_kind(Stage& stage, const Target& target, const SessionKind& kind,
                          Measured& measured, Chat* chat) {
  const BenchOptions& options = stage.options();
  const std::string name = fmt::format("{}_{}", measured.name, new_run_id());
  GroupNames group;
  group.prefix = name + "_";
  group.count = 1;
  std::vector<std::string> uids;
  for (std::size_t i = 0; i < measured.sessions; ++i) {
    uids.push_back(fmt::format("{}_{:06}", name, i));
  }
  JD_RETURN_IF_ERROR(create_large_group(target.http, group.name(0), uids));
  const Endpoint& endpoint = kind.transport == Transport::tcp ? target.tcp : target.ws;
  double connecting = 0;
  JD_TRY(auto sessions, connect_sessions(endpoint, kind, uids, &connecting));
  progress("{}: {} sessions online after {:.1f} s", measured.name, sessions.size(), connecting);
  measured.batch_items =
      std::clamp(kBatchDeliveries / measured.sessions, kBatchItemsMin, kBatchItems);
  FanOutLoad load(std::move(sessions), kind.protocol, target.http, batch_shape(group),
                  stage.payloads(), measured.batch_items);
  JD_RETURN_IF_ERROR(load.prepare());
  CpuMeter cpu(target.pid);
  for (int round = 0; round <= options.rounds; ++round) {
    if (round > 0) cpu.begin();
    JD_TRY(const FanOutLoad::Round result, load.run(options.seconds, kWindow));
    if (round > 0) cpu.end();
    progress("{}, round {}: {} deliveries/s", measured.name, round,
             format_number(result.per_second()));
    if (round > 0) measured.rates.push_back(result.per_second());
    measured.checked += result.checked;
  }
  measured.cores = cpu.text();
  measured.server_cores = cpu.server_cores();
  measured.generator_cores = cpu.own_cores();
  JD_TRY(measured.latencies, load.one_by_one(kSamplesMax, kSamplesMin, kSamplesSeconds));
  if (chat == nullptr) return {};

  JD_TRY(const auto pair, PersonChat::connect(target.tcp));
  std::vector<double> rates;
  // Idle and busy take turns, so that both see the same state of the machine. Round 0 warms up.
  for (int round = 0; round <= options.rounds; ++round) {
    JD_TRY(const auto idle, pair->run(options.seconds, kChatInterval));
    std::vector<std::uint64_t> during;
    JD_TRY(const auto result, run_with_chat(load, *pair, options.seconds, during));
    if (round == 0) continue;
    append(chat->idle, idle);
    append(chat->during, during);
    rates.push_back(result.per_second());
  }
  chat->sessions = measured.sessions;
  chat->deliveries_per_second = median(rates);
  return {};
}

void add_rows(Measured& measured, const Measured* reference, std::vector<Row>& rows) {
  const std::string suffix = measured.why.empty() ? "" : "; " + measured.why;
  Row rate(measured.name,
           fmt::format("fan-out: one group, {} {} sessions", size_text(measured.sessions),
                       measured.kind),
           median(measured.rates), "deliveries/s");
  if (reference == nullptr) {
    compare(rate, Row::Bar::at_least, kFanoutBar, rate.value, "");
  } else {
    const double other = median(reference->rates);
    refer(rate, other > 0 ? rate.value / other : 0,
          fmt::format("{} {}: {}", size_text(reference->sessions), reference->kind,
                      format_number(other)));
  }
  rate.note =
      fmt::format("rounds {}; batches of {}; {} checked in full; {}{}", spread(measured.rates),
                  measured.batch_items, measured.checked, measured.cores, suffix);
  add_detail(rate, "sessions", static_cast<double>(measured.sessions));
  add_detail(rate, "server_cores", measured.server_cores);
  add_detail(rate, "generator_cores", measured.generator_cores);
  rows.push_back(rate);

  auto& last = measured.latencies.last;
  auto& each = measured.latencies.each;
  Row latency(measured.name + "_latency",
              fmt::format("fan-out: post of one message to its last delivery, {} {} sessions, p99",
                          size_text(measured.sessions), measured.kind),
              millis(percentile(last, 99)), "ms");
  const double p50 = millis(percentile(last, 50));
  const double each_p50 = millis(percentile(each, 50));
  const double each_p99 = millis(percentile(each, 99));
  latency.note = fmt::format(
      "{} messages, one at a time; p50 {:.1f} ms; to each delivery: p50 {:.1f} ms, p99 {:.1f} ms{}",
      last.size(), p50, each_p50, each_p99, suffix);
  add_detail(latency, "sessions", static_cast<double>(measured.sessions));
  add_detail(latency, "messages", static_cast<double>(last.size()));
  add_detail(latency, "p50_ms", p50);
  add_detail(latency, "each_p50_ms", each_p50);
  add_detail(latency, "each_p99_ms", each_p99);
  rows.push_back(latency);
}

void add_chat_row(Chat& chat, std::vector<Row>& rows) {
  Row row("fanout_person_chat",
          fmt::format("person chat during a fan-out to {}: SEND to RECV at the peer, p99",
                      size_text(chat.sessions)),
          millis(percentile(chat.during, 99)), "ms");
  const double idle = millis(percentile(chat.idle, 99));
  refer(row, idle > 0 ? row.value / idle : 0, fmt::format("idle p99 {:.2f} ms", idle));
  const double idle_p50 = millis(percentile(chat.idle, 50));
  const double p50 = millis(percentile(chat.during, 50));
  const double p999 = millis(percentile(chat.during, 99.9));
  row.note = fmt::format(
      "p50 {:.2f} ms, idle {:.2f} ms; p99.9 {:.1f} ms; one message every {} ms, {} during, {} "
      "idle; "
      "{} deliveries/s meanwhile",
      p50, idle_p50, p999, kChatInterval.count(), chat.during.size(), chat.idle.size(),
      format_number(chat.deliveries_per_second));
  add_detail(row, "p50_ms", p50);
  add_detail(row, "p999_ms", p999);
  add_detail(row, "idle_p50_ms", idle_p50);
  add_detail(row, "idle_p99_ms", idle);
  add_detail(row, "deliveries_per_second", chat.deliveries_per_second);
  rows.push_back(row);
}

}  // namespace

Result<void> measure_fan_out(Stage& stage, std::vector<Row>& rows) {
  std::vector<int> sizes = stage.options().fanout_sessions;
  std::sort(sizes.begin(), sizes.end());
  std::optional<Measured> smallest;
  for (const int asked : sizes) {
    const Size size = fitting(static_cast<std::size_t>(asked));
    if (!size.why.empty()) progress("fanout: {} sessions; {}", size.sessions, size.why);
    JD_TRY(const Target target, stage.open_target());
    if (target.tcp.size == 0) {
      progress("fanout: skipped, the TCP address of the server is not known (--tcp)");
      return {};
    }
    Measured encrypted;
    encrypted.name = fmt::format("fanout_{}", asked);
    encrypted.kind = "TCP";
    encrypted.sessions = size.sessions;
    encrypted.why = size.why;
    Chat chat;
    const bool largest = asked == sizes.back();
    JD_RETURN_IF_ERROR(
        measure_kind(stage, target, SessionKind(), encrypted, largest ? &chat : nullptr));
    add_rows(encrypted, smallest ? &*smallest : nullptr, rows);
    if (largest) add_chat_row(chat, rows);
    if (target.ws.size == 0) {
      progress("fanout: JSON-RPC skipped, the WebSocket address of the server is not known (--ws)");
    } else {
      Measured plain = encrypted;
      plain.name += "_json";
      plain.kind = "JSON-RPC";
      plain.rates.clear();
      plain.checked = 0;
      SessionKind kind;
      kind.transport = Transport::websocket;
      kind.protocol = Protocol::json_rpc;
      JD_RETURN_IF_ERROR(measure_kind(stage, target, kind, plain, nullptr));
      add_rows(plain, &encrypted, rows);
    }
    if (!smallest) smallest = std::move(encrypted);
  }
  return {};
}

}  // namespace jindou::bench
