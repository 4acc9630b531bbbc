#include "app/descriptor_budget.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include "observe/log.h"

namespace jindou::app {

namespace {

constexpr std::size_t kReservedMin = 64;
constexpr std::size_t kReservedMax = 2048;
constexpr std::size_t kSideMin = 1;
constexpr std::size_t kSideMax = 256;
// A limit so low that the reserve takes it all still leaves somebody in.
constexpr std::size_t kConnectionsMin = 8;
// Up to half of a small room is for HTTP, so that a few callers find a place.
constexpr std::size_t kHttpShareMin = 16;
constexpr std::size_t kRefusalsPart = 64;
constexpr std::size_t kRefusalsMax = 256;

std::size_t client_descriptors(std::size_t connections_max, std::size_t refusals) {
  return connections_max + refusals;
}

// What the HTTP ports may have open together.
std::size_t http_descriptors(std::size_t api_connections_max, std::size_t refusals) {
  return api_connections_max + refusals + 2 * (side_connections(api_connections_max) + refusals);
}

// The highest limit of HTTP connections up to `wanted` that takes no more than `room`; at least 1.
std::size_t fitting_http(std::size_t wanted, std::size_t room, std::size_t refusals) {
  std::size_t fits = std::min(wanted, room);
  while (fits > 1 && http_descriptors(fits, refusals) > room) {
    const std::size_t excess = http_descriptors(fits, refusals) - room;
    fits -= std::min(fits - 1, std::max<std::size_t>(1, excess / 2));
  }
  return std::max<std::size_t>(1, fits);
}

}  // namespace

std::size_t reserved_descriptors(std::size_t limit) {
  return std::clamp(limit / 4, kReservedMin, kReservedMax);
}

std::size_t side_connections(std::size_t api_connections_max) {
  return std::clamp(api_connections_max / 8, kSideMin, kSideMax);
}

std::size_t refusals_max(std::size_t limit) {
  return std::clamp(limit / kRefusalsPart, std::size_t{1}, kRefusalsMax);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  const rlim_t soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    observe::log_warn("app", "cannot raise the limit of open files above its soft value");
    limit.rlim_cur = soft;
  }
  if (limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::string fit_connections(config::Settings& settings, std::size_t limit) {
  const std::size_t api_wanted = settings.api.max_connections;
  const std::size_t clients_wanted = settings.gateway.max_connections;
  const std::size_t reserved = reserved_descriptors(limit);
  const std::size_t refusals = refusals_max(limit);
  const std::size_t room = limit > reserved + kConnectionsMin ? limit - reserved : kConnectionsMin;
  const std::size_t clients_take = client_descriptors(clients_wanted, refusals);
  const std::size_t http_takes = http_descriptors(api_wanted, refusals);
  if (http_takes <= room && clients_take <= room - http_takes) return {};
  // HTTP gets its quarter, or what clients leave.
  const std::size_t quarter =
      std::max({room / 4, std::min(room / 2, kHttpShareMin), room - std::min(room, clients_take)});
  settings.api.max_connections = fitting_http(api_wanted, quarter, refusals);
  const std::size_t taken = http_descriptors(settings.api.max_connections, refusals) + refusals;
  settings.gateway.max_connections = std::min(clients_wanted, room - std::min(room - 1, taken));
  return fmt::format(
      "the limit of {} open files is too low for api.maxConnections = {} and "
      "gateway.maxConnections "
      "= {}: {} and {} are used, {} files are kept for the store; raise the limit (ulimit -n, "
      "LimitNOFILE) or lower the settings",
      limit, api_wanted, clients_wanted, settings.api.max_connections,
      settings.gateway.max_connections, reserved);
}

}  // namespace jindou::app
