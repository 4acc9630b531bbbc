#include "bench/server_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

namespace jindou::bench {

namespace {

// The value of a string member without escapes, which addresses never need.
std::string string_member(std::string_view json, std::string_view name) {
  const std::string quoted = "\"" + std::string(name) + "\"";
  std::size_t at = json.find(quoted);
  if (at == std::string_view::npos) return {};
  at = json.find_first_not_of(" :", at + quoted.size());
  if (at == std::string_view::npos || json[at] != '"') return {};
  const std::size_t end = json.find('"', at + 1);
  if (end == std::string_view::npos) return {};
  return std::string(json.substr(at + 1, end - at - 1));
}

std::string tail_of(const std::string& file) {
  constexpr std::size_t kTailBytes = 2000;
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return text.size() > kTailBytes ? text.substr(text.size() - kTailBytes) : text;
}

std::string own_program() {
  std::array<char, 4096> path{};
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace

Result<std::unique_ptr<TempDirectory>> TempDirectory::create(const std::string& parent) {
  std::string path = (std::filesystem::path(parent) / "jindou-bench-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return Error(Errc::storage, path + ": " + std::strerror(errno));
  }
  return std::unique_ptr<TempDirectory>(new TempDirectory(std::move(path)));
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<ServerAddresses> parse_ready_line(std::string_view line) {
  if (string_member(line, "event") != "ready") {
    return Error(Errc::invalid, "expected a ready line, got: " + std::string(line.substr(0, 200)));
  }
  ServerAddresses addresses;
  addresses.http = string_member(line, "http");
  addresses.tcp = string_member(line, "tcp");
  addresses.ws = string_member(line, "ws");
  addresses.tls = string_member(line, "tls");
  if (addresses.http.empty()) return Error(Errc::invalid, "the ready line names no HTTP address");
  return addresses;
}

Result<std::uint64_t> resident_bytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(in >> total >> resident)) {
    return Error(Errc::not_found, "cannot read the memory of process " + std::to_string(pid));
  }
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<std::uint64_t> resident_bytes_peak(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  constexpr std::string_view kName = "VmHWM:";  // proc(5): in KiB
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kName)) continue;
    std::istringstream fields(line.substr(kName.size()));
    std::uint64_t kib = 0;
    if (fields >> kib) return kib * 1024;
  }
  return Error(Errc::not_found, "cannot read the memory of process " + std::to_string(pid));
}

double cpu_seconds(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15, of which field 3
  // is the first after the parenthesis.
  const std::size_t close = line.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(line.substr(close + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  if (!(fields >> user >> system)) return 0;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(
    const BenchOptions& options, const std::string& directory,
    const std::vector<std::string>& settings) {
  const std::string program = options.server_binary.empty() ? own_program() : options.server_binary;
  std::vector<std::string> arguments = {
      program,       "serve",
      "--data-dir",  directory,
      "--http-addr", "127.0.0.1:0",
      "--tcp-addr",  "127.0.0.1:0",
      "--ws-addr",   "127.0.0.1:0",
      "--set",       "manager.on=false",
      "--set",       "demo.on=false",
      "--set",       "rootDir=" + directory,
      "--set",       fmt::format("api.maxConnections={}", kServerHttpConnections)};
  for (const std::string& setting : settings) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  arguments.insert(arguments.end(), options.server_args.begin(), options.server_args.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const std::string log = directory + ".log";
  Fd log_fd(::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!log_fd.valid()) return Error(Errc::storage, log + ": " + std::strerror(errno));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error(Errc::internal, "pipe failed");
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error(Errc::internal, "fork failed");
  if (pid == 0) {
    // A benchmark that is killed must not leave a server behind.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::dup2(log_fd.get(), STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  write_end.reset();
  std::unique_ptr<ServerProcess> server(new ServerProcess(pid, std::move(read_end)));

  const TimePoint deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string line;
  while (line.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    pollfd wait{server->output_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) {
      return Error(Errc::deadline,
                   "the server was not ready within 30 s; its log ends: " + tail_of(log));
    }
    std::array<char, 1024> chunk{};
    const ssize_t n = ::read(server->output_.get(), chunk.data(), chunk.size());
    if (n <= 0) {
      return Error(Errc::closed,
                   "the server ended before it was ready; its log ends: " + tail_of(log));
    }
    line.append(chunk.data(), static_cast<std::size_t>(n));
  }
  JD_TRY(server->addresses_, parse_ready_line(line.substr(0, line.find('\n'))));
  return server;
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  for (int i = 0; i < 1000; ++i) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace jindou::bench
