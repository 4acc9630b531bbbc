// What the routes work with: the core, the pools and the settings, gathered once at start.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http_server.h"
#include "base/clock.h"
#include "base/random.h"
#include "channel/command_router.h"
#include "channel/history.h"
#include "codec/message_json.h"
#include "config/settings.h"
#include "model/device.h"
#include "observe/metrics.h"
#include "runtime/blocking_pool.h"
#include "runtime/io_shards.h"

namespace jindou::api {

// Where clients connect, as told by GET /route. Empty members are unknown.
struct RouteAddresses {
  std::string tcp;
  std::string ws;
  std::string wss;
};

// Borrowed; everything outlives the ApiServer. The functions are called on io shards, must be
// thread-safe and must not block.
struct ApiDeps {
  runtime::IoShards& shards;
  runtime::BlockingPool& blocking;
  channel::CommandRouter& router;
  channel::History& history;
  observe::Metrics& metrics;
  const Clock& clock;
  Random& random;
  // Ends the sessions of one device flag of a user (reason 12).
  std::function<void(const std::string& uid, DeviceFlag flag)> kick_device;
  // True when sends would be accepted right now (/readyz).
  std::function<bool()> accepting;
  // Why the node is not usable; empty when it is (/health).
  std::function<std::string()> trouble;
  // `host` is the name or address the request was sent to, without port; may be empty.
  std::function<RouteAddresses(bool intranet, std::string_view host)> addresses;
};

struct ApiOptions {
  ApiOptions() {
    // Every bad item is named; the size of the body bounds how many there can be.
    send.problems_max = 100'000;
  }

  HttpOptions http;
  codec::SendLimits send;
  // From the complete request to the answer. A send that is undecided by then is reported as
  // unknown.
  std::chrono::milliseconds request_timeout{5'000};
  // Batches being worked on; further ones are answered 429.
  std::size_t batches_in_flight_max = 256;
  // Selectors of one POST /messages.
  std::size_t lookups_max = 1000;
  // Empty: no authentication.
  std::string manager_token;
  std::string manager_uid = "____manager";
  config::StatusStyle status_style = config::StatusStyle::number;
  std::string version = "0.1.0";
};

// What a handler gets. Shared by all shards: everything in it is thread-safe or constant.
struct Services {
  Services(ApiDeps dependencies, ApiOptions api_options)
      : deps(std::move(dependencies)),
        options(std::move(api_options)),
        items_accepted(deps.metrics.batch_items.with("accepted")),
        items_duplicate(deps.metrics.batch_items.with("duplicate")),
        items_refused(deps.metrics.batch_items.with("refused")),
        items_unknown(deps.metrics.batch_items.with("unknown")) {}

  ApiDeps deps;
  const ApiOptions options;
  observe::Counter& items_accepted;
  observe::Counter& items_duplicate;
  observe::Counter& items_refused;
  observe::Counter& items_unknown;
  std::atomic<std::size_t> batches_in_flight{0};
};

}  // namespace jindou::api
