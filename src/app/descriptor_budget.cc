#include "app/descriptor_budget.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include "api/http_server.h"
#include "gateway/admission.h"
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

std::size_t client_descriptors(std::size_t connections_max) {
  return connections_max + gateway::refusals_told(connections_max);
}

// What the HTTP ports may have open together, those included that are told to come later.
std::size_t http_descriptors(std::size_t api_connections_max) {
  const std::size_t side = side_connections(api_connections_max);
  return api_connections_max + api::refusals_told(api_connections_max) +
         2 * (side + api::refusals_told(side));
}

}  // namespace

std::size_t reserved_descriptors(std::size_t limit) {
  return std::clamp(limit / 4, kReservedMin, kReservedMax);
}

std::size_t side_connections(std::size_t api_connections_max) {
  return std::clamp(api_connections_max / 8, kSideMin, kSideMax);
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
  const std::size_t room = limit > reserved + kConnectionsMin ? limit - reserved : kConnectionsMin;
  if (http_descriptors(api_wanted) <= room &&
      client_descriptors(clients_wanted) <= room - http_descriptors(api_wanted)) {
    return {};
  }
  // HTTP gets its quarter, or what clients leave.
  const std::size_t quarter = std::max({room / 4, std::min(room / 2, kHttpShareMin),
                                        room - std::min(room, client_descriptors(clients_wanted))});
  std::size_t api_fits = std::min(api_wanted, quarter);
  while (api_fits > 1 && http_descriptors(api_fits) > quarter) {
    const std::size_t excess = http_descriptors(api_fits) - quarter;
    api_fits -= std::min(api_fits - 1, std::max<std::size_t>(1, excess / 2));
  }
  const std::size_t taken = std::min(room - 1, http_descriptors(api_fits));
  settings.api.max_connections = api_fits;
  const std::size_t clients = room - taken;  // at least 1
  settings.gateway.max_connections = std::min(
      clients_wanted,
      std::max<std::size_t>(1, clients - std::min(clients - 1, gateway::refusals_told(clients))));
  return fmt::format(
      "the limit of {} open files is too low for api.maxConnections = {} and "
      "gateway.maxConnections "
      "= {}: {} and {} are used, {} files are kept for the store; raise the limit (ulimit -n, "
      "LimitNOFILE) or lower the settings",
      limit, api_wanted, clients_wanted, settings.api.max_connections,
      settings.gateway.max_connections, reserved);
}

}  // namespace jindou::app
