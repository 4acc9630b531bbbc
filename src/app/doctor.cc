#include "app/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "app/descriptor_budget.h"
#include "app/named_files.h"
#include "base/machine_share.h"
#include "base/owned_descriptor.h"
#include "gateway/tls_certificate.h"

namespace jindou::app {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr int kSyncs = 32;
constexpr std::size_t kSyncBytes = 4096;
// Enough to know; a disk that takes longer is judged by fewer.
constexpr std::chrono::milliseconds kSyncsTimeMax{800};
// A group of messages waits for one sync: beyond this callers feel it, beyond that they time out.
constexpr microseconds kSyncSlow{10'000};
constexpr microseconds kSyncVerySlow{100'000};
// No disk is that quick; what answers so keeps the data in memory.
constexpr microseconds kSyncTooQuick{15};
constexpr std::int64_t kDay = 24 * 3600;
// Magic numbers of statfs(2) of file systems in memory or over a network.
constexpr std::int64_t kTmpfs = 0x01021994;
constexpr std::array<std::pair<std::int64_t, const char*>, 3> kNetworkFileSystems{
    {{0x6969, "NFS"}, {0xff534d42, "CIFS"}, {0xfe534d42, "SMB2"}}};

Finding finding_of(Weight weight, std::string subject, std::string text, std::string advice = "") {
  return {weight, std::move(subject), std::move(text), std::move(advice)};
}

std::string reason_of(int error) {
  return std::error_code(error, std::generic_category()).message();
}

// The directory itself, or the nearest one above it that is there.
std::string existing_directory(const std::string& wanted) {
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(wanted, ignored);
  while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) {
    path = path.parent_path();
  }
  return path.string();
}

// The process that holds the lock of the store; nothing: nobody does.
std::optional<pid_t> owner_of_store(const std::string& data_dir) {
  const OwnedDescriptor file(::open((data_dir + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::nullopt;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

Finding examine_directory(const std::string& data_dir, const std::string& existing) {
  const std::string subject = "data directory";
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    return finding_of(Weight::problem, subject,
                      fmt::format("{} cannot be written: {}", existing, reason_of(errno)),
                      "run this as the server's user, or give that user the directory");
  }
  struct statfs system {};
  if (::statfs(existing.c_str(), &system) == 0) {
    const auto type = static_cast<std::int64_t>(system.f_type);
    if (type == kTmpfs) {
      return finding_of(Weight::warning, subject, existing + " is in memory (tmpfs)",
                        "set dataDir to a directory on a disk: a restart of the machine takes the "
                        "messages");
    }
    for (const auto& [magic, name] : kNetworkFileSystems) {
      if (type != magic) continue;
      return finding_of(Weight::warning, subject, fmt::format("{} is on {}", existing, name),
                        "set dataDir to a local disk: each answer waits for a sync of it");
    }
  }
  struct stat status {};
  if (::stat(data_dir.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) {
    return finding_of(
        Weight::warning, subject,
        fmt::format("{} can be looked into by others (mode {:o})", existing, status.st_mode & 0777),
        "chmod 700 " + existing);
  }
  return finding_of(Weight::fine, subject, data_dir);
}

std::optional<Finding> examine_room(const std::string& existing) {
  struct statvfs room {};
  if (::statvfs(existing.c_str(), &room) != 0 || room.f_blocks == 0) return std::nullopt;
  return judge_room(existing, std::uint64_t{room.f_bavail} * room.f_frsize,
                    std::uint64_t{room.f_blocks} * room.f_frsize);
}

// How long each of some syncs took; empty when the file system has no files without a name.
std::vector<microseconds> measure_syncs(const std::string& existing) {
  std::vector<microseconds> took;
  const OwnedDescriptor file(::open(existing.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (file.get() < 0) return took;
  const std::array<char, kSyncBytes> bytes{};
  const auto began = steady_clock::now();
  for (int i = 0; i < kSyncs && steady_clock::now() - began < kSyncsTimeMax; ++i) {
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      break;
    const auto before = steady_clock::now();
    if (::fdatasync(file.get()) != 0) break;
    took.push_back(duration_cast<microseconds>(steady_clock::now() - before));
  }
  return took;
}

Finding examine_clock() {
  const std::string subject = "clock";
  struct timex state {};
  const int result = ::adjtimex(&state);
  std::array<char, 32> text{};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  const std::string shown(text.data(),
                          std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts));
  if (result < 0) return finding_of(Weight::fine, subject, shown);
  if (result == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return finding_of(Weight::warning, subject, shown + ", not kept by any time service",
                      "install chrony or switch systemd-timesyncd on (in a container: on the "
                      "machine below): expiry, retention and tokens go by the clock");
  }
  return finding_of(Weight::fine, subject, shown + ", synchronized");
}

// Whether the server could listen there; 0, or the error.
int try_to_listen(const config::ListenAddress& address) {
  // What "localhost" and "" stand for is the server's business; one address of each is a good test.
  // "localhost" is not looked up, as the server does not: a bare system has no /etc/hosts.
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_UNSPEC;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(address.port).c_str(),
                    &hints, &found) != 0) {
    return EADDRNOTAVAIL;
  }
  int error = 0;
  {
    const OwnedDescriptor listener(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (listener.get() < 0 ||
        ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        ::bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0 ||
        ::listen(listener.get(), 1) != 0) {
      error = errno;
    }
  }
  ::freeaddrinfo(found);
  return error;
}

struct Port {
  const char* key;
  std::string address;
};

std::vector<Port> ports_of(const config::Settings& settings) {
  std::vector<Port> ports{{"httpAddr", settings.http_addr},
                          {"addr", settings.addr},
                          {"wsAddr", settings.ws_addr},
                          {"tlsAddr", settings.tls_addr},
                          {"wssAddr", settings.wss_addr}};
  if (settings.manager.on) ports.push_back({"manager.addr", settings.manager.addr});
  if (settings.demo.on) ports.push_back({"demo.addr", settings.demo.addr});
  std::erase_if(ports, [](const Port& port) { return port.address.empty(); });
  return ports;
}

Finding judge_port(const Port& port, int error, std::optional<pid_t> owner) {
  const std::string text = fmt::format("{} {}", port.key, port.address);
  if (error == 0) return finding_of(Weight::fine, "port", text + " is free");
  if (error == EADDRINUSE && owner) {
    return finding_of(
        Weight::fine, "port",
        fmt::format("{} is in use, as it should be: process {} has the store open", text, *owner));
  }
  std::string advice = "set it to an address of this machine (ip addr)";
  if (error == EADDRINUSE) advice = "find who listens there (ss -ltnp), or set another port";
  if (error == EACCES) {
    advice = "take a port from 1024 on, or give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE";
  }
  return finding_of(Weight::problem, "port", fmt::format("{}: {}", text, reason_of(error)),
                    std::move(advice));
}

void examine_ports(const config::Settings& settings, std::optional<pid_t> owner,
                   std::vector<Finding>& findings) {
  for (const Port& port : ports_of(settings)) {
    const auto address = config::parse_listen_address(port.address);
    if (!address || address->port == 0) continue;  // the configuration is checked before
    findings.push_back(judge_port(port, try_to_listen(*address), owner));
  }
}

void examine_files(const config::Settings& settings, std::vector<Finding>& findings) {
  if (const auto files = check_named_files(settings); !files) {
    findings.push_back(
        finding_of(Weight::problem, "files", files.error().detail(),
                   "the server does not start with it: mend the file or the setting"));
    return;
  }
  if (settings.tls_addr.empty() && settings.wss_addr.empty()) return;
  if (const auto ends = gateway::TlsCertificate::not_after(settings.tls)) {
    findings.push_back(judge_certificate(std::time(nullptr), *ends));
  }
}

Finding examine_memory(const config::Settings& settings) {
  const MemoryShare share = read_memory_share();
  const std::uint64_t bytes =
      settings.runtime.memory_limit > 0 ? settings.runtime.memory_limit : share.bytes;
  const std::string text = fmt::format("{:.1f} GiB may be used, {} processors",
                                       static_cast<double>(bytes) / kGiB, usable_processors());
  if (bytes > 0 && bytes < kGiB / 2) {
    return finding_of(
        Weight::warning, "memory", text,
        "give it 512 MiB at least: a rule of thumb is 1 GiB, and 2 KiB for each session");
  }
  return finding_of(Weight::fine, "memory", text);
}

// The first of the trusted proxies that is another machine; empty: all of them are this one.
std::string proxy_elsewhere(const config::Settings& settings) {
  for (const std::string& network : settings.gateway.trusted_proxies) {
    const config::ListenAddress first{network.substr(0, network.find('/')), 0};
    if (!first.is_loopback()) return network;
  }
  return {};
}

const char* word_of(Weight weight) {
  switch (weight) {
    case Weight::fine: return "ok";
    case Weight::warning: return "warning";
    case Weight::problem: break;
  }
  return "PROBLEM";
}

}  // namespace

Finding judge_open_files(const config::Settings& settings, std::size_t limit) {
  const std::string subject = "open files";
  if (limit == std::numeric_limits<std::size_t>::max()) {
    return finding_of(Weight::fine, subject, "no limit");
  }
  config::Settings fitted = settings;
  const std::string lowered = fit_connections(fitted, limit);
  const std::string text = fmt::format("{} may be open", limit);
  if (lowered.empty()) return finding_of(Weight::fine, subject, text);
  return finding_of(
      Weight::warning, subject,
      fmt::format(
          "{}, which lowers gateway.maxConnections from {} to {} and api.maxConnections from "
          "{} to {}",
          text, settings.gateway.max_connections, fitted.gateway.max_connections,
          settings.api.max_connections, fitted.api.max_connections),
      "raise the hard limit (LimitNOFILE=1048576 of the unit, ulimit -Hn in a shell, "
      "/etc/security/limits.conf), or set these two to what is needed");
}

Finding judge_room(const std::string& directory, std::uint64_t free, std::uint64_t size) {
  const double share =
      static_cast<double>(free) / static_cast<double>(std::max<std::uint64_t>(size, 1));
  std::string text =
      fmt::format("{:.1f} of {:.1f} GiB are free at {}", static_cast<double>(free) / kGiB,
                  static_cast<double>(size) / kGiB, directory);
  if (share >= 0.2) return finding_of(Weight::fine, "disk", std::move(text));
  return finding_of(share < 0.05 ? Weight::problem : Weight::warning, "disk", std::move(text),
                    "make room outside of the data directory, grow the file system or keep less "
                    "(retention.maxAge): merging needs a fifth");
}

Finding judge_syncs(std::vector<microseconds> took) {
  std::sort(took.begin(), took.end());
  const microseconds median = took[took.size() / 2];
  const microseconds longest = took.back();
  std::string text = fmt::format("a sync takes {:.2f} ms, the longest of {} {:.2f} ms",
                                 static_cast<double>(median.count()) / 1000, took.size(),
                                 static_cast<double>(longest.count()) / 1000);
  if (median >= kSyncVerySlow) {
    return finding_of(Weight::problem, "syncs", std::move(text),
                      "take another disk: each answer waits for a sync, and callers will time out");
  }
  if (median >= kSyncSlow) {
    return finding_of(Weight::warning, "syncs", std::move(text),
                      "each answer waits for one: use an SSD, and nothing else that writes on it");
  }
  if (median <= kSyncTooQuick) {
    return finding_of(
        Weight::warning, "syncs", std::move(text),
        "no disk is that quick: make sure that a sync reaches one (a cache of a virtual "
        "disk may lie), or a power cut takes what was acknowledged");
  }
  return finding_of(Weight::fine, "syncs", std::move(text));
}

Finding judge_certificate(std::int64_t now, std::int64_t not_after) {
  const std::int64_t left = not_after - now;
  const std::string subject = "certificate";
  if (left <= 0) {
    return finding_of(Weight::problem, subject, fmt::format("it ended {} days ago", -left / kDay),
                      "renew wssConfig.certFile: no client connects over TLS");
  }
  const std::string text = fmt::format("it is good for {} more days", left / kDay);
  if (left < 14 * kDay) {
    return finding_of(Weight::warning, subject, text,
                      "renew wssConfig.certFile; a running server takes the new one by itself");
  }
  return finding_of(Weight::fine, subject, text);
}

Finding judge_api(const config::Settings& settings) {
  const std::string subject = "API";
  if (settings.http_addr.empty()) {
    return finding_of(Weight::fine, subject, "there is none: httpAddr is empty");
  }
  if (!settings.manager_token.empty() || !settings.api_keys.empty()) {
    return finding_of(Weight::fine, subject, "it asks for managerToken or an API key");
  }
  constexpr const char* kAdvice =
      "set managerToken (openssl rand -hex 16) or apiKeys: without them whoever leaves out the "
      "read token reads everything, and may send and change, on each path that is let through";
  const auto address = config::parse_listen_address(settings.http_addr);
  if (address && !address->is_loopback()) {
    return finding_of(Weight::warning, subject,
                      fmt::format("other machines reach httpAddr {}, and it asks for no token",
                                  settings.http_addr),
                      kAdvice);
  }
  if (const std::string network = proxy_elsewhere(settings); !network.empty()) {
    return finding_of(
        Weight::warning, subject,
        fmt::format("it asks nobody for a token, and gateway.trustedProxies has {}: what a proxy "
                    "lets through to it is open to everybody",
                    network),
        kAdvice);
  }
  return finding_of(Weight::fine, subject,
                    "only this machine reaches it, and it asks nobody for a token");
}

Finding judge_manager_port(const config::Settings& settings) {
  const std::string subject = "manager port";
  if (!settings.manager.on) {
    return finding_of(Weight::fine, subject, "there is none: manager.on is false");
  }
  if (!settings.auth.on) {
    if (const std::string network = proxy_elsewhere(settings); !network.empty()) {
      return finding_of(
          Weight::warning, subject,
          fmt::format("it asks nobody for a login (auth.on: false), and gateway.trustedProxies has "
                      "{}: what a proxy lets through to it is open to everybody",
                      network),
          "set auth.on: true and auth.users, unless that proxy asks for a login itself");
    }
    return finding_of(Weight::fine, subject,
                      "only this machine reaches it, and it asks nobody for a login");
  }
  if (!settings.auth.users.empty()) {
    return finding_of(Weight::fine, subject, "it asks for a user of auth.users or a token");
  }
  const auto address = config::parse_listen_address(settings.manager.addr);
  if (settings.mode != config::Mode::release && address && address->is_loopback()) {
    return finding_of(Weight::fine, subject,
                      "without auth.users guest, password guest, may look at everything, straight "
                      "from this machine and through no proxy");
  }
  return finding_of(Weight::fine, subject, "without auth.users it asks for a token");
}

std::vector<Finding> examine(const config::Settings& settings) {
  std::vector<Finding> findings;
  const std::string existing = existing_directory(settings.data_dir);
  const auto owner = owner_of_store(settings.data_dir);
  findings.push_back(judge_open_files(settings, raise_descriptor_limit()));
  findings.push_back(examine_memory(settings));
  findings.push_back(examine_directory(settings.data_dir, existing));
  if (auto room = examine_room(existing)) findings.push_back(std::move(*room));
  if (auto took = measure_syncs(existing); !took.empty()) {
    findings.push_back(judge_syncs(std::move(took)));
  }
  findings.push_back(examine_clock());
  examine_ports(settings, owner, findings);
  findings.push_back(judge_api(settings));
  findings.push_back(judge_manager_port(settings));
  examine_files(settings, findings);
  return findings;
}

int run_doctor(const config::Settings& settings) {
  std::size_t problems = 0;
  std::size_t warnings = 0;
  for (const Finding& finding : examine(settings)) {
    problems += finding.weight == Weight::problem ? 1 : 0;
    warnings += finding.weight == Weight::warning ? 1 : 0;
    std::printf("%-8s %s: %s\n", word_of(finding.weight), finding.subject.c_str(),
                finding.text.c_str());
    if (!finding.advice.empty()) std::printf("%-8s   %s\n", "", finding.advice.c_str());
  }
  std::printf("%zu problems, %zu warnings\n", problems, warnings);
  return problems > 0 ? 1 : 0;
}

}  // namespace jindou::app
